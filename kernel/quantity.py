"""Quantities: an exact decimal and a unit of measure (计量单位). Floats are refused.

Codes are those of UN/ECE Recommendation 20 (rev. 17; X… codes: packages of Recommendation 21), the
vocabulary of `uom` in EPCIS 2.0. Units of the Chinese market that have no code there (斤, 担, 亩) are
written outward in the coded unit of the same dimension.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import gcd
from typing import NamedTuple

from kernel.errors import Gettext, Invalid, Term


class Dimension(StrEnum):
    """What is measured. Counted things are a dimension each: heads do not convert into boxes."""

    MASS = "mass"
    VOLUME = "volume"
    AREA = "area"
    HEADS = "heads"
    HIVES = "hives"
    PIECES = "pieces"
    BOXES = "boxes"
    BAGS = "bags"
    BOTTLES = "bottles"


class _Row(NamedTuple):
    dimension: Dimension
    factor: Fraction  # how many base units of the dimension: kg, l, m²
    un_code: str | None
    label: str  # msgid
    words: tuple[str, ...]  # other ways people write it


class Unit(StrEnum):
    """The value is what the database keeps."""

    KG = "kg"
    G = "g"
    TONNE = "t"
    JIN = "jin"
    LIANG = "liang"
    DAN = "dan"
    L = "l"
    ML = "ml"
    M2 = "m2"
    MU = "mu"
    HA = "ha"
    HEAD = "head"
    HIVE = "hive"
    PIECE = "piece"
    BOX = "box"
    BAG = "bag"
    BOTTLE = "bottle"

    @property
    def dimension(self) -> Dimension:
        return _ROWS[self].dimension

    @property
    def un_code(self) -> str | None:
        """The code of UN/ECE Recommendation 20 or 21; None for 斤, 两, 担, 亩 and 群, which have none."""
        return _ROWS[self].un_code

    @property
    def label(self) -> Term:
        """The msgid people read, e.g. 千克."""
        return Term(_ROWS[self].label)

    @classmethod
    def from_un_code(cls, code: str) -> "Unit":
        """The unit with that UN/ECE code. Raises Invalid for one we do not carry."""
        for unit, row in _ROWS.items():
            if row.un_code == code:
                return unit
        raise Invalid("不支持计量单位代码“%(code)s”。", params={"code": code[:10]})

    @classmethod
    def parse(cls, text: str, field: str | None = None) -> "Unit":
        """The unit a person means by "kg", "公斤", "只" … Raises Invalid."""
        word = unicodedata.normalize("NFKC", text).strip().lower()
        for unit, row in _ROWS.items():
            if word in (unit.value, row.label, *row.words):
                return unit
        raise Invalid("不认识计量单位“%(text)s”。", field=field, params={"text": text[:20]})


_COUNT = Fraction(1)
_ROWS = {
    Unit.KG: _Row(Dimension.MASS, Fraction(1), "KGM", "千克", ("公斤", "kgm")),
    Unit.G: _Row(Dimension.MASS, Fraction(1, 1000), "GRM", "克", ("grm",)),
    Unit.TONNE: _Row(Dimension.MASS, Fraction(1000), "TNE", "吨", ("公吨", "tne")),
    Unit.JIN: _Row(Dimension.MASS, Fraction(1, 2), None, "斤", ("市斤",)),
    Unit.LIANG: _Row(Dimension.MASS, Fraction(1, 20), None, "两", ("市两",)),
    Unit.DAN: _Row(Dimension.MASS, Fraction(50), None, "担", ("市担",)),
    Unit.L: _Row(Dimension.VOLUME, Fraction(1), "LTR", "升", ("公升", "ltr")),
    Unit.ML: _Row(Dimension.VOLUME, Fraction(1, 1000), "MLT", "毫升", ("mlt",)),
    Unit.M2: _Row(Dimension.AREA, Fraction(1), "MTK", "平方米", ("平米", "mtk")),
    Unit.MU: _Row(Dimension.AREA, Fraction(2000, 3), None, "亩", ("市亩",)),
    Unit.HA: _Row(Dimension.AREA, Fraction(10000), "HAR", "公顷", ("har",)),
    Unit.HEAD: _Row(Dimension.HEADS, _COUNT, "HEA", "头", ("只", "匹", "羽", "hea")),
    Unit.HIVE: _Row(Dimension.HIVES, _COUNT, None, "群", ("蜂群", "箱蜂")),
    Unit.PIECE: _Row(Dimension.PIECES, _COUNT, "H87", "件", ("个", "枚", "块", "h87")),
    Unit.BOX: _Row(Dimension.BOXES, _COUNT, "XBX", "盒", ("箱", "xbx")),
    Unit.BAG: _Row(Dimension.BAGS, _COUNT, "XBG", "袋", ("包", "xbg")),
    Unit.BOTTLE: _Row(Dimension.BOTTLES, _COUNT, "XBO", "瓶", ("xbo",)),
}

# Twelve digits before the point and six behind: the width of our NUMERIC(18, 6) columns.
_AMOUNT = r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,6})?"
_PLAIN = re.compile(_AMOUNT)
_WITH_UNIT = re.compile(rf"({_AMOUNT})\s*(\D.*)")


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """So much of a unit. Equal means the same amount: 1 kg == 2 斤.

    Raises TypeError unless the amount is a Decimal or an int, ValueError unless it is finite, and
    ValueError when two dimensions meet. Negative amounts are allowed: differences need them.
    """

    amount: Decimal
    unit: Unit

    def __post_init__(self) -> None:
        if type(self.amount) not in (Decimal, int):
            raise TypeError(f"a quantity is a Decimal, not {self.amount!r}")
        object.__setattr__(self, "amount", Decimal(self.amount))
        if not self.amount.is_finite():
            raise ValueError("a quantity is finite")

    @classmethod
    def parse(cls, text: str, unit: Unit | None = None, field: str | None = None) -> "Quantity":
        """Read "12.5" (with `unit` given) or "12.5 kg" / "30斤": not negative, at most six decimals.

        Full-width digits, as Chinese keyboards make them, are taken. Raises Invalid.
        """
        tidy = unicodedata.normalize("NFKC", text).strip()
        if unit is not None and _PLAIN.fullmatch(tidy):
            return cls(Decimal(tidy), unit)
        match = _WITH_UNIT.fullmatch(tidy) if unit is None else None
        if match is None:
            raise Invalid(
                "数量“%(text)s”不正确，请填写数字，小数最多 6 位，例如 12.5。",
                field=field,
                params={"text": text[:40]},
            )
        return cls(Decimal(match[1]), Unit.parse(match[2], field))

    @property
    def dimension(self) -> Dimension:
        return self.unit.dimension

    def _base(self) -> Fraction:
        """In the base unit of the dimension, exact."""
        return Fraction(self.amount) * _ROWS[self.unit].factor

    def _other(self, other: "Quantity") -> Fraction:
        if self.dimension is not other.dimension:
            raise ValueError(f"{self.unit} and {other.unit} do not mix")
        return other._base()

    def to(self, unit: Unit, places: int | None = None) -> "Quantity":
        """The same amount in another unit of the dimension, exact.

        Only 亩 leads to endless decimals (1 亩 = 2000/3 m²): without `places` that raises ValueError,
        with it the amount is rounded half up to so many decimals. ValueError between dimensions.
        """
        if unit.dimension is not self.dimension:
            raise ValueError(f"{self.unit} does not convert to {unit}")
        exact = self._base() / _ROWS[unit].factor
        if places is not None:
            scaled = exact * 10**places
            half_up = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
            exact = Fraction(half_up if scaled >= 0 else -half_up, 10**places)
        return Quantity(_decimal(exact), unit)

    def outward(self) -> tuple[Decimal, str]:
        """Amount and UN/ECE code for other people's systems (斤, 两, 担 in KGM; 亩 in MTK, 4 places).

        Raises ValueError for 群, which no list knows.
        """
        if self.unit.un_code is not None:
            return self.amount, self.unit.un_code
        coded = {Dimension.MASS: Unit.KG, Dimension.AREA: Unit.M2}.get(self.dimension)
        if coded is None or coded.un_code is None:
            raise ValueError(f"{self.unit} has no UN/ECE code")
        return self.to(coded, None if coded is Unit.KG else 4).amount, coded.un_code

    def __add__(self, other: "Quantity") -> "Quantity":
        if not isinstance(other, Quantity):
            return NotImplemented
        total = self._base() + self._other(other)
        return Quantity(_decimal(total / _ROWS[self.unit].factor), self.unit)

    def __sub__(self, other: "Quantity") -> "Quantity":
        if not isinstance(other, Quantity):
            return NotImplemented
        return self + -other

    def __neg__(self) -> "Quantity":
        return Quantity(self.amount.copy_negate(), self.unit)

    def __mul__(self, times: int | Decimal) -> "Quantity":
        if isinstance(times, bool) or not isinstance(times, (int, Decimal)):
            return NotImplemented
        return Quantity(_decimal(Fraction(self.amount) * Fraction(times)), self.unit)

    __rmul__ = __mul__

    def ratio(self, other: "Quantity") -> Fraction:
        """How many times `other` goes into this, exact. ZeroDivisionError when other is nothing."""
        return self._base() / self._other(other)

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity):
            return NotImplemented
        return self.dimension is other.dimension and self._base() == other._base()

    def __hash__(self) -> int:
        return hash((self.dimension, self._base()))

    def __lt__(self, other: "Quantity") -> bool:
        return self._base() < self._other(other)

    def __le__(self, other: "Quantity") -> bool:
        return self._base() <= self._other(other)

    def __gt__(self, other: "Quantity") -> bool:
        return self._base() > self._other(other)

    def __ge__(self, other: "Quantity") -> bool:
        return self._base() >= self._other(other)

    def text(self, gettext: Gettext) -> str:
        """For people, in their language, e.g. "12.5 千克"."""
        return f"{plain(self.amount)} {gettext(self.unit.label)}"

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.unit.value}"


def plain(amount: Decimal) -> str:
    """Digits without exponent and without idle zeros: 12.50 → "12.5", 1E+3 → "1000"."""
    digits = f"{amount:f}"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return "0" if digits == "-0" else digits


def _decimal(exact: Fraction) -> Decimal:
    """The same number as a Decimal, whatever the context's precision. ValueError if it never ends."""
    rest, places = exact.denominator, 0
    while rest != 1:
        common = gcd(rest, 10)
        if common == 1:
            raise ValueError(f"{exact} has no end in decimals: say how many places")
        rest //= common
        places += 1
    digits = abs(exact.numerator) * 10**places // exact.denominator
    return Decimal((int(exact < 0), tuple(int(d) for d in str(digits)), -places))
