"""Looking up papers."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.orm import Session

from catalog.documents import queries
from catalog.documents.models import DocumentKind, SubjectKind
from kernel.errors import NotFound
from kernel.ids import uuid7
from tests.factories.catalog import make_document


def test_papers_page_newest_first(session: Session) -> None:
    made = [make_document(session, DocumentKind.TEST_REPORT, SubjectKind.PRODUCT, f"SKU-{n}") for n in range(3)]
    first = queries.list_documents(session, kind=DocumentKind.TEST_REPORT, limit=2)
    rest = queries.list_documents(session, kind=DocumentKind.TEST_REPORT, limit=2, after=first[-1].id)
    assert [*first, *rest] == made[::-1]


def test_papers_are_found_by_number_and_subject(session: Session) -> None:
    document = make_document(session, DocumentKind.TEST_REPORT, SubjectKind.PRODUCT, "SKU-7")
    assert queries.list_documents(session, search="sku-7") == [document]
    assert queries.list_documents(session, search=document.number) == [document]
    assert queries.list_documents_of(session, SubjectKind.PRODUCT, ["SKU-7"]) == [document]


def test_papers_about_to_expire_the_soonest_first(session: Session) -> None:
    on = date(2026, 11, 22)
    late, soon, far, over = (
        make_document(session, DocumentKind.TEST_REPORT, SubjectKind.PRODUCT, f"SKU-{n}", valid_to=day)
        for n, day in enumerate([date(2026, 12, 22), on, date(2026, 12, 23), date(2026, 11, 21)])
    )
    assert queries.list_expiring(session, on, days=30) == [soon, late]
    assert far.valid_to != over.valid_to


def test_what_is_not_there_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        queries.get_document(session, uuid7())
    assert queries.find_promise(session, uuid7()) is None
