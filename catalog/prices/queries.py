"""What a box costs on a day, and what carrying it costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from catalog.areas.codes import province_of
from catalog.parties.models import Organization
from catalog.prices.models import RETAIL, FreightTemplate, Price, PriceList
from catalog.prices.quoting import FreightRule, find_rule
from kernel.errors import NotFound
from kernel.money import Money
from kernel.periods import valid_on


class NoPrice(NotFound):
    """The product has no price for that many boxes on that day."""


def find_price(session: Session, product_id: UUID, quantity: int, on: date, price_list_code: str = RETAIL) -> Money:
    """The price of one box when ``quantity`` boxes are bought on that day: the highest tier reached. Raises NoPrice."""
    price = find_prices(session, {product_id: quantity}, on, price_list_code).get(product_id)
    if price is None:
        raise NoPrice("这个产品今天没有定价，暂时不能购买。")
    return price


def find_prices(session: Session, quantities: dict[UUID, int], on: date, price_list_code: str = RETAIL) -> dict[UUID, Money]:
    """The price of one box of each product for its quantity, with one query; products without a price are left out.

    A product without a price on a special list has its retail price.
    """
    found: dict[UUID, tuple[bool, int, int]] = {}
    for price, code in _valid_prices(session, quantities, on, (price_list_code, RETAIL)):
        if price.min_quantity > quantities[price.product_id]:
            continue
        best = (code == price_list_code, price.min_quantity, price.fen)
        if price.product_id not in found or best[:2] > found[price.product_id][:2]:
            found[price.product_id] = best
    return {product_id: Money(fen) for product_id, (_, _, fen) in found.items()}


def list_tiers(session: Session, product_id: UUID, on: date, price_list_code: str = RETAIL) -> list[tuple[int, Money]]:
    """(from so many boxes, price of one box) on that day, the smallest first."""
    rows = _valid_prices(session, [product_id], on, (price_list_code,))
    return sorted((price.min_quantity, Money(price.fen)) for price, _ in rows)


def list_price_history(session: Session, product_id: UUID, price_list_code: str = RETAIL) -> Sequence[Price]:
    """All prices a product ever had on a list, by first day."""
    return session.scalars(
        select(Price)
        .join(PriceList)
        .where(Price.product_id == product_id, PriceList.code == price_list_code)
        .order_by(Price.valid_from, Price.min_quantity)
    ).all()


def find_price_list(session: Session, code: str) -> PriceList | None:
    """The price list with this code, or None."""
    return session.scalar(select(PriceList).where(PriceList.code == code))


def find_price_list_for(session: Session, organization_id: UUID, on: date) -> PriceList | None:
    """The list agreed with a buying organisation that is valid on that day, or None."""
    return session.scalar(
        select(PriceList)
        .where(PriceList.organization_id == organization_id, valid_on(PriceList, on))
        .order_by(PriceList.valid_from.desc(), PriceList.code)
        .limit(1)
    )


def list_price_lists(session: Session) -> Sequence[PriceList]:
    """All price lists, by code."""
    return session.scalars(select(PriceList).order_by(PriceList.code)).all()


def list_freight(session: Session, seller_ids: Iterable[UUID], province_code: str, on: date) -> list[FreightRule]:
    """The freight rules of these sellers for a province on that day, ready for ``quoting.quote``."""
    rows = session.execute(
        select(FreightTemplate, Organization.code)
        .join(Organization, Organization.id == FreightTemplate.seller_id)
        .where(
            FreightTemplate.seller_id.in_(set(seller_ids)),
            valid_on(FreightTemplate, on),
            or_(FreightTemplate.province_code.is_(None), FreightTemplate.province_code == province_of(province_code)),
        )
    )
    return [
        FreightRule(
            seller_code=code,
            province_code=template.province_code,
            deliverable=template.deliverable,
            first_grams=template.first_grams,
            first_fen=template.first_fen,
            step_grams=template.step_grams,
            step_fen=template.step_fen,
            cold_fen=template.cold_fen,
            free_over_fen=template.free_over_fen,
            handling_days=template.handling_days,
            days_from=template.days_from,
            days_to=template.days_to,
        )
        for template, code in rows
    ]


def find_rule_of(session: Session, seller_id: UUID, province_code: str, on: date) -> FreightRule | None:
    """The rule by which one seller carries to a province on that day, or None."""
    rules = list_freight(session, [seller_id], province_code, on)
    return find_rule(rules[0].seller_code, rules, province_of(province_code)) if rules else None


def list_freight_templates(session: Session, seller_ids: Iterable[UUID], on: date) -> Sequence[FreightTemplate]:
    """The rules of these sellers that hold on that day or begin later: first day, then anywhere else, then by province."""
    held = or_(FreightTemplate.valid_to.is_(None), FreightTemplate.valid_to >= on)
    query = select(FreightTemplate).where(FreightTemplate.seller_id.in_(set(seller_ids)), held)
    return session.scalars(
        query.order_by(FreightTemplate.valid_from, FreightTemplate.province_code.nulls_first(), FreightTemplate.id)
    ).all()


def find_fewest_days(session: Session, seller_id: UUID, on: date) -> int | None:
    """Days from payment to arrival at the latest, where a seller is quickest on that day or later; None when it has not said."""
    held = or_(FreightTemplate.valid_to.is_(None), FreightTemplate.valid_to >= on)
    days = select(func.min(FreightTemplate.handling_days + FreightTemplate.days_to))
    return session.scalar(days.where(FreightTemplate.seller_id == seller_id, FreightTemplate.deliverable, held))


def list_freight_history(
    session: Session, seller_id: UUID, *, after: UUID | None = None, limit: int = 50
) -> Sequence[FreightTemplate]:
    """All rules a seller ever had, newest first; ``after`` is the key of the last one shown."""
    query = select(FreightTemplate).where(FreightTemplate.seller_id == seller_id)
    if after is not None:
        query = query.where(FreightTemplate.id < after)
    return session.scalars(query.order_by(FreightTemplate.id.desc()).limit(limit)).all()


def _valid_prices(session: Session, product_ids: Iterable[UUID], on: date, codes: Iterable[str]) -> Sequence[tuple[Price, str]]:
    rows = session.execute(
        select(Price, PriceList.code)
        .join(PriceList, PriceList.id == Price.price_list_id)
        .where(Price.product_id.in_(set(product_ids)), PriceList.code.in_(set(codes)), valid_on(Price, on), valid_on(PriceList, on))
    )
    return [(price, code) for price, code in rows]
