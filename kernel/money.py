"""Money: whole minor units (fen) and a currency. No float comes near it, and no fen gets lost.

Columns are BigInteger fen; `Money` is what acts calculate with and what templates show.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from kernel.errors import Invalid

# Digits after the point, ISO 4217 (list one). A currency we do not name we do not take.
EXPONENTS = {"CNY": 2, "HKD": 2, "USD": 2, "EUR": 2, "GBP": 2, "SGD": 2, "JPY": 0}
SYMBOLS = {"CNY": "¥", "HKD": "HK$", "USD": "US$", "EUR": "€", "GBP": "£", "SGD": "S$", "JPY": "JP¥"}

_WRITTEN = re.compile(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (`Money(1250)` is ¥12.50), negative for what goes back.

    Raises TypeError for anything but an int, ValueError for an unknown currency, and ValueError
    when two currencies meet: both are bugs, never a customer's fault.
    """

    minor: int
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"money is whole minor units, not {self.minor!r}")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")

    @classmethod
    def parse(cls, text: str, currency: str = "CNY", field: str | None = None) -> "Money":
        """Read "12.50" (yuan): ASCII digits, at most two decimals, no sign but a minus, no commas.

        Raises Invalid.
        """
        places = EXPONENTS[currency]
        fraction = text.partition(".")[2]
        if not _WRITTEN.fullmatch(text) or len(fraction) > places:
            raise Invalid(
                "金额“%(text)s”不正确，请只写数字，小数最多 %(places)s 位，例如 12.50。",
                field=field,
                params={"text": text[:40], "places": places},
            )
        return cls(int(Decimal(text).scaleb(places)), currency)

    def _same(self, other: "Money") -> int:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")
        return other.minor

    def __add__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        if type(times) is not int:
            return NotImplemented
        return Money(self.minor * times, self.currency)

    __rmul__ = __mul__

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._same(other)

    def times(self, factor: Decimal | Fraction) -> "Money":
        """Price times a measured quantity or a rate, rounded half up (四舍五入) away from zero once.

        Use it where one amount is worked out (¥38.80 a kg by 12.35 kg); to share an amount out use
        `split`, which loses nothing.
        """
        if not isinstance(factor, (Decimal, Fraction)):
            raise TypeError(f"factor must be exact, not {factor!r}")
        exact = self.minor * Fraction(factor)
        half_up = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
        return Money(half_up if exact >= 0 else -half_up, self.currency)

    def split(self, weights: Sequence[int | Decimal | Fraction]) -> list["Money"]:
        """Share the whole amount out by weight; the shares always add up to it.

        Largest remainder (Hamilton): each share is rounded down, then the fen left over go one by
        one to the largest remainders, the earlier first when equal. A negative amount is split as
        its mirror, so a full refund gives back exactly what the payment's split took.
        Raises ValueError without weights, for a negative one, or when all are zero; TypeError for
        a float.
        """
        if any(not isinstance(w, (int, Decimal, Fraction)) or isinstance(w, bool) for w in weights):
            raise TypeError("weights must be exact numbers")
        exact = [Fraction(w) for w in weights]
        total = sum(exact)
        if any(w < 0 for w in exact) or total <= 0:
            raise ValueError("weights must not be negative, and one at least must be positive")
        quotas = [abs(self.minor) * w / total for w in exact]
        shares = [int(q) for q in quotas]
        by_remainder = sorted(range(len(quotas)), key=lambda i: (shares[i] - quotas[i], i))
        for i in by_remainder[: abs(self.minor) - sum(shares)]:
            shares[i] += 1
        sign = -1 if self.minor < 0 else 1
        return [Money(sign * share, self.currency) for share in shares]

    def to_decimal(self) -> Decimal:
        """The amount in major units (yuan), exact: for spreadsheets and for JSON as a string."""
        return Decimal(self.minor).scaleb(-EXPONENTS[self.currency], _WIDE)

    def in_wan(self) -> Decimal:
        """万元 with two decimals, rounded half up: the unit in which assistance reports are written."""
        return self.to_decimal().scaleb(-4, _WIDE).quantize(Decimal("0.01"), ROUND_HALF_UP, _WIDE)

    def format(self) -> str:
        """For people: symbol, thousands, sign in front, e.g. ¥1,234.50 or -¥0.05."""
        places = EXPONENTS[self.currency]
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{SYMBOLS[self.currency]}{self.to_decimal().copy_abs():,.{places}f}"

    def __str__(self) -> str:
        return self.format()


# Wide enough for any BigInteger, so that the caller's decimal context never rounds money.
_WIDE = Context(prec=60)

ZERO = Money(0)
