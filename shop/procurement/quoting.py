"""What a request costs today: each delivery priced as the order it will become, equal ones once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from kernel.errors import FieldError, Invalid, Problem
from shop.orders.pricing import PricedOrder, price_lines
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
    """The price of each delivery, or why it has none (not on sale, no price, not carried there)."""
    known: dict[tuple[str, tuple[tuple[str, int], ...]], PricedOrder | Problem] = {}
    found = []
    for delivery in wanted:
        key = (delivery.address["province_code"], tuple(sorted(delivery.lines.items())))
        if key not in known:
            try:
                known[key] = price_lines(session, dict(key[1]), province_code=key[0], at=at, organization_id=organization_id)
            except Problem as problem:
                known[key] = problem
        found.append(known[key])
    return found


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
