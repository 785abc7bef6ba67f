"""A wrong delivery is declared wrong and what it used comes free (traceability.lots.correcting)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import ANONYMOUS, SYSTEM, Actor, Household, Organization, OrganizationKind, Role
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid, Problem
from kernel.money import Money
from kernel.quantity import Quantity
from tests.factories.catalog import make_actor, make_household, make_organization
from tests.factories.lots import SHEEP, heads, kg, make_delivery, make_ear_tags
from traceability.epcis.schema import find_event_faults
from traceability.events.models import TraceEvent
from traceability.events.recording import record_declaration
from traceability.ledger.canonical import decode_entry
from traceability.ledger.models import LogEntry
from traceability.lots import confirming, correcting, harvesting, mixing
from traceability.lots.correcting import correct_delivery
from traceability.lots.harvesting import DeliveryDraft
from traceability.lots.models import CapacityUse, HouseholdDelivery, Lot, SlipWord
from traceability.lots.states import DisputeSubject, SlipState


def draft(household: Household, quantity: Quantity, **over: Any) -> DeliveryDraft:
    values = {"material": "苹果", "quantity": quantity, "agreed_price": Money(50_000)}
    return DeliveryDraft(household.cooperative_id, household.id, **(values | over))  # type: ignore[arg-type]


def used(session: Session, household: Household) -> Decimal:
    return session.scalars(select(CapacityUse.delivered).filter_by(household_id=household.id)).one()


def clerk_of(session: Session, household: Household) -> Actor:
    return make_actor(session, Role.clerk, session.get_one(Organization, household.cooperative_id))


def test_a_wrong_weight_is_replaced_and_both_stay(session: Session, at: datetime) -> None:
    household = make_household(session)
    clerk, wrong = clerk_of(session, household), make_delivery(session, household, kg(620))
    correct_delivery(session, clerk, wrong.id, reason="多打了一个 0", replacement=draft(household, kg(62)), at=at)
    assert wrong.slip_state is SlipState.CORRECTED
    right = session.get_one(HouseholdDelivery, wrong.replaced_by_id)
    assert used(session, household) == 62
    lot = session.get_one(Lot, wrong.lot_id)
    assert (lot.made, lot.lost, lot.left.amount) == (620, 620, 0)
    events = session.scalars(select(TraceEvent).order_by(TraceEvent.id)).all()
    first, new, declared = [event for event in events if event.biz_step == "commissioning"]
    assert declared.is_declaration
    assert declared.event_uri == first.event_uri
    assert declared.event_hash == first.event_hash, "the hash leaves the declaration out (CBV 2.0)"
    assert declared.body["errorDeclaration"]["correctiveEventIDs"] == [new.event_uri]
    assert declared.body["errorDeclaration"]["reason"] == "incorrect_data"
    assert new.lot_code == session.get_one(Lot, right.lot_id).code
    entry = decode_entry(session.get_one(LogEntry, declared.id).body)
    assert entry.public["declares_error"] == "yes"
    assert "多打" not in f"{declared.body}{entry}", "what was typed might name somebody"
    word = session.scalars(select(SlipWord).where(SlipWord.delivery_id == wrong.id)).one()
    assert (word.state, word.words, word.said_by) == (SlipState.CORRECTED, "多打了一个 0", clerk.label)


def test_what_never_happened_is_declared_so(session: Session, at: datetime) -> None:
    household = make_household(session)
    wrong = make_delivery(session, household)
    correct_delivery(session, clerk_of(session, household), wrong.id, reason="重复录入", replacement=None, at=at)
    declared = session.scalars(select(TraceEvent).where(TraceEvent.is_declaration)).one()
    assert declared.body["errorDeclaration"]["reason"] == "did_not_occur"
    assert used(session, household) == 0
    for act in (
        lambda: correct_delivery(session, SYSTEM, wrong.id, reason="再来一次", replacement=None, at=at),
        lambda: harvesting.mark_paid(session, SYSTEM, delivery_id=wrong.id, at=at),
        lambda: confirming.confirm_delivery(session, ANONYMOUS, wrong.id, at=at),
    ):
        with pytest.raises(Conflict):
            act()


def test_ear_tags_come_free_and_are_then_taken_again(session: Session, at: datetime) -> None:
    one, other = make_household(session), make_household(session)
    tags = make_ear_tags(2)
    wrong = make_delivery(session, one, heads(2), material=SHEEP, ear_tags=tags)
    with pytest.raises(Conflict, match="已经交过"):
        make_delivery(session, other, heads(2), material=SHEEP, ear_tags=tags)
    correct_delivery(session, SYSTEM, wrong.id, reason="记错了农户", replacement=None, at=at)
    again = make_delivery(session, other, heads(2), material=SHEEP, ear_tags=tags)
    with pytest.raises(Conflict, match="已经交过"):
        make_delivery(session, one, heads(1), material=SHEEP, ear_tags=tags[:1])
    assert again.ear_tags == tags


def test_a_corrected_harvest_does_not_count_into_the_next_season(session: Session) -> None:
    household = make_household(session, capacity={"land_mu": "1"})
    december = datetime.fromisoformat("2026-12-20T02:00:00+00:00")
    wrong = make_delivery(session, household, kg(90_000), at=december)
    with pytest.raises(Invalid):
        make_delivery(session, household, kg(50_000), at=december + timedelta(days=20))
    correct_delivery(session, SYSTEM, wrong.id, reason="重复录入", replacement=None, at=december)
    make_delivery(session, household, kg(50_000), at=december + timedelta(days=20))


def test_the_right_one_was_brought_when_the_wrong_one_was(session: Session) -> None:
    """Weeks later, in another season: the same day, the same season's cap, no fresher lot."""
    household = make_household(session, capacity={"land_mu": "1"})
    december = datetime.fromisoformat("2026-12-20T02:00:00+00:00")
    wrong = make_delivery(session, household, kg(90_000), at=december)
    later = december + timedelta(days=20)
    correct_delivery(session, SYSTEM, wrong.id, reason="少打了一位", replacement=draft(household, kg(95_000)), at=later)
    right = session.get_one(HouseholdDelivery, wrong.replaced_by_id)
    assert (right.delivered_at, right.recorded_at, right.season) == (december, later, "2026")
    assert session.get_one(Lot, right.lot_id).produced_on.isoformat() == "2026-12-20"
    assert dict(session.execute(select(CapacityUse.season, CapacityUse.delivered)).all()) == {"2026": 95_000}  # type: ignore[arg-type]
    long_ago = draft(household, kg(1), happened_at=december - timedelta(days=1))
    with pytest.raises(Invalid, match="3 天以前"):
        correct_delivery(session, SYSTEM, right.id, reason="日期也不对", replacement=long_ago, at=later)


def test_after_the_household_confirmed_it_must_speak_first_or_the_county(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    household = make_household(session)
    clerk = clerk_of(session, household)
    slips = [make_delivery(session, household, kg(10)) for _ in range(3)]
    for slip in slips:
        confirming.confirm_delivery(session, ANONYMOUS, slip.id, at=at)
        with pytest.raises(Forbidden, match="农户已经确认"):
            correct_delivery(session, clerk, slip.id, reason="想改一下", replacement=None, at=at)
    confirming.dispute_delivery(session, ANONYMOUS, slips[0].id, about=DisputeSubject.WEIGHT, words="", at=at)
    correct_delivery(session, clerk, slips[0].id, reason="农户说得对", replacement=None, at=at)
    officer = make_actor(session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE))
    correct_delivery(session, officer, slips[1].id, reason="县里核实有误", replacement=None, at=at)
    elsewhere = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code="620826")
    for stranger in (make_actor(session, Role.county_officer, elsewhere), make_actor(session, Role.clerk)):
        with pytest.raises(Forbidden):
            correct_delivery(session, stranger, slips[2].id, reason="想改一下", replacement=None, at=at)
    monkeypatch.setattr(correcting, "_must_declare", lambda *_: None)
    correct_delivery(session, clerk, slips[2].id, reason="想改一下", replacement=None, at=at)
    assert slips[2].slip_state is SlipState.CORRECTED, "with the guard off a clerk takes back what the household confirmed"


def test_what_went_on_cannot_be_taken_back(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    household = make_household(session)
    wrong, other = make_delivery(session, household, kg(10)), make_delivery(session, household, kg(10))
    mixing.mix_lots(session, SYSTEM, inputs=[(each.lot_id, kg(10)) for each in (wrong, other)], material="苹果", at=at)
    with pytest.raises(Conflict, match="登记损耗"):
        correct_delivery(session, SYSTEM, wrong.id, reason="记错了", replacement=None, at=at)
    assert used(session, household) == 20
    monkeypatch.setattr(correcting, "_must_be_untouched", lambda _lot: None)
    correct_delivery(session, SYSTEM, wrong.id, reason="记错了", replacement=None, at=at)
    assert used(session, household) == 10, "with the guard off the household may bring again what lies in the mixed lot"


def test_a_declaration_is_valid_epcis_and_comes_once(session: Session, at: datetime) -> None:
    make_delivery(session)
    event = session.scalars(select(TraceEvent)).one()
    declared = record_declaration(session, SYSTEM, event, corrective=[], private={}, at=at)
    assert find_event_faults(declared.body, at) == []
    with pytest.raises(IntegrityError):
        record_declaration(session, SYSTEM, event, corrective=[], private={}, at=at)


@pytest.mark.parametrize("reason", ["", " ", "x", "长" * 301])
def test_a_reason_is_asked_for(session: Session, at: datetime, reason: str) -> None:
    with pytest.raises(Invalid, match="写明哪里记错了"):
        correct_delivery(session, SYSTEM, make_delivery(session).id, reason=reason, replacement=None, at=at)


def test_one_of_two_who_correct_and_mix_at_once_is_refused(database: str, at: datetime) -> None:
    """Whoever holds the lot first goes through; capacity and lot agree afterwards."""
    with work() as session:
        household = make_household(session)
        wrong, other = make_delivery(session, household, kg(10)), make_delivery(session, household, kg(10))
        lots, key, household_id = [wrong.lot_id, other.lot_id], wrong.id, household.id

    def mix(session: Session) -> None:
        mixing.mix_lots(session, SYSTEM, inputs=[(lot_id, kg(10)) for lot_id in lots], material="苹果", at=at)

    def correct(session: Session) -> None:
        correct_delivery(session, SYSTEM, key, reason="记错了", replacement=None, at=at)

    def attempt(act: Callable[[Session], None]) -> str:
        try:
            with work() as session:
                act(session)
        except Problem as problem:
            return type(problem).__name__
        return "done"

    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(attempt, [mix, correct, correct]))
    assert sorted(ends) == ["Conflict", "Conflict", "done"]
    with work() as session:
        assert used(session, session.get_one(Household, household_id)) == (20 if ends[0] == "done" else 10)


def test_a_confirmation_and_a_correction_at_once_do_not_cross(database: str, at: datetime) -> None:
    """Whoever holds the delivery first goes through: a clerk never takes back what the household has just confirmed."""
    with work() as session:
        household = make_household(session)
        clerk = clerk_of(session, household)
        key = make_delivery(session, household, kg(1)).id

    def attempt(act: Callable[[Session], object]) -> str:
        try:
            with work() as session:
                act(session)
        except Problem as problem:
            return type(problem).__name__
        return "done"

    def confirm(session: Session) -> None:
        confirming.confirm_delivery(session, ANONYMOUS, key, at=at)

    def correct(session: Session) -> None:
        correct_delivery(session, clerk, key, reason="记错了", replacement=None, at=at)

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(attempt, [confirm, correct]))
    assert ends in (["done", "Forbidden"], ["Conflict", "done"])
