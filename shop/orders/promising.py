"""What becomes a parcel: its freight and its days, written when the order is placed, and counted anew from the day it is paid."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from catalog.prices.quoting import Arrival, Quote
from catalog.products.models import Product, Temperature
from kernel.clock import today_shanghai
from kernel.money import Money
from logistics.stock.freshness import TRANSIT_DAYS, keeps_until
from logistics.stock.models import Allocation
from shop.orders.models import Order, OrderParcel, SubOrder


def places_of(order: Order, allocations: Sequence[Allocation]) -> dict[str, dict[UUID, int]]:
    """From which places the boxes of an order leave: SKU → place → boxes."""
    sku_of = {line.code: line.sku for line in order.lines}
    found: dict[str, dict[UUID, int]] = defaultdict(dict)
    for row in allocations:
        places = found[sku_of[row.line_code]]
        places[row.stock_lot.place_id] = places.get(row.stock_lot.place_id, 0) + row.quantity
    return found


def promise_parcels(order: Order, quote: Quote, allocations: Sequence[Allocation], *, ship_by: date | None = None) -> None:
    """Write what each seller carries in which parcel, what it charges for it and when it arrives; the order's freight is their sum.

    With ``ship_by`` (预售) that is the promised day of leaving, and the way takes as long as the seller says.
    """
    for sub_order, part in zip(order.sub_orders, quote.sellers, strict=True):
        sub_order.parcels = [
            OrderParcel(
                number=number,
                place_id=UUID(parcel.place) if parcel.place else None,
                temperature=Temperature(parcel.temperature),
                boxes=parcel.count,
                grams=parcel.grams,
                freight_fen=parcel.freight.minor,
                **_days(part.arrival, ship_by),
            )
            for number, parcel in enumerate(part.parcels, start=1)
        ]
        sub_order.freight_fen = part.freight.minor
        sub_order.payable_fen = part.total.minor
        _promise_freshness(sub_order, allocations)
    order.freight_fen = quote.freight.minor
    order.total_fen = quote.total.minor


def _days(arrival: Arrival | None, ship_by: date | None) -> dict[str, date | None]:
    if arrival is None:
        return {"ship_by": ship_by, "arrive_from": None, "arrive_by": None}
    there = arrival.leaving(ship_by) if ship_by is not None else arrival
    return {"ship_by": there.ship_by, "arrive_from": there.first, "arrive_by": there.last}


def _promise_freshness(sub_order: SubOrder, allocations: Sequence[Allocation]) -> None:
    """How many days of shelf life each line has left on the last day of arrival, by the lots its boxes were promised from."""
    last = _last_day(sub_order)
    for line in sub_order.lines:
        ends = [row.stock_lot.expires_on for row in allocations if row.line_code == line.code and row.stock_lot.expires_on]
        line.fresh_days = (min(ends) - last).days if ends and last else None


def _last_day(sub_order: SubOrder) -> date | None:
    """The last day on which all parcels of a seller arrive; None where it has not said."""
    return max((parcel.arrive_by for parcel in sub_order.parcels if parcel.arrive_by), default=None)


def keeping_late(order: Order, at: datetime) -> dict[UUID, date]:
    """For boxes that are promised again at ``at``: the earliest day on which those of each product may expire to arrive fresh then."""
    found = {}
    for part in order.sub_orders:
        last = _last_day(part)
        arrives = last + _late(order, at) if last is not None else today_shanghai(at) + timedelta(days=TRANSIT_DAYS)
        for line in part.lines:
            found[line.product_id] = keeps_until(arrives, line.shelf_life_days)
    return found


def promise_again(session: Session, order: Order) -> None:
    """Bring the parcels in step with where the boxes lie that were promised later: of a coming harvest (预售), or revived by late money.

    The freight that was charged stays; it is shared out over the parcels by weight, to the fen. Days still count from when the order was
    placed: ``promise_from`` moves them to the day of payment.
    """
    own = select(Allocation).where(Allocation.order_code == order.code).order_by(Allocation.id)
    allocations = session.scalars(own.options(joinedload(Allocation.stock_lot))).all()
    for part in order.sub_orders:
        if order.presale_code is None:
            _promise_freshness(part, allocations)
        lines = {line.code: line for line in part.lines}
        boxes: Counter[tuple[UUID, Temperature]] = Counter()
        grams: Counter[tuple[UUID, Temperature]] = Counter()
        for row in (row for row in allocations if row.line_code in lines):
            line = lines[row.line_code]
            key = (row.stock_lot.place_id, line.temperature)
            boxes[key] += row.quantity
            grams[key] += row.quantity * session.get_one(Product, line.product_id).gross_grams
        if Counter({(parcel.place_id, parcel.temperature): parcel.boxes for parcel in part.parcels}) == boxes:
            continue
        first = part.parcels[0] if part.parcels else None
        days = (first.ship_by, first.arrive_from, first.arrive_by) if first else (None, None, None)
        shares = Money(part.freight_fen).split(list(grams.values()))
        part.parcels.clear()
        session.flush()
        part.parcels += [
            OrderParcel(
                number=number,
                place_id=place_id,
                temperature=temperature,
                boxes=boxes[place_id, temperature],
                grams=grams[place_id, temperature],
                freight_fen=share.minor,
                ship_by=days[0],
                arrive_from=days[1],
                arrive_by=days[2],
            )
            for number, ((place_id, temperature), share) in enumerate(zip(boxes, shares, strict=True), start=1)
        ]


def promise_from(order: Order, at: datetime) -> None:
    """Count the days from ``at``, when the money came, not from when the order was placed. What has no place yet (预售) keeps its day."""
    late = _late(order, at)
    if not late:
        return
    for parcel in (parcel for part in order.sub_orders for parcel in part.parcels if parcel.place_id is not None):
        if parcel.ship_by and parcel.arrive_from and parcel.arrive_by:
            parcel.ship_by += late
            parcel.arrive_from += late
            parcel.arrive_by += late
    for line in order.lines:
        if line.fresh_days is not None:
            line.fresh_days = max(line.fresh_days - late.days, 0)


def _late(order: Order, at: datetime) -> timedelta:
    """Whole days from placing to ``at``, never fewer than none."""
    return max(today_shanghai(at) - today_shanghai(order.placed_at), timedelta())
