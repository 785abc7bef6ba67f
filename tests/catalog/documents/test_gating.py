"""Which papers hold on a day, and the reason when one does not."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog.documents import gating, issuing
from catalog.documents.gating import Need, find_missing, holds_on, list_holding
from catalog.documents.models import Document, DocumentKind, SubjectKind
from catalog.parties.models import SYSTEM
from kernel.clock import day_shanghai
from tests.factories.catalog import make_document

GI: Need = (DocumentKind.GEOGRAPHICAL_INDICATION, SubjectKind.PRODUCT, "SKU-1")
TODAY = date(2026, 11, 22)


def gi(session: Session, first: date, last: date | None) -> Document:
    return make_document(session, *GI, valid_from=first, valid_to=last)


def reasons(session: Session, on: date = TODAY) -> list[str]:
    return [paper.reason_text for paper in find_missing(session, [GI], on)]


def test_nothing_recorded_is_missing(session: Session) -> None:
    assert reasons(session) == ["缺少地理标志（SKU-1）。"]


def test_a_paper_holds_from_its_first_day_to_its_last(session: Session) -> None:
    gi(session, date(2026, 11, 1), date(2026, 11, 22))
    assert reasons(session, date(2026, 10, 31)) == ["地理标志（SKU-1）要到 2026-11-01 才生效。"]
    assert reasons(session, date(2026, 11, 1)) == []
    assert reasons(session, date(2026, 11, 22)) == []
    assert reasons(session, date(2026, 11, 23)) == ["地理标志（SKU-1）已于 2026-11-22 到期。"]


def test_a_paper_of_another_subject_or_kind_does_not_help(session: Session) -> None:
    make_document(session, DocumentKind.GEOGRAPHICAL_INDICATION, SubjectKind.PRODUCT, "SKU-2")
    make_document(session, DocumentKind.ORGANIC, SubjectKind.PRODUCT, "SKU-1")
    assert reasons(session) == ["缺少地理标志（SKU-1）。"]


def test_a_revoked_paper_held_until_the_day_it_was_revoked(session: Session, at: datetime) -> None:
    document = gi(session, date(2026, 1, 1), None)
    issuing.revoke_document(session, SYSTEM, document_id=document.id, reason="抽检不合格", at=at)
    assert reasons(session, TODAY) == ["地理标志（SKU-1）已被撤销。"]
    assert reasons(session, TODAY - timedelta(days=1)) == []
    assert list_holding(session, [GI], TODAY) == []
    assert list_holding(session, [GI], TODAY - timedelta(days=1)) == [document]


def test_a_renewed_paper_closes_the_gap(session: Session) -> None:
    gi(session, date(2025, 1, 1), date(2025, 12, 31))
    assert reasons(session) == ["地理标志（SKU-1）已于 2025-12-31 到期。"]
    gi(session, date(2026, 1, 1), date(2026, 12, 31))
    assert reasons(session) == []


def test_the_day_is_a_day_in_china(session: Session) -> None:
    document = gi(session, date(2026, 1, 1), None)
    starts, _ = day_shanghai(TODAY)
    issuing.revoke_document(session, SYSTEM, document_id=document.id, reason="x", at=starts - timedelta(seconds=1))
    assert reasons(session, TODAY - timedelta(days=1)) == ["地理标志（SKU-1）已被撤销。"]
    assert reasons(session, TODAY - timedelta(days=2)) == []


def test_the_reason_speaks_the_readers_language(session: Session) -> None:
    (paper,) = find_missing(session, [GI], TODAY)
    english = {"缺少%(paper)s（%(code)s）。": "Missing: %(paper)s (%(code)s).", "地理标志": "geographical indication"}
    assert paper.text(lambda msgid: english[msgid]) == "Missing: geographical indication (SKU-1)."


def test_with_the_gate_switched_off_nothing_is_missing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    gi(session, date(2025, 1, 1), date(2025, 12, 31))
    monkeypatch.setattr(gating, "holds_on", lambda *_: True)
    assert reasons(session) == []


@given(
    first=st.dates(date(2026, 1, 1), date(2026, 3, 1)),
    length=st.none() | st.integers(0, 60),
    day=st.dates(date(2025, 12, 1), date(2026, 6, 1)),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_holding_and_missing_are_opposites(first: date, length: int | None, day: date) -> None:
    last = None if length is None else first + timedelta(days=length)
    document = Document(kind=GI[0], subject_kind=GI[1], subject_code=GI[2], valid_from=first, valid_to=last)
    assert holds_on(document, day) is (first <= day and (last is None or day <= last))
