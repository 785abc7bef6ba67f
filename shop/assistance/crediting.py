"""Counting a sale: one primary county, one partner or none, on the day the money came; refunds count against it.

Partner = the buyer's province (the organisation's own, else where the parcel goes) if it is paired with the county on the day of payment;
all else is 其他地区. Freight is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.areas.codes import province_of
from catalog.areas.queries import is_paired
from catalog.parties.models import Organization
from kernel.clock import today_shanghai
from kernel.ids import uuid7
from shop.assistance.models import Channel, SaleCredit
from shop.assistance.shares import divide
from shop.orders.models import Order, OrderLine, OrderPaid, OrderRefunded, Purpose
from shop.orders.queries import get_order

CHANNELS = {
    Purpose.PERSONAL: Channel.CONSUMER,
    Purpose.CANTEEN: Channel.CANTEEN,
    Purpose.STAFF_GIFT: Channel.STAFF_GIFT,
    Purpose.UNION: Channel.UNION,
}


def credit_order(session: Session, event: OrderPaid) -> None:
    """Count every line of a paid order; what an organisation did not accept is not counted."""
    _credit(session, get_order(session, event.order_code), event.paid_at)


def debit_refund(session: Session, event: OrderRefunded) -> None:
    """Count a refund against the order's lines in proportion, never below what is still counted.

    News comes in any order: when the sale itself has not been counted yet, it is counted first.
    """
    order = get_order(session, event.order_code)
    if order.paid_at is not None:
        _credit(session, order, order.paid_at)
    counted = _counted(session, order)
    lines = [line for line in order.lines if counted.get(line.code, 0) > 0]
    if not lines:
        return
    left = [counted[line.code] for line in lines]
    parts = divide(min(event.amount_fen, sum(left)), left)
    _write(session, order, lines, [-part for part in parts], cause=f"refund:{event.refund_id}", at=event.at)


def _credit(session: Session, order: Order, paid_at: datetime) -> None:
    """Count the sale; again changes nothing."""
    _write(session, order, order.lines, [_sold_fen(line) for line in order.lines], cause="paid", at=paid_at)


def _sold_fen(line: OrderLine) -> int:
    return line.amount_fen if line.accepted_boxes is None else line.amount_fen * line.accepted_boxes // line.quantity


def _counted(session: Session, order: Order) -> dict[str, int]:
    rows = session.execute(
        select(SaleCredit.line_code, func.sum(SaleCredit.amount_fen))
        .where(SaleCredit.order_code == order.code)
        .group_by(SaleCredit.line_code)
    )
    return {code: int(amount) for code, amount in rows}


def _write(session: Session, order: Order, lines: Sequence[OrderLine], amounts: Sequence[int], *, cause: str, at: datetime) -> None:
    paid_on = today_shanghai(order.paid_at or at)
    province = _buyer_province(session, order)
    partners = {county: _partner(session, county, province, paid_on) for county in {line.county_code for line in lines}}
    rows = [
        {
            "id": uuid7(),
            "cause": cause,
            "order_code": order.code,
            "line_code": line.code,
            "product_id": line.product_id,
            "county_code": line.county_code,
            "buyer_province_code": province,
            "partner_code": partners[line.county_code],
            "channel": CHANNELS[order.purpose],
            "amount_fen": amount,
            "on": today_shanghai(at),
            "at": at,
        }
        for line, amount in zip(lines, amounts, strict=True)
        if amount
    ]
    if rows:
        session.execute(insert(SaleCredit).values(rows).on_conflict_do_nothing(index_elements=["cause", "line_code"]))


def _buyer_province(session: Session, order: Order) -> str:
    if order.buyer_organization_id is not None:
        organization = session.get_one(Organization, order.buyer_organization_id)
        if organization.county_code:
            return province_of(organization.county_code)
    return order.province_code


def _partner(session: Session, county_code: str, province_code: str, on: date) -> str | None:
    return province_code if is_paired(session, county_code, province_code, on) else None
