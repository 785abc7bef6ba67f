"""What may come out of what went in."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

from kernel.errors import Invalid
from kernel.quantity import Quantity, Unit
from traceability.lots.transforming import OutputDraft
from traceability.lots.units import in_standard_unit
from traceability.lots.yields import OffYield, find_deviations


@dataclass
class Known:
    material: str
    low: Decimal
    high: Decimal
    unit: Unit
    per_unit: Unit


def out(amount: str, low: str, high: str, unit: Unit = Unit.KG, material: str = "胴体") -> OutputDraft:
    return OutputDraft(material, Quantity(Decimal(amount), unit), Decimal(low), Decimal(high))


def check(taken: list[Quantity], outputs: list[OutputDraft], rules: list[Known]) -> None:
    if deviations := find_deviations(taken, outputs, rules):
        raise OffYield(deviations)


SHEEP = [Quantity(Decimal(42), Unit.HEAD)]
HUNDRED = [Quantity(Decimal(60), Unit.KG), Quantity(Decimal(40), Unit.KG)]
RULE = Known("胴体", Decimal(14), Decimal(24), Unit.KG, Unit.HEAD)


def test_forty_two_sheep_give_756_kilograms_and_not_a_gram_above_the_range() -> None:
    check(SHEEP, [out("756", "14", "22")], [RULE])
    check(SHEEP, [out("924", "14", "22")], [RULE])
    with pytest.raises(Invalid, match=r"最多能产出“胴体”924 千克，填写的 924\.001 千克太多了"):
        check(SHEEP, [out("924.001", "14", "22")], [RULE])


def test_the_county_bounds_what_may_be_declared() -> None:
    with pytest.raises(Invalid, match="超出核定范围 14–24"):
        check(SHEEP, [out("756", "14", "40")], [RULE])


LITRES = [Quantity(Decimal(100), Unit.L)]


@pytest.mark.parametrize(
    ("taken", "output"),
    [
        (SHEEP, out("1600", "14", "40")),
        (SHEEP, out("1", "0", "22", material="精选滩羊")),
        (SHEEP, out("42", "0", "1", Unit.PIECE, "皮张")),
        (HUNDRED, out("500", "0", "5", Unit.PIECE, "苹果")),
        (HUNDRED, out("40", "0", "1", Unit.L, "苹果汁")),
        (LITRES, out("100", "0", "1", material="酪")),
    ],
)
def test_a_new_name_or_another_unit_is_no_way_round_the_rules(taken: list[Quantity], output: OutputDraft) -> None:
    """What the county has said nothing about, in another unit than went in, is for its officer to sign, however little it is."""
    (deviation,) = find_deviations(taken, [output], [RULE] if output.material != "胴体" else [])
    assert deviation.county_only
    assert deviation.text(str).startswith(f"县里还没有核定“{output.material}”的出品率，须由县农业农村部门签字")


def test_a_new_name_beside_the_known_one_makes_no_second_carcass() -> None:
    (deviation,) = find_deviations(SHEEP, [out("756", "14", "22"), out("756", "14", "22", material="精选胴体")], [RULE])
    assert (deviation.county_only, deviation.params["material"]) == (True, "精选胴体")


@pytest.mark.parametrize(
    ("taken", "unit"), [(HUNDRED, Unit.KG), (LITRES, Unit.ML), ([Quantity(Decimal(100), Unit.PIECE)], Unit.PIECE)]
)
def test_in_the_unit_that_went_in_any_name_may_come_out_but_no_more(taken: list[Quantity], unit: Unit) -> None:
    whole = 100_000 if unit is Unit.ML else 100
    check(taken, [out(f"{whole}", "0", "1", unit, "随便什么")], [])
    half = [out(f"{whole * 6 // 10}", "0", "1", unit, name) for name in ("一种", "另一种")]
    assert [deviation.county_only for deviation in find_deviations(taken, half, [])] == [True]
    with pytest.raises(Invalid, match="超出核定范围 0–1"):
        check(taken, [out(f"{whole}", "0", "2", unit, "随便什么")], [])


def test_what_is_counted_by_the_piece_does_not_make_the_kilograms_grow() -> None:
    many = Known("块", Decimal(0), Decimal(5), Unit.PIECE, Unit.KG)
    outputs = [out("60", "0.4", "0.6"), out("60", "0.4", "0.6", material="碎肉"), out("1", "0", "5", Unit.PIECE, "块")]
    with pytest.raises(Invalid, match="比投入的 100 千克还多"):
        check(HUNDRED, outputs, [many])


def test_one_material_on_two_lines_is_one_material() -> None:
    check(SHEEP, [out("500", "14", "22"), out("424", "14", "22")], [RULE])
    with pytest.raises(Invalid, match=r"填写的 1848 千克太多了"):
        check(SHEEP, [out("924", "14", "22"), out("924", "14", "22", material=" 胴体 ")], [RULE])


def test_a_blank_before_the_name_gets_past_no_rule() -> None:
    with pytest.raises(Invalid, match="超出核定范围 14–24"):
        check(SHEEP, [out("756", "14", "40", material=" 胴体")], [RULE])


def test_too_little_is_a_deviation_too() -> None:
    with pytest.raises(OffYield, match="至少应产出 588 千克"):
        check(SHEEP, [out("500", "14", "22")], [RULE])


@pytest.mark.parametrize(("amount", "county_only"), [("500", False), ("950", False), ("1008", False), ("1008.000001", True)])
def test_above_what_the_county_holds_credible_only_the_county_signs(amount: str, county_only: bool) -> None:
    (deviation,) = find_deviations(SHEEP, [out(amount, "14", "22")], [RULE])
    assert deviation.county_only is county_only


def test_mass_that_grew_is_for_the_county() -> None:
    grown = [out("60", "0.4", "0.6"), out("60", "0.4", "0.6", material="碎肉")]
    assert [deviation.county_only for deviation in find_deviations(HUNDRED, grown, [])] == [True]


def test_two_lines_of_one_material_are_told_once() -> None:
    (deviation,) = find_deviations(SHEEP, [out("924", "14", "22"), out("924", "14", "22")], [RULE])
    assert deviation.params["given"] == "1848"


def test_mass_does_not_grow_by_itself() -> None:
    check(HUNDRED, [out("50", "0.4", "0.6"), out("50", "0.4", "0.6", material="碎肉")], [])
    with pytest.raises(Invalid, match="比投入的 100 千克还多"):
        check(HUNDRED, [out("60", "0.4", "0.6"), out("60", "0.4", "0.6", material="碎肉")], [])
    with pytest.raises(Invalid, match="超出核定范围 0–1"):
        check(HUNDRED, [out("150", "1", "1.6")], [])


def test_brine_may_add_weight_where_the_county_says_so() -> None:
    pickles = Known("胴体", Decimal(1), Decimal("1.6"), Unit.KG, Unit.KG)
    check(HUNDRED, [out("150", "1", "1.6")], [pickles])


def test_weights_in_jin_count_as_kilograms() -> None:
    check(HUNDRED, [out("200", "0.9", "1", Unit.JIN)], [])
    with pytest.raises(Invalid):
        check(HUNDRED, [out("201", "0.9", "1", Unit.JIN)], [])
    assert in_standard_unit(Quantity(Decimal(3), Unit.JIN)) == Quantity(Decimal("1.5"), Unit.KG)
    assert in_standard_unit(Quantity(Decimal(3), Unit.PIECE)).unit is Unit.PIECE


@pytest.mark.parametrize(("low", "high"), [("2", "1"), ("-1", "1"), ("0", "0")])
def test_a_range_is_a_range(low: str, high: str) -> None:
    with pytest.raises(Invalid, match="范围不对"):
        check(HUNDRED, [out("10", low, high)], [])


def test_nothing_is_no_output() -> None:
    with pytest.raises(Invalid, match="大于 0"):
        check(HUNDRED, [out("0", "0", "1")], [])
