"""Deliveries: capacity, ear tags, slips, and what the ledger may say of a household."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy import select, text, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Household, Role
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import make_actor, make_household, make_organization
from tests.factories.lots import SHEEP, heads, kg, make_capacity, make_delivery, make_ear_tags
from traceability.events.queries import list_events_of_lot
from traceability.ledger.canonical import decode_entry
from traceability.ledger.models import LogEntry
from traceability.lots import bounding, harvesting
from traceability.lots.correcting import correct_delivery
from traceability.lots.models import CapacityUse, HouseholdDelivery, Lot
from traceability.lots.states import Basis


def test_a_delivery_is_a_lot_with_a_slip(session: Session, at: datetime) -> None:
    household = make_household(session)
    delivery = make_delivery(session, household, Quantity(Decimal(200), Unit.JIN), grade="一级")
    lot = session.get_one(Lot, delivery.lot_id)
    assert (lot.made, lot.unit, delivery.quantity, delivery.unit) == (Decimal(100), Unit.KG, Decimal(200), Unit.JIN)
    assert delivery.slip_code.startswith("DLV-")
    assert harvesting.mark_paid(session, SYSTEM, delivery_id=delivery.id, at=at).paid_at == at
    with pytest.raises(Conflict):
        harvesting.mark_paid(session, SYSTEM, delivery_id=delivery.id, at=at)


def test_the_cap_is_named_with_what_came_so_far(session: Session) -> None:
    household = make_household(session, capacity={"heads": "10"})
    make_delivery(session, household, heads(6), material=SHEEP)
    with pytest.raises(Invalid, match=r"最多能交 10 头，已交 6 头，这次的 5 头超出了"):
        make_delivery(session, household, heads(5), material=SHEEP)
    make_delivery(session, household, heads(4), material=SHEEP)


def test_land_bounds_weight_and_without_a_rule_nothing_is_taken(session: Session) -> None:
    household = make_household(session, capacity={"land_mu": "2"})
    with pytest.raises(Invalid, match="还没有“黄花菜”的产能标准"):
        harvesting.record_delivery(
            session, SYSTEM, harvesting.DeliveryDraft(household.cooperative_id, household.id, "黄花菜", kg(1), Money(0)), AT_
        )
    make_capacity(session, "黄花菜", Unit.KG, "150")
    make_delivery(session, household, kg(300), material="黄花菜")
    with pytest.raises(Invalid, match="最多能交 300 千克"):
        make_delivery(session, household, kg("0.001"), material="黄花菜")


AT_ = datetime.fromisoformat("2026-11-22T02:00:00+00:00")


def test_the_same_land_does_not_bear_two_harvests(session: Session) -> None:
    household = make_household(session, capacity={"land_mu": "3"})
    make_capacity(session, "苹果", Unit.KG, "1000")
    make_capacity(session, "梨", Unit.KG, "2000")
    make_delivery(session, household, kg(1000))
    make_delivery(session, household, kg(4000), material="梨")
    with pytest.raises(Invalid, match=r"最多还能算到 1000 千克（同一块地.*已交 1000 千克，这次的 1 千克超出了"):
        make_delivery(session, household, kg(1))
    with pytest.raises(Invalid, match="最多还能算到 4000 千克"):
        make_delivery(session, household, kg(1), material="梨")


def test_the_same_herd_is_not_delivered_under_two_names_but_hives_give_wax_beside_honey(session: Session) -> None:
    household = make_household(session, capacity={"heads": "10", "hives": "2"})
    make_delivery(session, household, heads(6), material=SHEEP)
    with pytest.raises(Invalid, match="最多还能算到 4 头"):
        make_delivery(session, household, heads(5), material="山羊（活羊）")
    make_delivery(session, household, heads(4), material="山羊（活羊）")
    for material in ("蜂蜜", "蜂蜡"):
        make_capacity(session, material, Unit.KG, "20", Basis.HIVES)
        make_delivery(session, household, kg(40), material=material)


def test_one_harvest_is_not_two_because_the_year_ends(session: Session) -> None:
    household = make_household(session, capacity={"land_mu": "1"})
    make_capacity(session, "苹果", Unit.KG, "1000")
    new_year = datetime.fromisoformat("2026-12-31T16:00:00+00:00")  # midnight in China
    make_delivery(session, household, kg(900), at=new_year - timedelta(seconds=1))
    make_delivery(session, household, kg(100), at=new_year)
    with pytest.raises(Invalid, match="最多还能算到 100 千克"):
        make_delivery(session, household, kg(1), at=new_year)
    make_delivery(session, household, kg(900), at=new_year + timedelta(days=200))


def test_what_was_declared_wrong_is_not_carried_across_the_year(session: Session) -> None:
    household = make_household(session, capacity={"land_mu": "1"})
    make_capacity(session, "苹果", Unit.KG, "1000")
    new_year = datetime.fromisoformat("2026-12-31T16:00:00+00:00")
    wrong = make_delivery(session, household, kg(900), at=new_year - timedelta(seconds=1))
    correct_delivery(session, SYSTEM, wrong.id, reason="重复录入", replacement=None, at=new_year)
    make_delivery(session, household, kg(1000), at=new_year)


def test_two_clerks_who_take_in_two_crops_at_once_see_each_other(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock on the household is the guard: without it each clerk sees the land as free."""
    with work() as session:
        household_id = make_household(session, capacity={"land_mu": "1"}).id
        for material in ("苹果", "梨"):
            make_capacity(session, material, Unit.KG, "1000")
    both = Barrier(2)
    spent = bounding._spent

    def slow(*args: Any) -> Decimal:
        found = spent(*args)
        with suppress(BrokenBarrierError):
            both.wait(1)
        return found

    monkeypatch.setattr(bounding, "_spent", slow)

    def deliver(material: str) -> bool:
        with suppress(Invalid), work() as session:
            make_delivery(session, session.get_one(Household, household_id), kg(1000), material=material)
            return True
        return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(deliver, ("苹果", "梨"))) == [False, True]
    with work() as session:
        household_id = make_household(session, capacity={"land_mu": "1"}).id
    both.reset()
    monkeypatch.setattr(Session, "refresh", lambda *_args, **_options: None)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(deliver, ("苹果", "梨"))) == [True, True]


def test_fifty_clerks_at_once_do_not_get_past_the_cap(database: str) -> None:
    with work() as session:
        household_id = make_household(session, capacity={"land_mu": "20"}).id
        make_capacity(session, "苹果", Unit.KG, "1")
    assert deliver_in_parallel(household_id) == 20
    with work() as session:
        assert session.scalars(select(CapacityUse.delivered)).one() == 20


def test_without_the_guards_the_cap_is_passed(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with work() as session:
        household_id = make_household(session, capacity={"land_mu": "20"}).id
        make_capacity(session, "苹果", Unit.KG, "1")
    monkeypatch.setattr(bounding, "_fits", lambda amount, cap: true())
    assert deliver_in_parallel(household_id) == 20, "the CHECK alone must hold"
    with work() as session:
        session.execute(text("ALTER TABLE lots_capacity_use DROP CONSTRAINT ck_lots_capacity_use_within_cap"))
    assert deliver_in_parallel(household_id) == 50


def deliver_in_parallel(household_id: object) -> int:
    def one(_: int) -> int:
        try:
            with work() as session:
                make_delivery(session, session.get_one(Household, household_id), kg(1))
        except (Invalid, IntegrityError):
            return 0
        return 1

    with ThreadPoolExecutor(10) as pool:
        return sum(pool.map(one, range(50)))


def test_an_animal_is_delivered_once(session: Session) -> None:
    tags = make_ear_tags(2)
    make_delivery(session, quantity=heads(2), material=SHEEP, ear_tags=tags)
    with pytest.raises(Conflict, match=tags[1]):
        make_delivery(session, quantity=heads(2), material=SHEEP, ear_tags=[*make_ear_tags(1), tags[1]])


@pytest.mark.parametrize(
    ("quantity", "tags", "said"),
    [
        (heads(2), ["364032300000901"], "要有 2 个耳标，现在有 1 个"),
        (heads(1), ["964032300000901"], "应为 15 位数字"),
        (heads(2), ["364032300000901", "364032300000901"], "填了两次"),
        (Quantity(Decimal("1.5"), Unit.HEAD), [], "耳标"),
        (kg(0), [], "大于 0"),
        (kg(5), ["364032300000901"], "不填耳标"),
    ],
)
def test_bad_entries_are_told_plainly(session: Session, quantity: Quantity, tags: list[str], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        make_delivery(session, quantity=quantity, material=SHEEP, ear_tags=tags)
    assert session.scalars(select(HouseholdDelivery)).all() == []


def test_only_the_own_clerk_and_only_members(session: Session) -> None:
    stranger = make_actor(session, Role.clerk)
    household = make_household(session)
    with pytest.raises(Forbidden):
        make_delivery(session, household, actor=stranger)
    with pytest.raises(Invalid, match="不是本合作社的社员"):
        make_delivery(session, household, organization_id=make_organization(session).id)


def test_the_ledger_entry_says_nothing_of_the_household(session: Session) -> None:
    delivery = make_delivery(session, quantity=heads(3), material=SHEEP)
    lot = session.get_one(Lot, delivery.lot_id)
    (event,) = list_events_of_lot(session, lot.code)
    entry = decode_entry(session.get_one(LogEntry, event.id).body)
    assert entry.public == {
        "event_type": "ObjectEvent",
        "action": "ADD",
        "biz_step": "commissioning",
        "county": "640323",
        "organization": entry.public["organization"],
        "material": SHEEP,
        "origin": "own",
    }
    assert {"quantity", "household", "ear_tags", "lot_code", "event_hash", "body_sha256"} == set(entry.commitments)
    shown = session.get_one(LogEntry, event.id).body.decode()
    household = session.get_one(Household, delivery.household_id)
    for secret in (household.head_name, str(household.id), str(delivery.household_token), lot.code, *delivery.ear_tags):
        assert secret not in shown
    assert str(delivery.household_token) in str(event.body)
    assert str(household.id) not in str(event.body)
