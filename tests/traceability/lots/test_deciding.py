"""Beyond the cap the county decides: who may, how much, and that deliveries and decisions never add up to more than was allowed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties import surveying
from catalog.parties.erasing import SubjectErased, SubjectKind, erase_household
from catalog.parties.models import Actor, CapacityClaim, Household, Organization, OrganizationKind, Role
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.money import Money
from kernel.quantity import Unit
from tests.factories.catalog import AT, JINGNING, make_actor, make_household, make_organization
from tests.factories.lots import APPLES, kg, make_capacity, make_delivery
from traceability.events.queries import list_events_of_lot
from traceability.lots import bounding, correcting, deciding
from traceability.lots.erasing import forget_requests
from traceability.lots.harvesting import DeliveryDraft, record_delivery
from traceability.lots.models import CapacityRequest, CapacityUse, HouseholdDelivery, Lot
from traceability.lots.queries import find_capacity_use, get_evidence
from traceability.lots.states import Verdict


class Orchard:
    """A household of 1 亩 that may bring 1,000 kg, its clerk, and an officer of its county."""

    def __init__(self, session: Session) -> None:
        make_capacity(session, APPLES, Unit.KG, 1000)
        self.cooperative: Organization = make_organization(session)
        self.household: Household = make_household(session, self.cooperative, capacity={"land_mu": "1"})
        self.clerk: Actor = make_actor(session, Role.clerk, self.cooperative)
        self.officer: Actor = make_actor(session, Role.county_officer)

    def ask(self, session: Session, amount: int = 1200, at: datetime = AT) -> CapacityRequest:
        return deciding.request_capacity(
            session, self.clerk, household_id=self.household.id, material=APPLES, quantity=kg(amount), reason="今年新包了地", at=at
        )

    def decide(self, session: Session, request: CapacityRequest, granted: str | None = "200") -> CapacityRequest:
        amount = Decimal(granted) if granted else None
        return deciding.decide_capacity(session, self.officer, request_id=request.id, granted=amount, decision="去看过", at=AT)


@pytest.fixture
def orchard(session: Session) -> Orchard:
    return Orchard(session)


def test_refused_asked_granted_and_taken_in(session: Session, orchard: Orchard) -> None:
    with pytest.raises(bounding.BeyondCapacity, match=r"最多能交 1000 千克，已交 0 千克，这次的 1200 千克超出了"):
        make_delivery(session, orchard.household, kg(1200), actor=orchard.clerk)
    request = orchard.ask(session)
    assert (request.wanted, request.cap, request.so_far, request.verdict) == (1200, 1000, 0, Verdict.OPEN)
    with pytest.raises(bounding.BeyondCapacity):
        make_delivery(session, orchard.household, kg(1200), actor=orchard.clerk)
    assert orchard.decide(session, request).decided_by == orchard.officer.label
    delivery = make_delivery(session, orchard.household, kg(1200), actor=orchard.clerk)
    use = find_capacity_use(session, delivery)
    assert use is not None
    assert (use.delivered, use.cap, use.is_near) == (1200, 1200, True)
    (told,) = list_events_of_lot(session, session.get_one(Lot, delivery.lot_id).code)
    assert told.body["shanhai:capacityDecision"] == f"urn:uuid:{request.id}"
    with pytest.raises(bounding.BeyondCapacity, match="最多能交 1200 千克，已交 1200 千克"):
        make_delivery(session, orchard.household, kg(1), actor=orchard.clerk)


def decision_of(session: Session, delivery: HouseholdDelivery) -> str | None:
    (told,) = [e for e in list_events_of_lot(session, session.get_one(Lot, delivery.lot_id).code) if not e.is_declaration]
    return told.body.get("shanhai:capacityDecision")


def test_an_event_names_the_decision_only_when_it_needed_it(session: Session, orchard: Orchard) -> None:
    request = orchard.decide(session, orchard.ask(session))
    within, beyond = (make_delivery(session, orchard.household, kg(amount)) for amount in (1000, 200))
    assert decision_of(session, within) is None
    assert decision_of(session, beyond) == f"urn:uuid:{request.id}"


def correct(session: Session, orchard: Orchard, delivery: HouseholdDelivery, right: int | None, at: datetime = AT) -> None:
    draft = None
    if right is not None:
        draft = DeliveryDraft(orchard.cooperative.id, orchard.household.id, APPLES, kg(right), Money(100))
    correcting.correct_delivery(session, orchard.clerk, delivery.id, reason="称错了", replacement=draft, at=at)


@pytest.mark.parametrize(
    ("right", "lapsed", "fits", "too_much"),
    [(None, 200, 1000, 1001), (900, 200, 100, 101), (1000, 200, 0, 1), (1100, 100, 0, 1), (1200, 0, 0, 1)],
)
def test_a_grant_ends_with_the_delivery_it_was_given_for(
    session: Session, orchard: Orchard, right: int | None, lapsed: int, fits: int, too_much: int
) -> None:
    """1,000 kg are the cap and 200 were granted for a delivery of 1,200 kg. Whatever it is corrected to, no room is left by the grant."""
    request = orchard.decide(session, orchard.ask(session))
    wrong = make_delivery(session, orchard.household, kg(1200))
    correct(session, orchard, wrong, right)
    assert (request.granted, request.lapsed) == (200, lapsed)
    with pytest.raises(bounding.BeyondCapacity), session.begin_nested():
        make_delivery(session, orchard.household, kg(too_much))
    if fits:
        assert decision_of(session, make_delivery(session, orchard.household, kg(fits))) is None


def test_a_grant_that_still_waits_shrinks_with_what_was_missing(session: Session, orchard: Orchard) -> None:
    """600 came, 600 more were announced, 200 granted. The 600 were 550: then only 150 are missing."""
    first = make_delivery(session, orchard.household, kg(600))
    request = orchard.decide(session, orchard.ask(session, 600))
    correct(session, orchard, first, 550)
    assert request.lapsed == 50
    with pytest.raises(bounding.BeyondCapacity), session.begin_nested():
        make_delivery(session, orchard.household, kg(601))
    make_delivery(session, orchard.household, kg(600))


def test_with_the_grant_left_standing_a_correction_would_be_room_for_nothing(
    session: Session, orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounding, "lapse_grants", lambda *_: None)
    orchard.decide(session, orchard.ask(session))
    correct(session, orchard, make_delivery(session, orchard.household, kg(1200)), None)
    assert make_delivery(session, orchard.household, kg(1200)).quantity == 1200


def test_land_that_shrank_meanwhile_does_not_make_a_correction_impossible(session: Session, orchard: Orchard) -> None:
    """After 1,200 of 1,000 + 200 the 亩 turns out to be 0.9: the delivery may still be corrected to 1,100, which is all there is room for."""
    orchard.decide(session, orchard.ask(session))
    wrong = make_delivery(session, orchard.household, kg(1200))
    orchard.household.capacity = {"land_mu": "0.9"}
    session.flush()
    correct(session, orchard, wrong, 1100)
    use = find_capacity_use(session, wrong)
    assert use is not None
    assert (use.delivered, use.cap) == (1100, 1100)


def test_refused_with_a_reason_nothing_changes(session: Session, orchard: Orchard) -> None:
    request = orchard.decide(session, orchard.ask(session), None)
    assert (request.verdict, request.granted, request.decision) == (Verdict.REFUSED, None, "去看过")
    with pytest.raises(bounding.BeyondCapacity):
        make_delivery(session, orchard.household, kg(1200), actor=orchard.clerk)
    orchard.ask(session)  # there is a next time


def test_the_warning_begins_at_nine_tenths(session: Session, orchard: Orchard) -> None:
    for amount, near in ((899, False), (1, True)):
        use = find_capacity_use(session, make_delivery(session, orchard.household, kg(amount)))
        assert use is not None
        assert use.is_near is near


def test_what_was_granted_needs_no_land(session: Session, orchard: Orchard) -> None:
    """1,200 kg of which 200 were granted used 1 亩: there is no room for pears, nor less than none."""
    make_capacity(session, "梨", Unit.KG, 1000)
    orchard.decide(session, orchard.ask(session, 500 + 700))
    make_delivery(session, orchard.household, kg(600))
    make_delivery(session, orchard.household, kg(600), material="梨")
    with pytest.raises(bounding.BeyondCapacity):
        make_delivery(session, orchard.household, kg(1), material="梨")


def test_only_an_officer_of_that_county_and_never_who_asked(session: Session, orchard: Orchard) -> None:
    request = orchard.ask(session)
    office = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=JINGNING)
    both = make_actor(session, (Role.clerk, Role.county_officer), make_organization(session))
    for stranger in (make_actor(session, Role.county_officer, office), orchard.clerk, make_actor(session, Role.operator)):
        orchard.officer = stranger
        with pytest.raises(Forbidden, match="本县"):
            orchard.decide(session, request)
    request.asked_by = both.label
    orchard.officer = both
    with pytest.raises(Forbidden, match="不能自己核定"):
        orchard.decide(session, request)


def test_the_database_holds_two_people_when_code_forgets(
    session: Session, orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = orchard.ask(session)

    def careless(request: CapacityRequest, actor: Actor, verdict: Verdict, decision: str, at: datetime) -> None:
        request.verdict, request.decided_by, request.decided_at, request.decision = verdict, request.asked_by, at, decision

    monkeypatch.setattr(deciding, "settle", careless)
    with pytest.raises(IntegrityError, match="two_people"), session.begin_nested():
        orchard.decide(session, request)
    session.execute(text("ALTER TABLE lots_capacity_request DROP CONSTRAINT ck_lots_capacity_request_two_people"))
    session.refresh(request)
    assert orchard.decide(session, request).decided_by == orchard.clerk.label, "with both guards off one person decides alone"


@pytest.mark.parametrize(("granted", "said"), [("0", "大于 0"), ("200.000001", "最多 200 千克"), ("1e9", "最多 200")])
def test_no_more_than_is_missing(session: Session, orchard: Orchard, granted: str, said: str) -> None:
    request = orchard.ask(session)
    with pytest.raises(Invalid, match=said):
        orchard.decide(session, request, granted)
    assert request.verdict is Verdict.OPEN


def test_asking_has_its_rules(session: Session, orchard: Orchard) -> None:
    with pytest.raises(Conflict, match="直接收货"):
        orchard.ask(session, 1000)
    with pytest.raises(Invalid, match="4 到 300 字"):
        deciding.request_capacity(
            session, orchard.clerk, household_id=orchard.household.id, material=APPLES, quantity=kg(2000), reason=" ? ", at=AT
        )
    with pytest.raises(Invalid, match="产能标准"):
        deciding.request_capacity(
            session, orchard.clerk, household_id=orchard.household.id, material="金子", quantity=kg(1), reason="新挖的矿", at=AT
        )
    request = orchard.ask(session)
    with pytest.raises(Conflict, match="已经请县里核定"):
        orchard.ask(session)
    orchard.decide(session, request)
    with pytest.raises(Conflict, match="处理过"):
        orchard.decide(session, request)
    orchard.clerk = make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        orchard.ask(session, 9000)


def test_the_evidence_beside_the_decision(session: Session, orchard: Orchard) -> None:
    for amount in (300, 500):
        neighbour = make_household(session, orchard.cooperative, capacity={"land_mu": "2"})
        make_delivery(session, neighbour, kg(amount))
    make_delivery(session, orchard.household, kg(600))
    evidence = get_evidence(session, orchard.ask(session, 700), AT.date())
    assert evidence.rule is not None
    assert (evidence.neighbours, evidence.average, evidence.earlier) == (2, Decimal(200), 0)
    assert [(use.season, use.delivered) for use in evidence.seasons] == [("2026", 600)]
    assert len(evidence.deliveries) == 1


def test_decision_and_deliveries_at_once_keep_the_cap(database: str) -> None:
    """Ten clerks bring 300 kg each while the county raises 1,000 by 200: 900 or 1,200 are taken in, never more."""
    with work() as session:
        orchard = Orchard(session)
        request_id = orchard.ask(session).id
        household_id = orchard.household.id

    def deliver(_: int) -> int:
        try:
            with work() as session:
                make_delivery(session, session.get_one(Household, household_id), kg(300))
        except Invalid:
            return 0
        return 300

    def decide(_: int) -> int:
        with work() as session:
            orchard.decide(session, session.get_one(CapacityRequest, request_id))
        return 0

    with ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(decide if turn == 2 else deliver, turn) for turn in range(11)]
        taken = sum(future.result() for future in futures)
    assert taken in (900, 1200)
    with work() as session:
        assert session.scalars(select(CapacityUse.delivered)).one() == taken


def test_of_an_erased_household_no_words_stay(session: Session, orchard: Orchard) -> None:
    decided = orchard.decide(session, orchard.ask(session))
    waiting = orchard.ask(session, 9000)
    claim = surveying.claim_capacity(
        session, orchard.clerk, household_id=orchard.household.id, basis="land_mu", amount=Decimal(9), note="王示例新包的", at=AT
    )
    erase_household(session, orchard.household.id, reason="request", at=AT)
    forget_requests(session, SubjectErased(SubjectKind.HOUSEHOLD, orchard.household.id, "request", AT))
    session.expire_all()
    assert (decided.reason, decided.decision, decided.granted) == ("", "", 200)
    assert (session.get(CapacityRequest, waiting.id), session.get(CapacityClaim, claim.id)) == (None, None)


def late(orchard: Orchard, amount: int, happened: datetime) -> DeliveryDraft:
    return DeliveryDraft(orchard.cooperative.id, orchard.household.id, APPLES, kg(amount), Money(100), happened_at=happened)


def test_what_the_county_was_asked_in_time_is_not_too_late_once_it_has_granted_it(session: Session, orchard: Orchard) -> None:
    """Brought on day 0, refused and asked on day 2, granted on day 4: then the entry may still go in, and no other of that day."""
    brought, answered = AT - timedelta(days=4), AT
    orchard.ask(session, at=AT - timedelta(days=2))
    request = session.scalars(select(CapacityRequest)).one()
    entry = late(orchard, 1200, brought)
    with pytest.raises(Invalid, match="3 天以前"):
        record_delivery(session, orchard.clerk, entry, answered)
    orchard.decide(session, request)
    with pytest.raises(Invalid, match="3 天以前"):  # it was too late already when the county was asked
        record_delivery(session, orchard.clerk, late(orchard, 1200, AT - timedelta(days=5, minutes=1)), answered)
    with pytest.raises(Invalid, match="3 天以前"):  # the grant itself is too old
        record_delivery(session, orchard.clerk, entry, answered + bounding.GRANT_STANDS)
    delivery = record_delivery(session, orchard.clerk, entry, answered)
    assert (delivery.delivered_at, delivery.recorded_at) == (brought, answered)
    assert decision_of(session, delivery) == f"urn:uuid:{request.id}"


def test_what_is_asked_across_new_year_counts_in_the_season_it_was_brought_in(session: Session, orchard: Orchard) -> None:
    brought = datetime(2026, 12, 31, 4, tzinfo=UTC)
    request = deciding.request_capacity(
        session, orchard.clerk, household_id=orchard.household.id, material=APPLES, quantity=kg(1200), reason="今年新包了地",
        happened_at=brought, at=brought + timedelta(days=1),
    )  # fmt: skip
    assert request.season == "2026"
    with pytest.raises(Invalid, match="3 天以前"):
        deciding.request_capacity(
            session, orchard.clerk, household_id=orchard.household.id, material=APPLES, quantity=kg(1200), reason="今年新包了地",
            happened_at=brought, at=brought + timedelta(days=4),
        )  # fmt: skip


def bring(session: Session, orchard: Orchard, amount: int, days: int) -> HouseholdDelivery:
    return record_delivery(session, orchard.clerk, replace(late(orchard, amount, AT), happened_at=None), AT + timedelta(days=days))


@pytest.mark.parametrize(
    ("days", "first", "second", "fits"),
    [
        (13, 0, 1200, True),
        (14, 0, 1200, False),
        (14, 0, 1000, True),
        (14, 1100, 101, False),
        (14, 1100, 1, False),
        (14, 1200, 1, False),
        (17, 0, 1200, False),
        (17, 1100, 1, False),
    ],
)
def test_a_grant_nobody_used_ends_after_two_weeks(
    session: Session, orchard: Orchard, days: int, first: int, second: int, fits: bool
) -> None:
    """1,000 kg are the cap and 200 were granted: what came of them by then stays, the rest is room for nothing."""
    request = orchard.decide(session, orchard.ask(session))
    if first:
        bring(session, orchard, first, 1)
    if not fits:
        with pytest.raises(bounding.BeyondCapacity), session.begin_nested():
            bring(session, orchard, second, days)
        if first < 1200:
            with pytest.raises(bounding.BeyondCapacity, match=r"过了 14 天还有 [12]00 千克没有交，已失效"), session.begin_nested():
                bring(session, orchard, second, days)
        orchard.ask(session, second, AT + timedelta(days=days))
    else:
        bring(session, orchard, second, days)
    assert request.lapsed == (0 if days < 17 else 200 - max(first - 1000, 0)), "written down once no late entry can need it"


@pytest.mark.parametrize("typed_before", [False, True])
@pytest.mark.parametrize(
    ("brought", "heard", "fits"), [(13.9, 16.8, True), (14, 16.8, False), (14.1, 17, False), (14.1, 14.1, False)]
)
def test_what_was_brought_before_the_end_may_be_entered_until_three_days_after(
    session: Session, orchard: Orchard, brought: float, heard: float, fits: bool, typed_before: bool
) -> None:
    """The same whether or not something small was typed meanwhile; and no longer by a correction of an old delivery."""
    orchard.decide(session, orchard.ask(session))
    if typed_before:
        bring(session, orchard, 1, 16 if heard > 16 else 14)
    entry = late(orchard, 1199, AT + timedelta(days=brought))
    if fits:
        assert record_delivery(session, orchard.clerk, entry, AT + timedelta(days=heard)).quantity == 1199
        use = session.scalars(select(CapacityUse).execution_options(populate_existing=True)).one()
        assert use.cap == 1200
        return
    with pytest.raises(bounding.BeyondCapacity):
        record_delivery(session, orchard.clerk, entry, AT + timedelta(days=heard))


@pytest.mark.parametrize(
    ("first", "corrected", "fits"), [(1000, 1200, False), (1100, 1100, True), (1100, 1050, True), (1100, 1101, False)]
)
def test_a_correction_needs_no_grant_that_ended(session: Session, orchard: Orchard, first: int, corrected: int, fits: bool) -> None:
    """On day 60: what of the grant the wrong delivery had needed the right one may need, and no more."""
    request = orchard.decide(session, orchard.ask(session))
    wrong = bring(session, orchard, first, 1)
    right = replace(late(orchard, corrected, AT), happened_at=None)
    at = AT + timedelta(days=60)
    if not fits:
        with pytest.raises(bounding.BeyondCapacity):
            correcting.correct_delivery(session, orchard.clerk, wrong.id, reason="记错了", replacement=right, at=at)
        return
    correcting.correct_delivery(session, orchard.clerk, wrong.id, reason="记错了", replacement=right, at=at)
    session.refresh(request)
    assert request.granted is not None
    assert request.granted - request.lapsed == corrected - 1000


def test_so_late_no_more_comes_in_than_the_county_was_asked_about(session: Session, orchard: Orchard) -> None:
    """800 came; 300 brought on day 0 were asked about on day 2 and 100 granted on day 60: then 300 may be entered, and not again."""
    bring(session, orchard, 800, 0)
    request = orchard.ask(session, 300, AT + timedelta(days=2))
    answered = AT + timedelta(days=60)
    deciding.decide_capacity(session, orchard.officer, request_id=request.id, granted=Decimal(100), decision="去看过", at=answered)
    for amount, fits in ((301, False), (200, True), (101, False), (100, True), (1, False)):
        if fits:
            record_delivery(session, orchard.clerk, late(orchard, amount, AT), answered)
            continue
        with pytest.raises(Invalid, match="3 天以前"), session.begin_nested():
            record_delivery(session, orchard.clerk, late(orchard, amount, AT), answered)


def test_what_is_missing_is_measured_again_when_it_is_decided(session: Session, orchard: Orchard) -> None:
    """200 were granted and 100 more asked for while they stood; answered after they ended, 300 are missing and may be granted."""
    orchard.decide(session, orchard.ask(session))
    request = orchard.ask(session, 1300, AT + timedelta(days=10))
    assert request.so_far + request.wanted - request.cap == 100
    at = AT + timedelta(days=20)
    for granted in (Decimal(301), Decimal(300)):
        if granted > 300:
            with pytest.raises(Invalid, match="最多 300"):
                deciding.decide_capacity(session, orchard.officer, request_id=request.id, granted=granted, decision="去看过", at=at)
            continue
        deciding.decide_capacity(session, orchard.officer, request_id=request.id, granted=granted, decision="去看过", at=at)
    bring(session, orchard, 1300, 20)


def test_a_grant_of_the_last_of_december_ends_with_its_season(session: Session, orchard: Orchard) -> None:
    request = orchard.decide(session, orchard.ask(session))
    assert bounding.stands_until(request) == AT + bounding.GRANT_STANDS
    request.decided_at = datetime(2026, 12, 31, 4, tzinfo=UTC)
    assert bounding.stands_until(request) == datetime(2026, 12, 31, 16, tzinfo=UTC), "midnight in China"


def test_with_the_count_of_what_ended_off_the_grant_stands_for_the_season(
    session: Session, orchard: Orchard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounding, "_find_ended", lambda *_: [])
    orchard.decide(session, orchard.ask(session))
    assert bring(session, orchard, 1200, 30).quantity == 1200


def test_an_old_grant_that_was_needed_stands_beside_a_new_one(session: Session, orchard: Orchard) -> None:
    """200 granted and brought; three weeks later 100 more are asked for and granted, and brought two weeks after nothing of them ended."""
    first = orchard.decide(session, orchard.ask(session))
    bring(session, orchard, 1200, 1)
    request = orchard.ask(session, 100, AT + timedelta(days=21))
    deciding.decide_capacity(
        session, orchard.officer, request_id=request.id, granted=Decimal(100), decision="去看过", at=AT + timedelta(days=22)
    )
    bring(session, orchard, 100, 35)
    assert (first.lapsed, request.lapsed) == (0, 0)
    with pytest.raises(bounding.BeyondCapacity):
        bring(session, orchard, 1, 36)


def test_a_grant_that_ended_leaves_no_land_for_another_crop(session: Session, orchard: Orchard) -> None:
    """900 apples and 200 granted for them that never came: the pears have the land of 100, as if nothing had been granted."""
    make_capacity(session, "梨", Unit.KG, 1000)
    bring(session, orchard, 900, 0)
    orchard.decide(session, orchard.ask(session, 300))
    pears = {"material": "梨"}
    with pytest.raises(bounding.BeyondCapacity), session.begin_nested():
        make_delivery(session, orchard.household, kg(101), at=AT + timedelta(days=14), **pears)
    make_delivery(session, orchard.household, kg(100), at=AT + timedelta(days=14), **pears)


def test_the_grants_of_a_household_are_found_by_its_index(session: Session, orchard: Orchard) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    session.flush()
    event.listen(session.connection(), "before_cursor_execute", note)
    bounding._list_grants(session, orchard.household, APPLES, "2026")
    bounding.was_asked_in_time(session, orchard.household.id, APPLES, kg(1), AT, AT)
    event.remove(session.connection(), "before_cursor_execute", note)
    session.execute(text("SET LOCAL enable_seqscan = off"))
    plans = [str(session.connection().exec_driver_sql(f"EXPLAIN {statement}", values).all()) for statement, values in asked]
    assert len(plans) == 2
    assert all("ix_lots_capacity_request_household" in plan for plan in plans), plans
