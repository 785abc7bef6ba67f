"""Home, lists, search, counties: only what may be sold today, a fixed number of questions, nothing big."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.documents.models import DocumentKind
from catalog.parties.models import SYSTEM
from catalog.products.listing import take_off_sale
from catalog.products.models import Temperature
from kernel.pages import Pages
from kernel.web import limiter
from shop.storefront import queries
from shop.storefront.queries import Filters, list_later, list_shelf, list_today
from tests.factories.catalog import JINGNING, make_document, make_organization, make_price, make_product
from tests.factories.logistics import make_allocations
from tests.factories.shop import make_goods

PATHS = ("/", "/products", "/search?q=滩羊", "/counties/640323", "/season", "/counties")


def skus(page: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r'href="/products/(SKU-[\w-]+|P\d+)"', page)))


def test_home_shows_what_can_be_bought_this_minute(client: FlaskClient, session: Session, at: datetime) -> None:
    here = make_goods(session, picture="apple")
    sold_out, no_stock = make_goods(session, boxes=1, picture="goji"), make_product(session, picture="pear")
    off = make_goods(session, picture="peach")
    make_allocations(session, sold_out.id, 1)
    take_off_sale(session, SYSTEM, off, at, "换季")
    session.flush()
    assert [row.product.sku for row in list_today(session, at)] == [here.sku]
    page = client.get("/").text
    today = page[page.index("今天能买到") : page.index("按种类")]
    assert skus(today) == [here.sku]
    assert no_stock.sku in page[page.index("时令日历") :]


def test_what_comes_later_is_told_by_month(session: Session, at: datetime) -> None:
    january = make_product(session, season_months=[1, 2])
    june = make_product(session, season_months=[6])
    never = make_product(session, season_months=[])
    make_goods(session)
    later = [(month, [product.sku for product in products]) for month, products in list_later(session, at)]
    assert later == [(1, [january.sku]), (6, [june.sku]), (0, [never.sku])]


def test_a_product_whose_papers_expired_is_on_no_page(client: FlaskClient, session: Session, at: datetime) -> None:
    product = make_product(session, needs=[DocumentKind.BUSINESS_LICENCE])
    assert skus(client.get("/products").text) == [product.sku]
    later = at + timedelta(days=800)
    assert list_shelf(session, Filters(), at=later).rows == []
    assert (list_later(session, later), list(queries.list_calendar(session, later))) == ([], [])
    assert [row.sku for row in queries.list_calendar(session, at)] == [product.sku]


def test_a_made_up_kind_is_shown_as_typed(client: FlaskClient) -> None:
    """It is no sentence of ours: a percent sign in it is not a placeholder to fill."""
    for typed in ("%E", "%(num)d", "100%"):
        page = client.get("/products", query_string={"category": typed})
        assert (page.status_code, typed in page.text) == (200, True)


def test_filters_narrow_and_unknown_values_are_passed_over(client: FlaskClient, session: Session, at: datetime) -> None:
    lamb = make_goods(session, price=14_000, season_months=[11])
    apple = make_product(
        session, name="静宁苹果", category="水果", county_code=JINGNING, temperature=Temperature.AMBIENT, price=4_800,
        needs=[DocumentKind.BUSINESS_LICENCE, DocumentKind.ORGANIC], season_months=[9, 10],
    )  # fmt: skip
    for query, found in (
        ("category=水果", [apple]),
        ("county=620826", [apple]),
        ("province=640000", [lamb]),
        ("storage=frozen", [lamb]),
        ("certificate=organic", [apple]),
        ("month=11", [lamb]),
        ("most=50", [apple]),
        ("stock=1", [lamb]),
        ("storage=hot&certificate=best&month=13&most=1", [apple, lamb]),
        ("category=糖果", []),
        ("sort=cheap", [apple, lamb]),
        ("sort=dear", [lamb, apple]),
    ):
        shown = skus(client.get(f"/products?{query}").text)
        assert sorted(shown) == sorted(product.sku for product in found), query
        if "sort" in query:
            assert shown == [product.sku for product in found]


@pytest.mark.parametrize("sort", ["", "cheap", "dear"])
def test_pages_follow_without_gap_or_double(session: Session, at: datetime, sort: str) -> None:
    products = [make_product(session, price=1_000 + number % 3, picture=f"p{number}") for number in range(7)]
    seen: list[str] = []
    after: str | None = None
    for _ in range(4):
        shelf = list_shelf(session, Filters(), sort=sort, after=after, at=at, limit=2)
        seen += [row.product.sku for row in shelf.rows]
        after = shelf.after
    assert after is None
    assert sorted(seen) == sorted(product.sku for product in products)
    fens = [row.price.minor for sku in seen for row in shelf.rows if row.product.sku == sku and row.price]
    assert fens == sorted(fens, reverse=sort == "dear") or not sort


@pytest.mark.parametrize("after", ["~", "x", "9~", "-5~SKU", "99999999999999999999~SKU", "5~'; DROP TABLE"])
def test_a_made_up_cursor_is_harmless(client: FlaskClient, session: Session, after: str) -> None:
    make_product(session)
    for sort in ("", "cheap"):
        assert client.get("/products", query_string={"after": after, "sort": sort}).status_code == 200


def test_no_picture_stands_beside_itself(session: Session, at: datetime) -> None:
    for picture in ("mango", "mango", "apple", "pear"):
        make_product(session, picture=picture)
    laid = [row.product.picture for row in list_shelf(session, Filters(), at=at).rows]
    assert all(one != two for one, two in pairwise(laid))


def test_search_finds_by_words_and_pinyin(client: FlaskClient, session: Session) -> None:
    product = make_product(session)
    for words in ("滩羊", "羊肉", "yanchi", "tanyang", "盐池 羊"):
        assert skus(client.get("/search", query_string={"q": words}).text) == [product.sku], words
    assert "没有找到“巧克力”" in client.get("/search?q=巧克力").text
    nasty = client.get("/search", query_string={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in nasty.text


def test_search_is_narrowed_sorted_and_counted(client: FlaskClient, session: Session) -> None:
    dear = make_goods(session, price=14_000)
    cheap = make_product(session, name="静宁羊肉", county_code=JINGNING, price=9_000)
    make_product(session, name="羊肉卷", price=None)
    page = client.get("/search?q=羊肉").text
    assert "共 2 种" in page, "what has no price is not for sale"
    assert [skus(client.get(f"/search?q=羊肉&sort={sort}").text) for sort in ("cheap", "dear")] == [
        [cheap.sku, dear.sku], [dear.sku, cheap.sku],
    ]  # fmt: skip
    assert skus(client.get("/search?q=羊肉&county=640323").text) == [dear.sku]
    assert skus(client.get("/search?q=羊肉&most=100").text) == [cheap.sku]
    assert skus(client.get("/search?q=羊肉&stock=1").text) == [dear.sku]
    none = client.get("/search?q=羊肉&storage=ambient").text
    assert (skus(none), 'name="storage"' in none) == ([], True), "what narrowed it can be taken back"
    assert 'value="620826"' in client.get("/products").text, "counties can be chosen"
    assert skus(client.get("/products?county=620826").text) == [cheap.sku]


def test_searching_is_limited(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    limiter.reset()
    assert [client.get("/search").status_code for _ in range(301)][-2:] == [200, 429]
    monkeypatch.setattr(limiter, "enabled", False)
    assert client.get("/search").status_code == 200


def test_a_county_and_a_cooperative_show_who_and_what(client: FlaskClient, session: Session) -> None:
    product = make_product(session)
    county = client.get("/counties/640323").text
    assert "福建省" in county, "its partner in the east"
    assert skus(county) == [product.sku]
    from catalog.parties.models import Organization

    cooperative = session.get_one(Organization, product.cooperative_id)
    page = client.get(f"/cooperatives/{cooperative.code}").text
    assert cooperative.name in page
    assert skus(page) == [product.sku]
    assert "营业执照" in page
    assert client.get("/counties/999999").status_code == 404
    buyer = make_organization(session, kind=type(cooperative.kind).BUYING_ORGANIZATION)
    assert client.get(f"/cooperatives/{buyer.code}").status_code == 404, "a buying organisation has no page here"
    assert client.get("/cooperatives/NOBODY").status_code == 404


def test_an_expired_licence_is_not_shown_as_valid(client: FlaskClient, session: Session, at: datetime) -> None:
    cooperative = make_organization(session)
    today = at.date()
    make_document(
        session, subject_code=cooperative.code, issued_on=today - timedelta(days=90), valid_from=today - timedelta(days=90),
        valid_to=today - timedelta(days=1),
    )  # fmt: skip
    assert "营业执照" not in client.get(f"/cooperatives/{cooperative.code}").text


@pytest.mark.parametrize("path", PATHS)
def test_drawing_a_page_asks_a_fixed_number_of_questions(
    app: Flask, client: FlaskClient, session: Session, count_queries: Any, path: str
) -> None:
    """No N+1: three times the products, the same questions."""
    cooperative = make_organization(session)
    counts = []
    for _ in range(2):
        for _ in range(4):
            make_goods(session, cooperative=cooperative)
        session.expunge_all()
        app.extensions["pages"] = Pages()
        app.extensions.pop("counties", None)
        with count_queries() as statements:
            assert client.get(path).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 14, counts


def test_a_full_list_stays_small(client: FlaskClient, session: Session) -> None:
    cooperative = make_organization(session)
    for number in range(24):
        make_product(session, cooperative, name=f"很长很长的商品名称第{number}种(礼盒装)")
    page = client.get("/products")
    assert len(skus(page.text)) == 20
    assert len(page.data) <= 50_000


def test_a_product_without_a_price_is_not_listed(client: FlaskClient, session: Session) -> None:
    product = make_product(session, price=None)
    assert skus(client.get("/products").text) == []
    make_price(session, product)
    assert skus(client.get("/products").text) == [product.sku]


def test_the_shelf_is_gated_by_papers_in_the_query_too(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off: without the condition of the papers the expired one would be listed."""
    from sqlalchemy import true

    product = make_product(session)
    later = at + timedelta(days=800)
    assert list_shelf(session, Filters(), at=later).rows == []
    monkeypatch.setattr(queries, "sellable_on", lambda _on: true())
    assert [row.product.sku for row in list_shelf(session, Filters(), at=later).rows] == [product.sku]


@pytest.mark.parametrize("query", ["endpoint=x", "_scheme=javascript&_external=1", "_anchor=x", "_method=POST", "filename=x"])
def test_words_of_the_address_are_only_words(client: FlaskClient, session: Session, query: str) -> None:
    """Nothing in the query steers how the page's own links are built."""
    make_goods(session)
    session.flush()
    answer = client.get(f"/products?{query}")
    assert answer.status_code == 200
    assert "javascript:" not in answer.text
