"""One role alone, in the very house everything belongs to, at every door: only those the door names come in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog.parties.models import Actor, Role
from tests.architecture.doors import UNSAFE, Doors, lines
from tests.factories.catalog import act_as, form


def alone(doors: Doors, role: Role) -> Actor:
    """The owner of the house with this role only, in the organisation where the owner has it."""
    owner = doors.house.owner
    roles = {place: frozenset({role}) for place, held in owner.roles.items() if role in held}
    return replace(owner, roles=roles, operator=role is Role.operator)


def test_each_role_comes_through_its_own_doors_only(doors: Doors, request: pytest.FixtureRequest) -> None:
    """Who is refused leaves nothing written; who comes in meets no fault of ours (some roles in turn for each door, all under ``--faults``)."""
    wrong, refused, whole = [], 0, request.config.option.faults
    for role in Role:
        act_as(doors.app, actor := alone(doors, role))
        assert actor.has(role), role
        for number, (rule, method) in enumerate(doors.rules(UNSAFE | {"GET"})):
            named = {Role(name) for name in doors.access(rule).split(",") if name in set(Role)}
            allowed = any(actor.has(each) for each in named)
            every = len(Role) if allowed else 4
            if not named or not (whole or number % every == list(Role).index(role) % every):
                continue
            answer, left = doors.ask(method, doors.path(rule), data=form() if method in UNSAFE else None)
            refused += not allowed
            if answer.status_code >= 500 or (not allowed and (answer.status_code != 403 or left)):
                wrong.append(f"{role} {method} {rule.rule}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)
    assert refused > 400, refused


def test_with_that_guard_off_a_packer_sees_the_operators_desk(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    act_as(doors.app, alone(doors, Role.packer))
    assert doors.ask("GET", "/backoffice/")[0].status_code == 403
    monkeypatch.setattr(Actor, "has", lambda *_: True)
    assert doors.ask("GET", "/backoffice/")[0].status_code == 200
