"""Erasing over all floors: afterwards no row of any table holds the name, and the log says what it said before."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from catalog.parties import carding, consenting, registering
from catalog.parties.erasing import SubjectErased, SubjectKind, erase_person
from catalog.parties.models import ERASURE, SYSTEM, Actor, Consent, ConsentScope, Role
from catalog.parties.queries import list_households, visible_household_names
from kernel import outbox
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from shop.backoffice import erasing
from shop.backoffice.models import AuditEntry, ErasureRequest, ErasureState
from shop.backoffice.queries import find_erasure_progress
from shop.backoffice.tracing import find_footprint, find_subject
from shop.cases.models import CaseMessage
from shop.cooperative.forms import find_member
from shop.orders.erasing import forget_buyer
from shop.reviews.queries import list_reviews
from tests.factories.catalog import AT, make_actor, make_organization
from tests.factories.lots import make_delivery
from tests.factories.shop import make_goods, make_order
from tests.shop.backoffice.known import BUYER, FARMER, NEEDLES, PHONE, STREET, VILLAGE, Known, found_in
from traceability.events.models import TraceEvent
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import LogEntry, Scrub, SealedField, SubjectKey

LATER = AT + timedelta(days=2)
HOUSEHOLD, PERSON = SubjectKind.HOUSEHOLD, SubjectKind.PERSON


@pytest.fixture
def known(session: Session) -> Known:
    return Known(session)


def propose(
    session: Session, known: Known, kind: SubjectKind, actor: Actor | None = None, reason: str = "request"
) -> ErasureRequest:
    subject = known.household.id if kind is HOUSEHOLD else known.person.id
    return erasing.propose_erasure(session, actor or known.first, kind, subject, reason=reason, at=LATER)


def erase(session: Session, known: Known, kind: SubjectKind) -> ErasureRequest:
    row = propose(session, known, kind)
    erasing.decide_erasure(session, known.second, row.code, agree=True, typed=row.subject_code.lower(), at=LATER)
    session.flush()
    return row


def entries(session: Session) -> dict[object, bytes]:
    return dict(session.execute(select(LogEntry.event_id, LogEntry.body)).all())  # type: ignore[arg-type]


def test_no_table_holds_a_name_afterwards_and_the_log_is_as_it_was(session: Session, known: Known) -> None:
    before = found_in(session, *NEEDLES)
    assert {needle for _, needle in before} == set(NEEDLES), "the search finds them all before"
    assert {
        "lots_slip_word",
        "lots_capacity_request",
        "orders_order",
        "shipments_shipment",
        "cases_message",
        "notices_notice",
        "invoices_request",
    } <= {t for t, _ in before}
    assert session.scalars(select(SealedField).where(SealedField.subject_id == known.household.id)).first() is not None
    logged = entries(session)
    events = session.scalars(select(TraceEvent.id)).all()
    for kind in (HOUSEHOLD, PERSON):
        row = erase(session, known, kind)
        assert not find_erasure_progress(session, row).done
        outbox.deliver_all()
    assert found_in(session, *NEEDLES) == set()
    for who in (known.household.id, known.person.id):
        assert session.scalars(select(SealedField).where(SealedField.subject_id == who)).all() == []
        assert session.get(SubjectKey, who) is None
    now = entries(session)
    assert {key: now[key] for key in logged} == logged, "not a byte of the log changed, so every proof still holds"
    assert all(hash_leaf(body) == session.get_one(LogEntry, key).leaf_hash for key, body in now.items())
    added = [json.loads(body) for key, body in now.items() if key not in logged]
    assert [entry["public"]["reason"] for entry in added] == ["request"]
    assert session.scalars(select(TraceEvent.id)).all() == events


def test_a_reaction_left_out_leaves_a_trace(session: Session, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [name for name in outbox._reactions["SubjectErased"] if not name.endswith(":forget_buyer")]
    monkeypatch.setitem(outbox._reactions, "SubjectErased", left)
    erase(session, known, PERSON)
    outbox.deliver_all()
    assert ("shipments_shipment", BUYER) in found_in(session, BUYER, PHONE, STREET)


def test_what_stays_stays_without_a_name(session: Session, known: Known) -> None:
    for kind in (HOUSEHOLD, PERSON):
        erase(session, known, kind)
    outbox.deliver_all()
    session.expire_all()
    assert known.order.total_fen > 0
    assert known.order.address["city"] == "上海市"
    assert known.delivery.household_id == known.household.id
    assert [review.writer for review in list_reviews(session, known.order.lines[0].product_id)] == ["**"]
    assert visible_household_names(session, [known.household]) == {known.household.id: "第1号农户"}
    consents = session.scalars(select(Consent).where(Consent.household_id == known.household.id)).all()
    assert {consent.withdrawn_by for consent in consents} == {ERASURE}
    assert list_households(session, known.household.cooperative_id) == []
    with pytest.raises(NotFound):
        consenting.withdraw_by_card(session, known.card, scopes=[ConsentScope.NAME], at=LATER)
    with pytest.raises(NotFound):
        consenting.give_consent(session, known.clerk, household_id=known.household.id, scope=ConsentScope.NAME, at=LATER)
    with pytest.raises(Invalid, match="不是本合作社的社员"), session.begin_nested():
        make_delivery(session, known.household, actor=known.clerk, at=LATER)
    with pytest.raises(NotFound):
        carding.issue_card(session, known.clerk, known.household.id)
    assert find_member(session, known.household.cooperative_id, {"member_no": str(known.household.member_no)}) is None
    again = registering.register_person(session, SYSTEM, name="同名", phone=PHONE, at=LATER)
    assert again.id != known.person.id, "the telephone is free for a new account"


def test_the_dry_run_says_what_goes_what_stays_and_why(session: Session, known: Known) -> None:
    household = find_footprint(session, HOUSEHOLD, known.household.id)
    assert household.code.endswith("/1")
    assert household.counts["交货记录"] == 1
    assert household.counts["正在公开的内容"] == 4
    assert household.counts["日志里的保密内容"] >= 1
    person = find_footprint(session, PERSON, known.person.id)
    assert person.counts["工单里说的话和照片"] == 2
    assert {trace.what for trace in person.goes} >= {"收货地址", "登录方式", "已登录的浏览器", "消息"}
    assert all(trace.why for trace in (*household.stays, *person.stays))
    assert found_in(session, *NEEDLES), "looking changes nothing"


def test_found_by_any_code_people_have(session: Session, known: Known) -> None:
    code = find_footprint(session, HOUSEHOLD, known.household.id).code
    for typed in (known.delivery.slip_code, code.lower()):
        assert find_subject(session, typed) == (HOUSEHOLD, known.household.id), typed
    for typed in (known.order.code.lower(), PHONE):
        assert find_subject(session, typed) == (PERSON, known.person.id), typed
    for typed in ("", "ORD-NONE", "PTY-NONE/1", f"{code}0", FARMER, "PTY/²"):
        assert find_subject(session, typed) is None, typed


def test_two_people_and_the_code_typed(session: Session, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    row = propose(session, known, HOUSEHOLD)
    with pytest.raises(Conflict):
        propose(session, known, HOUSEHOLD)
    with pytest.raises(Forbidden):
        erasing.decide_erasure(session, known.first, row.code, agree=True, typed=row.subject_code, at=LATER)
    with pytest.raises(Invalid), session.begin_nested():
        erasing.decide_erasure(session, known.second, row.code, agree=True, typed="PTY/1", at=LATER)
    session.expire_all()
    assert (row.state, known.household.head_name) == (ErasureState.WAITING, FARMER)
    monkeypatch.setattr(erasing, "is_second", lambda *_: True)
    with pytest.raises(IntegrityError, match="two_people"), session.begin_nested():
        erasing.decide_erasure(session, known.first, row.code, agree=True, typed=row.subject_code, at=LATER)
    session.execute(text("ALTER TABLE backoffice_erasure DROP CONSTRAINT ck_backoffice_erasure_two_people"))
    erasing.decide_erasure(session, known.first, row.code, agree=True, typed=row.subject_code, at=LATER)
    assert known.household.head_name == ""


def test_refused_or_decided_once(session: Session, known: Known) -> None:
    row = propose(session, known, PERSON)
    erasing.decide_erasure(session, known.second, row.code, agree=False, typed="", at=LATER)
    assert row.state is ErasureState.REFUSED
    with pytest.raises(Conflict):
        erasing.decide_erasure(session, known.second, row.code, agree=True, typed=row.subject_code, at=LATER)
    assert known.person.name == BUYER
    again = erase(session, known, PERSON)
    assert again.code != row.code
    with pytest.raises(NotFound):
        propose(session, known, PERSON)
    whats = set(session.scalars(select(AuditEntry.what).where(AuditEntry.subject.in_([row.code, again.code]))))
    assert whats == {"erasure.proposed", "erasure.refused", "erasure.decided"}


def test_what_stands_in_the_way(session: Session, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid):
        propose(session, known, PERSON, reason="because")
    for stranger in (make_actor(session), make_actor(session, Role.auditor), known.clerk):
        with pytest.raises(Forbidden):
            propose(session, known, PERSON, stranger)
    make_delivery(session, known.household, actor=known.clerk)
    with pytest.raises(Conflict, match="没有付款"):
        propose(session, known, HOUSEHOLD)
    make_order(session, {make_goods(session).sku: 1}, known.buyer)
    with pytest.raises(Conflict, match="没有完成"):
        propose(session, known, PERSON)
    with pytest.raises(Conflict):
        forget_buyer(session, SubjectErased(PERSON, known.person.id, "request", LATER))
    shop = make_organization(session)
    registering.add_member(session, SYSTEM, person_id=known.person.id, organization_id=shop.id, role=Role.clerk, at=AT)
    with pytest.raises(Conflict, match="担任角色"):
        propose(session, known, PERSON)
    with pytest.raises(Conflict):
        erase_person(session, known.person.id, reason="request", at=LATER)
    monkeypatch.setattr(erasing, "_refuse_obstacles", lambda _: None)
    assert propose(session, known, HOUSEHOLD).state is ErasureState.WAITING


def test_progress_until_the_disk_is_clean(session: Session, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    row = erase(session, known, HOUSEHOLD)
    assert {state for _, state in find_erasure_progress(session, row).rooms} == {"pending"}
    outbox.deliver_all()
    progress = find_erasure_progress(session, row)
    assert ({state for _, state in progress.rooms}, progress.scrub, progress.done) == ({"done"}, "pending", False)
    session.scalars(select(Scrub)).one().done_at = LATER
    session.flush()
    assert find_erasure_progress(session, row).done


def test_words_in_cases_go_for_erasing_only(session: Session, known: Known) -> None:
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text("UPDATE cases_message SET text = 'x'"))
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text("SELECT set_config('shanhai.erasing', 'on', true)"))
        session.execute(text("UPDATE cases_message SET side = 'staff'"))
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text("SELECT set_config('shanhai.erasing', 'on', true)"))
        session.execute(text("DELETE FROM cases_message"))
    with pytest.raises(DBAPIError, match="not rewritten"), session.begin_nested():
        session.execute(text("UPDATE invoices_request SET email = 'x'"))
    erase(session, known, PERSON)
    outbox.deliver_all()
    session.expire_all()
    said = session.scalars(select(CaseMessage.text).where(CaseMessage.case_id == known.case.id)).all()
    assert said == ["—"]
    assert VILLAGE in str(found_in(session, VILLAGE)), "the household is somebody else"
