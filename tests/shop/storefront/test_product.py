"""The page of a product tells everything due by law, and no more than is true today."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents.issuing import revoke_document
from catalog.documents.models import Document, DocumentKind
from catalog.parties.models import SYSTEM, Organization
from catalog.parties.queries import get_organization
from kernel import clock
from kernel.files import FileStore
from kernel.pages import Pages
from shop.app import create_app
from shop.assistance.sharing import set_shares
from shop.basket.models import MOST_BOXES
from shop.config import Config
from shop.reviews.models import Review
from shop.reviews.reviewing import hide_review, write_review
from tests.factories.catalog import AT, make_actor, make_price, make_product
from tests.factories.logistics import lot_of, make_stock
from tests.factories.lots import make_chain
from tests.factories.shop import deliver, make_goods, make_order, set_freight

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def test_the_page_tells_price_dates_papers_and_seller(client: FlaskClient, session: Session) -> None:
    product = make_goods(session, storage="≤-18℃", season_note="全年（10-12月集中出栏）", description="示例牧场，自然放养。")
    page = client.get(f"/products/{product.sku}").text
    seller = get_organization(session, product.seller_id)
    for text in (
        "¥128.00", "¥64.00 / 500克", "1kg/盒", "2026-11-22", "365 天", "2027-11-22", "冷冻 ≤-18℃", "全年（10-12月集中出栏）",
        "示例牧场，自然放养。", "营业执照", "地理标志", "已登记", seller.name, seller.contact_phone, "盐池县", "坏果包赔",
    ):  # fmt: skip
        assert text in page, text
    assert len(page.encode()) <= 50_000


def test_freight_to_a_province_is_explained_and_remembered(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    set_freight(session, product, cold_fen=1_000)
    set_freight(session, product, province_code="540000", deliverable=False)
    path = f"/products/{product.sku}"
    assert "选好省份" in client.get(path).text
    asked = client.get(f"{path}?province=310000").text
    assert "运费 1.1 千克：首重 ¥8.00，续重 1 × ¥2.00" in asked
    assert "¥20.00" in asked
    assert "¥20.00" in client.get(path).text, "remembered"
    assert "这个商品不送到西藏自治区" in client.get(f"{path}?province=540000").text
    assert client.get(f"{path}?province=x'y").status_code == 200


def test_arrival_and_what_is_left_of_the_shelf_life_are_told_for_the_readers_province(
    client: FlaskClient, session: Session
) -> None:
    today = clock.today_shanghai(clock.now())
    product = make_product(session, shelf_life_days=30, at=clock.now())
    old, new = (make_stock(session, product, boxes=2, at=clock.now(), expires_on=today + timedelta(days=n)) for n in (16, 25))
    set_freight(session, product)
    set_freight(session, product, province_code="540000", days_from=5, days_to=8)
    session.flush()

    def day(number: int) -> str:
        return f"{(today + timedelta(days=number)).month}月{(today + timedelta(days=number)).day}日"

    path = f"/products/{product.sku}"
    assert "预计" not in client.get(path).text
    near = client.get(f"{path}?province=310000").text
    assert f"预计 {day(2)}–{day(3)} 到" in near
    assert "到手时保质期至少还有 13 天" in near
    assert f"最晚 {day(1)} 发出" in near
    assert lot_of(session, old).code in near
    far = client.get(f"{path}?province=540000").text
    assert f"预计 {day(6)}–{day(9)} 到" in far, "the older boxes would arrive with seven days left: ten are due"
    assert "到手时保质期至少还有 16 天" in far
    assert lot_of(session, new).code in far
    assert "还剩 2 件" in far
    assert "Arrives" in client.get(f"{path}?province=310000&lang=en").text


def test_a_product_that_may_not_be_sold_says_why_and_has_no_button(client: FlaskClient, session: Session, at: datetime) -> None:
    product = make_goods(session)
    paper = session.scalars(select(Document).where(Document.kind == DocumentKind.GEOGRAPHICAL_INDICATION)).one()
    revoke_document(session, SYSTEM, document_id=paper.id, reason="注销", at=at)
    session.flush()
    page = client.get(f"/products/{product.sku}").text
    assert "今天不能销售" in page
    assert "已被撤销" in page
    assert "/basket/lines" not in page
    assert '"availability":"https://schema.org/OutOfStock"' in page
    assert "地理标志</span>" not in page, "a revoked paper is not shown as valid"


def test_nothing_left_is_said(client: FlaskClient, session: Session) -> None:
    product = make_product(session, season_note="9-10月")
    page = client.get(f"/products/{product.sku}").text
    assert "暂时没有现货" in page
    assert "时令：9-10月" in page
    assert "/basket/lines" not in page


def test_tiers_are_shown(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    make_price(session, product, 11_800, min_quantity=10)
    assert "满 10 件每件 ¥118.00" in client.get(f"/products/{product.sku}").text


def test_papers_of_the_animals_are_shown_with_the_box(client: FlaskClient, session: Session) -> None:
    chain = make_chain(session)
    from logistics.stock.receiving import receive_pack_lot
    from tests.factories.logistics import make_hub

    receive_pack_lot(session, SYSTEM, chain.pack.id, make_hub(session).id, 10, chain.pack.created_at)
    session.flush()
    page = client.get(f"/products/{chain.product.sku}").text
    assert "动物检疫合格证明" in page
    assert "肉品品质检验合格证" in page


def test_what_reaches_the_grower_is_shown_once_it_is_agreed(client: FlaskClient, session: Session, at: datetime) -> None:
    product = make_goods(session)
    path = f"/products/{product.sku}"
    assert "每 100 元里" not in client.get(path).text
    from kernel import clock

    set_shares(session, SYSTEM, product, {"household": 6_200, "cooperative": 3_800}, "示例协议", at=clock.now())
    session.flush()
    page = client.get(path).text
    assert "每 100 元里" in page
    assert "¥62.00" in page


def test_structured_data_is_true_and_cannot_break_out(client: FlaskClient, session: Session) -> None:
    product = make_goods(session, name_en="</script><script>alert(1)", description="</script><b>粗体</b>")
    page = client.get(f"/products/{product.sku}")
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
    assert block is not None
    data: Any = json.loads(block[1])
    assert (data["sku"], data["offers"]["price"], data["gtin14"]) == (product.sku, "128.00", product.gtin)
    assert data["offers"]["availability"] == "https://schema.org/InStock"
    assert data["offers"]["hasMerchantReturnPolicy"]["returnPolicyCategory"].endswith("/MerchantReturnNotPermitted")
    assert data["image"].startswith("http://127.0.0.1:8000/static/food/lamb.svg")
    assert "aggregateRating" not in data
    trail = json.loads(page.text.split('<script type="application/ld+json">')[2].partition("</script>")[0])
    assert [step["position"] for step in trail["itemListElement"]] == [1, 2, 3]
    assert trail["itemListElement"][1]["item"] == "http://127.0.0.1:8000/counties/640323"
    assert "<b>粗体" not in page.text
    english = client.get(f"/products/{product.sku}?lang=en").text
    assert "<script>alert" not in english


def test_stars_stand_on_the_page_the_card_and_in_the_data(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    for stars in (5, 4, 4):
        buyer = make_actor(session)
        order = deliver(session, make_order(session, {product.sku: 1}, buyer))
        write_review(session, buyer, order.lines[0].code, stars=stars, text="好吃", at=AT)
    hidden = session.scalars(select(Review).where(Review.stars == 5)).one()
    assert "★ 4.3" in client.get("/products").text
    page = client.get(f"/products/{product.sku}").text
    assert "★ 4.3" in page
    assert '"ratingValue":"4.3"' in page
    assert '"reviewCount":3' in page
    hide_review(session, SYSTEM, hidden.id, "广告")
    session.flush()
    assert "★ 4.0" in client.get(f"/products/{product.sku}").text, "what is hidden counts no more, on the kept page too"


@pytest.mark.parametrize("path", ["/", "/counties/640323", "/products", "/products/{sku}"])
def test_every_page_says_what_it_is_to_search_engines(session: Session, config: Config, path: str) -> None:
    path = path.format(sku=make_goods(session).sku)
    shop = create_app(replace(config, demo=False), connect=False, testing=True).test_client()
    page = shop.get(path).text
    assert f'<link rel="canonical" href="http://127.0.0.1:8000{path}">' in page
    assert f'hreflang="en" href="http://127.0.0.1:8000{path}?lang=en"' in page
    assert re.search('<meta name="description" content="[^"]{10,}', page)
    assert re.search('<meta property="og:title" content="[^"]+山海集">', page) or path == "/"
    assert "noindex" not in page
    assert f'rel="canonical" href="http://127.0.0.1:8000{path}?lang=en"' in shop.get(f"{path}?lang=en").text
    narrowed = shop.get(f"{path}?month=3").text
    assert 'content="noindex"' in narrowed, "one page of goods, not one for every filter"
    assert "canonical" not in narrowed


def test_a_photo_is_shown_but_no_other_upload(app: Flask, client: FlaskClient, session: Session, config: Any) -> None:
    import io

    product = make_product(session)
    store = FileStore(config.files_dir)
    photo = store.save(io.BytesIO(PNG), allowed=frozenset({"image/png"}))
    secret = store.save(io.BytesIO(PNG + b"scan of a licence"), allowed=frozenset({"image/png"}))
    product.picture_digest = photo.digest
    session.flush()
    answer = client.get(f"/products/{product.sku}/picture/{photo.digest}")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/png", PNG)
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(f"/products/{product.sku}/picture/{secret.digest}").status_code == 404
    assert photo.digest in client.get(f"/products/{product.sku}").text


def test_an_unknown_product(client: FlaskClient, session: Session) -> None:
    assert client.get("/products/SKU-NONE").status_code == 404


def test_drawing_the_page_asks_a_fixed_number_of_questions(
    app: Flask, client: FlaskClient, session: Session, count_queries: Any
) -> None:
    product = make_goods(session)
    counts = []
    for _ in range(2):
        session.expunge_all()
        app.extensions["pages"] = Pages()
        with count_queries() as statements:
            client.get(f"/products/{product.sku}?province=310000")
        counts.append(len(statements))
        make_stock(session, session.merge(product), boxes=3)
        session.flush()
    assert counts[0] == counts[1] <= 18
    assert MOST_BOXES == 999
    assert session.get(Organization, product.seller_id) is not None
