from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Invalid
from kernel.money import ZERO, Money

FEN = st.integers(min_value=-(2**63), max_value=2**63 - 1)
WEIGHTS = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=40).filter(any)


@pytest.mark.parametrize("minor", [1.0, True, "1", Decimal(1), None])
def test_only_whole_minor_units(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor)  # type: ignore[arg-type]


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="unknown"):
        Money(1, "BTC")
    for act in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__, Money.__gt__, Money.__ge__):
        with pytest.raises(ValueError, match="mix"):
            act(Money(1), Money(1, "HKD"))
    assert Money(1) != Money(1, "HKD")


def test_arithmetic() -> None:
    assert Money(1250) + Money(1) - Money(251) == Money(1000)
    assert 3 * Money(5) == Money(5) * 3 == Money(15)
    assert sum([Money(1), Money(2)], ZERO) == Money(3)
    assert -Money(5) < ZERO <= ZERO < Money(1)
    assert Money(2) >= Money(2) > Money(1)
    assert not ZERO
    assert Money(-1)


def test_nothing_inexact_multiplies() -> None:
    with pytest.raises(TypeError):
        Money(10) * 1.5  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(10) * True
    with pytest.raises(TypeError):
        Money(10).times(0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minor", "factor", "expected"),
    [
        (3880, Decimal("12.35"), 47918),
        (1, Decimal("0.5"), 1),
        (-1, Decimal("0.5"), -1),
        (1, Decimal("0.499999"), 0),
        (100, Fraction(1, 3), 33),
        (2**63 - 1, Decimal(1), 2**63 - 1),
    ],
)
def test_times_rounds_half_up_once(minor: int, factor: Decimal | Fraction, expected: int) -> None:
    assert Money(minor).times(factor) == Money(expected)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("12.50", 1250),
        ("12.5", 1250),
        ("0", 0),
        ("0.05", 5),
        ("-3", -300),
        ("9999999999999.99", 999999999999999),
    ],
)
def test_parse(text: str, minor: int) -> None:
    assert Money.parse(text) == Money(minor)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1.",
        ".5",
        "1.005",
        "1,000",
        "¥1",
        "1e3",
        "+1",
        "01",
        "--1",
        "NaN",
        "١",
        "１２",
        "1\n",
        "10000000000000",
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Money.parse(text, field="price")
    assert caught.value.field == "price"


def test_a_currency_without_small_change() -> None:
    assert Money.parse("1200", "JPY") == Money(1200, "JPY")
    with pytest.raises(Invalid):
        Money.parse("12.5", "JPY")
    assert Money(1200, "JPY").format() == "JP¥1,200"


def test_format_is_exact_for_the_widest_column() -> None:
    assert Money(123450).format() == "¥1,234.50"
    assert str(Money(-5)) == "-¥0.05"
    with localcontext() as context:
        context.prec = 3
        assert Money(2**63 - 1).format() == "¥92,233,720,368,547,758.07"


@pytest.mark.parametrize(("minor", "wan"), [(123450000, "123.45"), (500, "0.00"), (5000, "0.01"), (-5000, "-0.01")])
def test_in_wan(minor: int, wan: str) -> None:
    assert str(Money(minor).in_wan()) == wan


@given(FEN, WEIGHTS)
def test_split_loses_nothing_and_strays_less_than_a_fen(minor: int, weights: list[int]) -> None:
    shares = Money(minor).split(weights)
    assert sum(shares, ZERO) == Money(minor)
    total = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share.minor - Fraction(minor * weight, total)) < 1
        assert weight or not share


@given(FEN, WEIGHTS)
def test_a_refund_splits_as_the_mirror_of_the_payment(minor: int, weights: list[int]) -> None:
    assert Money(-minor).split(weights) == [-share for share in Money(minor).split(weights)]


def test_split_gives_the_rest_to_the_largest_remainder_then_the_first() -> None:
    assert [m.minor for m in Money(100).split([1, 1, 1])] == [34, 33, 33]
    assert [m.minor for m in Money(10).split([Decimal("0.15"), Decimal("0.85")])] == [2, 8]
    assert [m.minor for m in Money(10).split([0, 3, 4])] == [0, 4, 6]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [-1]])
def test_split_refuses_senseless_weights(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Money(1).split(weights)


def test_split_refuses_floats() -> None:
    with pytest.raises(TypeError):
        Money(1).split([0.5, 0.5])  # type: ignore[list-item]
