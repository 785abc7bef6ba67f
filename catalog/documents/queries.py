"""Looking up papers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.documents.models import Document, DocumentKind, PromiseCertificate, SubjectKind
from kernel.errors import NotFound


def get_document(session: Session, document_id: UUID) -> Document:
    """The paper with this key. Raises NotFound."""
    document = session.get(Document, document_id)
    if document is None:
        raise NotFound("没有这份证书。")
    return document


def find_promise(session: Session, document_id: UUID) -> PromiseCertificate | None:
    """What a commitment certificate says, or None for other papers."""
    return session.get(PromiseCertificate, document_id)


def find_standing_promise(session: Session, lot_code: str) -> Document | None:
    """The 承诺达标合格证 of a lot that was neither revoked nor replaced, or None."""
    return session.scalar(
        select(Document).where(
            Document.kind == DocumentKind.PROMISE_CERTIFICATE,
            Document.subject_kind == SubjectKind.LOT,
            Document.subject_code == lot_code,
            Document.revoked_at.is_(None),
            Document.valid_to.is_(None),
        )
    )


def list_documents(
    session: Session,
    *,
    kind: DocumentKind | None = None,
    search: str = "",
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Document]:
    """Papers, newest first, before ``after``; ``search`` is a number or a subject's code."""
    query = select(Document).order_by(Document.id.desc()).limit(limit)
    if kind is not None:
        query = query.where(Document.kind == kind)
    if word := search.strip().upper():
        query = query.where(or_(Document.number == word, Document.subject_code == word))
    if after is not None:
        query = query.where(Document.id < after)
    return session.scalars(query).all()


def list_documents_of(session: Session, subject_kind: SubjectKind, subject_codes: Sequence[str]) -> Sequence[Document]:
    """All papers about these subjects, revoked ones too, by kind and first day."""
    return session.scalars(
        select(Document)
        .where(Document.subject_kind == subject_kind, Document.subject_code.in_(set(subject_codes)))
        .order_by(Document.kind, Document.valid_from, Document.id)
    ).all()


def list_expiring(session: Session, on: date, *, days: int = 30, limit: int = 100) -> Sequence[Document]:
    """Standing papers whose last day falls within ``days`` days from ``on``, the soonest first."""
    return session.scalars(
        select(Document)
        .where(Document.revoked_at.is_(None), Document.valid_to >= on, Document.valid_to <= on + timedelta(days=days))
        .order_by(Document.valid_to, Document.id)
        .limit(limit)
    ).all()
