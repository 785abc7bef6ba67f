"""Placing an order: papers, price and stock are looked at again; the same checkout is one order; nothing is half-written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.documents.issuing import revoke_document
from catalog.documents.models import Document, DocumentKind
from catalog.parties.models import SYSTEM, Role
from catalog.products.listing import NotForSale, take_off_sale
from kernel import outbox
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.money import Money
from kernel.outbox import OutboxRow
from logistics.stock.holding import hold
from logistics.stock.models import Allocation, StockLot
from logistics.stock.queries import available
from logistics.stock.reserving import OutOfStock
from shop.orders import placing
from shop.orders.models import Order, OrderPlaced
from shop.orders.placing import MAX_BOXES, PAY_WITHIN, PriceChanged, place_order
from shop.orders.pricing import price_lines
from shop.orders.states import OrderState
from tests.factories.catalog import make_actor, make_organization, make_price
from tests.factories.shop import make_draft_order, make_goods, make_order, set_freight


def count(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_order_keeps_what_the_buyer_agreed_to(session: Session, at: datetime) -> None:
    product = make_goods(session, boxes=10)
    set_freight(session, product)
    order = make_order(session, {product.sku: 3}, expected_total=Money(3 * 12_800 + 800 + 3 * 200))
    (line,) = order.lines
    assert (line.quantity, line.unit_price_fen, line.amount_fen, line.name) == (3, 12_800, 38_400, product.name)
    assert (order.items_fen, order.freight_fen, order.total_fen) == (38_400, 1_400, 39_800)
    assert order.address["city"] == "上海市"
    assert (order.state, order.expires_at) == (OrderState.PLACED, at + PAY_WITHIN)
    assert available(session, [product.id], at) == {product.id: 7}
    make_price(session, product, 19_900, valid_from=(at + timedelta(days=1)).date())
    session.refresh(line)
    assert line.unit_price_fen == 12_800, "later prices change nothing"


def test_an_order_is_split_by_seller(session: Session) -> None:
    one, two = make_goods(session), make_goods(session)
    set_freight(session, one)
    order = make_order(session, {one.sku: 1, two.sku: 2})
    assert [part.code for part in order.sub_orders] == [f"{order.code}-1", f"{order.code}-2"]
    assert {part.seller_id for part in order.sub_orders} == {one.seller_id, two.seller_id}
    assert sum(part.payable_fen for part in order.sub_orders) == order.total_fen
    assert [part.freight_fen for part in order.sub_orders] == [1_000, 0], "1.1 kg: the first kilogram and one more step"


def test_a_product_whose_paper_was_revoked_is_refused_with_the_reason(session: Session, at: datetime) -> None:
    product = make_goods(session)
    paper = session.scalars(select(Document).where(Document.kind == DocumentKind.GEOGRAPHICAL_INDICATION)).one()
    revoke_document(session, SYSTEM, document_id=paper.id, reason="证书注销", at=at)
    with pytest.raises(NotForSale, match=r"地理标志.*已被撤销"):
        make_order(session, {product.sku: 1})
    assert (count(session, Order), count(session, Allocation)) == (0, 0)


def test_a_product_whose_paper_expired_is_refused_with_the_day(session: Session, at: datetime) -> None:
    product = make_goods(session)
    paper = session.scalars(select(Document).where(Document.kind == DocumentKind.GEOGRAPHICAL_INDICATION)).one()
    paper.valid_to = (at - timedelta(days=1)).date()
    with pytest.raises(NotForSale, match="已于 2026-11-21 到期"):
        make_order(session, {product.sku: 1})


def test_a_product_taken_off_the_shelf_is_refused(session: Session, at: datetime) -> None:
    product = make_goods(session)
    take_off_sale(session, SYSTEM, product, at, "换季")
    with pytest.raises(NotForSale, match="没有上架"):
        make_order(session, {product.sku: 1})


def test_without_the_look_at_papers_it_would_be_sold(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    product = make_goods(session)
    take_off_sale(session, SYSTEM, product, at, "换季")
    monkeypatch.setattr("shop.orders.pricing.must_be_on_sale", lambda *_: None)
    assert make_order(session, {product.sku: 1}).state is OrderState.PLACED


def test_another_total_than_the_one_shown_is_asked_about(session: Session) -> None:
    product = make_goods(session)
    with pytest.raises(PriceChanged) as problem:
        make_order(session, {product.sku: 1}, expected_total=Money(9_900))
    assert problem.value.now == Money(12_800)
    assert "¥128.00" in str(problem.value)
    assert count(session, Order) == 0


def test_short_stock_refuses_the_whole_order_and_names_each_line(session: Session, at: datetime) -> None:
    plenty, little = make_goods(session, boxes=10), make_goods(session, boxes=2)
    with pytest.raises(OutOfStock, match="只剩 2 盒"), session.begin_nested():
        make_order(session, {plenty.sku: 1, little.sku: 3})
    assert (count(session, Order), count(session, Allocation)) == (0, 0)
    assert available(session, [plenty.id, little.id], at) == {plenty.id: 10, little.id: 2}


def test_the_same_checkout_is_one_order(session: Session, at: datetime) -> None:
    product, buyer = make_goods(session, boxes=10), make_actor(session)
    draft = make_draft_order({product.sku: 2})
    first, again = (place_order(session, buyer, draft, at=at) for _ in range(2))
    assert first.id == again.id
    assert session.scalars(select(StockLot.allocated)).all() == [2]
    assert count(session, Order) == 1


def test_nobody_gets_another_persons_order_by_their_checkout_key(session: Session, at: datetime) -> None:
    draft = make_draft_order({make_goods(session).sku: 1})
    place_order(session, make_actor(session), draft, at=at)
    with pytest.raises(Forbidden):
        place_order(session, make_actor(session), draft, at=at)


def test_without_the_look_at_the_buyer_they_would_get_it(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    draft = make_draft_order({make_goods(session).sku: 1})
    mine = place_order(session, make_actor(session), draft, at=at)
    monkeypatch.setattr(placing, "_same_buyer", lambda order, *_: order)
    assert place_order(session, make_actor(session), draft, at=at) is mine


def test_wrong_wants_are_named_line_by_line(session: Session) -> None:
    product = make_goods(session)
    with pytest.raises(Invalid, match="篮是空的"):
        make_order(session, {})
    with pytest.raises(Invalid) as problem:
        make_order(session, {product.sku: 0, "SKU-B": MAX_BOXES + 1, "SKU-C": True})
    assert [error.field for error in problem.value.errors] == [product.sku, "SKU-B", "SKU-C"]
    with pytest.raises(NotFound, match="SKU-NONE"):
        make_order(session, {"SKU-NONE": 1})


def test_terms_are_for_organisations(session: Session, at: datetime) -> None:
    product = make_goods(session)
    with pytest.raises(Invalid, match="采购单位"):
        make_order(session, {product.sku: 1}, on_terms=True)
    buyer = make_actor(session, Role.requester)
    (organization_id,) = buyer.roles
    order = make_order(session, {product.sku: 1}, buyer, on_terms=True, buyer_organization_id=organization_id)
    assert order.expires_at is None, "orders on terms do not expire"


def test_what_the_basket_holds_is_used_first(session: Session, at: datetime) -> None:
    product = make_goods(session, boxes=2)
    hold(session, "basket-1", {product.id: 1}, at + timedelta(minutes=5), at)
    hold(session, "basket-2", {product.id: 1}, at + timedelta(minutes=5), at)
    with pytest.raises(OutOfStock), session.begin_nested():
        make_order(session, {product.sku: 1})
    assert make_order(session, {product.sku: 1}, holder="basket-1").state is OrderState.PLACED


def test_placing_is_told(session: Session) -> None:
    heard: list[str] = []

    def hear(_session: Session, event: OrderPlaced) -> None:
        heard.append(event.order_code)

    outbox.react(OrderPlaced, hear)
    try:
        order = make_order(session)
        rows = session.scalars(select(OutboxRow).where(OutboxRow.event == "OrderPlaced")).all()
        assert [row.body["order_code"] for row in rows if row.reaction.endswith("hear")] == [order.code]
    finally:
        outbox._reactions["OrderPlaced"] = [name for name in outbox._reactions["OrderPlaced"] if not name.endswith("hear")]


def test_many_lines_cost_as_many_queries_as_two(session: Session, at: datetime, count_queries: Any) -> None:
    cooperative = make_organization(session)
    skus = [make_goods(session, cooperative=cooperative, boxes=2).sku for _ in range(6)]

    def price(wanted: list[str]) -> int:
        session.expire_all()
        with count_queries() as queries:
            price_lines(session, dict.fromkeys(wanted, 1), province_code="310000", at=at)
        return len(queries)

    assert price(skus[:2]) == price(skus)
