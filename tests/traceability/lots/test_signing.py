"""Outside its range a step needs a reason and two people; above the county's rule one of them is the county."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties import registering
from catalog.parties.models import SYSTEM, Actor, Membership, OrganizationKind, Role
from kernel import clock
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.quantity import Unit
from tests.factories.catalog import AT, JINGNING, YANCHI, make_actor, make_household, make_organization
from tests.factories.lots import SHEEP, heads, kg, make_delivery, make_lot
from traceability.events.models import TraceEvent
from traceability.lots import processing, ruling, signing
from traceability.lots.models import Lot, LotYield, StepRequest
from traceability.lots.states import Step, Verdict
from traceability.lots.transforming import OutputDraft, Signature
from traceability.lots.yields import OffYield


class House:
    """Ten sheep; a carcass is held to weigh 14–24 kg and the clerk declares 14–22."""

    def __init__(self, session: Session) -> None:
        self.cooperative = make_organization(session)
        self.clerk: Actor = make_actor(session, Role.clerk, self.cooperative)
        self.colleague: Actor = make_actor(session, Role.clerk, self.cooperative)
        self.officer: Actor = make_actor(session, Role.county_officer)
        household = make_household(session, self.cooperative)
        self.lot = session.get_one(Lot, make_delivery(session, household, heads(10), material=SHEEP).lot_id)
        ruling.set_yield_rule(
            session, SYSTEM, step=Step.SLAUGHTERING, material="胴体", low=Decimal(14), high=Decimal(24), unit=Unit.KG,
            per_unit=Unit.HEAD, valid_from=date(2026, 1, 1), county_code=YANCHI,
        )  # fmt: skip

    def step(self, amount: str, material: str = "胴体") -> dict[str, Any]:
        output = OutputDraft(material, kg(amount), Decimal(14), Decimal(22))
        return {"step": Step.SLAUGHTERING, "inputs": [(self.lot.id, heads(10))], "outputs": [output], "place_id": None, "at": AT}

    def ask(self, session: Session, amount: str, reason: str = "三只检疫不合格") -> StepRequest:
        return signing.ask_signature(session, self.clerk, reason=reason, **self.step(amount))

    def sign(self, session: Session, actor: Actor, request: StepRequest, agree: bool = True) -> StepRequest:
        return signing.decide_step(session, actor, request_id=request.id, agree=agree, decision="在场看过", at=AT)


@pytest.fixture
def house(session: Session) -> House:
    return House(session)


def made_of(session: Session, request: StepRequest) -> tuple[Lot, LotYield]:
    kept = session.scalars(select(LotYield).where(LotYield.event_id == request.event_id)).one()
    return session.get_one(Lot, kept.lot_id), kept


@pytest.mark.parametrize("amount", ["100", "230"])
def test_a_colleague_signs_and_only_then_it_exists(session: Session, house: House, amount: str) -> None:
    """100 kg are below 10 × 14; 230 kg are above the 220 declared and below the 240 of the county."""
    with pytest.raises(OffYield):
        processing.process_lot(session, house.clerk, **house.step(amount))
    request = house.ask(session, amount)
    assert (house.lot.used, request.county_only) == (0, False)
    assert session.scalar(select(func.count()).select_from(LotYield)) == 0
    house.sign(session, house.colleague, request)
    lot, kept = made_of(session, request)
    assert (lot.made, house.lot.used) == (Decimal(amount), 10)
    assert (kept.typed_by, kept.signed_by, kept.signed_as) == (house.clerk.label, house.colleague.label, "clerk")
    assert (kept.reason, kept.rule_high) == ("三只检疫不合格", 24)
    event = session.get_one(TraceEvent, request.event_id)
    assert (event.body["shanhai:signedAs"], event.actor) == ("clerk", house.clerk.label)


def test_above_the_rule_only_the_county_signs(session: Session, house: House) -> None:
    request = house.ask(session, "240.000001")
    assert request.county_only
    with pytest.raises(Forbidden, match="只能由县里签字"):
        house.sign(session, house.colleague, request)
    house.sign(session, house.officer, request)
    lot, kept = made_of(session, request)
    assert (lot.made, kept.signed_as) == (Decimal("240.000001"), "county_officer")


def test_the_day_of_the_work_counts_not_that_of_the_signature(session: Session, house: House) -> None:
    """Slaughtered on the 22nd, signed on the 25th: the event, the lot's age and the rule are those of the 22nd; known since the 25th."""
    request, later = house.ask(session, "230"), AT + timedelta(days=3)
    ruling.set_yield_rule(
        session, SYSTEM, step=Step.SLAUGHTERING, material="胴体", low=Decimal(14), high=Decimal(22), unit=Unit.KG, per_unit=Unit.HEAD,
        valid_from=clock.today_shanghai(later), county_code=YANCHI,
    )  # fmt: skip
    signing.decide_step(session, house.colleague, request_id=request.id, agree=True, decision="在场看过", at=later)
    lot, kept = made_of(session, request)
    event = session.get_one(TraceEvent, request.event_id)
    assert (event.event_time, event.record_time) == (AT, later)
    assert (lot.produced_on, lot.created_at, kept.rule_high) == (clock.today_shanghai(AT), later, 24)


@pytest.mark.parametrize("role", [Role.clerk, Role.packer])
def test_who_asked_must_still_work_there_when_it_is_signed(session: Session, house: House, role: Role) -> None:
    asker = make_actor(session, role, house.cooperative)
    assert asker.person_id is not None
    asker = replace(asker, label=f"person:{asker.person_id}")
    request = signing.ask_signature(session, asker, reason="三只检疫不合格", **house.step("100"))
    membership = session.scalars(select(Membership).where(Membership.person_id == asker.person_id)).one()
    session.delete(membership)
    session.flush()
    with pytest.raises(Conflict, match="已不在本单位经办"), session.begin_nested():
        house.sign(session, house.colleague, request)
    session.refresh(request)
    assert request.verdict is Verdict.OPEN
    assert house.lot.used == 0
    registering.add_member(session, SYSTEM, person_id=asker.person_id, organization_id=house.cooperative.id, role=role, at=AT)
    assert house.sign(session, house.colleague, request).event_id is not None


def test_a_step_of_one_who_left_may_still_be_refused(session: Session, house: House) -> None:
    asker = replace(make_actor(session), label="person:0190f000-0000-7000-8000-000000000000")
    request = house.ask(session, "100")
    request.asked_by = f"person:{asker.person_id}"
    session.flush()
    assert house.sign(session, house.officer, request, agree=False).verdict is Verdict.REFUSED


def test_what_the_county_has_no_rule_for_only_the_county_signs(session: Session, house: House) -> None:
    with pytest.raises(OffYield, match="县里还没有核定“精选滩羊”的出品率，须由县农业农村部门签字（投入 10 头，产出 200 千克）"):
        processing.process_lot(session, house.clerk, **house.step("200", "精选滩羊"))
    request = signing.ask_signature(session, house.clerk, reason="县里还没有这种标准", **house.step("200", "精选滩羊"))
    with pytest.raises(Forbidden, match="只能由县里签字"):
        house.sign(session, house.colleague, request)
    house.sign(session, house.officer, request)
    lot, kept = made_of(session, request)
    assert (lot.made, kept.signed_as, kept.rule_high) == (200, "county_officer", None)


def test_never_the_same_person_nor_a_stranger(session: Session, house: House) -> None:
    request = house.ask(session, "100")
    elsewhere = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=JINGNING)
    with pytest.raises(Forbidden, match="不能自己核定"):
        house.sign(session, house.clerk, request)
    for stranger in (make_actor(session, Role.clerk), make_actor(session, Role.county_officer, elsewhere)):
        with pytest.raises(Forbidden):
            house.sign(session, stranger, request)
    assert request.verdict is Verdict.OPEN


def test_refused_or_too_late_nothing_comes_out(session: Session, house: House) -> None:
    request = house.ask(session, "100")
    with pytest.raises(Invalid, match="理由"):
        signing.decide_step(session, house.officer, request_id=request.id, agree=False, decision=" ", at=AT)
    assert house.sign(session, house.officer, request, agree=False).verdict is Verdict.REFUSED
    with pytest.raises(Conflict, match="处理过"):
        house.sign(session, house.officer, request)
    again = house.ask(session, "100")
    processing.process_lot(session, house.clerk, **house.step("200"))
    with pytest.raises(Conflict, match="只剩 0 头"), session.begin_nested():
        house.sign(session, house.officer, again)
    session.refresh(again)
    assert again.verdict is Verdict.OPEN


def test_asking_needs_a_deviation_and_a_reason(session: Session, house: House) -> None:
    with pytest.raises(Conflict, match="直接记录"):
        house.ask(session, "200")
    with pytest.raises(OffYield) as caught:
        house.ask(session, "100", reason="?")
    assert {error.field for error in caught.value.errors} == {"outputs", "reason"}
    with pytest.raises(Forbidden):
        signing.ask_signature(session, make_actor(session, Role.clerk), reason="三只检疫不合格", **house.step("100"))


def test_the_faults_are_told_in_the_readers_language(session: Session, house: House) -> None:
    (fault,) = signing.faults_of(house.ask(session, "100"))
    assert fault.text(lambda word: {"千克": "kg", "头": "head"}.get(word, word)).startswith("投入 10 head")


class TestTheDatabaseHoldsIt:
    """The CHECKs of LotYield, with the code that should have asked switched off."""

    FORGED = Signature(by="demo:self", role=Role.clerk, reason="没有人看过")

    def forge(self, session: Session, house: House, monkeypatch: pytest.MonkeyPatch, signature: Signature) -> Lot:
        if signature.role is Role.clerk:
            monkeypatch.setattr(processing, "Role", type("Role", (), {"county_officer": Role.clerk}))
        with session.begin_nested():
            return processing.process_lot(session, house.clerk, signature=signature, **house.step("250"))[0]

    @pytest.mark.parametrize(("amount", "name"), [("100", "not_short"), ("230", "not_inflated")])
    def test_outside_the_range_without_signature(
        self, session: Session, house: House, monkeypatch: pytest.MonkeyPatch, amount: str, name: str
    ) -> None:
        monkeypatch.setattr(processing.yields, "find_deviations", lambda *_: [])
        with pytest.raises(IntegrityError, match=name), session.begin_nested():
            processing.process_lot(session, house.clerk, **house.step(amount))
        session.execute(text(f"ALTER TABLE lots_lot_yield DROP CONSTRAINT ck_lots_lot_yield_{name}"))
        assert processing.process_lot(session, house.clerk, **house.step(amount))[0].made == Decimal(amount)

    def test_without_a_rule_and_without_the_county(self, session: Session, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processing.yields, "find_deviations", lambda *_: [])
        step = house.step("200", "精选滩羊")
        with pytest.raises(IntegrityError, match="ruled"), session.begin_nested():
            processing.process_lot(session, house.clerk, **step)
        session.execute(text("ALTER TABLE lots_lot_yield DROP CONSTRAINT ck_lots_lot_yield_ruled"))
        assert processing.process_lot(session, house.clerk, **step)[0].made == 200

    def test_above_the_rule_signed_by_a_clerk(self, session: Session, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(IntegrityError, match="within_rule"):
            self.forge(session, house, monkeypatch, self.FORGED)
        session.execute(text("ALTER TABLE lots_lot_yield DROP CONSTRAINT ck_lots_lot_yield_within_rule"))
        assert self.forge(session, house, monkeypatch, self.FORGED).made == 250

    def test_signed_by_the_one_who_did_it(self, session: Session, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        own = Signature(by=house.clerk.label, role=Role.county_officer, reason="我自己看过")
        with pytest.raises(IntegrityError, match="two_people"):
            self.forge(session, house, monkeypatch, own)


def test_a_split_material_is_signed_as_a_whole(session: Session, house: House) -> None:
    """Two lines of 60 kg are 120 kg of carcass: below 140, though each line alone would be far below."""
    outputs = [OutputDraft("胴体", kg(60), Decimal(14), Decimal(22)) for _ in range(2)]
    step = house.step("1") | {"outputs": outputs}
    request = signing.ask_signature(session, house.clerk, reason="三只检疫不合格", **step)
    house.sign(session, house.officer, request)
    given = session.scalars(select(LotYield.given).where(LotYield.event_id == request.event_id)).all()
    assert given == [120, 120]
    assert make_lot(session).left == kg(100)


def test_the_database_holds_two_people_of_a_request_when_code_forgets(session: Session, house: House) -> None:
    house.ask(session, "100")
    alone = text("UPDATE lots_step_request SET verdict = 'approved', decided_by = asked_by, decided_at = now(), decision = '好'")
    with pytest.raises(IntegrityError, match="two_people"), session.begin_nested():
        session.execute(alone)
    session.execute(text("ALTER TABLE lots_step_request DROP CONSTRAINT ck_lots_step_request_two_people"))
    session.execute(alone)


def test_two_who_sign_at_once_record_the_step_once(database: str) -> None:
    with work() as session:
        house = House(session)
        request_id, lot_id = house.ask(session, "100").id, house.lot.id

    def sign(actor: Actor) -> str:
        try:
            with work() as session:
                house.sign(session, actor, session.get_one(StepRequest, request_id))
        except Conflict as conflict:
            return str(conflict)
        return "signed"

    with ThreadPoolExecutor(2) as pool:
        outcome = sorted(pool.map(sign, (house.colleague, house.officer)))
    assert outcome == ["signed", "这条申请已经处理过了。"]
    with work() as session:
        assert session.get_one(Lot, lot_id).used == 10
        assert session.scalar(select(func.count()).select_from(LotYield)) == 1
