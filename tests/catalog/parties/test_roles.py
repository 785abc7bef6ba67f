"""Who may do what."""

from __future__ import annotations

import pytest

from catalog.parties.roles import ANONYMOUS, ROLE_LABELS, SYSTEM, Actor, Role
from kernel.errors import Forbidden
from kernel.ids import uuid7

HERE, THERE = uuid7(), uuid7()


def actor(*roles: Role, operator: bool = False) -> Actor:
    return Actor(uuid7(), "示例", {HERE: frozenset(roles)} if roles else {}, operator=operator)


def test_a_role_holds_in_its_organisation_only() -> None:
    clerk = actor(Role.clerk)
    assert clerk.has(Role.clerk)
    assert clerk.has(Role.clerk, HERE)
    assert not clerk.has(Role.clerk, THERE)
    assert not clerk.has(Role.packer)
    clerk.must(Role.clerk, HERE)
    with pytest.raises(Forbidden, match="合作社经办"):
        clerk.must(Role.clerk, THERE)


def test_any_signed_in_person_is_a_consumer() -> None:
    assert actor().has(Role.consumer)
    assert not ANONYMOUS.has(Role.consumer)


def test_operator_is_a_matter_of_the_platforms_own_organisation() -> None:
    """A membership row that says operator elsewhere gives nothing."""
    assert not actor(Role.operator).has(Role.operator)
    assert actor(operator=True).has(Role.operator)
    assert not actor(operator=True).has(Role.clerk)


def test_the_system_may_all() -> None:
    assert all(SYSTEM.has(role, HERE) for role in Role)


def test_one_of_several_roles_is_enough() -> None:
    clerk = actor(Role.clerk)
    clerk.must_any({Role.operator: None, Role.clerk: HERE})
    with pytest.raises(Forbidden):
        clerk.must_any({Role.operator: None, Role.clerk: THERE})


def test_where_somebody_works() -> None:
    assert actor(Role.clerk).organization_with(Role.clerk) == HERE
    with pytest.raises(Forbidden):
        actor(Role.clerk).organization_with(Role.packer)


def test_every_role_has_a_label() -> None:
    assert set(ROLE_LABELS) == set(Role)
