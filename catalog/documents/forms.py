"""Reading the certifier's forms: kinds, days and the scan of a paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

from flask import current_app, request

from catalog.documents.models import DocumentKind, SubjectKind
from kernel.errors import FieldError, Invalid
from kernel.files import FileStore, StoredFile

E = TypeVar("E", bound=StrEnum)
SCANS = frozenset({"image/jpeg", "image/png", "image/webp", "application/pdf"})


def file_store() -> FileStore:
    """Where this installation keeps uploaded files."""
    return FileStore(current_app.config["SHANHAI"].files_dir)


def is_demo() -> bool:
    """Whether this installation shows made-up data: only then visibly made-up numbers pass."""
    return bool(current_app.config["SHANHAI"].demo)


def store_scan(field: str = "scan") -> StoredFile | None:
    """Keep the uploaded scan, before any transaction is open; None when none was sent. Raises Invalid, TooLarge."""
    upload = request.files.get(field)
    if upload is None or not upload.filename:
        return None
    return file_store().save(upload.stream, allowed=SCANS)


@dataclass(frozen=True)
class DocumentForm:
    """A paper as typed by a certifier."""

    kind: DocumentKind
    number: str
    subject_kind: SubjectKind
    subject_code: str
    issuer: str
    issued_on: date
    valid_from: date
    valid_to: date | None


def read_document_form() -> DocumentForm:
    """The form of a paper. Raises Invalid naming every field that cannot be read."""
    errors: list[FieldError] = []
    kind = _pick(DocumentKind, "kind", errors)
    subject_kind = _pick(SubjectKind, "subject_kind", errors)
    issued_on = _day("issued_on", errors)
    valid_from = _day("valid_from", errors)
    valid_to = _day("valid_to", errors) if request.form.get("valid_to", "").strip() else None
    if kind is None or subject_kind is None or issued_on is None or valid_from is None or errors:
        raise Invalid("请先改正标出的内容。", errors=errors)
    form = request.form
    return DocumentForm(
        kind=kind,
        number=form.get("number", "")[:100],
        subject_kind=subject_kind,
        subject_code=form.get("subject_code", "")[:100],
        issuer=form.get("issuer", "")[:200],
        issued_on=issued_on,
        valid_from=valid_from,
        valid_to=valid_to,
    )


def _pick(kinds: type[E], field: str, errors: list[FieldError]) -> E | None:
    try:
        return kinds(request.form.get(field, ""))
    except ValueError:
        errors.append(FieldError(field, "请从列出的选项里选一个。"))
        return None


def _day(field: str, errors: list[FieldError]) -> date | None:
    text = request.form.get(field, "").strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        errors.append(FieldError(field, "日期“%(text)s”不正确，请写成 2026-01-31 的形式。", {"text": text[:20]}))
        return None
