"""Recording, checking and revoking papers; the commitment certificate of a lot."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.issuing import DocumentRevoked, PromiseBasis
from catalog.documents.models import CheckState, Document, DocumentKind, SubjectKind
from catalog.documents.queries import find_promise
from catalog.parties.models import SYSTEM, OrganizationKind, Role
from kernel import clock, outbox
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import make_actor, make_document, make_organization

SC = "SC11464010500015"  # a published number, quoted in the domain guide


def test_a_number_that_looks_right_is_never_called_verified(session: Session) -> None:
    organization = make_organization(session)
    document = make_document(
        session, DocumentKind.FOOD_PRODUCTION_LICENCE, SubjectKind.ORGANIZATION, organization.code, number=SC.lower(), demo=False
    )
    assert (document.number, document.check_state) == (SC, CheckState.FORMAT_OK)
    assert make_document(session).check_state is CheckState.RECORDED


@pytest.mark.parametrize(
    ("kind", "number", "state"),
    [
        (DocumentKind.BUSINESS_LICENCE, "91110000600037341L", CheckState.FORMAT_OK),
        (DocumentKind.GREEN_FOOD, "LB-15-1711196965A", CheckState.FORMAT_OK),
        (DocumentKind.GEOGRAPHICAL_INDICATION, "AGI01459", CheckState.FORMAT_OK),
        (DocumentKind.GEOGRAPHICAL_INDICATION, "国家质检总局公告2011年第178号", CheckState.FORMAT_OK),
        (DocumentKind.TEST_REPORT, "检字2026-001", CheckState.RECORDED),
    ],
)
def test_each_kind_has_its_own_rule(kind: DocumentKind, number: str, state: CheckState) -> None:
    assert issuing.parse_document_number(kind, number) == (number, state)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"number": "SC11464010500016"}, "number"),
        ({"number": "示例-SC-000001", "demo": False}, "number"),
        ({"issuer": " "}, "issuer"),
        ({"issued_on": date(2026, 12, 1)}, "issued_on"),
        ({"valid_to": date(2025, 1, 1)}, "valid_to"),
        ({"subject_code": "PTY-NONE"}, "subject_code"),
    ],
)
def test_a_wrong_field_is_named(session: Session, over: dict[str, object], field: str) -> None:
    code = make_organization(session).code
    values: dict[str, object] = {"number": SC, "demo": False, "subject_code": code} | over
    with pytest.raises(Invalid) as caught:
        make_document(session, DocumentKind.FOOD_PRODUCTION_LICENCE, SubjectKind.ORGANIZATION, **values)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_who_may_record(session: Session, at: datetime) -> None:
    code = make_organization(session).code
    values = {
        "kind": DocumentKind.BUSINESS_LICENCE,
        "number": "91110000600037341L",
        "subject_kind": SubjectKind.ORGANIZATION,
        "subject_code": code,
        "issuer": "示例局",
        "issued_on": date(2026, 1, 1),
        "valid_from": date(2026, 1, 1),
        "valid_to": None,
        "at": at,
    }
    clerk = make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        issuing.record_document(session, clerk, **values)  # type: ignore[arg-type]
    issuing.record_document(session, make_actor(session, Role.certifier), **values)  # type: ignore[arg-type]
    lot = values | {
        "kind": DocumentKind.ANIMAL_QUARANTINE,
        "number": "6403230000",
        "subject_kind": SubjectKind.LOT,
        "subject_code": "LOT-1",
    }
    assert issuing.record_document(session, clerk, **lot).recorded_by == clerk.label  # type: ignore[arg-type]


def twin(session: Session, document: Document, number: str | None = None) -> None:
    session.execute(
        text(
            "INSERT INTO documents_document (id, kind, number, subject_kind, subject_code, issuer, issued_on, check_state, checked_by, checker,"
            " revoked_reason, is_demo, recorded_at, recorded_by, valid_from, valid_to) SELECT gen_random_uuid(), kind, number,"
            " subject_kind, subject_code, issuer, issued_on, check_state, checked_by, checker, revoked_reason, is_demo, recorded_at, recorded_by,"
            " valid_from, valid_to FROM documents_document WHERE id = :id"
        ),
        {"id": document.id},
    )


def test_the_same_paper_is_not_entered_twice(session: Session) -> None:
    document = make_document(session)
    again = {"number": document.number, "subject_code": document.subject_code}
    with pytest.raises(Conflict):
        make_document(session, **again)
    with pytest.raises(IntegrityError, match="ex_documents_document_period"), session.begin_nested():
        twin(session, document)
    later = make_document(session, **again, valid_from=date(2028, 1, 1), valid_to=None)
    assert later.valid_to is None


def test_without_the_constraint_the_twin_goes_in(session: Session) -> None:
    document = make_document(session)
    session.execute(text("ALTER TABLE documents_document DROP CONSTRAINT ex_documents_document_period"))
    twin(session, document)
    assert session.query(Document).filter_by(number=document.number).count() == 2


def test_a_revoked_paper_tells_why_and_is_told_of(session: Session, at: datetime) -> None:
    def hear(_session: Session, event: DocumentRevoked) -> None: ...

    outbox.react(DocumentRevoked, hear)
    document = make_document(session)
    with pytest.raises(Invalid):
        issuing.revoke_document(session, SYSTEM, document_id=document.id, reason=" ", at=at)
    issuing.revoke_document(session, SYSTEM, document_id=document.id, reason="抽检不合格", at=at)
    with pytest.raises(Conflict):
        issuing.revoke_document(session, SYSTEM, document_id=document.id, reason="抽检不合格", at=at)
    session.flush()
    row = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.event == "DocumentRevoked")).one()
    assert row.body["subject_code"] == document.subject_code
    outbox._reactions["DocumentRevoked"].clear()
    again = make_document(session, number=document.number, subject_code=document.subject_code)
    assert again.revoked_at is None


def test_the_database_wants_a_reason_for_each_revocation(session: Session, at: datetime) -> None:
    document = make_document(session)
    document.revoked_at = at
    with pytest.raises(IntegrityError, match="revoked_with_reason"), session.begin_nested():
        session.flush()


def test_looked_up_at_the_source_with_who_and_where(session: Session, at: datetime) -> None:
    code = make_organization(session).code
    document = make_document(session, DocumentKind.FOOD_PRODUCTION_LICENCE, SubjectKind.ORGANIZATION, code, number=SC, demo=False)
    body = make_organization(session, OrganizationKind.CERTIFIER, name="示例登记机构")
    certifier = make_actor(session, Role.certifier, body)
    issuing.check_at_source(session, certifier, document_id=document.id, found_at="市场监管总局许可公示", at=at)
    assert document.check_state is CheckState.CHECKED_AT_SOURCE
    assert document.checked_by == "示例登记机构 · 市场监管总局许可公示"
    assert certifier.name in document.checker
    assert document.checked_on == date(2026, 11, 22)


def test_what_is_made_up_is_never_checked_at_its_source(session: Session, at: datetime) -> None:
    with pytest.raises(Conflict):
        issuing.check_at_source(session, SYSTEM, document_id=make_document(session).id, found_at="官网", at=at)
    with pytest.raises(NotFound):
        issuing.check_at_source(session, SYSTEM, document_id=uuid7(), found_at="官网", at=at)


def promise(session: Session, at: datetime, **over: object) -> Document:
    cooperative = make_organization(session, name="静宁县示例合作社")
    values: dict[str, object] = {
        "lot_code": "LOT-APPLE",
        "product_name": "静宁苹果",
        "quantity": Quantity(Decimal(500), Unit.KG),
        "origin": "甘肃省静宁县",
        "basis": [PromiseBasis.OWN_TEST, PromiseBasis.QUALITY_CONTROL],
    }
    actor = make_actor(session, Role.clerk, cooperative)
    return issuing.issue_promise_certificate(session, actor, at=at, **(values | over))  # type: ignore[arg-type]


def test_the_promise_is_the_producers_own(session: Session, at: datetime) -> None:
    document = promise(session, at)
    assert (document.issuer, document.subject_kind, document.subject_code) == ("静宁县示例合作社", "lot", "LOT-APPLE")
    said = find_promise(session, document.id)
    assert said is not None
    assert (said.product_name, said.quantity, said.unit, said.origin) == ("静宁苹果", Decimal(500), Unit.KG, "甘肃省静宁县")
    assert said.basis == ["own_test", "quality_control"]
    assert said.contact


def test_one_lot_one_standing_promise(session: Session, at: datetime) -> None:
    first = promise(session, at)
    with pytest.raises(Conflict):
        promise(session, at)
    issuing.revoke_document(session, SYSTEM, document_id=first.id, reason="数量写错", at=at + timedelta(minutes=1))
    assert promise(session, at + timedelta(minutes=2)).id != first.id


@pytest.mark.parametrize("over", [{"basis": []}, {"quantity": Quantity(Decimal(0), Unit.KG)}, {"origin": ""}, {"lot_code": " "}])
def test_a_promise_without_content_is_refused(session: Session, at: datetime, over: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        promise(session, at, **over)


def test_only_a_clerk_promises(session: Session, at: datetime) -> None:
    with pytest.raises(Forbidden):
        issuing.issue_promise_certificate(
            session,
            make_actor(session, Role.certifier),
            lot_code="LOT-1",
            product_name="苹果",
            quantity=Quantity(Decimal(1), Unit.KG),
            origin="静宁",
            basis=[PromiseBasis.OWN_TEST],
            at=at,
        )


class TestKeptForSixMonths:
    """农业农村部令2025年第4号; by the database's own clock, and by hand."""

    DELETE = text("DELETE FROM documents_promise_certificate")

    def promise(self, session: Session, age: timedelta, lot_code: str = "LOT-KEPT") -> Document:
        return issuing.issue_promise_certificate(
            session, SYSTEM, lot_code=lot_code, product_name="苹果", quantity=Quantity(Decimal(100), Unit.KG), origin="静宁县",
            basis=[PromiseBasis.OWN_TEST], organization_id=make_organization(session).id, at=clock.now() - age,
        )  # fmt: skip

    @pytest.mark.parametrize(
        "statement", ["DELETE FROM documents_promise_certificate", "UPDATE documents_promise_certificate SET quantity = 1"]
    )
    def test_neither_deleted_nor_rewritten_unless_the_guard_is_dropped(self, session: Session, statement: str) -> None:
        promise = self.promise(session, timedelta(days=179))
        with pytest.raises(IntegrityError, match="kept for six months"), session.begin_nested():
            session.execute(text(statement))
        with pytest.raises(IntegrityError), session.begin_nested():  # its paper cannot go either while it stands
            session.execute(text("DELETE FROM documents_document"))
        session.execute(text("DROP TRIGGER documents_promise_kept ON documents_promise_certificate"))
        session.execute(text(statement))
        session.expire_all()
        kept = find_promise(session, promise.id)
        assert kept is None or kept.quantity == 1

    def test_after_six_months_it_may_go(self, session: Session) -> None:
        promise = self.promise(session, timedelta(days=185))
        session.execute(self.DELETE)
        session.expire_all()
        assert find_promise(session, promise.id) is None

    def test_that_another_replaced_it_is_still_written_down(self, session: Session) -> None:
        old, new = self.promise(session, timedelta(days=1)), self.promise(session, timedelta(0), "LOT-MIXED")
        issuing.replace_promises(session, lot_codes=["LOT-KEPT"], by=new, at=clock.now())
        session.expire_all()
        kept = find_promise(session, old.id)
        assert kept is not None
        assert kept.replaced_by == new.id
