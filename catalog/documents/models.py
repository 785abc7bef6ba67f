"""Papers: who holds which licence or certificate, for which days, and how far somebody checked it."""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, add_ddl, choice
from kernel.ids import uuid7
from kernel.periods import Period, no_overlap
from kernel.quantity import Unit


class DocumentKind(enum.StrEnum):
    """Kinds of papers the market asks for."""

    BUSINESS_LICENCE = "business_licence"
    FOOD_PRODUCTION_LICENCE = "food_production_licence"
    SLAUGHTER_LICENCE = "slaughter_licence"
    ANIMAL_QUARANTINE = "animal_quarantine"
    MEAT_INSPECTION = "meat_inspection"
    PROMISE_CERTIFICATE = "promise_certificate"
    GREEN_FOOD = "green_food"
    ORGANIC = "organic"
    GEOGRAPHICAL_INDICATION = "geographical_indication"
    TEST_REPORT = "test_report"


KIND_LABELS: dict[DocumentKind, str] = {
    DocumentKind.BUSINESS_LICENCE: "营业执照",
    DocumentKind.FOOD_PRODUCTION_LICENCE: "食品生产许可证",
    DocumentKind.SLAUGHTER_LICENCE: "畜禽定点屠宰证",
    DocumentKind.ANIMAL_QUARANTINE: "动物检疫合格证明",
    DocumentKind.MEAT_INSPECTION: "肉品品质检验合格证",
    DocumentKind.PROMISE_CERTIFICATE: "承诺达标合格证",
    DocumentKind.GREEN_FOOD: "绿色食品证书",
    DocumentKind.ORGANIC: "有机产品认证证书",
    DocumentKind.GEOGRAPHICAL_INDICATION: "地理标志",
    DocumentKind.TEST_REPORT: "检测报告",
}


class SubjectKind(enum.StrEnum):
    """What a paper is about; ``subject_code`` holds the organisation's code, the product's SKU or the lot's code."""

    ORGANIZATION = "organization"
    PRODUCT = "product"
    LOT = "lot"


SUBJECT_LABELS: dict[SubjectKind, str] = {
    SubjectKind.ORGANIZATION: "单位",
    SubjectKind.PRODUCT: "产品",
    SubjectKind.LOT: "批次",
}


class CheckState(enum.StrEnum):
    """How far a paper was checked: recorded (已登记), format agrees (格式相符), checked at its source (已到官网核对).

    A format check alone is never shown as verified.
    """

    RECORDED = "recorded"
    FORMAT_OK = "format_ok"
    CHECKED_AT_SOURCE = "checked_at_source"


CHECK_LABELS: dict[CheckState, str] = {
    CheckState.RECORDED: "已登记",
    CheckState.FORMAT_OK: "格式相符",
    CheckState.CHECKED_AT_SOURCE: "已到官网核对",
}


class Document(Period, Base):
    """One paper about one subject. Never deleted: a wrong or withdrawn one is revoked, with its reason.

    ``checked_by`` (body and site, public) and ``checker`` (the person, for audit) say who looked it up at its source.
    """

    __tablename__ = "documents_document"
    __table_args__ = (
        CheckConstraint("(revoked_at IS NULL) = (revoked_reason = '')", name="revoked_with_reason"),
        CheckConstraint(
            "check_state <> 'checked_at_source' OR (checked_on IS NOT NULL AND checked_by <> '')", name="checked_by_whom"
        ),
        Index("ix_documents_document_subject", "subject_kind", "subject_code", "kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    kind: Mapped[DocumentKind] = mapped_column(choice(DocumentKind))
    number: Mapped[str]
    subject_kind: Mapped[SubjectKind] = mapped_column(choice(SubjectKind))
    subject_code: Mapped[str]
    issuer: Mapped[str]
    issued_on: Mapped[date]
    check_state: Mapped[CheckState] = mapped_column(choice(CheckState), default=CheckState.RECORDED)
    checked_by: Mapped[str] = mapped_column(default="")
    checker: Mapped[str] = mapped_column(default="")
    checked_on: Mapped[date | None]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str] = mapped_column(default="")
    file_digest: Mapped[str | None]
    file_type: Mapped[str | None]
    is_demo: Mapped[bool] = mapped_column(default=False)
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


no_overlap(Document.__table__, ["kind", "number", "subject_kind", "subject_code"], where="revoked_at IS NULL")


class PromiseCertificate(Base):
    """What a commitment certificate (承诺达标合格证) says beside its Document row.

    Fields by 《农产品质量安全承诺达标合格证管理办法》(农业农村部令2025年第4号): what is promised, on what basis, product, quantity, origin,
    issue time, who promises, contact. It is the producer's own promise, no certificate of a third party. Nothing deletes them, and for the
    six months the order asks for no hand can (``documents_promise_kept``). ``replaced_by`` is the one of the lot this one's lot was mixed
    into.
    """

    __tablename__ = "documents_promise_certificate"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity_positive"),)

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents_document.id"), primary_key=True)
    lot_code: Mapped[str] = mapped_column(index=True)
    product_name: Mapped[str]
    quantity: Mapped[Decimal]
    unit: Mapped[Unit] = mapped_column(choice(Unit))
    origin: Mapped[str]
    basis: Mapped[list[Any]]
    promiser_code: Mapped[str]
    promiser_name: Mapped[str]
    contact: Mapped[str]
    issued_at: Mapped[datetime]
    replaced_by: Mapped[UUID | None] = mapped_column(ForeignKey("documents_document.id"))


# 农业农村部令2025年第4号: whoever issues or takes in a certificate keeps it for at least six months. Within them a row stays as it was
# issued; only that another certificate has replaced it is written down.
add_ddl(
    PromiseCertificate.__table__,  # type: ignore[arg-type]
    """
CREATE OR REPLACE FUNCTION keep_promise_six_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.issued_at <= now() - interval '6 months' OR (TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'replaced_by' = to_jsonb(OLD) - 'replaced_by')
  THEN RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END IF;
  RAISE EXCEPTION 'a promise certificate is kept for six months' USING ERRCODE = 'restrict_violation';
END $$
""".strip(),
    "SELECT 1",
)
add_ddl(
    PromiseCertificate.__table__,  # type: ignore[arg-type]
    "CREATE TRIGGER documents_promise_kept BEFORE UPDATE OR DELETE ON documents_promise_certificate "
    "FOR EACH ROW EXECUTE FUNCTION keep_promise_six_months()",
    "DROP TRIGGER documents_promise_kept ON documents_promise_certificate",
)
