"""The doors of a clerk's phone: what it may keep, its numbers, its entries once each, and what is refused with its reason."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Select, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties import carding, registering
from catalog.parties.models import SYSTEM, Role
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.idempotency import ClaimedKey
from kernel.ids import new_code, uuid7
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from shop.config import Config
from shop.cooperative import enrolling, numbering, queries, syncing
from shop.cooperative.models import CountyQuestion, Device, SlipNumber
from shop.cooperative.views import phone
from tests.factories.catalog import AT, act_as, make_actor, make_household, make_organization, make_product
from tests.factories.lots import make_capacity
from tests.factories.pictures import make_photo
from traceability.events.models import TraceEvent
from traceability.ledger.queries import find_entry_state
from traceability.lots import deciding, harvesting
from traceability.lots.models import ActPhoto, CapacityRequest, HouseholdDelivery, Lot
from traceability.lots.states import Custody

HOME = "/cooperative/offline"


class Phone:
    """A cooperative with two households and an apple product; one clerk's enrolled phone, and what it may send."""

    def __init__(self, session: Session, client: FlaskClient) -> None:
        self.session, self.client, self.token = session, client, new_code("TOK")
        self.cooperative = make_organization(session)
        self.households = [make_household(session, self.cooperative, head_name=name) for name in ("王小明", "李大山")]
        self.product = make_product(
            session, self.cooperative, name="静宁苹果（一级）", category="水果", pack_unit=Unit.KG, needs=[], season_months=[10, 11]
        )
        make_capacity(session, "静宁苹果", Unit.KG, 100)
        self.clerk = make_actor(session, Role.clerk, self.cooperative)
        self.device = self.enrol(self.token)
        self.lots: dict[str, str] = dict(self.post("numbers").get_json()["numbers"])
        self.numbers = list(self.lots)

    def enrol(self, token: str, **over: Any) -> Device:
        values = {"actor": self.clerk, "organization_id": self.cooperative.id, "name": "示例手机", "at": AT} | over
        return enrolling.enrol_device(self.session, **values, token_hash=sha256(token.encode()).hexdigest())

    def ask(self, path: str, token: str | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}", "Accept": "application/json"}
        return self.client.open(f"{HOME}/{path}", headers=headers | more.pop("headers", {}), **more)

    def post(self, path: str, key: str = "", token: str | None = None, **fields: Any) -> Any:
        return self.ask(path, token, method="POST", data=fields, headers={"Idempotency-Key": key or new_code("KEY")})

    def entry(self, **over: Any) -> dict[str, str]:
        values = {
            "slip": self.numbers[0], "member_no": "1", "product_sku": self.product.sku, "quantity": "200", "unit": "jin",
            "agreed_price": "350.00", "happened_at": clock.format_iso(clock.now()),
        }  # fmt: skip
        return values | over

    def deliveries(self) -> int:
        self.session.expire_all()
        return self.session.scalar(select(func.count()).select_from(HouseholdDelivery)) or 0


@pytest.fixture
def now() -> Any:
    with time_machine.travel(AT, tick=False):
        yield AT


@pytest.fixture
def handset(session: Session, app: Flask, client: FlaskClient, now: datetime) -> Phone:
    return Phone(session, client)


def test_the_phone_keeps_masked_names_and_nothing_more(handset: Phone, session: Session) -> None:
    answer = handset.ask("data.json")
    assert answer.get_json()["households"] == [[1, "王**", "wxm", ""], [2, "李**", "lds", ""]]
    assert answer.get_json()["products"] == [[handset.product.sku, "静宁苹果（一级）", "", "静宁苹果"]]
    assert set(answer.get_json()) == {"cooperative", "clerk", "now", "products", "lots", "households", "following"}
    household = handset.households[0]
    for private in ("王小明", household.village, household.town, str(household.id), handset.cooperative.contact_phone):
        assert private not in answer.text
    assert answer.headers["Cache-Control"] == "no-store", "a browser's cache would keep it unsealed"
    assert len(answer.data) < 1_000


def test_many_households_come_in_pages(handset: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone, "PAGE", 1)
    first = handset.ask("data.json").get_json()
    assert ([row[0] for row in first["households"]], first["following"]) == ([1], 1)
    assert handset.ask("data.json?after=1").get_json()["households"][0][0] == 2
    assert handset.ask("data.json?after=2").get_json()["following"] is None


def test_numbers_come_in_a_block_and_asking_again_hands_out_no_more(handset: Phone, session: Session) -> None:
    assert len(set(handset.numbers)) == numbering.BLOCK
    assert handset.post("deliveries", **handset.entry()).status_code == 200
    again = [slip for slip, _lot in handset.post("numbers").get_json()["numbers"]]
    assert len(again) == numbering.BLOCK
    assert set(handset.numbers) - set(again) == {handset.numbers[0]}
    assert session.scalar(select(func.count()).select_from(SlipNumber)) == numbering.BLOCK + 1


def test_an_entry_becomes_a_delivery_under_its_own_number(handset: Phone, session: Session) -> None:
    with time_machine.travel(AT - timedelta(hours=30), tick=False):
        fields = handset.entry(paid="1", grade="一级")
    answer = handset.post("deliveries", **fields)
    assert answer.get_json() == {"slip": handset.numbers[0], "recorded": clock.format_iso(AT), "near": ""}
    delivery = session.scalars(select(HouseholdDelivery)).one()
    assert (delivery.household_id, delivery.quantity, delivery.unit) == (handset.households[0].id, 200, Unit.JIN)
    assert (delivery.delivered_at, delivery.recorded_at) == (AT - timedelta(hours=30), AT)
    assert (delivery.grade, delivery.paid_at) == ("一级", delivery.delivered_at)
    assert delivery.typed_by == f"person:{handset.clerk.person_id}"
    number = session.get_one(SlipNumber, handset.numbers[0])
    lot = session.get_one(Lot, delivery.lot_id)
    assert (lot.code, lot.made, lot.created_at) == (number.lot_code, 100, AT)
    assert lot.produced_on == clock.today_shanghai(delivery.delivered_at) != clock.today_shanghai(AT)
    event = session.scalars(select(TraceEvent).where(TraceEvent.lot_code == lot.code)).one()
    assert (event.event_time, event.record_time) == (delivery.delivered_at, AT)
    assert event.body["eventTime"].startswith("2026-11-21T04:00:00")
    assert find_entry_state(session, event.id) is not None


def test_the_same_key_twice_is_answered_once_and_another_body_is_refused(handset: Phone, session: Session) -> None:
    fields, key = handset.entry(), new_code("KEY")
    first, again = handset.post("deliveries", key, **fields), handset.post("deliveries", key, **fields)
    assert (first.status_code, first.data) == (again.status_code, again.data) == (200, first.data)
    assert handset.post("deliveries", key, **fields | {"quantity": "7"}).status_code == 422
    assert handset.deliveries() == 1


def test_when_answers_are_forgotten_the_number_still_knows_the_entry(
    handset: Phone, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields, key = handset.entry(), new_code("KEY")
    first = handset.post("deliveries", key, **fields)
    session.query(ClaimedKey).delete()
    assert handset.post("deliveries", key, **fields).data == first.data
    assert handset.deliveries() == 1
    session.query(ClaimedKey).delete()
    monkeypatch.setattr(
        syncing, "use_number", lambda *_a, **_k: (SlipNumber(slip_code=new_code("DLV"), lot_code=new_code("LOT")), False)
    )
    handset.post("deliveries", key, **fields)
    assert handset.deliveries() == 2, "with that guard off it would be brought twice"


def test_a_number_serves_one_entry(handset: Phone, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    handset.post("deliveries", **handset.entry())
    answer = handset.post("deliveries", **handset.entry(quantity="5"))
    assert answer.status_code == 422
    assert "已经用在另一笔上" in answer.text
    session.execute(update(SlipNumber).values(used_at=None, entry_key=None))
    with pytest.raises(IntegrityError, match="lots_lot_code"):  # the database holds it when code forgets
        handset.client.application.config["PROPAGATE_EXCEPTIONS"] = True
        ticket = numbering.Ticket(handset.cooperative.id, handset.numbers[0], new_code("KEY"))
        syncing.sync_delivery(session, handset.clerk, ticket, make_draft(handset), paid=False, at=AT)


def make_draft(handset: Phone) -> harvesting.DeliveryDraft:
    return harvesting.DeliveryDraft(
        organization_id=handset.cooperative.id, household_id=handset.households[0].id, material="静宁苹果",
        quantity=Quantity(Decimal(1), Unit.KG), agreed_price=Money(0),
    )  # fmt: skip


def test_numbers_of_nobody_and_of_others_are_refused(handset: Phone, session: Session) -> None:
    other = make_actor(session, Role.clerk, handset.cooperative)
    theirs = numbering.hand_out_numbers(session, handset.enrol("of another", actor=other).id, at=AT)[0].slip_code
    for slip in (theirs, new_code("DLV"), "", "x" * 300):
        answer = handset.post("deliveries", **handset.entry(slip=slip))
        assert (answer.status_code, "不是发给您的" in answer.text) == (422, True), slip
    assert handset.deliveries() == 0


def test_a_queue_saved_on_one_phone_is_sent_from_the_next_of_the_same_clerk(handset: Phone) -> None:
    handset.enrol("the next one")
    enrolling.end_device(handset.session, handset.clerk, handset.device.id, at=AT)
    key = new_code("KEY")
    answers = [handset.post("deliveries", key, "the next one", **handset.entry()) for _ in range(2)]
    assert [answer.get_json()["slip"] for answer in answers] == [handset.numbers[0]] * 2
    assert handset.deliveries() == 1


@pytest.mark.parametrize(
    ("typed", "says"),
    [(timedelta(days=-3, minutes=-1), "3 天以前"), (timedelta(minutes=6), "比现在还晚"), (timedelta(days=365), "比现在还晚")],
)
def test_times_out_of_bounds_are_refused(
    handset: Phone, typed: timedelta, says: str, monkeypatch: pytest.MonkeyPatch, session: Session
) -> None:
    fields = handset.entry(happened_at=clock.format_iso(AT + typed))
    answer = handset.post("deliveries", **fields)
    assert (answer.status_code, says in answer.text) == (422, True)
    assert handset.deliveries() == 0
    monkeypatch.setattr(harvesting, "check_moment", lambda happened, at, **_: happened or at)
    if typed < timedelta(0):
        assert handset.post("deliveries", **fields).status_code == 200, "with that guard off it would go in"
    else:
        with pytest.raises(IntegrityError, match="times"):  # the CHECK holds when code forgets
            handset.post("deliveries", **fields)


@pytest.mark.parametrize("typed", [timedelta(days=-2, hours=-23), timedelta(minutes=4)])
def test_times_within_bounds_are_kept_and_a_fast_clock_is_not_the_future(
    handset: Phone, typed: timedelta, session: Session
) -> None:
    assert handset.post("deliveries", **handset.entry(happened_at=clock.format_iso(AT + typed))).status_code == 200
    assert session.scalars(select(HouseholdDelivery.delivered_at)).one() == min(AT + typed, AT)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"quantity": "6002"}, "quantity"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": ""}, "quantity"),
        ({"unit": "mile"}, "unit"),
        ({"agreed_price": "1.234"}, "agreed_price"),
        ({"member_no": "99"}, "member_no"),
        ({"member_no": "²"}, "member_no"),
        ({"product_sku": "SKU-NONE"}, "product_sku"),
        ({"happened_at": "yesterday"}, "happened_at"),
        ({"happened_at": ""}, "happened_at"),
    ],
)
def test_a_refused_entry_has_its_reason_in_chinese_and_leaves_its_number_free(
    handset: Phone, session: Session, over: dict[str, str], field: str
) -> None:
    answer = handset.post("deliveries", **handset.entry(**over))
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    assert field in [error["field"] for error in answer.get_json()["errors"]]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in answer.get_json()["detail"])
    assert session.get_one(SlipNumber, handset.numbers[0]).used_at is None
    assert handset.deliveries() == 0
    assert handset.post("deliveries", **handset.entry()).status_code == 200, "mended, it goes in under the same number"


def test_beyond_the_cap_the_reason_names_it_and_the_county_decides(handset: Phone, session: Session) -> None:
    fields = handset.entry(quantity="6002")
    told = handset.post("deliveries", **fields).get_json()
    assert "最多能交 3000" in told["detail"]
    key, question = new_code("KEY"), fields | {"kind": told["type"], "question": "今年新包了十亩地", "refusal": told["detail"]}
    for _ in range(2):
        assert handset.post("questions", key, **question).status_code == 200
    asked = session.scalars(select(CapacityRequest)).one()
    assert (asked.household_id, asked.wanted, asked.reason) == (handset.households[0].id, 3001, "今年新包了十亩地")
    assert handset.post("questions", **question).status_code == 409, "asked already"
    officer = make_actor(session, Role.county_officer)
    deciding.decide_capacity(session, officer, request_id=asked.id, granted=Decimal(1), decision="已核实", at=AT)
    answer = handset.post("deliveries", **fields)
    assert "快到上限了" in answer.get_json()["near"]


def test_any_other_refusal_is_asked_about_in_words(handset: Phone, session: Session) -> None:
    fields = {"kind": "invalid", "question": "上周断网了", "refusal": f"{handset.numbers[0]} 已过补记的期限"}
    assert handset.post("questions", **fields).status_code == 200
    question = session.scalars(select(CountyQuestion)).one()
    assert (question.organization_id, question.refusal) == (handset.cooperative.id, fields["refusal"])
    assert handset.post("questions", **fields | {"question": "?"}).status_code == 422


def test_the_phone_knows_a_card_without_keeping_what_is_on_it(handset: Phone, session: Session) -> None:
    household = carding.issue_card(session, handset.clerk, handset.households[0].id)
    assert household.card_token
    answer = handset.ask("data.json")
    assert answer.get_json()["households"][0][3] == sha256(household.card_token.encode()).hexdigest()[:12]
    assert household.card_token not in answer.text


def test_another_cooperatives_household_is_not_there_and_its_goods_are_refused(handset: Phone, session: Session) -> None:
    elsewhere = make_organization(session)
    make_household(session, elsewhere, member_no=77)
    assert handset.post("deliveries", **handset.entry(member_no="77")).status_code == 422
    product = make_product(session, elsewhere, needs=[])
    assert handset.post("deliveries", **handset.entry(product_sku=product.sku)).status_code == 422
    assert handset.deliveries() == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "data.json"),
        ("POST", "numbers"),
        ("POST", "deliveries"),
        ("POST", "questions"),
        ("POST", "mixings"),
        ("POST", "losses"),
    ],
)
def test_without_its_token_nobody_comes_in(
    handset: Phone, method: str, path: str, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(app, handset.clerk)  # signed in by cookie is not enough: another site could make that call
    for header in ("", "Bearer ", "Bearer x", f"Basic {handset.token}", f"Bearer {handset.device.token_hash}"):
        answer = handset.ask(path, method=method, headers={"Authorization": header})
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    monkeypatch.setattr(queries, "find_clerk", lambda *_a, **_k: (handset.device, handset.clerk))
    if path in ("mixings", "losses"):
        handset.post("deliveries", **handset.entry(slip=handset.numbers[1]))
    lots = handset.lots[handset.numbers[1]]
    fields = handset.entry(unit="kg", quantity="1") | {
        "question": "请核定产能。", "refusal": "超出", "lots": lots, "lot": lots, "lost_reason": "腐烂",
    }  # fmt: skip
    answer = handset.ask(
        path, "x", method=method, data=fields if method == "POST" else None, headers={"Idempotency-Key": new_code("KEY")}
    )
    assert answer.status_code == 200, "with the guard off anybody would"


def test_a_phone_is_out_when_it_is_ended_run_out_or_its_person_is_no_clerk(handset: Phone, session: Session) -> None:
    assert handset.ask("data.json").status_code == 200
    with time_machine.travel(AT + timedelta(days=30), tick=False):
        assert handset.ask("data.json").status_code == 401
    enrolling.end_device(session, handset.clerk, handset.device.id, at=AT)
    assert handset.ask("data.json").status_code == 401
    assert (handset.device.ended_at, handset.device.ended_by) == (AT, handset.clerk.label)
    handset.enrol("second")
    assert handset.ask("data.json", "second").status_code == 200
    registering.remove_member(
        session, SYSTEM, person_id=handset.clerk.person_id, organization_id=handset.cooperative.id, role=Role.clerk
    )
    session.flush()
    assert handset.ask("data.json", "second").status_code == 401


def test_the_phones_token_opens_nothing_else(handset: Phone) -> None:
    assert handset.ask("devices").status_code == 401
    answer = handset.client.get("/cooperative/", headers={"Authorization": f"Bearer {handset.token}", "Accept": "application/json"})
    assert answer.status_code == 401


def test_only_clerks_enrol_a_phone_and_only_their_own_cooperative_ends_it(handset: Phone, session: Session) -> None:
    with pytest.raises(Forbidden):
        handset.enrol("x", actor=make_actor(session))
    stranger = make_actor(session, Role.clerk)
    with pytest.raises(NotFound):
        enrolling.end_device(session, stranger, handset.device.id, at=AT)
    colleague = make_actor(session, Role.clerk, handset.cooperative)
    ended = enrolling.end_device(session, colleague, handset.device.id, at=AT)
    assert ended is enrolling.end_device(session, handset.clerk, handset.device.id, at=AT + timedelta(days=1))
    assert (ended.ended_at, ended.ended_by) == (AT, colleague.label)
    for name, token_hash in (("", "0" * 64), ("示例", "")):
        with pytest.raises(Invalid):
            enrolling.enrol_device(session, handset.clerk, handset.cooperative.id, name=name, token_hash=token_hash, at=AT)


def act(handset: Phone, path: str, number: int, key: str = "", **fields: str) -> Any:
    """Send a mixing or a loss under the phone's number of that place."""
    happened = {"slip": handset.numbers[number], "happened_at": clock.format_iso(AT - timedelta(hours=20))}
    return handset.post(path, key, **happened | fields)


def get_lot(session: Session, code: str) -> Lot:
    session.expire_all()
    return session.scalars(select(Lot).where(Lot.code == code)).one()


def bring(handset: Phone, *members: int) -> list[str]:
    """100 kg of each member, under the phone's first numbers; the lots."""
    for place, member in enumerate(members):
        then = clock.format_iso(AT - timedelta(hours=30))  # before anything that is done with it
        answer = handset.post("deliveries", **handset.entry(slip=handset.numbers[place], member_no=str(member), happened_at=then))
        assert answer.status_code == 200, answer.text
    return [handset.lots[number] for number in handset.numbers[: len(members)]]


def test_a_loss_and_a_mixing_are_taken_in_under_their_own_numbers(handset: Phone, session: Session) -> None:
    first, second = bring(handset, 1, 2)
    spoilt = act(handset, "losses", 2, lot=first, quantity="20", unit="jin", lost_reason="压坏了", why="loss")
    assert spoilt.get_json() == {"slip": handset.numbers[2], "recorded": clock.format_iso(AT), "near": ""}
    mixed = act(handset, "mixings", 3, lots=f"{first} {second} {first}", averaged="1")
    assert mixed.get_json()["slip"] == handset.numbers[3]
    lot = get_lot(session, handset.lots[handset.numbers[3]])
    assert (lot.made, lot.product_sku, lot.custody, lot.created_at) == (190, handset.product.sku, Custody.MASS_BALANCE, AT)
    assert (get_lot(session, first).lost, get_lot(session, first).left.amount, get_lot(session, second).left.amount) == (10, 0, 0)
    events = session.scalars(select(TraceEvent).where(TraceEvent.biz_step.in_(["destroying", "assembling"]))).all()
    assert {(event.event_time, event.record_time) for event in events} == {(AT - timedelta(hours=20), AT)}, (
        "the phone's time and ours"
    )
    assert {event.actor for event in events} == {f"person:{handset.clerk.person_id}"}


@pytest.mark.parametrize("path", ["mixings", "losses"])
def test_sent_again_it_is_done_once_also_when_answers_are_forgotten(
    handset: Phone, session: Session, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lots = bring(handset, 1, 2)
    key, fields = new_code("KEY"), {"lots": " ".join(lots), "lot": lots[0], "quantity": "1", "unit": "kg", "lost_reason": "腐烂"}
    answers = [act(handset, path, 2, key, **fields)]
    answers.append(act(handset, path, 2, key, **fields))
    session.query(ClaimedKey).delete()
    answers.append(act(handset, path, 2, key, **fields))
    assert {(answer.status_code, answer.data) for answer in answers} == {(200, answers[0].data)}
    assert act(handset, path, 2, **fields).status_code == 422, "the number serves one entry"
    events = select(func.count()).select_from(TraceEvent)
    assert session.scalar(events) == 3
    known = numbering.use_number
    monkeypatch.setattr(syncing, "use_number", lambda *a, **k: (known(*a, **k)[0], False))
    session.query(ClaimedKey).delete()
    again = act(handset, path, 2, key, **fields)
    assert (again.status_code, session.scalar(events)) == ((200, 4) if path == "losses" else (422, 3)), "with that guard off"


def test_what_works_on_a_lot_that_waits_stays_with_its_reason_and_goes_in_after_it(handset: Phone, session: Session) -> None:
    waiting = handset.lots[handset.numbers[0]]
    for path, fields in (
        ("mixings", {"lots": waiting}),
        ("losses", {"lot": waiting, "quantity": "1", "unit": "kg", "lost_reason": "腐烂"}),
    ):
        told = act(handset, path, 1, **fields)
        assert (told.status_code, "还没有收下" in told.text, waiting in told.text) == (409, True, True)
        assert session.get_one(SlipNumber, handset.numbers[1]).used_at is None
    handset.post("numbers", spent=f"{handset.numbers[3]} {handset.numbers[4]} none")
    given_up = act(handset, "mixings", 1, lots=handset.lots[handset.numbers[3]])
    assert (given_up.status_code, "没有批次" in given_up.text) == (422, True)
    bring(handset, 1)
    assert act(handset, "mixings", 1, lots=waiting).status_code == 200
    assert act(handset, "mixings", 2, lots=handset.lots[handset.numbers[1]]).status_code == 200, "a mixing may be mixed again"
    used_up = act(handset, "mixings", 5, lots=waiting)
    assert (used_up.status_code, "已经用完了" in used_up.text) == (422, True)


@pytest.mark.parametrize(
    ("path", "fields", "says"),
    [
        ("mixings", {"lots": ""}, "先勾选"),
        ("mixings", {"lots": "LOT-NONE"}, "没有批次"),
        ("losses", {"lot": "LOT-NONE", "quantity": "1", "unit": "kg", "lost_reason": "腐烂"}, "没有批次"),
        ("losses", {"lot": "", "quantity": "x", "unit": "kg", "lost_reason": ""}, "请写明损耗原因"),
        ("losses", {"lot": "OWN", "quantity": "100.5", "unit": "kg", "lost_reason": "腐烂"}, "只剩 100"),
        ("losses", {"lot": "OWN", "quantity": "1", "unit": "head", "lost_reason": "腐烂"}, "同类单位"),
        ("mixings", {"lots": "OWN", "happened_at": clock.format_iso(AT - timedelta(days=4))}, "3 天以前"),
        ("losses", {"lot": "OWN", "quantity": "1", "unit": "kg", "lost_reason": "腐烂", "happened_at": ""}, "不正确"),
    ],
)
def test_what_cannot_be_taken_in_is_told_and_changes_nothing(
    handset: Phone, session: Session, path: str, fields: dict[str, str], says: str
) -> None:
    (own,) = bring(handset, 1)
    answer = act(handset, path, 2, **{name: own if value == "OWN" else value for name, value in fields.items()})
    assert (answer.status_code in (409, 422), says in answer.text) == (True, True), answer.text
    assert (get_lot(session, own).left.amount, session.get_one(SlipNumber, handset.numbers[2]).used_at) == (100, None)


def test_another_cooperatives_lot_is_not_there(handset: Phone, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = make_organization(session)
    household = make_household(session, elsewhere)
    draft = replace(make_draft(handset), organization_id=elsewhere.id, household_id=household.id)
    theirs = session.get_one(Lot, harvesting.record_delivery(session, make_actor(session, Role.clerk, elsewhere), draft, AT).lot_id)
    assert act(handset, "mixings", 2, lots=theirs.code).status_code == 422
    assert theirs.code not in handset.ask("data.json").text
    monkeypatch.setattr(syncing, "_find_lots", lambda *_: [theirs])
    assert act(handset, "mixings", 2, lots=theirs.code).status_code == 403, "the act itself refuses, should the door forget"


def test_the_phone_knows_the_lots_at_hand_and_whose_they_are(handset: Phone, session: Session) -> None:
    first, second = bring(handset, 1, 2)
    told = sorted(handset.ask("data.json").get_json()["lots"], key=lambda lot: lot[4])
    assert told == [[first, "静宁苹果", "100", "kg", 1], [second, "静宁苹果", "100", "kg", 2]]
    act(handset, "mixings", 2, lots=f"{first} {second}")
    mixed = handset.lots[handset.numbers[2]]
    assert handset.ask("data.json").get_json()["lots"] == [[mixed, "静宁苹果", "200", "kg", 0]]
    assert handset.ask("data.json?after=1").get_json()["lots"] == [], "told once, not with every page of households"


def test_the_phone_knows_a_busy_days_lots(handset: Phone, session: Session) -> None:
    (first,) = bring(handset, 1)
    row = session.execute(select(Lot.__table__).where(Lot.code == first)).mappings().one()
    session.execute(insert(Lot), [{**row, "id": uuid7(), "code": new_code("LOT")} for _ in range(210)])
    assert len(handset.ask("data.json").get_json()["lots"]) == 200


def test_numbers_of_what_was_given_up_are_not_handed_out_again(handset: Phone, session: Session) -> None:
    other = make_actor(session, Role.clerk, handset.cooperative)
    theirs = numbering.hand_out_numbers(session, handset.enrol("of another", actor=other).id, at=AT)[0].slip_code
    bring(handset, 1)
    told = handset.post("numbers", spent=f"{handset.numbers[0]} {handset.numbers[1]} {theirs}").get_json()
    again = told["numbers"]
    assert told["taken"] == [[handset.numbers[0], clock.format_iso(AT)]], "the phone gave up what it did not hear of"
    assert handset.post("numbers", spent=handset.numbers[1]).get_json()["taken"] == []
    assert len(again) == numbering.BLOCK
    assert not {handset.numbers[0], handset.numbers[1]} & {slip for slip, _lot in again}
    assert session.get_one(SlipNumber, handset.numbers[0]).entry_key != numbering.GIVEN_UP, "what was taken in stays so"
    assert session.get_one(SlipNumber, theirs).used_at is None
    assert handset.post("deliveries", **handset.entry(slip=handset.numbers[1])).status_code == 422


@pytest.mark.parametrize("locked", [True, False])
def test_many_at_once_use_a_number_once(database: str, now: datetime, locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six times one entry and six others under its number, past the door's own guard. Without the row's lock all twelve find it unused."""
    with work() as session:
        place = make_organization(session)
        household = make_household(session, place)
        make_capacity(session, "静宁苹果", Unit.KG, 100)
        clerk = make_actor(session, Role.clerk, place)
        device = enrolling.enrol_device(session, clerk, place.id, name="示例手机", token_hash="0" * 64, at=AT)
        slip = numbering.hand_out_numbers(session, device.id, at=AT)[0].slip_code
    draft = harvesting.DeliveryDraft(place.id, household.id, "静宁苹果", Quantity(Decimal(1), Unit.KG), Money(0))
    start, all_have_read = threading.Barrier(12), threading.Barrier(12)
    if not locked:
        monkeypatch.setattr(Select, "with_for_update", lambda query, **_: query)
        event.listen(SlipNumber, "load", wait := lambda *_: all_have_read.wait(30))

    def send(key: str) -> str:
        start.wait(30)
        try:
            with work() as session:
                return str(
                    syncing.sync_delivery(session, clerk, numbering.Ticket(place.id, slip, key), draft, paid=False, at=AT).id
                )
        except (Invalid, IntegrityError) as problem:
            return type(problem).__name__

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(send, ["same"] * 6 + [f"other-{number}" for number in range(6)]))
    if not locked:
        event.remove(SlipNumber, "load", wait)
    with reading() as session:
        (delivery,) = session.scalars(select(HouseholdDelivery)).all()
        assert session.scalar(select(func.count()).select_from(SlipNumber).where(SlipNumber.used_at.is_not(None))) == 1
    taken_in = found.count(str(delivery.id))
    if locked:
        assert (taken_in, found.count("Invalid")) in {(6, 6), (1, 11)}, "those who came later were told in a sentence"
    else:
        assert taken_in > 6 or "IntegrityError" in found, "told that theirs was taken in, or stopped by the constraint alone"


@pytest.mark.parametrize("locked", [True, False])
def test_two_tabs_that_ask_at_once_get_one_block(
    database: str, now: datetime, locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with work() as session:
        clerk = make_actor(session, Role.clerk)
        (organization_id,) = clerk.organizations_with(Role.clerk)
        device = enrolling.enrol_device(session, clerk, organization_id, name="示例手机", token_hash="0" * 64, at=AT)
    both_have_looked = threading.Barrier(2)
    if not locked:
        fresh = numbering.new_code
        looked = threading.local()

        def wait(prefix: str) -> str:
            if not hasattr(looked, "once"):
                looked.once = both_have_looked.wait(30)
            return fresh(prefix)

        monkeypatch.setattr(numbering, "new_code", wait)
        monkeypatch.setattr(Session, "get_one", lambda self, kind, key, **_: self.get(kind, key))

    def ask(_: int) -> int:
        with work() as session:
            return len(numbering.hand_out_numbers(session, device.id, at=AT))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(2))) == [numbering.BLOCK] * 2
    with reading() as session:
        handed = session.scalar(select(func.count()).select_from(SlipNumber))
    assert handed == numbering.BLOCK * (1 if locked else 2), "without the lock each tab gets a block of its own"


@pytest.mark.parametrize("act", ["deliveries", "mixings", "losses"])
def test_an_entry_brings_its_photograph(handset: Phone, session: Session, config: Config, act: str) -> None:
    """Sent twice it is one photograph of one act; without a word on faces nothing is taken in and no file is left."""
    delivered = handset.post("deliveries", **handset.entry()).get_json()["slip"]
    lot = handset.lots[delivered]
    slip, happened = handset.numbers[1], clock.format_iso(clock.now())
    fields = {
        "deliveries": handset.entry(slip=slip, quantity="10"),
        "mixings": {"slip": slip, "lots": lot, "happened_at": happened},
        "losses": {"slip": slip, "lot": lot, "quantity": "1", "unit": "kg", "lost_reason": "压坏了", "happened_at": happened},
    }[act]
    photo = make_photo(300, 200)

    def send(key: str, **over: str) -> Any:
        return handset.post(act, key, **fields | over, photo=(io.BytesIO(photo), "photo.jpg"))

    refused = send(new_code("KEY"))
    assert (refused.status_code, "有没有能认出来的人" in refused.text) == (422, True)
    files = [path for path in config.photos_dir.rglob("*") if path.is_file()]
    assert files == []
    key = new_code("KEY")
    for _ in range(2):
        assert send(key, faces="none").get_json()["slip"] == slip
    (file,) = [path for path in config.photos_dir.rglob("*") if path.is_file()]
    kept = session.scalars(select(ActPhoto)).one()
    assert (kept.digest, kept.added_by, kept.household_id) == (
        file.name,
        f"person:{handset.clerk.person_id}",
        handset.households[0].id,
    )
