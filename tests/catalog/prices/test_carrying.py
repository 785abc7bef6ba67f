"""What sellers charge and promise for carrying."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, Role
from catalog.prices.carrying import ANYWHERE, FreightTerms, end_freight, set_freight
from catalog.prices.models import FreightTemplate
from catalog.prices.queries import list_freight, list_freight_history, list_freight_templates
from catalog.prices.zones import GAP_LABELS, Coverage
from kernel.db import problem_of
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tests.factories.catalog import AT, make_actor, make_organization

TODAY, DECEMBER = date(2026, 11, 22), date(2026, 12, 1)
TERMS = FreightTerms(first_fen=1000, step_fen=300, handling_days=1, days_from=2, days_to=4)
TIBET, XINJIANG = "540000", "650000"


@pytest.fixture
def seller(session: Session) -> Organization:
    return make_organization(session)


def put(
    session: Session, seller: Organization, terms: FreightTerms = TERMS, *provinces: str | None, valid_from: date = TODAY
) -> list[FreightTemplate]:
    return set_freight(
        session, SYSTEM, seller_id=seller.id, provinces=provinces or [ANYWHERE], terms=terms, valid_from=valid_from, at=AT
    )


def test_freight_follows_freight_zone_by_zone(session: Session, seller: Organization) -> None:
    put(session, seller)
    put(session, seller, replace(TERMS, first_fen=1200), valid_from=DECEMBER)
    put(session, seller, FreightTerms(deliverable=False), TIBET, XINJIANG)
    (rule,) = list_freight(session, [seller.id], "310000", TODAY)
    assert (rule.seller_code, rule.first_fen, rule.handling_days, rule.days_from, rule.days_to) == (seller.code, 1000, 1, 2, 4)
    assert list_freight(session, [seller.id], "310115", DECEMBER)[0].first_fen == 1200
    for province in ("540102", "650102"):
        assert {rule.deliverable for rule in list_freight(session, [seller.id], province, TODAY)} == {True, False}
    coverage = Coverage(TODAY, tuple(list_freight_templates(session, [seller.id], TODAY)))
    assert [zone.provinces for zone in coverage.today] == [(None,), (TIBET, XINJIANG)]
    assert [(zone.provinces, zone.terms.first_fen) for zone in coverage.later] == [((None,), 1200)]
    assert coverage.gap is None


def test_an_ended_rule_leaves_the_rule_for_anywhere(session: Session, seller: Organization) -> None:
    put(session, seller)
    (own,) = put(session, seller, replace(TERMS, first_fen=9000), TIBET)
    clerk = make_actor(session, Role.clerk, seller)
    assert end_freight(session, clerk, seller_id=seller.id, provinces=[TIBET], last_day=TODAY, at=AT) == 1
    assert end_freight(session, clerk, seller_id=seller.id, provinces=[TIBET], last_day=TODAY, at=AT) == 0
    assert [rule.first_fen for rule in list_freight(session, [seller.id], TIBET, date(2026, 11, 23))] == [1000]
    assert (own.set_by, own.ended_by, own.valid_to) == (SYSTEM.label, clerk.label, TODAY)
    assert len(list_freight_history(session, seller.id)) == 2
    put(session, seller, TERMS, TIBET, valid_from=DECEMBER)
    with pytest.raises(Conflict):
        end_freight(session, clerk, seller_id=seller.id, provinces=[TIBET], last_day=TODAY, at=AT)
    with pytest.raises(Invalid):
        end_freight(session, clerk, seller_id=seller.id, provinces=[], last_day=TODAY, at=AT)


def test_a_rule_ended_today_makes_room_for_a_new_one_from_today(session: Session, seller: Organization) -> None:
    (own,) = put(session, seller, TERMS, TIBET, valid_from=date(2026, 11, 1))
    end_freight(session, SYSTEM, seller_id=seller.id, provinces=[TIBET], last_day=TODAY, at=AT)
    put(session, seller, replace(TERMS, first_fen=9000), TIBET)
    assert own.valid_to == date(2026, 11, 21)
    assert [rule.first_fen for rule in list_freight(session, [seller.id], TIBET, TODAY)] == [9000]
    with pytest.raises(Conflict):
        put(session, seller, TERMS, TIBET, valid_from=date(2026, 11, 10))


def test_what_is_missing_is_told(session: Session, seller: Organization) -> None:
    def gap() -> str | None:
        return Coverage(TODAY, tuple(list_freight_templates(session, [seller.id], TODAY))).gap

    assert gap() == GAP_LABELS["none"]
    put(session, seller, TERMS, TIBET)
    assert gap() == GAP_LABELS["elsewhere"]
    (rule,) = put(session, seller)
    assert gap() is None
    rule.handling_days = rule.days_from = rule.days_to = None
    session.flush()
    assert gap() == GAP_LABELS["days"]


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"first_fen": -1}, "first"),
        ({"free_over_fen": 10_000_001}, "free_over"),
        ({"step_grams": 0}, "step_kg"),
        ({"first_grams": 1_000_001}, "first_kg"),
        ({"days_to": None}, "days_to"),
        ({"days_to": 1}, "days_to"),
        ({"handling_days": 61}, "handling_days"),
    ],
)
def test_wrong_terms_are_named(session: Session, seller: Organization, over: dict[str, int | None], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        put(session, seller, replace(TERMS, **over))
    assert [error.field for error in refused.value.errors] == [field]


def test_who_may_and_where(session: Session, seller: Organization) -> None:
    put(session, seller)
    with pytest.raises(Conflict):
        put(session, seller)
    with pytest.raises(Invalid):
        set_freight(session, SYSTEM, seller_id=seller.id, provinces=[], terms=TERMS, valid_from=TODAY, at=AT)
    with pytest.raises(Invalid):
        put(session, seller, TERMS, "310115")
    with pytest.raises(NotFound):
        put(session, seller, TERMS, "990000")
    with pytest.raises(Forbidden):
        set_freight(
            session,
            make_actor(session, Role.clerk),
            seller_id=seller.id,
            provinces=[ANYWHERE],
            terms=TERMS,
            valid_from=DECEMBER,
            at=AT,
        )


def test_when_code_forgets_the_database_refuses_two_rules_for_a_day(session: Session, seller: Organization) -> None:
    put(session, seller)
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        session.add(FreightTemplate(seller_id=seller.id, first_grams=1, first_fen=1, step_grams=1, step_fen=1, valid_from=DECEMBER))
        session.flush()
    assert isinstance(problem_of(refused.value), Conflict), "told as somebody else's being faster"
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text("UPDATE prices_freight_template SET days_to = NULL"))
