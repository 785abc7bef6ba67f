"""What a request costs today: each delivery priced as the order it will become, equal ones once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from kernel.clock import today_shanghai
from kernel.errors import FieldError, Invalid, Problem
from logistics.stock.queries import look_at_shelves
from shop.orders.pricing import PricedOrder, leave_from, price_lines
from shop.procurement.models.requests import PurchaseRequest, RequestDelivery, RequestLine


@dataclass(frozen=True)
class WantedDelivery:
    """One address and what goes there: ``lines`` maps SKU to boxes; ``row`` is where it stands in an uploaded table (0: typed)."""

    address: Mapping[str, str]
    lines: Mapping[str, int]
    row: int = 0


def price_deliveries(
    session: Session, wanted: Sequence[WantedDelivery], *, organization_id: UUID, at: datetime
) -> list[PricedOrder | Problem]:
    """The price of each delivery, or why it has none (not on sale, no price, not carried there).

    They will be ordered one after the other: what an earlier one takes from a place, a later one does not find there.
    """
    known: dict[tuple[str, tuple[tuple[str, int], ...]], PricedOrder | Problem] = {}
    keys = [(delivery.address["province_code"], tuple(sorted(delivery.lines.items()))) for delivery in wanted]
    for province_code, lines in dict.fromkeys(keys):
        try:
            priced = price_lines(
                session, dict(lines), province_code=province_code, at=at, organization_id=organization_id, from_stock=False
            )
            known[province_code, lines] = priced
        except Problem as problem:
            known[province_code, lines] = problem
    priced_ones = [priced for priced in known.values() if isinstance(priced, PricedOrder)]
    shelves = look_at_shelves(session, {product.id for priced in priced_ones for product in priced.products.values()}, at)
    on = today_shanghai(at)
    return [leave_from(found, shelves, dict(key[1]), on) if isinstance(found := known[key], PricedOrder) else found for key in keys]


def quote_request(
    session: Session, request: PurchaseRequest, wanted: Sequence[WantedDelivery], *, at: datetime
) -> list[RequestDelivery]:
    """The deliveries of a request at today's prices, not yet stored. Raises Invalid naming each delivery that cannot be had."""
    errors, deliveries = [], []
    prices = price_deliveries(session, wanted, organization_id=request.organization_id, at=at)
    for position, (delivery, priced) in enumerate(zip(wanted, prices, strict=True), start=1):
        if isinstance(priced, Problem):
            errors.append(FieldError(f"delivery-{position}", priced.message, priced.params))
        else:
            deliveries.append(_delivery(position, delivery, priced))
    if errors:
        raise Invalid(errors[0].message, params=errors[0].params, errors=errors)
    return deliveries


def _delivery(position: int, wanted: WantedDelivery, priced: PricedOrder) -> RequestDelivery:
    return RequestDelivery(
        position=position,
        address=dict(wanted.address),
        items_fen=(priced.quote.items - priced.quote.discount).minor,
        freight_fen=priced.quote.freight.minor,
        total_fen=priced.quote.total.minor,
        lines=[
            RequestLine(
                sku=item.line.sku,
                name=item.line.name,
                net_content=priced.products[item.line.sku].net_content,
                seller_id=priced.sellers[item.line.seller_code],
                boxes=item.line.quantity,
                unit_price_fen=item.line.unit_price.minor,
                amount_fen=item.payable.minor,
            )
            for item in sorted(priced.quote.lines, key=lambda item: item.line.sku)
        ],
    )


def wants_of(request: PurchaseRequest) -> list[WantedDelivery]:
    """What a request asks for, as it could be asked for anew."""
    return [
        WantedDelivery(
            {key: str(value) for key, value in delivery.address.items()}, {line.sku: line.boxes for line in delivery.lines}
        )
        for delivery in request.deliveries
    ]
