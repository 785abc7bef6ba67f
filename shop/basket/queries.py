"""What lies in a basket, and what it costs today: every fen explained by one quote."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.prices.queries import find_prices
from catalog.prices.quoting import NotDeliverable, Quote, SellerQuote
from catalog.products.listing import why_not_on_sale_many
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Gettext
from logistics.stock.queries import available
from shop.basket.models import Basket, BasketLine
from shop.orders.pricing import PricedOrder, price_lines


@dataclass(frozen=True)
class Owner:
    """Whose basket: a person's, or a browser's by its token."""

    person_id: UUID | None = None
    token: str | None = None

    @property
    def token_hash(self) -> str | None:
        """SHA-256 of the token, hex; none for a person, whose basket needs no token."""
        if self.person_id is not None or self.token is None:
            return None
        return hashlib.sha256(self.token.encode()).hexdigest()


def find_basket(session: Session, owner: Owner, *, lock: bool = False) -> Basket | None:
    """The owner's basket, or None."""
    if owner.person_id is not None:
        query = select(Basket).where(Basket.person_id == owner.person_id)
    elif owner.token_hash is not None:
        query = select(Basket).where(Basket.token_hash == owner.token_hash)
    else:
        return None
    return session.scalar(query.with_for_update().execution_options(populate_existing=True) if lock else query)


def list_lines(session: Session, owner: Owner) -> list[tuple[Product, int]]:
    """Products and boxes in the basket, in the order they were put in."""
    basket = find_basket(session, owner)
    if basket is None:
        return []
    rows = session.execute(
        select(Product, BasketLine.quantity)
        .join(BasketLine, BasketLine.product_id == Product.id)
        .where(BasketLine.basket_id == basket.id)
        .order_by(BasketLine.id)
    )
    return [(product, quantity) for product, quantity in rows]


def count_boxes(session: Session, owner: Owner) -> int:
    """How many boxes lie in the basket."""
    basket = find_basket(session, owner)
    if basket is None:
        return 0
    return int(session.scalar(select(func.sum(BasketLine.quantity)).where(BasketLine.basket_id == basket.id)) or 0)


@dataclass(frozen=True)
class Row:
    """One product that can be bought: boxes wanted, boxes there are."""

    product: Product
    quantity: int
    left: int

    @property
    def short(self) -> bool:
        """Fewer are left than wanted."""
        return self.left < self.quantity


@dataclass(frozen=True)
class Apart:
    """A product in the basket that cannot be bought today, and why."""

    product: Product
    quantity: int
    reasons: Sequence[str]


@dataclass(frozen=True)
class BasketView:
    """The basket as its page shows it. ``priced`` is None when nothing in it can be bought; ``trouble`` says why freight is not known."""

    rows: Sequence[Row]
    apart: Sequence[Apart]
    priced: PricedOrder | None
    trouble: str | None = None

    @property
    def quote(self) -> Quote | None:
        """What the rows cost."""
        return self.priced.quote if self.priced else None

    @property
    def parts(self) -> list[tuple[SellerQuote, list[Row]]]:
        """Seller by seller: its part of the quote, and its rows in the same order."""
        rows = {row.product.sku: row for row in self.rows}
        sellers = self.priced.quote.sellers if self.priced else ()
        return [(part, [rows[item.line.sku] for item in part.lines]) for part in sellers]

    @property
    def wants(self) -> dict[str, int]:
        """SKU → boxes of what can be bought."""
        return {row.product.sku: row.quantity for row in self.rows}

    @property
    def ready(self) -> bool:
        """Whether an order can be placed for the rows as they are."""
        return self.priced is not None and self.trouble is None and not any(row.short for row in self.rows)


def view_basket(session: Session, owner: Owner, *, province_code: str | None, at: datetime, gettext: Gettext) -> BasketView:
    """The basket with prices, stock and freight to a province (None: not known yet), in a fixed number of queries."""
    lines = list_lines(session, owner)
    if not lines:
        return BasketView([], [], None)
    reasons = _why_not(session, lines, at, gettext)
    left = available(session, [product.id for product, _ in lines], at)
    rows, apart = [], []
    for product, quantity in lines:
        if reasons[product.id]:
            apart.append(Apart(product, quantity, reasons[product.id]))
        elif not left[product.id]:
            apart.append(Apart(product, quantity, [gettext("暂时没有现货。")]))
        else:
            rows.append(Row(product, quantity, left[product.id]))
    if not rows:
        return BasketView(rows, apart, None)
    priced, trouble = _price(session, {row.product.sku: row.quantity for row in rows}, province_code, at, gettext)
    return BasketView(rows, apart, priced, trouble)


def _why_not(
    session: Session, lines: Sequence[tuple[Product, int]], at: datetime, gettext: Gettext
) -> Mapping[UUID, Sequence[str]]:
    on = today_shanghai(at)
    reasons = why_not_on_sale_many(session, [product for product, _ in lines], on, gettext)
    prices = find_prices(session, {product.id: quantity for product, quantity in lines}, on)
    return {
        product.id: reasons[product.id] or ([] if product.id in prices else [gettext("今天没有定价，暂时不能购买。")])
        for product, _ in lines
    }


def _price(
    session: Session, wants: Mapping[str, int], province_code: str | None, at: datetime, gettext: Gettext
) -> tuple[PricedOrder, str | None]:
    """Priced with freight; without it, and with the reason, when somebody does not carry there."""
    try:
        return price_lines(session, wants, province_code=province_code, at=at), None
    except NotDeliverable as problem:
        return price_lines(session, wants, province_code=None, at=at), problem.text(gettext)
