import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc as oracle

from catalog.documents import numbers
from catalog.documents.numbers import Holder, NumberKind, county_of, holder_of, make_demo_number, parse_number
from catalog.parties.uscc import USCC_ALPHABET, uscc_check_character
from kernel.errors import Invalid

# Printed on real packs (domain guide, section 3).
REAL_SC = [
    "SC11464010500015",
    "SC11333019700024",
    "SC11837048101233",
    "SC11834020305037",
    "SC12636098200051",
    "SC11532139200465",
    "SC11432010400101",
    "SC12434017430075",
]
REAL_USCC = "91110000600037341L"
REAL_GTIN = "6901234567892"
COLLECTIVE = "N2640323MF0123456" + uscc_check_character("N2640323MF0123456")

GOOD = [
    *((NumberKind.FOOD_PRODUCTION, number) for number in REAL_SC),
    (NumberKind.USCC, REAL_USCC),
    (NumberKind.USCC, COLLECTIVE),
    (NumberKind.FOOD_BUSINESS, "JY" + REAL_SC[0][2:]),
    (NumberKind.FOOD_BUSINESS, "YB16403230000001"),
    (NumberKind.GREEN_PRODUCT, "LB-15-1711196965A"),
    (NumberKind.GREEN_PRODUCT, "LB-15-17112719651AA"),
    (NumberKind.GREEN_ENTERPRISE, "GF640323220001"),
    (NumberKind.ORGANIC_CERTIFICATE, "001OP1200001"),
    (NumberKind.ORGANIC_CERTIFICATE, "1234OP2312345-12"),
    (NumberKind.ORGANIC_CODE, "00112345678901234"),
    (NumberKind.AGI_CERTIFICATE, "AGI01459"),
    (NumberKind.AGI_SPECIFICATION, "AGI2014-02-1497"),
    (NumberKind.GI_ANNOUNCEMENT, "国家质检总局公告2011年第178号"),
    (NumberKind.GI_ANNOUNCEMENT, "第475号公告"),
    (NumberKind.CMA, "230020340123"),
    (NumberKind.QUARANTINE, "6403230012345678"),
    (NumberKind.VAT_INVOICE, "26537912570200055449"),
    (NumberKind.OTHER, "宁屠准字A0203号"),
]


@pytest.mark.parametrize(("kind", "number"), GOOD)
def test_real_numbers_pass_unchanged(kind: NumberKind, number: str) -> None:
    assert parse_number(kind, number) == number


def test_the_other_canonical_forms() -> None:
    assert parse_number(NumberKind.GTIN, REAL_GTIN) == "06901234567892"
    assert parse_number(NumberKind.ENTERPRISE_STANDARD, "Q/YCTY 0001S-2025") == "Q/YCTY0001S-2025"


@pytest.mark.parametrize(("kind", "number"), [*((NumberKind.FOOD_PRODUCTION, n) for n in REAL_SC), (NumberKind.GTIN, REAL_GTIN)])
def test_every_single_wrong_digit_of_sc_and_gtin_fails(kind: NumberKind, number: str) -> None:
    for place, right in enumerate(number):
        if right.isdigit():
            for wrong in set(string.digits) - {right}:
                with pytest.raises(Invalid):
                    parse_number(kind, number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize("number", [REAL_USCC, COLLECTIVE])
def test_every_single_wrong_character_of_a_uscc_fails(number: str) -> None:
    for place, right in enumerate(number):
        for wrong in set(string.digits + string.ascii_uppercase) - {right}:
            with pytest.raises(Invalid):
                parse_number(NumberKind.USCC, number[:place] + wrong + number[place + 1 :])


USCC_BODIES = st.tuples(
    st.text(USCC_ALPHABET, min_size=2, max_size=2),
    st.text(string.digits, min_size=6, max_size=6),
    st.text(USCC_ALPHABET, min_size=9, max_size=9),
).map("".join)


@given(USCC_BODIES)
def test_our_uscc_rule_agrees_with_stdnum_and_takes_letters_first(body: str) -> None:
    number = body + oracle.calc_check_digit(body)
    assert parse_number(NumberKind.USCC, number) == number
    assert oracle.is_valid(number) == number[:2].isdigit()


def test_without_the_check_a_wrong_number_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = REAL_SC[0][:-1] + "6"
    with pytest.raises(Invalid, match="校验码"):
        parse_number(NumberKind.FOOD_PRODUCTION, wrong)
    rule = numbers._RULES[NumberKind.FOOD_PRODUCTION]
    monkeypatch.setitem(numbers._RULES, NumberKind.FOOD_PRODUCTION, rule._replace(check=lambda number: True))
    assert parse_number(NumberKind.FOOD_PRODUCTION, wrong) == wrong


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (NumberKind.USCC, "91110000600037341"),
        (NumberKind.USCC, "9111000060003734II"),
        (NumberKind.FOOD_PRODUCTION, "QS640105010001"),
        (NumberKind.FOOD_PRODUCTION, "SC31464010500015"),
        (NumberKind.FOOD_PRODUCTION, "SC1146401050001"),
        (NumberKind.GREEN_PRODUCT, "LB-15-1713196965A"),
        (NumberKind.GREEN_PRODUCT, "LB-15-1711196965B"),
        (NumberKind.GREEN_ENTERPRISE, "GF940323220001"),
        (NumberKind.ORGANIC_CERTIFICATE, "01OP1200001"),
        (NumberKind.ORGANIC_CODE, "0011234567890123"),
        (NumberKind.AGI_CERTIFICATE, "AGI1459"),
        (NumberKind.AGI_SPECIFICATION, "AGI2014-2-1497"),
        (NumberKind.GI_ANNOUNCEMENT, "没有号"),
        (NumberKind.CMA, "23002034012"),
        (NumberKind.GTIN, "690123456789"),
        (NumberKind.GTIN, "00000000000000"),
        (NumberKind.QUARANTINE, "123456789"),
        (NumberKind.ENTERPRISE_STANDARD, "GB 7718-2025"),
        (NumberKind.VAT_INVOICE, "2653791257020005544"),
        (NumberKind.OTHER, "-"),
        (NumberKind.OTHER, "A<script>"),
        (NumberKind.OTHER, "A" * 61),
        *((kind, "") for kind in NumberKind),
        *((kind, "٣" * 12) for kind in (NumberKind.CMA, NumberKind.QUARANTINE)),
    ],
)
def test_what_cannot_be_one_is_refused_with_a_hint(kind: NumberKind, number: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_number(kind, number, field="number")
    assert caught.value.field == "number"
    assert kind.label in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "typed", "number"),
    [
        (NumberKind.FOOD_PRODUCTION, " sc 1146 4010 5000 15 ", "SC11464010500015"),
        (NumberKind.FOOD_PRODUCTION, "ＳＣ１１４６４０１０５０００１５", "SC11464010500015"),
        (NumberKind.USCC, "91110000 600037341l", REAL_USCC),
        (NumberKind.GREEN_PRODUCT, "lb\N{EN DASH}15\N{FULLWIDTH HYPHEN-MINUS}1711196965a", "LB-15-1711196965A"),
        (NumberKind.GTIN, "6 901234 567892", "06901234567892"),
    ],
)
def test_typed_numbers_are_tidied(kind: NumberKind, typed: str, number: str) -> None:
    assert parse_number(kind, typed) == number


MARKED = [kind for kind in NumberKind if kind is not NumberKind.GTIN]


@pytest.mark.parametrize("kind", MARKED)
def test_demo_numbers_pass_in_demo_mode_only(kind: NumberKind) -> None:
    number = make_demo_number(kind, 42)
    assert number.startswith("示例-")
    assert numbers.is_demo_number(number)
    assert parse_number(kind, number, demo=True) == number
    for written in (number, " 示 例 -" + number[3:], "示例 42"):
        with pytest.raises(Invalid, match="演示编号"):
            parse_number(kind, written)


def test_without_the_guard_a_made_up_number_would_enter_a_real_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "is_demo_number", lambda number: False)
    assert parse_number(NumberKind.OTHER, "示例-ZS-000001") == "示例-ZS-000001"


def test_demo_numbers_of_different_kinds_never_meet() -> None:
    assert len({make_demo_number(kind, 1) for kind in NumberKind}) == len(NumberKind)


@pytest.mark.parametrize("number", ["示例", "示例-", "示例-<b>", "示例-" + "A" * 40])
def test_demo_mode_is_no_way_round_the_format(number: str) -> None:
    with pytest.raises(Invalid):
        parse_number(NumberKind.OTHER, number, demo=True)


def test_real_rules_hold_in_demo_mode_too() -> None:
    assert parse_number(NumberKind.USCC, REAL_USCC, demo=True) == REAL_USCC
    with pytest.raises(Invalid):
        parse_number(NumberKind.USCC, REAL_USCC[:-1] + "M", demo=True)


def test_the_example_bar_code_prefix_is_for_the_demo_only() -> None:
    number = make_demo_number(NumberKind.GTIN, 42)
    assert number == "09520000000424"
    assert parse_number(NumberKind.GTIN, number, demo=True) == number
    with pytest.raises(Invalid, match="952"):
        parse_number(NumberKind.GTIN, number)
    with pytest.raises(Invalid):
        parse_number(NumberKind.GTIN, "示例-GTIN-000042", demo=True)


def test_the_county_inside() -> None:
    assert county_of(NumberKind.FOOD_PRODUCTION, "SC11464010500015") == "640105"
    assert county_of(NumberKind.USCC, REAL_USCC) == "110000"
    assert county_of(NumberKind.GREEN_ENTERPRISE, "GF640323220001") == "640323"
    assert county_of(NumberKind.CMA, "230020340123") is None
    assert county_of(NumberKind.USCC, make_demo_number(NumberKind.USCC, 1)) is None


def test_who_holds_a_uscc() -> None:
    assert holder_of(REAL_USCC) is Holder.ENTERPRISE
    assert holder_of(COLLECTIVE) is Holder.RURAL_COLLECTIVE
    assert holder_of("93" + REAL_USCC[2:]) is Holder.COOPERATIVE
    assert holder_of("Y1" + REAL_USCC[2:]) is Holder.OTHER


def test_only_a_rule_makes_a_format_check() -> None:
    assert [kind for kind in NumberKind if not kind.has_format] == [NumberKind.OTHER]
