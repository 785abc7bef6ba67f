"""One line of events for an order, pure: placed, paid, harvested (预售), packed, what the carrier said, delivered; and what is to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from kernel.clock import to_shanghai
from kernel.errors import Gettext
from kernel.money import Money
from logistics.shipments.queries import Tracking
from shop.cases.queries import ReturnedLine
from shop.cases.states import RETURNS, ReturnState
from shop.orders.models import Order
from shop.orders.states import OrderState

Entry = Mapping[str, object]
CLOSED = (OrderState.CANCELLED, OrderState.EXPIRED)
NEXT_LABELS: Mapping[str, str] = {
    "paid": "付款",
    "harvested": "采收装盒",
    "packed": "打包发货",
    "delivered": "签收",
}


def tell_order(
    order: Order,
    tracking: Sequence[Tracking],
    gettext: Gettext,
    *,
    english: bool,
    harvested_at: datetime | None = None,
    returns: Sequence[ReturnedLine] = (),
) -> list[Entry]:
    """Entries for ``parts.timeline``, oldest first; steps not reached yet come last, marked as next.

    ``harvested_at`` is when all boxes of an order from a pre-sale had come.
    """
    entries: list[tuple[datetime, dict[str, object]]] = [(order.placed_at, {"title": gettext("已下单")})]
    if order.paid_at is not None:
        paid_at = max(order.paid_at, order.placed_at)  # providers tell whole seconds
        entries.append((paid_at, {"title": gettext("已付款"), "text": str(Money(order.paid_fen))}))
    if harvested_at is not None:
        entries.append((harvested_at, {"title": gettext("已采收装盒")}))
    for parcel in tracking:
        entries += _tell_parcel(parcel, gettext, english=english)
    if order.delivered_at is not None:
        entries.append((order.delivered_at, {"title": gettext("全部签收")}))
    for row in returns:
        entries += _tell_return(row, gettext, english=english)
    told: list[Entry] = [
        {**entry, "time": f"{to_shanghai(at):%Y-%m-%d %H:%M}"} for at, entry in sorted(entries, key=lambda pair: pair[0])
    ]
    if order.state in CLOSED:
        ended = gettext("已取消") if order.state is OrderState.CANCELLED else gettext("已超时关闭")
        return [*told, {"title": ended, "state": "bad"}]
    return [*told, *({"title": gettext(NEXT_LABELS[step]), "state": "next"} for step in _to_come(order, harvested_at))]


def _tell_parcel(parcel: Tracking, gettext: Gettext, *, english: bool) -> list[tuple[datetime, dict[str, object]]]:
    name = (parcel.carrier_name_en if english else parcel.carrier_name) or ""
    waybill = " ".join(part for part in (name, parcel.waybill) if part)
    found: list[tuple[datetime, dict[str, object]]] = []
    if parcel.packed_at is not None:
        found.append((parcel.packed_at, {"title": gettext("已装箱"), "text": parcel.shipment_code}))
    if parcel.dispatched_at is not None:
        found.append((parcel.dispatched_at, {"title": gettext("已发货"), "text": waybill}))
    found += [(step.at, {"title": step.text, "text": "" if step.city in step.text else step.city}) for step in parcel.steps]
    return found


def _tell_return(row: ReturnedLine, gettext: Gettext, *, english: bool) -> list[tuple[datetime, dict[str, object]]]:
    returned, name = row.returned, (row.line.name_en if english else "") or row.line.name
    paid = returned.state is ReturnState.REFUNDED
    steps = [
        (returned.asked_at, ReturnState.ASKED, f"{name} × {returned.boxes}"),
        (returned.sent_at, ReturnState.SENT, f"{returned.carrier} {returned.waybill}"),
        (returned.received_at, ReturnState.RECEIVED, f"{name} × {returned.came}"),
        (returned.ended_at, returned.state, f"{name} {Money(returned.amount_fen or 0)}" if paid else name),
    ]  # fmt: skip
    titled = {state: gettext("退货：%(step)s") % {"step": gettext(RETURNS.label(state))} for state in ReturnState}
    return [(at, {"title": titled[state], "text": text}) for at, state, text in steps if at is not None]


def _to_come(order: Order, harvested_at: datetime | None) -> list[str]:
    waits_for_money = order.paid_at is None and not order.on_terms
    shipped = order.state in (OrderState.SHIPPED, OrderState.DELIVERED, OrderState.ACCEPTED, OrderState.COMPLETED)
    waits_for_harvest = order.presale_code is not None and harvested_at is None
    steps = [
        ("paid", waits_for_money),
        ("harvested", waits_for_harvest),
        ("packed", not shipped),
        ("delivered", order.delivered_at is None),
    ]
    return [step for step, missing in steps if missing]
