"""What a basket costs and when it arrives, pure: every fen is accounted for and explained.

Items, then discounts shared out over the lines by largest remainder, then the freight of each parcel: one for each seller, place it leaves
from and temperature, as shipments are opened for it. Nothing here looks at a
database or a clock; the same lines always give the same quote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby

from kernel.errors import Conflict, Gettext, Invalid, fill
from kernel.money import Money

ZERO = Money(0)
REASON_TEXTS = {
    "goods": "%(name)s：%(price)s × %(quantity)s",
    "discount": "优惠：%(label)s",
    "carried_by_seller": "包邮，运费由销售方承担",
    "cold": "冷链包装和运输",
    "free": "满 %(over)s 免运费",
    "weight": "运费 %(kg)s 千克：首重 %(first)s，续重 %(steps)s × %(step)s",
}
MOST_BOXES = 100_000
AMBIENT = "ambient"


class NotDeliverable(Conflict):
    """A seller does not carry to the province asked."""


@dataclass(frozen=True)
class QuoteLine:
    """``quantity`` boxes of one product at ``unit_price`` from ``seller_code``.

    ``grams`` is the gross weight of one box; what does not travel at ``AMBIENT`` temperature travels cold. ``places`` says how many boxes
    leave from which place, as far as it is known: boxes not spoken of leave with the first.
    """

    sku: str
    name: str
    quantity: int
    unit_price: Money
    seller_code: str
    grams: int = 1000
    temperature: str = AMBIENT
    places: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class FreightRule:
    """What one seller charges to one province (None: anywhere else): first weight and price, then each further step (首重/续重).

    Handed over within ``handling_days``, carried in ``days_from`` to ``days_to`` days; None when the seller has not said.
    """

    seller_code: str
    province_code: str | None
    deliverable: bool
    first_grams: int
    first_fen: int
    step_grams: int
    step_fen: int
    cold_fen: int = 0
    free_over_fen: int | None = None
    handling_days: int | None = None
    days_from: int | None = None
    days_to: int | None = None

    def expect(self, on: date) -> Arrival | None:
        """When what is paid for on that day leaves and arrives; None when the seller has not said."""
        if self.handling_days is None or self.days_from is None or self.days_to is None:
            return None
        ship_by = on + timedelta(days=self.handling_days)
        return Arrival(ship_by, ship_by + timedelta(days=self.days_from), ship_by + timedelta(days=self.days_to))


@dataclass(frozen=True)
class Arrival:
    """The last day on which a parcel is handed over, and the days between which it arrives (预计送达)."""

    ship_by: date
    first: date
    last: date

    def leaving(self, ship_by: date) -> Arrival:
        """The same way, for what is handed over on ``ship_by`` at the latest."""
        later = ship_by - self.ship_by
        return Arrival(ship_by, self.first + later, self.last + later)


@dataclass(frozen=True)
class Discount:
    """An amount off the lines named by ``skus`` (empty: off all), e.g. a coupon."""

    label: str
    amount: Money
    skus: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reason:
    """Where an amount comes from: a msgid with its params, and the amount in fen (negative for what goes off)."""

    message: str
    params: Mapping[str, object]
    amount: Money

    def text(self, gettext: Gettext) -> str:
        """The reason in the reader's language."""
        return fill(self.message, self.params, gettext)


@dataclass(frozen=True)
class QuotedLine:
    """One line: boxes times price, less its share of discounts."""

    line: QuoteLine
    amount: Money
    discount: Money

    @property
    def payable(self) -> Money:
        """What is paid for the goods of this line."""
        return self.amount - self.discount

    @property
    def reason(self) -> Reason:
        """Boxes times price."""
        params = {"name": self.line.name, "price": str(self.line.unit_price), "quantity": self.line.quantity}
        return Reason(REASON_TEXTS["goods"], params, self.amount)


@dataclass(frozen=True)
class ParcelQuote:
    """What leaves one place at one temperature: ``boxes`` by SKU, its weight and its freight, explained."""

    place: str
    temperature: str
    boxes: tuple[tuple[str, int], ...]
    grams: int
    reasons: tuple[Reason, ...]

    @property
    def freight(self) -> Money:
        """What carrying it costs."""
        return total(reason.amount for reason in self.reasons)

    @property
    def count(self) -> int:
        """How many boxes are in it."""
        return sum(boxes for _sku, boxes in self.boxes)


@dataclass(frozen=True)
class SellerQuote:
    """What one seller gets: goods, discount, freight of each parcel, each explained. The unit of sub-order, payee and invoice.

    There are no parcels while it is not known where to. ``arrival`` is what the seller promises there, if it does.
    """

    seller_code: str
    lines: tuple[QuotedLine, ...]
    parcels: tuple[ParcelQuote, ...]
    arrival: Arrival | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every amount of this seller: goods line by line, then freight parcel by parcel."""
        return tuple(item.reason for item in self.lines) + tuple(reason for parcel in self.parcels for reason in parcel.reasons)

    @property
    def freight(self) -> Money:
        """What carrying all its parcels costs."""
        return total(parcel.freight for parcel in self.parcels)

    @property
    def items(self) -> Money:
        """Goods before discount."""
        return total(line.amount for line in self.lines)

    @property
    def discount(self) -> Money:
        """What goes off the goods."""
        return total(line.discount for line in self.lines)

    @property
    def total(self) -> Money:
        """What is paid to this seller."""
        return self.items - self.discount + self.freight


@dataclass(frozen=True)
class Quote:
    """The whole: one part for each seller; the sums are sums of the parts, never worked out anew."""

    sellers: tuple[SellerQuote, ...]
    reasons: tuple[Reason, ...] = field(default=())

    @property
    def lines(self) -> tuple[QuotedLine, ...]:
        """All lines, seller by seller."""
        return tuple(line for seller in self.sellers for line in seller.lines)

    @property
    def items(self) -> Money:
        """Goods before discount."""
        return total(seller.items for seller in self.sellers)

    @property
    def discount(self) -> Money:
        """What goes off the goods."""
        return total(seller.discount for seller in self.sellers)

    @property
    def freight(self) -> Money:
        """All freight."""
        return total(seller.freight for seller in self.sellers)

    @property
    def total(self) -> Money:
        """What is to be paid."""
        return total(seller.total for seller in self.sellers)

    def for_seller(self, seller_code: str) -> SellerQuote:
        """The part of one seller. Raises KeyError."""
        return {seller.seller_code: seller for seller in self.sellers}[seller_code]


def quote(
    lines: Sequence[QuoteLine],
    freight: Sequence[FreightRule] = (),
    *,
    province_code: str | None = None,
    discounts: Sequence[Discount] = (),
    on: date | None = None,
) -> Quote:
    """The price of ``lines`` carried to ``province_code`` (None: freight is left out until the address is known), paid for ``on`` that day.

    A seller without any freight rule carries at its own cost. Raises Invalid (empty, or a quantity out of range), NotDeliverable.
    """
    _check(lines)
    order = list(dict.fromkeys(line.seller_code for line in lines))
    sorted_lines = sorted(lines, key=lambda line: order.index(line.seller_code))
    amounts = [line.unit_price * line.quantity for line in sorted_lines]
    off, reasons = _share_discounts(sorted_lines, amounts, discounts)
    quoted = [QuotedLine(line, amount, less) for line, amount, less in zip(sorted_lines, amounts, off, strict=True)]
    sellers = []
    for seller_code, group in groupby(quoted, key=lambda item: item.line.seller_code):
        own = tuple(group)
        rule = find_rule(seller_code, freight, province_code)
        parcels = _carry(own, rule) if province_code is not None else ()
        arrival = rule.expect(on) if rule and on and province_code is not None else None
        sellers.append(SellerQuote(seller_code, own, parcels, arrival))
    return Quote(tuple(sellers), reasons)


def total(amounts: Iterable[Money]) -> Money:
    """The sum of amounts of one currency; nothing is ¥0.00."""
    return sum(amounts, ZERO)


def kilograms(grams: int) -> str:
    """Grams as people read a weight: 1100 → 1.1."""
    whole, rest = divmod(grams, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


def _check(lines: Sequence[QuoteLine]) -> None:
    if not lines:
        raise Invalid("还没有选商品。")
    for line in lines:
        if not 1 <= line.quantity <= MOST_BOXES:
            raise Invalid(
                "“%(name)s”的数量要在 1 到 %(most)s 之间。", params={"name": line.name, "most": MOST_BOXES}, field="quantity"
            )


def _share_discounts(
    lines: Sequence[QuoteLine], amounts: Sequence[Money], discounts: Sequence[Discount]
) -> tuple[list[Money], tuple[Reason, ...]]:
    """What goes off each line; a discount never exceeds what is left of its lines."""
    off = [ZERO] * len(lines)
    reasons = []
    for discount in discounts:
        left = [
            (amounts[i] - off[i]).minor if not discount.skus or line.sku in discount.skus else 0 for i, line in enumerate(lines)
        ]
        given = Money(min(discount.amount.minor, sum(left)))
        if not given:
            continue
        off = [before + share for before, share in zip(off, given.split(left), strict=True)]
        reasons.append(Reason(REASON_TEXTS["discount"], {"label": discount.label}, -given))
    return off, tuple(reasons)


def _carry(lines: Sequence[QuotedLine], rule: FreightRule | None) -> tuple[ParcelQuote, ...]:
    """The parcels of one seller, each weighed and charged by itself; whether its freight is free is asked of all its goods."""
    if rule is not None and not rule.deliverable:
        raise NotDeliverable("“%(name)s”不送到这个省份，请换地址或移出购物车。", params={"name": lines[0].line.name})
    goods = total(item.payable for item in lines)
    inside: dict[tuple[str, str], dict[str, int]] = {}
    grams: dict[tuple[str, str], int] = {}
    for line in (item.line for item in lines):
        for place, boxes in _boxes_by_place(line):
            key = (place, line.temperature)
            content = inside.setdefault(key, {})
            content[line.sku] = content.get(line.sku, 0) + boxes
            grams[key] = grams.get(key, 0) + line.grams * boxes
    return tuple(
        ParcelQuote(place, temperature, tuple(content.items()), weight, _charge(rule, weight, goods, temperature != AMBIENT))
        for ((place, temperature), content), weight in zip(inside.items(), grams.values(), strict=True)
    )


def _boxes_by_place(line: QuoteLine) -> list[tuple[str, int]]:
    """Every box of a line at a place: those that are not spoken of with the first."""
    known = [(place, boxes) for place, boxes in line.places if boxes > 0]
    rest = line.quantity - sum(boxes for _place, boxes in known)
    if rest < 0:
        raise ValueError(f"{line.sku}: more boxes at places than wanted")
    if not known:
        return [("", line.quantity)]
    return [(place, boxes + (rest if number == 0 else 0)) for number, (place, boxes) in enumerate(known)]


def _charge(rule: FreightRule | None, grams: int, goods: Money, cold: bool) -> tuple[Reason, ...]:
    if rule is None:
        return (Reason(REASON_TEXTS["carried_by_seller"], {}, ZERO),)
    surcharge = (Reason(REASON_TEXTS["cold"], {}, Money(rule.cold_fen)),) if cold and rule.cold_fen else ()
    return (_weight_reason(rule, grams, goods), *surcharge)


def _weight_reason(rule: FreightRule, grams: int, goods: Money) -> Reason:
    if rule.free_over_fen is not None and goods.minor >= rule.free_over_fen:
        return Reason(REASON_TEXTS["free"], {"over": str(Money(rule.free_over_fen))}, ZERO)
    # Steps are counted up: the first gram over a step starts the next one.
    steps = max(0, -(-(grams - rule.first_grams) // rule.step_grams))
    params = {
        "kg": kilograms(grams),
        "first": str(Money(rule.first_fen)),
        "steps": steps,
        "step": str(Money(rule.step_fen)),
    }
    return Reason(REASON_TEXTS["weight"], params, Money(rule.first_fen + steps * rule.step_fen))


def find_rule(seller_code: str, rules: Sequence[FreightRule], province_code: str | None) -> FreightRule | None:
    """The seller's rule for the province, else its rule for anywhere else."""
    own = {rule.province_code: rule for rule in rules if rule.seller_code == seller_code}
    return own.get(province_code) or own.get(None)
