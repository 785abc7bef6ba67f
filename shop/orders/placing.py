"""Placing an order: the one act that turns wants into a promise.

1. A checkout that was placed before gives the same order again.
2. Every product may be sold today (its papers are valid), or the reasons are named.
3. Prices and freight are worked out afresh; a total other than the one shown to the buyer is refused, with the new one.
4. Rows are written and boxes allocated in one transaction; short stock refuses the whole order. Of a coming harvest (预售) boxes are
   promised instead: that is an order of its own, so that it can wait, be cancelled and be paid back by itself.
5. Freight is that of the parcels the allocated boxes make: where they are not those looked at in 3, the total is looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from catalog.prices.quoting import Discount, Quote, QuotedLine
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from kernel.ids import new_code
from kernel.money import Money
from kernel.outbox import publish
from logistics.stock import preselling, reserving
from logistics.stock.freshness import TRANSIT_DAYS
from logistics.stock.models import Allocation, Presale
from shop.orders.models import Order, OrderKind, OrderLine, OrderPlaced, Purpose, SubOrder
from shop.orders.pricing import PricedOrder, price_lines
from shop.orders.promising import places_of, promise_parcels
from shop.payments.queries import takes_online

PAY_WITHIN = timedelta(minutes=60)
# A transfer is seen on the seller's next statement, a working day later; its boxes are kept over a weekend.
TRANSFER_WITHIN = timedelta(days=3)
MAX_LINES = 100
MAX_BOXES = 10_000


class PriceChanged(Conflict):
    """The total is not what the buyer saw; ``now`` is what it is. Ask them again."""

    title = "价格有变化"

    def __init__(self, now: Money) -> None:
        super().__init__("价格刚刚有变化，现在合计 %(now)s。请确认后再下单。", params={"now": now.format()})
        self.now = now


@dataclass(frozen=True)
class OrderDraft:
    """What a buyer wants: ``lines`` maps SKU to boxes; ``expected_total`` is what they were shown; ``holder`` has boxes on hold;
    ``discounts`` were granted by the caller, who books them with the order.

    ``presale`` is the code of the pre-sale its one line is of; organisations buy from stock only, since they accept what they inspected.
    ``no_return_agreed`` says that the buyer ticked that fresh goods are not returned without cause (消费者权益保护法 art. 25).
    """

    lines: Mapping[str, int]
    address: Mapping[str, str]
    checkout_key: str
    expected_total: Money | None = None
    purpose: Purpose = Purpose.PERSONAL
    buyer_organization_id: UUID | None = None
    on_terms: bool = False
    due_on: date | None = None
    holder: str | None = None
    reference: str = ""
    no_return_agreed: bool = False
    discounts: Sequence[Discount] = ()
    presale: str | None = None


def place_order(session: Session, actor: Actor, draft: OrderDraft, *, at: datetime) -> Order:
    """Place ``draft`` for ``actor``. Raises Invalid, PriceChanged, Conflict (papers), OutOfStock; nothing is written then."""
    earlier = find_placed(session, draft.checkout_key)
    if earlier is not None:
        return _same_buyer(earlier, actor, draft)
    _check(draft)
    priced = price_lines(
        session,
        draft.lines,
        province_code=draft.address["province_code"],
        at=at,
        organization_id=draft.buyer_organization_id,
        discounts=draft.discounts,
        from_stock=draft.presale is None,
    )
    _must_be_expected(draft, priced.quote)
    order = _write(session, actor, draft, priced, at)
    if draft.presale is None:
        priced, allocations = _allocate(session, order, draft, priced, at)
        promise_parcels(order, priced.quote, allocations)
    else:
        (product,) = priced.products.values()
        arrival = priced.arrival(product, today_shanghai(at))
        days = (arrival.last - today_shanghai(at)).days if arrival is not None else TRANSIT_DAYS
        promise_boxes(session, order, days=days, at=at)
        promise_parcels(order, priced.quote, [], ship_by=order.ship_by)
    session.flush()
    publish(session, OrderPlaced(order.code, at))
    return order


def _allocate(
    session: Session, order: Order, draft: OrderDraft, priced: PricedOrder, at: datetime
) -> tuple[PricedOrder, list[Allocation]]:
    """Promise boxes that arrive fresh, and price the parcels they make. Raises OutOfStock, PriceChanged."""
    on = today_shanghai(at)
    lines = [(line.code, line.product_id, line.quantity) for line in order.lines]
    allocations = reserving.allocate(session, order.code, lines, at, from_holder=draft.holder, keeping=priced.keeping(on))
    allocated = priced.leaving(places_of(order, allocations), on)
    _must_be_expected(draft, allocated.quote)
    return allocated, allocations


def _must_be_expected(draft: OrderDraft, quote: Quote) -> None:
    if draft.expected_total is not None and draft.expected_total != quote.total:
        raise PriceChanged(quote.total)


def promise_boxes(session: Session, order: Order, *, days: int, at: datetime) -> None:
    """Promise the boxes of an order from a pre-sale. Raises Conflict (over, sold out, more than one account may have).

    ``days`` pass from being paid for to the buyer's door at the latest.
    """
    (line,) = order.lines
    assert order.presale_code is not None
    preselling.promise(
        session,
        order.presale_code,
        order_code=order.code,
        line_code=line.code,
        holder=str(order.buyer_person_id),
        boxes=line.quantity,
        days=days,
        at=at,
    )


def find_placed(session: Session, checkout_key: str) -> Order | None:
    """The order this checkout was placed as before; equal checkouts wait here for each other until the transaction ends."""
    lock_checkout(session, checkout_key)
    return session.scalar(select(Order).where(Order.checkout_key == checkout_key))


def lock_checkout(session: Session, checkout_key: str) -> None:
    """Let equal checkouts pass one after the other until the transaction ends; the unique column would refuse the second with an error."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"checkout {checkout_key}", 0))))


def _same_buyer(order: Order, actor: Actor, draft: OrderDraft) -> Order:
    if order.buyer_person_id != actor.person_id or order.buyer_organization_id != draft.buyer_organization_id:
        raise Forbidden("这张订单不是您下的。")
    return order


def _check(draft: OrderDraft) -> None:
    errors = []
    if not draft.lines:
        raise Invalid("购物篮是空的，请先选商品。")
    if len(draft.lines) > MAX_LINES:
        raise Invalid("一张订单最多 %(count)s 种商品，请分开下单。", params={"count": MAX_LINES})
    for sku, boxes in draft.lines.items():
        if type(boxes) is not int or not 1 <= boxes <= MAX_BOXES:
            errors.append(FieldError(sku, "数量要在 1 到 %(most)s 之间。", {"most": MAX_BOXES}))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    if draft.presale is not None and (draft.buyer_organization_id is not None or len(draft.lines) > 1):
        raise Invalid("预售商品请个人单独下单，单位采购请买现货。")
    if draft.on_terms and draft.buyer_organization_id is None:
        raise Invalid("先货后款只对采购单位开放。")


def _write(session: Session, actor: Actor, draft: OrderDraft, priced: PricedOrder, at: datetime) -> Order:
    presale = _find_presale(session, draft, priced)
    order = Order(
        code=new_code("ORD"),
        kind=OrderKind.ORGANIZATION if draft.buyer_organization_id else OrderKind.CONSUMER,
        purpose=draft.purpose,
        buyer_person_id=actor.person_id,
        buyer_organization_id=draft.buyer_organization_id,
        address=dict(draft.address),
        province_code=draft.address["province_code"],
        items_fen=(priced.quote.items - priced.quote.discount).minor,
        freight_fen=priced.quote.freight.minor,
        total_fen=priced.quote.total.minor,
        on_terms=draft.on_terms,
        due_on=draft.due_on,
        checkout_key=draft.checkout_key,
        reference=draft.reference,
        placed_at=at,
        no_return_agreed_at=at if draft.no_return_agreed else None,
        presale_code=presale.code if presale else None,
        ship_by=presale.ship_by if presale else None,
        expires_at=None if draft.on_terms else at + _pay_within(session, priced),
    )
    for number, part in enumerate(priced.quote.sellers, start=1):
        sub_order = SubOrder(
            code=f"{order.code}-{number}",
            seller_id=priced.sellers[part.seller_code],
            items_fen=(part.items - part.discount).minor,
            freight_fen=part.freight.minor,
            payable_fen=part.total.minor,
        )
        sub_order.lines = [
            _line(f"{sub_order.code}-{place:02d}", priced.products[item.line.sku], item)
            for place, item in enumerate(part.lines, start=1)
        ]
        order.sub_orders.append(sub_order)
    session.add(order)
    session.flush()
    return order


def _find_presale(session: Session, draft: OrderDraft, priced: PricedOrder) -> Presale | None:
    """The pre-sale the order is from. Raises NotFound for none, or one of another product."""
    if draft.presale is None:
        return None
    presale = preselling.find_presale(session, draft.presale)
    if presale is None or presale.product_id not in {product.id for product in priced.products.values()}:
        raise NotFound("没有这个预售。")
    return presale


def _pay_within(session: Session, priced: PricedOrder) -> timedelta:
    """How long the boxes wait for money: long enough for a transfer when one of the sellers is paid by nothing else."""
    sellers = set(priced.sellers.values())
    return PAY_WITHIN if takes_online(session, sellers) == sellers else TRANSFER_WITHIN


def _line(code: str, product: Product, item: QuotedLine) -> OrderLine:
    return OrderLine(
        code=code,
        product_id=product.id,
        sku=product.sku,
        name=product.name,
        name_en=product.name_en,
        county_code=product.county_code,
        net_content=product.net_content,
        picture=product.picture,
        return_class=product.return_class,
        temperature=product.temperature,
        storage=product.storage,
        shelf_life_days=product.shelf_life_days,
        quantity=item.line.quantity,
        unit_price_fen=item.line.unit_price.minor,
        discount_fen=item.discount.minor,
        amount_fen=item.payable.minor,
    )
