"""What a basket costs, pure: every fen is accounted for and explained.

Items, then discounts shared out over the lines by largest remainder, then one parcel's freight for each seller. Nothing here looks at a
database or a clock; the same lines always give the same quote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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


class NotDeliverable(Conflict):
    """A seller does not carry to the province asked."""


@dataclass(frozen=True)
class QuoteLine:
    """``quantity`` boxes of one product at ``unit_price`` from ``seller_code``.

    ``grams`` is the gross weight of one box; ``cold`` says that it travels chilled or frozen.
    """

    sku: str
    name: str
    quantity: int
    unit_price: Money
    seller_code: str
    grams: int = 1000
    cold: bool = False


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


@dataclass(frozen=True)
class SellerQuote:
    """What one seller gets: goods, discount, freight, each explained. The unit of sub-order, payee and invoice."""

    seller_code: str
    lines: tuple[QuotedLine, ...]
    freight: Money
    reasons: tuple[Reason, ...]

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
) -> Quote:
    """The price of ``lines`` carried to ``province_code`` (None: freight is left out until the address is known).

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
        cost, why = _carry(seller_code, own, freight, province_code)
        goods = tuple(
            Reason(
                REASON_TEXTS["goods"],
                {"name": item.line.name, "price": str(item.line.unit_price), "quantity": item.line.quantity},
                item.amount,
            )
            for item in own
        )
        sellers.append(SellerQuote(seller_code, own, cost, goods + why))
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


def _carry(
    seller_code: str, lines: Sequence[QuotedLine], rules: Sequence[FreightRule], province_code: str | None
) -> tuple[Money, tuple[Reason, ...]]:
    rule = _find_rule(seller_code, rules, province_code)
    if province_code is None:
        return ZERO, ()
    if rule is None:
        return ZERO, (Reason(REASON_TEXTS["carried_by_seller"], {}, ZERO),)
    if not rule.deliverable:
        raise NotDeliverable("“%(name)s”不送到这个省份，请换地址或移出购物车。", params={"name": lines[0].line.name})
    grams = sum(item.line.grams * item.line.quantity for item in lines)
    goods = total(item.payable for item in lines)
    reasons = [_weight_reason(rule, grams, goods)]
    if rule.cold_fen and any(item.line.cold for item in lines):
        reasons.append(Reason(REASON_TEXTS["cold"], {}, Money(rule.cold_fen)))
    return total(reason.amount for reason in reasons), tuple(reasons)


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


def _find_rule(seller_code: str, rules: Sequence[FreightRule], province_code: str | None) -> FreightRule | None:
    """The seller's rule for the province, else its rule for anywhere else."""
    own = {rule.province_code: rule for rule in rules if rule.seller_code == seller_code}
    return own.get(province_code) or own.get(None)
