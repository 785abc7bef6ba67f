"""A household says of its slip that it is right or wrong, and nobody says it for them (traceability.lots.confirming)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import ANONYMOUS, SYSTEM, Actor, Organization, OrganizationKind, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from tests.factories.catalog import make_actor, make_organization
from tests.factories.lots import make_delivery
from traceability.lots import confirming
from traceability.lots.models import HouseholdDelivery, Lot, SlipWord
from traceability.lots.states import DisputeSubject, SlipState

MINUTE = timedelta(minutes=1)


@pytest.fixture
def delivery(session: Session) -> HouseholdDelivery:
    return make_delivery(session)


@pytest.fixture
def clerk(session: Session, delivery: HouseholdDelivery) -> Actor:
    lot = session.get_one(Lot, delivery.lot_id)
    return make_actor(session, Role.clerk, session.get_one(Organization, lot.organization_id))


def said(session: Session, delivery: HouseholdDelivery) -> list[tuple[SlipState, str]]:
    rows = session.scalars(select(SlipWord).where(SlipWord.delivery_id == delivery.id).order_by(SlipWord.id))
    return [(word.state, word.words or "") for word in rows]


def test_a_household_confirms_and_twice_is_once(session: Session, delivery: HouseholdDelivery, at: datetime) -> None:
    assert delivery.slip_state is SlipState.WAITING
    for _ in range(2):
        confirming.confirm_delivery(session, ANONYMOUS, delivery.id, at=at)
    assert delivery.slip_state is SlipState.CONFIRMED
    assert said(session, delivery) == [(SlipState.CONFIRMED, "")]
    with pytest.raises(NotFound):
        confirming.confirm_delivery(session, ANONYMOUS, uuid7(), at=at)


def test_nobody_at_work_speaks_for_a_household(
    session: Session, delivery: HouseholdDelivery, clerk: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    officer = make_actor(session, Role.county_officer)
    for actor in (clerk, officer, make_actor(session, Role.operator), SYSTEM):
        with pytest.raises(Forbidden, match="不能替农户确认"):
            confirming.confirm_delivery(session, actor, delivery.id, at=at)
        with pytest.raises(Forbidden, match="不能替农户确认"):
            confirming.dispute_delivery(session, actor, delivery.id, about=DisputeSubject.PRICE, words="", at=at)
    assert delivery.slip_state is SlipState.WAITING
    confirming.confirm_delivery(session, make_actor(session), delivery.id, at=at)  # a consumer may be a household
    other = make_delivery(session)
    monkeypatch.setattr(confirming, "_must_be_outside", lambda _actor: None)
    confirming.confirm_delivery(session, clerk, other.id, at=at)
    assert other.slip_state is SlipState.CONFIRMED, "with the guard off a clerk confirms it himself"


def test_a_dispute_is_answered_and_may_come_after_a_confirmation(
    session: Session, delivery: HouseholdDelivery, clerk: Actor, at: datetime
) -> None:
    confirming.confirm_delivery(session, ANONYMOUS, delivery.id, at=at)
    with pytest.raises(Conflict, match="没有等答复的异议"):
        confirming.answer_dispute(session, clerk, delivery.id, words="好的", at=at)
    confirming.dispute_delivery(session, ANONYMOUS, delivery.id, about=DisputeSubject.WEIGHT, words=" 是 95  公斤 ", at=at + MINUTE)
    with pytest.raises(Conflict, match="正等合作社答复"):
        confirming.dispute_delivery(session, ANONYMOUS, delivery.id, about=DisputeSubject.PRICE, words="", at=at + MINUTE)
    with pytest.raises(Invalid, match="2 到 300 字"):
        confirming.answer_dispute(session, clerk, delivery.id, words="?", at=at)
    confirming.answer_dispute(session, clerk, delivery.id, words="已复秤，是 100 公斤", at=at + 2 * MINUTE)
    assert delivery.slip_state is SlipState.ANSWERED
    confirming.confirm_delivery(session, ANONYMOUS, delivery.id, at=at + 3 * MINUTE)
    assert said(session, delivery) == [
        (SlipState.CONFIRMED, ""),
        (SlipState.DISPUTED, "是 95 公斤"),
        (SlipState.ANSWERED, "已复秤，是 100 公斤"),
        (SlipState.CONFIRMED, ""),
    ]


def test_other_needs_a_word(session: Session, delivery: HouseholdDelivery, at: datetime) -> None:
    with pytest.raises(Invalid, match="写明哪里不对"):
        confirming.dispute_delivery(session, ANONYMOUS, delivery.id, about=DisputeSubject.OTHER, words=" ", at=at)


def test_only_this_cooperative_and_this_county_answer(
    session: Session, delivery: HouseholdDelivery, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code="620826")
    strangers = [make_actor(session, Role.clerk), make_actor(session, Role.county_officer, elsewhere)]
    confirming.dispute_delivery(session, ANONYMOUS, delivery.id, about=DisputeSubject.STRANGE, words="", at=at)
    for actor in strangers:
        with pytest.raises(Forbidden):
            confirming.answer_dispute(session, actor, delivery.id, words="知道了", at=at)
    home = make_actor(session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE))
    assert confirming.answer_dispute(session, home, delivery.id, words="已核实", at=at).slip_state is SlipState.ANSWERED
    other = make_delivery(session)
    confirming.dispute_delivery(session, ANONYMOUS, other.id, about=DisputeSubject.STRANGE, words="", at=at)
    monkeypatch.setattr(Actor, "has", lambda *_: True)
    assert confirming.answer_dispute(session, strangers[0], other.id, words="知道了", at=at), (
        "with the guard off a stranger answers"
    )
