from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import Invalid
from kernel.quantity import Dimension, Quantity, Unit, plain

AMOUNTS = st.decimals(min_value=0, max_value=Decimal("999999999999"), places=6)
MASSES = st.sampled_from([u for u in Unit if u.dimension is Dimension.MASS])


def q(amount: str, unit: Unit) -> Quantity:
    return Quantity(Decimal(amount), unit)


@pytest.mark.parametrize("amount", [1.5, True, "1.5", None])
def test_only_exact_numbers(amount: object) -> None:
    with pytest.raises(TypeError):
        Quantity(amount, Unit.KG)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_only_finite_numbers(amount: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        q(amount, Unit.KG)


def test_the_market_units() -> None:
    assert q("2", Unit.JIN) == q("1", Unit.KG) == q("1000", Unit.G) == q("20", Unit.LIANG)
    assert q("1", Unit.DAN) == q("100", Unit.JIN)
    assert q("20", Unit.DAN) == q("1", Unit.TONNE)
    assert q("15", Unit.MU) == q("1", Unit.HA)
    assert q("3", Unit.MU) == q("2000", Unit.M2)
    assert q("1", Unit.L) == q("1000", Unit.ML)
    assert hash(q("2", Unit.JIN)) == hash(q("1.000", Unit.KG))


def test_counted_things_do_not_convert() -> None:
    assert q("1", Unit.HEAD) != q("1", Unit.BOX)
    for act in (
        Quantity.__add__,
        Quantity.__sub__,
        Quantity.__lt__,
        Quantity.__le__,
        Quantity.__gt__,
        Quantity.__ge__,
        Quantity.ratio,
    ):
        with pytest.raises(ValueError, match="mix"):
            act(q("1", Unit.HEAD), q("1", Unit.PIECE))
    with pytest.raises(ValueError, match="convert"):
        q("1", Unit.KG).to(Unit.L)


@given(AMOUNTS, MASSES, MASSES)
def test_conversion_is_exact_there_and_back(amount: Decimal, one: Unit, two: Unit) -> None:
    there = Quantity(amount, one).to(two)
    assert there.unit is two
    assert there == Quantity(amount, one)
    assert there.to(one).amount == amount


@given(AMOUNTS, AMOUNTS, MASSES, MASSES)
def test_sums_are_exact_and_keep_the_left_unit(a: Decimal, b: Decimal, one: Unit, two: Unit) -> None:
    total = Quantity(a, one) + Quantity(b, two)
    assert total.unit is one
    assert total - Quantity(b, two) == Quantity(a, one)
    assert (total >= Quantity(a, one)) is True


def test_the_callers_decimal_context_rounds_nothing() -> None:
    with localcontext() as context:
        context.prec = 2
        assert (q("123456.789", Unit.KG) + q("1", Unit.G)).amount == Decimal("123456.790")
        assert (q("123456.789", Unit.KG) * 3).amount == Decimal("370370.367")
        assert q("-1.234567", Unit.KG).to(Unit.G).amount == Decimal("-1234.567")


def test_mu_needs_a_rounding_where_decimals_never_end() -> None:
    with pytest.raises(ValueError, match="places"):
        q("1", Unit.MU).to(Unit.M2)
    assert q("1", Unit.MU).to(Unit.M2, places=2).amount == Decimal("666.67")
    assert q("-1", Unit.MU).to(Unit.M2, places=2).amount == Decimal("-666.67")
    assert q("0.5", Unit.M2).to(Unit.M2, places=0).amount == 1


def test_arithmetic_and_order() -> None:
    assert q("1", Unit.KG) > q("1", Unit.JIN)
    assert q("1", Unit.KG) >= q("2", Unit.JIN) <= q("1", Unit.KG)
    assert q("1", Unit.JIN) < q("501", Unit.G)
    assert Decimal("0.5") * q("3", Unit.KG) == q("1.5", Unit.KG)
    assert q("1", Unit.KG).ratio(q("3", Unit.JIN)) == Fraction(2, 3)
    assert not q("0", Unit.KG)
    with pytest.raises(TypeError):
        q("1", Unit.KG) * 0.5  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.5 kg", q("12.5", Unit.KG)),
        ("30斤", q("30", Unit.JIN)),
        ("３０．５公斤", q("30.5", Unit.KG)),
        ("42 只", q("42", Unit.HEAD)),
        ("2 L", q("2", Unit.L)),
        (" 5 盒 ", q("5", Unit.BOX)),
        ("1 HAR", q("1", Unit.HA)),
    ],
)
def test_parse_with_the_unit_in_the_text(text: str, expected: Quantity) -> None:
    parsed = Quantity.parse(text)
    assert (parsed.amount, parsed.unit) == (expected.amount, expected.unit)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kg",
        "12.5",
        "-1 kg",
        "1,000 kg",
        "1e3 kg",
        "1.1234567 kg",
        "01 kg",
        "1 kg 2",
        "1 光年",
        "1000000000000 kg",
        "٣ kg",
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        Quantity.parse(text, field="amount")
    assert caught.value.field == "amount"


def test_parse_with_the_unit_given_takes_digits_only() -> None:
    assert Quantity.parse("0.5", Unit.KG) == q("500", Unit.G)
    for text in ("0.5 kg", "-1", "", "½"):
        with pytest.raises(Invalid):
            Quantity.parse(text, Unit.KG)


def test_every_unit_has_one_meaning() -> None:
    words = [word for unit in Unit for word in {unit.value, unit.label}]
    assert len(words) == len(set(words))
    for unit in Unit:
        assert Unit.parse(unit.label) is unit
        assert Unit.parse(unit.value.upper()) is unit
        if unit.un_code:
            assert Unit.from_un_code(unit.un_code) is unit
    with pytest.raises(Invalid):
        Unit.from_un_code("ZZZ")


def test_outward_in_un_codes() -> None:
    assert q("3", Unit.JIN).outward() == (Decimal("1.5"), "KGM")
    assert q("1", Unit.MU).outward() == (Decimal("666.6667"), "MTK")
    assert q("7", Unit.PIECE).outward() == (Decimal(7), "H87")
    with pytest.raises(ValueError, match="no UN/ECE code"):
        q("3", Unit.HIVE).outward()


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("12.50", "12.5"),
        ("1E+3", "1000"),
        ("0.000001", "0.000001"),
        ("-0", "0"),
        ("100", "100"),
        ("-0.0", "0"),
    ],
)
def test_plain(amount: str, shown: str) -> None:
    assert plain(Decimal(amount)) == shown


def test_shown_to_people() -> None:
    assert q("12.50", Unit.KG).text({"千克": "kg"}.__getitem__) == "12.5 kg"
    assert str(q("12.50", Unit.JIN)) == "12.5 jin"
