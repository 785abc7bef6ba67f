from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import gs1
from kernel.errors import Invalid

DIGITS = st.text(alphabet="0123456789", min_size=1)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("6901234567892", "06901234567892"),
        ("96385074", "00000096385074"),  # GS1 General Specifications, example of a GTIN-8
        ("614141000036", "00614141000036"),  # GS1 US example company prefix
        ("09506000134352", "09506000134352"),  # example of the Digital Link standard
        ("19506000134359", "19506000134359"),
    ],
)
def test_gtins_of_every_length_become_fourteen_digits(text: str, canonical: str) -> None:
    assert gs1.parse_gtin(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6901234567893",
        "690123456789",
        "69012345678921",
        "0000000000000",
        "690123456789X",
        "6901234567892 ",
        "６９０１２３４５６７８９２",
        "²901234567892",
    ],
)
def test_a_bad_gtin_is_refused_with_a_chinese_sentence(text: str) -> None:
    with pytest.raises(Invalid, match="商品条码") as caught:
        gs1.parse_gtin(text, field="gtin")
    assert caught.value.field == "gtin"


@pytest.mark.parametrize(
    ("parse", "whole"),
    [
        (gs1.parse_gtin, "6901234567892"),
        (gs1.parse_gln, "9521234567899"),
        (gs1.parse_sscc, "106141412345678908"),
    ],
)
def test_every_single_wrong_digit_is_refused(parse: Callable[[str], str], whole: str) -> None:
    whole = gs1.make_check(whole[:-1])
    parse(whole)
    for place, right in enumerate(whole):
        for wrong in set("0123456789") - {right}:
            with pytest.raises(Invalid):
                parse(whole[:place] + wrong + whole[place + 1 :])


def test_without_the_check_digit_rule_a_wrong_digit_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gs1, "check_digit", lambda body: "3")
    assert gs1.parse_gtin("6901234567893") == "06901234567893"


def test_published_check_digits() -> None:
    assert gs1.make_check("629104150021") == "6291041500213"  # GS1 check digit calculator's example
    assert gs1.make_check("10614141234567890") == "106141412345678908"  # EPC Tag Data Standard, SSCC


@given(DIGITS)
def test_make_check_appends_a_digit_that_sums_to_ten(body: str) -> None:
    whole = gs1.make_check(body)
    weighted = sum(int(d) * (1 if i % 2 == 0 else 3) for i, d in enumerate(reversed(whole)))
    assert weighted % 10 == 0


@pytest.mark.parametrize("body", ["", "12a", "１２", "1 2"])
def test_make_check_takes_digits_only(body: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        gs1.make_check(body)


def test_made_keys_parse_and_are_known_as_examples() -> None:
    gtin = gs1.make_gtin("9521234", 42)
    gln = gs1.make_gln("9521234", 7)
    assert gs1.parse_gtin(gtin) == gtin
    assert gs1.parse_gln(gln) == gln
    assert gs1.is_example(gtin)
    assert gs1.is_example(gs1.make_gtin("9521234", 42, indicator=1))
    assert gs1.is_example(gln)
    assert not gs1.is_example(gs1.parse_gtin("6901234567892"))
    assert gs1.parse_sscc(gs1.make_sscc("9521234", 99, extension=3)).startswith("39521234")


def test_a_number_too_long_for_its_prefix_is_a_bug() -> None:
    with pytest.raises(ValueError, match="fit"):
        gs1.make_gtin("9521234", 100_000)
    with pytest.raises(ValueError, match="fit"):
        gs1.make_gln("9521234", -1)


def test_the_printed_form() -> None:
    assert gs1.short_gtin(gs1.parse_gtin("6901234567892")) == "6901234567892"
    assert gs1.short_gtin(gs1.parse_gtin("19506000134359")) == "19506000134359"


def test_there_are_82_characters() -> None:
    assert len(gs1.CHARACTERS_82) == 82


@pytest.mark.parametrize("parse", [gs1.parse_lot, gs1.parse_serial])
def test_lots_and_serials(parse: Callable[[str], str]) -> None:
    for good in ("A", "LOT-2026/11", "a" * 20, "!\"%&'()*+,-./:;<=>?_"):
        assert parse(good) == good
    for bad in ("", "a" * 21, "批次1", "a b", "a#b", "a\n", "a~b", "a@b"):
        with pytest.raises(Invalid):
            parse(bad)
