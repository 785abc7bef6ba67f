"""Papers gate the shelf: which of the papers something needs are missing on a day, and why, in words.

Pure rule over rows: a paper counts on a day when its period covers the day and it was not revoked by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from catalog.documents.models import KIND_LABELS, Document, DocumentKind, SubjectKind
from kernel.clock import today_shanghai
from kernel.errors import Gettext, Term, fill

REASON_TEXTS = {
    "later": "%(paper)s（%(code)s）要到 %(day)s 才生效。",
    "over": "%(paper)s（%(code)s）已于 %(day)s 到期。",
    "revoked": "%(paper)s（%(code)s）已被撤销。",
    "none": "缺少%(paper)s（%(code)s）。",
}
Need: TypeAlias = tuple[DocumentKind, SubjectKind, str]


@dataclass(frozen=True)
class MissingPaper:
    """A paper that does not hold on the day asked: which, of whom, and why (a msgid with params)."""

    kind: DocumentKind
    subject_kind: SubjectKind
    subject_code: str
    reason: str
    params: Mapping[str, object] = field(default_factory=dict)

    @property
    def reason_text(self) -> str:
        """Why, in Chinese."""
        return self.text(lambda msgid: msgid)

    def text(self, gettext: Gettext) -> str:
        """Why, in the reader's language."""
        return fill(self.reason, self.params, gettext)


def holds_on(document: Document, day: date, known: date | None = None) -> bool:
    """Whether a paper counts on that day, by what is ``known`` on a later one (None: on the day itself)."""
    revoked = document.revoked_at is not None and today_shanghai(document.revoked_at) <= (known or day)
    return document.covers(day) and not revoked


def find_missing(session: Session, needs: Iterable[Need], on: date, known: date | None = None) -> list[MissingPaper]:
    """Those of ``needs`` that no paper meets on that day, each with its reason; empty when all is in order.

    A paper that has run out since still met its need; one that was revoked by the day ``known`` (None: ``on``) is as if never given.
    """
    wanted = list(dict.fromkeys(needs))
    held = _held(session, wanted)
    missing = [need for need in wanted if not any(holds_on(document, on, known) for document in held.get(need, ()))]
    return [_explain(need, held.get(need, ()), on, known or on) for need in missing]


def list_holding(session: Session, needs: Iterable[Need], on: date) -> list[Document]:
    """The papers that meet ``needs`` on that day, for showing."""
    held = _held(session, list(dict.fromkeys(needs)))
    return [document for documents in held.values() for document in documents if holds_on(document, on)]


def _held(session: Session, needs: Sequence[Need]) -> dict[Need, list[Document]]:
    held: dict[Need, list[Document]] = defaultdict(list)
    if needs:
        columns = tuple_(Document.kind, Document.subject_kind, Document.subject_code)
        query = select(Document).where(columns.in_(needs)).order_by(Document.valid_from, Document.id)
        for document in session.scalars(query):
            held[(document.kind, document.subject_kind, document.subject_code)].append(document)
    return held


def _explain(need: Need, documents: Sequence[Document], on: date, known: date) -> MissingPaper:
    """The reason nearest to being mended: not yet valid, else the last to expire, else revoked, else none at all."""
    name: dict[str, object] = {"paper": Term(KIND_LABELS[need[0]]), "code": need[2]}
    standing = [d for d in documents if d.revoked_at is None or today_shanghai(d.revoked_at) > known]
    later = [d for d in standing if d.valid_from > on]
    over = [d for d in standing if d.valid_to is not None and d.valid_to < on]
    if later:
        return MissingPaper(*need, REASON_TEXTS["later"], name | {"day": f"{later[0].valid_from}"})
    if over:
        last = max(d.valid_to for d in over if d.valid_to is not None)
        return MissingPaper(*need, REASON_TEXTS["over"], name | {"day": f"{last}"})
    if documents:
        return MissingPaper(*need, REASON_TEXTS["revoked"], name)
    return MissingPaper(*need, REASON_TEXTS["none"], name)
