"""Promise 5: papers gate the shelf. No product is on sale unless each document it needs is valid on that day."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.models import DocumentKind, SubjectKind
from catalog.parties.models import SYSTEM, OrganizationKind, Role
from catalog.parties.queries import get_organization
from catalog.products import listing, recognising
from catalog.products.listing import NotForSale, why_not_on_sale
from catalog.products.models import Product, ProductState
from catalog.products.queries import list_products, list_products_in
from kernel.errors import Conflict, Forbidden
from tests.factories.catalog import make_actor, make_document, make_draft, make_organization, make_papers, make_product

TODAY = date(2026, 11, 22)
GI = DocumentKind.GEOGRAPHICAL_INDICATION


def approved(session: Session, at: datetime, **over: object) -> Product:
    product = make_draft(session, **over)
    recognising.apply(session, SYSTEM, product, at)
    recognising.recommend(session, SYSTEM, product, at, "x")
    recognising.approve(session, SYSTEM, product, at, "x")
    return product


def test_without_its_papers_it_is_refused_with_every_reason(session: Session, at: datetime) -> None:
    product = approved(session, at)
    with pytest.raises(NotForSale) as caught:
        listing.put_on_sale(session, SYSTEM, product, at)
    seller = get_organization(session, product.seller_id)
    assert f"缺少营业执照（{seller.code}）。缺少地理标志（{product.sku}）。" in str(caught.value)
    assert len(caught.value.errors) == 2
    assert product.state is ProductState.APPROVED


def test_with_an_expired_paper_it_is_refused_and_renewed_it_goes_on(session: Session, at: datetime) -> None:
    product = approved(session, at)
    make_document(session, GI, SubjectKind.PRODUCT, product.sku, valid_from=date(2023, 1, 1), valid_to=date(2026, 11, 21))
    with pytest.raises(NotForSale, match=r"地理标志.*已于 2026-11-21 到期"):
        listing.put_on_sale(session, SYSTEM, product, at)
    make_papers(session, product)
    make_document(session, GI, SubjectKind.PRODUCT, product.sku, valid_from=TODAY, valid_to=None)
    listing.put_on_sale(session, SYSTEM, product, at)
    assert product.state is ProductState.ON_SALE


def test_on_the_shelf_it_is_refused_from_the_day_a_paper_ends(session: Session) -> None:
    product = make_product(session)
    assert why_not_on_sale(session, product, date(2027, 12, 31)) == []
    assert any("已于 2027-12-31 到期" in reason for reason in why_not_on_sale(session, product, date(2028, 1, 1)))
    assert list_products(session, on=date(2027, 12, 31)) == [product]
    assert list_products(session, on=date(2028, 1, 1)) == []


def test_a_revoked_paper_takes_it_off_the_same_day(session: Session, at: datetime) -> None:
    product = make_product(session)
    document = listing.list_shown_documents(session, product, TODAY)[-1]
    issuing.revoke_document(session, SYSTEM, document_id=document.id, reason="抽检不合格", at=at)
    assert len(why_not_on_sale(session, product, TODAY)) == 1
    assert list_products(session, on=TODAY) == []
    assert list_products(session, on=TODAY - timedelta(days=1)) == [product]
    with pytest.raises(NotForSale, match="今天不能销售"):
        listing.must_be_on_sale(session, [product], TODAY)


def test_with_the_gate_switched_off_it_would_be_sold(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    product = approved(session, at)
    monkeypatch.setattr(listing, "find_missing", lambda *_: [])
    listing.put_on_sale(session, SYSTEM, product, at)
    assert why_not_on_sale(session, product, TODAY) == []


def test_what_is_not_on_the_shelf_is_not_sold(session: Session, at: datetime) -> None:
    product = make_product(session)
    listing.take_off_sale(session, SYSTEM, product, at, "过季")
    assert why_not_on_sale(session, product, TODAY) == ["这个产品没有上架。"]
    assert list_products(session, on=TODAY) == []
    listing.put_on_sale(session, SYSTEM, product, at)
    assert list_products(session, on=TODAY) == [product]


def test_nothing_is_listed_before_it_is_approved(session: Session, at: datetime) -> None:
    product = make_draft(session)
    make_papers(session, product)
    with pytest.raises(Conflict):
        listing.put_on_sale(session, SYSTEM, product, at)


def test_the_sellers_clerk_lists_and_others_do_not(session: Session, at: datetime) -> None:
    product = approved(session, at)
    make_papers(session, product)
    with pytest.raises(Forbidden):
        listing.put_on_sale(session, make_actor(session, Role.clerk), product, at)
    seller = get_organization(session, product.seller_id)
    listing.put_on_sale(session, make_actor(session, Role.clerk, seller), product, at)


def test_the_makers_permit_is_asked_of_the_maker(session: Session, at: datetime) -> None:
    plant = make_organization(session, OrganizationKind.SLAUGHTERHOUSE)
    product = approved(session, at, processor_id=plant.id, needs=[DocumentKind.SLAUGHTER_LICENCE])
    with pytest.raises(NotForSale, match=plant.code):
        listing.put_on_sale(session, SYSTEM, product, at)
    make_document(session, DocumentKind.SLAUGHTER_LICENCE, SubjectKind.ORGANIZATION, plant.code)
    listing.put_on_sale(session, SYSTEM, product, at)
    assert list_products(session, on=TODAY) == [product]


def test_another_products_papers_do_not_count(session: Session, at: datetime) -> None:
    """With several products about, each is judged by its own papers: the list asks the same as the sentence does."""
    good, bad = make_product(session), make_product(session)
    (paper,) = (d for d in listing.list_shown_documents(session, bad, TODAY) if d.subject_kind is SubjectKind.PRODUCT)
    issuing.revoke_document(session, SYSTEM, document_id=paper.id, reason="x", at=at)
    assert list_products(session, on=TODAY) == [good]
    cooperative = get_organization(session, good.cooperative_id)
    (licence,) = (d for d in listing.list_shown_documents(session, good, TODAY) if d.subject_code == cooperative.code)
    issuing.revoke_document(session, SYSTEM, document_id=licence.id, reason="x", at=at)
    assert list_products(session, on=TODAY) == []


@pytest.mark.usefixtures("session")
@given(
    first=st.dates(date(2026, 11, 10), date(2026, 11, 25)),
    length=st.none() | st.integers(0, 20),
    revoked=st.none() | st.integers(-5, 10),
    day=st.dates(date(2026, 11, 5), date(2026, 12, 20)),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_reasons_and_the_list_never_disagree(
    session: Session, at: datetime, first: date, length: int | None, revoked: int | None, day: date
) -> None:
    """``why_not_on_sale`` in words and ``sellable_on`` in SQL say the same of every product on every day."""
    with session.begin_nested() as attempt:
        product = make_product(session)
        paper = listing.list_shown_documents(session, product, TODAY)[-1]
        paper.valid_from, paper.valid_to = first, None if length is None else first + timedelta(days=length)
        session.flush()
        if revoked is not None:
            moment = at + timedelta(days=revoked, hours=13)
            issuing.revoke_document(session, SYSTEM, document_id=paper.id, reason="x", at=moment)
        listed = product in list_products(session, on=day)
        assert listed is (why_not_on_sale(session, product, day) == [])
        assert product in list_products_in(session, ProductState.ON_SALE)
        attempt.rollback()
