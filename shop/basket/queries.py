"""What lies in a basket, and what it costs today: every fen explained by one quote."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization
from catalog.prices.queries import find_prices
from catalog.prices.quoting import NotDeliverable, Quote, SellerQuote
from catalog.products.listing import why_not_on_sale_many
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Gettext
from kernel.money import Money
from logistics.stock.models import Presale
from logistics.stock.queries import available
from shop.basket.couponing import find_discount
from shop.basket.models import Basket, BasketLine, Coupon, CouponUse
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


def list_lines(session: Session, owner: Owner) -> list[tuple[Product, int, Presale | None]]:
    """Products and boxes in the basket, in the order they were put in, with the pre-sale they are of."""
    basket = find_basket(session, owner)
    if basket is None:
        return []
    rows = session.execute(
        select(Product, BasketLine.quantity, Presale)
        .join(BasketLine, BasketLine.product_id == Product.id)
        .outerjoin(Presale, Presale.id == BasketLine.presale_id)
        .where(BasketLine.basket_id == basket.id)
        .order_by(BasketLine.id)
    )
    return [(product, quantity, presale) for product, quantity, presale in rows]


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
class Ahead:
    """Boxes of a coming harvest in the basket; an order of their own. ``open``: they can be ordered now."""

    product: Product
    quantity: int
    presale: Presale
    price: Money | None
    open: bool


@dataclass(frozen=True)
class BasketView:
    """The basket as its page shows it. ``priced`` is None when nothing in it can be bought; ``trouble`` says why freight is not known.

    ``ahead`` is what it holds of coming harvests; with ``presale`` the rows are that one alone, as its checkout shows it.
    Of ``stale`` products too few boxes would arrive fresh at that province.
    """

    rows: Sequence[Row]
    apart: Sequence[Apart]
    priced: PricedOrder | None
    trouble: str | None = None
    ahead: Sequence[Ahead] = ()
    presale: Presale | None = None
    stale: Sequence[Product] = ()

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
    def parcels(self) -> int:
        """How many parcels it comes in, as far as it is known."""
        return sum(len(part.parcels) for part in self.priced.quote.sellers) if self.priced else 0

    def parcels_before(self, part: SellerQuote) -> int:
        """How many parcels come before those of this seller: they are numbered through."""
        sellers = self.priced.quote.sellers if self.priced else ()
        return sum(len(other.parcels) for other in sellers[: sellers.index(part)])

    @property
    def wants(self) -> dict[str, int]:
        """SKU → boxes of what can be bought."""
        return {row.product.sku: row.quantity for row in self.rows}

    @property
    def ready(self) -> bool:
        """Whether an order can be placed for the rows as they are."""
        return self.priced is not None and self.trouble is None and not self.stale and not any(row.short for row in self.rows)


def view_basket(
    session: Session, owner: Owner, *, province_code: str | None, at: datetime, gettext: Gettext, presale: str = ""
) -> BasketView:
    """The basket with prices, stock and freight to a province (None: not known yet), in a fixed number of queries.

    With the code of a ``presale`` what it holds of that alone.
    """
    found = list_lines(session, owner)
    later = [(product, quantity, each) for product, quantity, each in found if each is not None]
    ahead = _look_ahead(session, later, at) if later and not presale else []
    chosen = next((each for _, _, each in later if each.code == presale), None)
    lines = [(product, quantity) for product, quantity, each in found if each is chosen] if chosen or not presale else []
    if not lines:
        return BasketView([], [], None, ahead=ahead)
    reasons = _why_not(session, lines, at, gettext)
    if chosen is None:
        left = available(session, [product.id for product, _ in lines], at)
    else:
        left = {chosen.product_id: chosen.left if chosen.takes_orders(at) else 0}
    rows, apart = [], []
    for product, quantity in lines:
        if reasons[product.id]:
            apart.append(Apart(product, quantity, reasons[product.id]))
        elif not left[product.id]:
            apart.append(Apart(product, quantity, [gettext("暂时没有现货。")]))
        else:
            rows.append(Row(product, quantity, left[product.id]))
    if not rows:
        return BasketView(rows, apart, None, ahead=ahead)
    priced, trouble = _price(
        session, {row.product.sku: row.quantity for row in rows}, province_code, at, gettext, from_stock=chosen is None
    )
    stale = [row.product for row in rows if row.product.sku in priced.stale and not row.short]
    return BasketView(rows, apart, priced, trouble, ahead, chosen, stale)


def _look_ahead(session: Session, lines: Sequence[tuple[Product, int, Presale]], at: datetime) -> list[Ahead]:
    """The lines of coming harvests with today's price of a box."""
    prices = find_prices(session, {product.id: quantity for product, quantity, _ in lines}, today_shanghai(at))
    return [
        Ahead(product, quantity, presale, prices.get(product.id), product.id in prices and presale.takes_orders(at))
        for product, quantity, presale in lines
    ]


def with_coupon(
    session: Session, view: BasketView, actor: Actor, code: str, *, province_code: str | None, at: datetime
) -> BasketView:
    """The same basket less a coupon. Raises NotFound, Forbidden, CouponRefused with the reason."""
    if view.priced is None:
        return view
    discount = find_discount(session, actor, code, view.priced.quote, view.priced.sellers, at=at)
    where = None if view.trouble else province_code
    return replace(
        view,
        priced=price_lines(session, view.wants, province_code=where, at=at, discounts=[discount], from_stock=view.presale is None),
    )


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
    session: Session, wants: Mapping[str, int], province_code: str | None, at: datetime, gettext: Gettext, *, from_stock: bool
) -> tuple[PricedOrder, str | None]:
    """Priced with freight; without it, and with the reason, when somebody does not carry there."""
    try:
        return price_lines(session, wants, province_code=province_code, at=at, from_stock=from_stock), None
    except NotDeliverable as problem:
        return price_lines(session, wants, province_code=None, at=at), problem.text(gettext)


@dataclass(frozen=True)
class IssuedCoupon:
    """A coupon as its seller sees it; ``uses`` counts the orders that keep it."""

    coupon: Coupon
    seller: Organization
    uses: int

    def state(self, on: date) -> str:
        """What can be done with it on that day: a key of COUPON_STATE_LABELS."""
        coupon = self.coupon
        if coupon.ended_at is not None or (coupon.valid_to is not None and coupon.valid_to < on):
            return "over"
        if coupon.valid_from > on:
            return "ahead"
        return "open" if coupon.spent_fen + coupon.off_fen <= coupon.budget_fen else "spent"


def list_coupons(
    session: Session, seller_ids: Collection[UUID] | None, *, after: UUID | None = None, limit: int = 50
) -> list[IssuedCoupon]:
    """Coupons of these sellers (None: of all), newest first; ``after`` is the key of the last one shown."""
    uses = select(func.count()).where(CouponUse.coupon_id == Coupon.id, CouponUse.returned_at.is_(None)).correlate(Coupon)
    query = select(Coupon, Organization, uses.scalar_subquery()).join(Organization, Organization.id == Coupon.seller_id)
    if seller_ids is not None:
        query = query.where(Coupon.seller_id.in_(seller_ids))
    if after is not None:
        query = query.where(Coupon.id < after)
    return [IssuedCoupon(*row) for row in session.execute(query.order_by(Coupon.id.desc()).limit(limit))]
