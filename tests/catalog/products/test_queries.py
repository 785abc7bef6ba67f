"""Looking up and searching products."""

from __future__ import annotations

import json
from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from catalog.products import describing, queries
from catalog.products.models import Product, Temperature
from kernel.errors import NotFound
from tests.factories.catalog import JINGNING, make_draft, make_organization, make_product

TODAY = date(2026, 11, 22)


@pytest.fixture
def shelf(session: Session) -> list[Product]:
    """Three products: lamb and goji of 盐池, apples of 静宁."""
    yanchi = make_organization(session, name="盐池县示例合作社")
    jingning = make_organization(session, name="静宁县示例合作社", county_code=JINGNING)
    lamb = make_product(session, yanchi, sku="P001")
    goji = make_product(session, yanchi, sku="P005", name="枸杞", category="干货", season_months=[6, 7])
    apples = make_product(
        session,
        jingning,
        sku="P017",
        name="静宁苹果",
        category="水果",
        county_code=JINGNING,
        season_months=[9, 10],
        description="脆甜",
    )
    return [lamb, goji, apples]


def names(session: Session, typed: str, **over: str) -> list[str]:
    return [product.name for product in queries.search_products(session, typed, on=TODAY, **over).products]  # type: ignore[arg-type]


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("typed", ["滩羊", "羊肉", "yanchi 滩羊", "tanyang", "盐池羊肉", "yctyr", "宁夏 滩羊", "P001", "吴忠羊肉"])
def test_lamb_is_found_by_name_place_pinyin_and_initials(session: Session, typed: str) -> None:
    assert names(session, typed) == ["盐池滩羊肉（羊腿切块）"]


@pytest.mark.parametrize(
    "typed", ["滩羊", "羊肉", "yanchi", "tanyang", "yangrou", "灘羊", "tányáng", "盐池滩羊肉", "滩羊 冷冻", "frozen", "dengxinrou"]
)
def test_a_product_named_exactly_so_is_found_by_what_people_type(session: Session, typed: str) -> None:
    make_product(session, sku="P001", name="盐池滩羊", aliases="等心肉", temperature=Temperature.FROZEN)
    jingning = {"county_code": JINGNING, "temperature": Temperature.AMBIENT}
    make_product(
        session, make_organization(session, county_code=JINGNING), sku="P017", name="静宁苹果", category="水果", **jingning
    )
    assert names(session, typed) == ["盐池滩羊"]


def test_without_the_table_of_names_it_is_not_found_by_its_kind(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "also_called", lambda _text: "")
    make_product(session, sku="P001", name="盐池滩羊")
    assert names(session, "羊肉") == names(session, "yangrou") == []


@pytest.mark.usefixtures("shelf")
def test_names_come_before_places_and_descriptions(session: Session) -> None:
    make_product(session, sku="P099", name="山楂条", category="果干", description="苹果和山楂做的")
    assert names(session, "苹果") == ["静宁苹果", "山楂条"]
    assert names(session, "合作社")[0]


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize("typed", ["猕猴桃", "", "  ", "'; DROP TABLE products_product; --", "& | !", "羊" * 500])
def test_nothing_is_found_and_nothing_breaks(session: Session, typed: str) -> None:
    assert names(session, typed) in ([], ["盐池滩羊肉（羊腿切块）"])


def test_search_pages_without_gap_or_repeat(session: Session) -> None:
    cooperative = make_organization(session)
    skus = {make_product(session, cooperative, sku=f"L{n:02d}", name=f"滩羊肉{n}").sku for n in range(7)}
    seen: list[str] = []
    after: str | None = None
    while True:
        page = queries.search_products(session, "滩羊", on=TODAY, after=after, limit=3)
        seen += [product.sku for product in page.products]
        after = page.after
        if after is None:
            break
    assert len(seen) == 7
    assert set(seen) == skus
    for odd in ("x~y", "~", "nan", "1e999~P"):
        queries.search_products(session, "滩羊", on=TODAY, after=odd)


def test_the_list_narrows_and_pages(session: Session, shelf: list[Product]) -> None:
    lamb, goji, apples = shelf
    assert queries.list_products(session, on=TODAY) == [lamb, goji, apples]
    assert queries.list_products(session, on=TODAY, limit=2, after="P001") == [goji, apples]
    assert queries.list_products(session, on=TODAY, county=JINGNING) == [apples]
    assert queries.list_products(session, on=TODAY, province="640000") == [lamb, goji]
    assert queries.list_products(session, on=TODAY, category="干货") == [goji]
    assert dict(queries.list_categories(session, TODAY)) == {"干货": 1, "水果": 1, "肉类": 1}


def test_one_product(session: Session, shelf: list[Product]) -> None:
    lamb = shelf[0]
    assert queries.get_product(session, "P001") is lamb
    assert queries.find_product_by_gtin(session, lamb.gtin or "") is lamb
    assert queries.map_products(session, [lamb.id]) == {lamb.id: lamb}
    with pytest.raises(NotFound):
        queries.get_product(session, "P404")


COLUMNS = ", ".join(column.name for column in Product.__table__.columns if column.name not in ("id", "sku", "gtin", "search"))
COPY = f"""
INSERT INTO products_product (id, sku, gtin, search, {COLUMNS})
SELECT gen_random_uuid(), 'N' || n, NULL, array_to_tsvector(ARRAY[n::text]), {COLUMNS}
FROM (SELECT {COLUMNS} FROM products_product WHERE products_product.id = :id) one CROSS JOIN generate_series(1, 20000) n
"""


def plan_of_a_search(session: Session) -> str:
    session.execute(text("ANALYZE products_product"))
    query = text("EXPLAIN (FORMAT JSON) SELECT sku FROM products_product WHERE search @@ CAST(:asked AS tsquery)")
    return json.dumps(session.execute(query, {"asked": queries.tsquery_of("滩羊")}).scalar_one())


def test_search_uses_the_index_among_many_products(session: Session) -> None:
    """The plan, not the clock: among twenty thousand products PostgreSQL looks the words up in the GIN index."""
    session.execute(text(COPY), {"id": make_draft(session).id})
    assert "ix_products_product_search" in plan_of_a_search(session)
    session.execute(text("DROP INDEX ix_products_product_search"))
    assert "Seq Scan" in plan_of_a_search(session)
