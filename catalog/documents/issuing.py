"""Record papers, check them at their source, revoke them; issue the commitment certificate (承诺达标合格证) of a lot."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents.models import CheckState, Document, DocumentKind, PromiseCertificate, SubjectKind
from catalog.documents.numbers import NumberKind, is_demo_number, parse_number
from catalog.parties.models import Actor, Organization, Role
from catalog.parties.queries import find_organization, get_organization
from kernel.clock import today_shanghai
from kernel.errors import Conflict, Invalid, NotFound
from kernel.files import StoredFile
from kernel.ids import new_code
from kernel.outbox import Event, publish
from kernel.quantity import Quantity

NUMBER_KINDS: dict[DocumentKind, tuple[NumberKind, ...]] = {
    DocumentKind.BUSINESS_LICENCE: (NumberKind.USCC,),
    DocumentKind.FOOD_PRODUCTION_LICENCE: (NumberKind.FOOD_PRODUCTION,),
    DocumentKind.SLAUGHTER_LICENCE: (NumberKind.OTHER,),
    DocumentKind.ANIMAL_QUARANTINE: (NumberKind.QUARANTINE,),
    DocumentKind.MEAT_INSPECTION: (NumberKind.OTHER,),
    DocumentKind.PROMISE_CERTIFICATE: (NumberKind.OTHER,),
    DocumentKind.GREEN_FOOD: (NumberKind.GREEN_PRODUCT, NumberKind.GREEN_ENTERPRISE),
    DocumentKind.ORGANIC: (NumberKind.ORGANIC_CERTIFICATE,),
    DocumentKind.GEOGRAPHICAL_INDICATION: (NumberKind.AGI_CERTIFICATE, NumberKind.AGI_SPECIFICATION, NumberKind.GI_ANNOUNCEMENT),
    DocumentKind.TEST_REPORT: (NumberKind.OTHER,),
}


class PromiseBasis(enum.StrEnum):
    """On what a producer bases the promise (order 2025 no. 4): own control, own test, commissioned test."""

    QUALITY_CONTROL = "quality_control"
    OWN_TEST = "own_test"
    COMMISSIONED_TEST = "commissioned_test"


BASIS_LABELS = {
    PromiseBasis.QUALITY_CONTROL: "质量安全控制符合要求",
    PromiseBasis.OWN_TEST: "自行检测合格",
    PromiseBasis.COMMISSIONED_TEST: "委托检测合格",
}


@dataclass(frozen=True)
class DocumentRevoked(Event):
    """A paper holds no more; what it gated must be looked at again."""

    document_id: UUID
    kind: DocumentKind
    subject_kind: SubjectKind
    subject_code: str


def parse_document_number(kind: DocumentKind, text: str, *, demo: bool = False) -> tuple[str, CheckState]:
    """The canonical number of a paper and how far that checks it. Raises Invalid (field ``number``)."""
    problem: Invalid | None = None
    for scheme in NUMBER_KINDS[kind]:
        try:
            number = parse_number(scheme, text, demo=demo, field="number")
        except Invalid as error:
            problem = problem or error
            continue
        fits = scheme.has_format and not is_demo_number(number)
        return number, CheckState.FORMAT_OK if fits else CheckState.RECORDED
    assert problem is not None
    raise problem


def record_document(
    session: Session,
    actor: Actor,
    *,
    kind: DocumentKind,
    number: str,
    subject_kind: SubjectKind,
    subject_code: str,
    issuer: str,
    issued_on: date,
    valid_from: date,
    valid_to: date | None,
    at: datetime,
    scan: StoredFile | None = None,
    demo: bool = False,
) -> Document:
    """Enter a paper. Certifiers and the operator may; papers of a lot also a clerk, who stands beside the animals.

    With ``demo`` visibly made-up numbers (示例-…) pass. Raises Forbidden, Invalid, Conflict (same paper, same days, entered already).
    """
    if subject_kind is SubjectKind.LOT:
        actor.must_any({Role.certifier: None, Role.operator: None, Role.clerk: None})
    else:
        actor.must_any({Role.certifier: None, Role.operator: None})
    canonical, checked = parse_document_number(kind, number, demo=demo)
    code, by = _text(subject_code, "subject_code").upper(), _text(issuer, "issuer")
    _check_days(issued_on, valid_from, valid_to, today_shanghai(at))
    _check_subject(session, subject_kind, code)
    _refuse_twin(session, kind, canonical, subject_kind, code, valid_from, valid_to)
    document = Document(
        kind=kind,
        number=canonical,
        subject_kind=subject_kind,
        subject_code=code,
        issuer=by,
        issued_on=issued_on,
        valid_from=valid_from,
        valid_to=valid_to,
        check_state=checked,
        file_digest=scan.digest if scan else None,
        file_type=scan.media_type if scan else None,
        is_demo=is_demo_number(canonical),
        recorded_at=at,
        recorded_by=actor.label,
    )
    session.add(document)
    session.flush()
    return document


def check_at_source(session: Session, actor: Actor, *, document_id: UUID, found_at: str, at: datetime) -> Document:
    """Record that somebody looked the paper up at its official site ``found_at`` today.

    Raises Forbidden, NotFound, Invalid, Conflict for a revoked or a made-up paper.
    """
    actor.must_any({Role.certifier: None, Role.operator: None})
    document = _locked(session, document_id)
    if document.revoked_at is not None or document.is_demo:
        raise Conflict("已撤销的或演示用的证书不能标为“已到官网核对”。")
    checked_by = f"{_body_of(session, actor)} · {_text(found_at, 'found_at')}"
    document.check_state = CheckState.CHECKED_AT_SOURCE
    document.checked_by = checked_by
    document.checker = actor.label
    document.checked_on = today_shanghai(at)
    session.flush()
    return document


def revoke_document(session: Session, actor: Actor, *, document_id: UUID, reason: str, at: datetime) -> Document:
    """Let a paper hold no more, from now on. Raises Forbidden, NotFound, Invalid (no reason), Conflict (revoked before)."""
    actor.must_any({Role.certifier: None, Role.operator: None})
    document = _locked(session, document_id)
    why = _text(reason, "reason")
    if document.revoked_at is not None:
        raise Conflict("这份证书已经撤销过了。")
    document.revoked_at, document.revoked_reason = at, why
    session.flush()
    publish(session, DocumentRevoked(document.id, document.kind, document.subject_kind, document.subject_code), at=at)
    return document


def issue_promise_certificate(
    session: Session,
    actor: Actor,
    *,
    lot_code: str,
    product_name: str,
    quantity: Quantity,
    origin: str,
    basis: Sequence[PromiseBasis],
    at: datetime,
    organization_id: UUID | None = None,
) -> Document:
    """Issue the 承诺达标合格证 of one lot in the name of the clerk's cooperative (农业农村部令2025年第4号).

    One lot has one standing certificate; a mixed lot needs its own. Raises Forbidden, Invalid, Conflict (issued already).
    """
    promiser = get_organization(session, organization_id or actor.organization_with(Role.clerk))
    actor.must(Role.clerk, promiser.id)
    if not basis:
        raise Invalid("请至少选一项承诺依据。", field="basis")
    if quantity.amount <= 0:
        raise Invalid("数量要大于 0。", field="quantity")
    code = _text(lot_code, "lot_code").upper()
    standing = select(Document.id).where(
        Document.kind == DocumentKind.PROMISE_CERTIFICATE,
        Document.subject_kind == SubjectKind.LOT,
        Document.subject_code == code,
        Document.revoked_at.is_(None),
    )
    if session.scalar(standing) is not None:
        raise Conflict("这个批次已开过承诺达标合格证；如有错误，请先撤销再重开。")
    today = today_shanghai(at)
    document = Document(
        kind=DocumentKind.PROMISE_CERTIFICATE,
        number=new_code("CN"),
        subject_kind=SubjectKind.LOT,
        subject_code=code,
        issuer=promiser.name,
        issued_on=today,
        valid_from=today,
        valid_to=None,
        check_state=CheckState.RECORDED,
        is_demo=promiser.is_demo,
        recorded_at=at,
        recorded_by=actor.label,
    )
    session.add(document)
    session.flush()
    session.add(_promise(document, promiser, _text(product_name, "product_name"), quantity, _text(origin, "origin"), basis, at))
    session.flush()
    return document


def replace_promises(session: Session, *, lot_codes: Sequence[str], by: Document, at: datetime) -> Sequence[Document]:
    """End the standing certificates of lots that were mixed into the lot of ``by``: they cover what left before, and nothing from now on.

    Not a revocation: what was packed from such a lot while it stood keeps its paper. Called by the room that knows lots.
    """
    query = select(Document).where(
        Document.kind == DocumentKind.PROMISE_CERTIFICATE,
        Document.subject_kind == SubjectKind.LOT,
        Document.subject_code.in_(lot_codes),
        Document.revoked_at.is_(None),
        Document.valid_to.is_(None),
    )
    ended = session.scalars(query.with_for_update()).all()
    for document in ended:
        document.valid_to = max(today_shanghai(at), document.valid_from)
        session.get_one(PromiseCertificate, document.id).replaced_by = by.id
    session.flush()
    return ended


def _promise(
    document: Document,
    promiser: Organization,
    product_name: str,
    quantity: Quantity,
    origin: str,
    basis: Sequence[PromiseBasis],
    at: datetime,
) -> PromiseCertificate:
    return PromiseCertificate(
        document_id=document.id,
        lot_code=document.subject_code,
        product_name=product_name,
        quantity=quantity.amount,
        unit=quantity.unit,
        origin=origin,
        basis=sorted({item.value for item in basis}),
        promiser_code=promiser.code,
        promiser_name=promiser.name,
        contact=promiser.contact_phone,
        issued_at=at,
    )


def _body_of(session: Session, actor: Actor) -> str:
    """The body the actor checks papers for: pages name it, never the person."""
    held = [*actor.organizations_with(Role.certifier), *actor.organizations_with(Role.operator)]
    return get_organization(session, held[0]).name if held else actor.label


def _locked(session: Session, document_id: UUID) -> Document:
    document = session.get(Document, document_id, with_for_update=True)
    if document is None:
        raise NotFound("没有这份证书。")
    return document


def _check_days(issued_on: date, valid_from: date, valid_to: date | None, today: date) -> None:
    if issued_on > today:
        raise Invalid("发证日期不能晚于今天。", field="issued_on")
    if valid_to is not None and valid_to < valid_from:
        raise Invalid("有效期的最后一天不能早于第一天。", field="valid_to")


def _check_subject(session: Session, kind: SubjectKind, code: str) -> None:
    """An organisation's code must exist; products and lots live on higher floors and are checked where the paper is needed."""
    if kind is SubjectKind.ORGANIZATION and find_organization(session, code) is None:
        raise Invalid("没有编号为“%(code)s”的单位。", params={"code": code[:40]}, field="subject_code")


def _refuse_twin(
    session: Session,
    kind: DocumentKind,
    number: str,
    subject_kind: SubjectKind,
    subject_code: str,
    valid_from: date,
    valid_to: date | None,
) -> None:
    twin = select(Document.id).where(
        Document.kind == kind,
        Document.number == number,
        Document.subject_kind == subject_kind,
        Document.subject_code == subject_code,
        Document.revoked_at.is_(None),
        (Document.valid_to.is_(None)) | (Document.valid_to >= valid_from),
        Document.valid_from <= (valid_to or date.max),
    )
    if session.scalar(twin.limit(1)) is not None:
        raise Conflict("同一份证书在这段时间里已经登记过。", field="number")


def _text(text: str, field: str, longest: int = 120) -> str:
    tidy = " ".join(text.split())
    if not tidy:
        raise Invalid("这一项必须填写。", field=field)
    if len(tidy) > longest:
        raise Invalid("内容太长了，最多 %(most)s 个字。", params={"most": longest}, field=field)
    return tidy
