"""The page of a product tells everything due by law, and no more than is true today."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents.issuing import revoke_document
from catalog.documents.models import Document, DocumentKind
from catalog.parties.models import SYSTEM, Organization
from catalog.parties.queries import get_organization
from kernel.files import FileStore
from kernel.pages import Pages
from shop.assistance.sharing import set_shares
from shop.basket.models import MOST_BOXES
from tests.factories.catalog import make_price, make_product
from tests.factories.logistics import make_stock
from tests.factories.lots import make_chain
from tests.factories.shop import make_goods, set_freight

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
    assert "<b>粗体" not in page.text
    english = client.get(f"/products/{product.sku}?lang=en").text
    assert "<script>alert" not in english


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
    assert counts[0] == counts[1] <= 17
    assert MOST_BOXES == 999
    assert session.get(Organization, product.seller_id) is not None
