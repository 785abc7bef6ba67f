"""Rules an organisation sets itself, and channels only the operator records."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, OrganizationKind, Role
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.money import Money
from shop.orders.models import Purpose
from shop.procurement import queries
from shop.procurement.ruling import record_channel, remove_rule, set_rule
from tests.factories.catalog import make_actor, make_organization
from tests.factories.procurement import Office, make_office


@pytest.fixture
def office(session: Session) -> Office:
    return make_office(session)


def test_a_rule_is_set_changed_and_removed_by_finance(session: Session, office: Office, at: datetime) -> None:
    where = office.organization.id
    first = set_rule(session, office.finance, organization_id=where, level=2, role=Role.finance, amount=Money(500_000), at=at)
    again = set_rule(session, office.finance, organization_id=where, level=2, role=Role.approver, amount=Money(600_000), at=at)
    assert (again.id, again.role, again.from_fen) == (first.id, Role.approver, 600_000)
    set_rule(
        session, office.finance, organization_id=where, level=2, role=Role.finance, amount=Money(1), purpose=Purpose.UNION, at=at
    )
    assert len(queries.list_rules(session, where)) == 2
    for actor in (office.requester, office.approver, make_actor(session, Role.finance)):
        with pytest.raises(Forbidden):
            set_rule(session, actor, organization_id=where, level=1, role=Role.approver, amount=Money(0), at=at)
        with pytest.raises((Forbidden, NotFound)):
            remove_rule(session, actor, first.id)
    remove_rule(session, office.finance, first.id)
    assert len(queries.list_rules(session, where)) == 1


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"level": 0}, "level"),
        ({"role": Role.requester}, "role"),
        ({"amount": Money(-1)}, "amount"),
        ({"purpose": Purpose.PERSONAL}, "purpose"),
    ],
)
def test_wrong_rules_are_named(session: Session, office: Office, at: datetime, over: dict[str, Any], field: str) -> None:
    values: dict[str, Any] = {"level": 1, "role": Role.approver, "amount": Money(0)}
    with pytest.raises(Invalid) as caught:
        set_rule(session, office.finance, organization_id=office.organization.id, at=at, **(values | over))
    assert caught.value.field == field


CHANNEL: dict[str, Any] = {
    "name": "示例渠道",
    "source": "示例文件〔2026〕1 号,2026-01-05",
    "valid_from": date(2026, 1, 1),
    "valid_to": date(2026, 12, 31),
    "organization_id": None,
}


def test_nothing_counts_until_the_operator_says_so_with_a_source(session: Session, office: Office, at: datetime) -> None:
    where, today = office.organization.id, date(2026, 11, 22)
    assert queries.find_channel(session, where, today) is None
    for actor in (office.finance, make_actor(session, Role.auditor)):
        with pytest.raises(Forbidden):
            record_channel(session, actor, **CHANNEL, at=at)
    general = record_channel(session, make_actor(session, Role.operator), **CHANNEL, at=at)
    assert queries.find_channel(session, where, today) is general
    assert queries.find_channel(session, where, date(2027, 1, 1)) is None
    own = record_channel(session, SYSTEM, **(CHANNEL | {"organization_id": where}), at=at)
    assert queries.find_channel(session, where, today) is own
    other = make_organization(session, OrganizationKind.BUYING_ORGANIZATION)
    assert queries.find_channel(session, other.id, today) is general


@pytest.mark.parametrize(
    ("over", "field"),
    [({"name": ""}, "name"), ({"source": "有"}, "source"), ({"valid_to": date(2025, 1, 1)}, "valid_to")],
)
def test_a_channel_without_a_source_is_refused(session: Session, at: datetime, over: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        record_channel(session, SYSTEM, **(CHANNEL | over), at=at)
    assert caught.value.field == field


def test_two_channels_do_not_share_a_day(session: Session, at: datetime) -> None:
    record_channel(session, SYSTEM, **CHANNEL, at=at)
    with pytest.raises(Invalid):
        record_channel(session, SYSTEM, **(CHANNEL | {"valid_from": date(2026, 12, 31), "valid_to": None}), at=at)
