"""Whatever a packer's scanner or thumb gives, read as one box."""

from __future__ import annotations

import pytest

from kernel.errors import Invalid
from kernel.gs1 import make_sscc
from kernel.ids import new_code
from traceability.scan.box_codes import BoxCode, read_box_code, read_code

SERIAL = "7K3M9QXT2B0W1HDM"
GTIN = "09520000000011"


def test_a_typed_serial_is_mended() -> None:
    small = " ".join((SERIAL[:4], SERIAL[4:8], SERIAL[8:12], SERIAL[12:])).lower().replace("0", "o").replace("1", "l")
    assert read_box_code(small) == BoxCode(SERIAL)


def test_full_width_letters_of_a_chinese_keyboard() -> None:
    assert read_box_code("".join(chr(ord(c) + 0xFEE0) for c in SERIAL)) == BoxCode(SERIAL)


@pytest.mark.parametrize("stem", ["https://shop.example.cn", "", "https://shop.example.cn/some/stem"])
def test_digital_links(stem: str) -> None:
    from kernel.gs1 import make_gtin

    gtin = str(make_gtin("952", 42))
    assert read_box_code(f"{stem}/01/{gtin}/10/LOT-1/21/{SERIAL}?x=1") == BoxCode(SERIAL, gtin, "LOT-1")
    assert read_box_code(f"{stem}/01/{gtin}/21/{SERIAL}") == BoxCode(SERIAL, gtin)
    assert read_box_code(f"{stem}/t/{SERIAL}") == BoxCode(SERIAL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "https://shop.example.cn/01/09520000000011/10/LOT-1",
        f"/01/12345678901234/21/{SERIAL}",
        f"/21/{SERIAL}/10/LOT-1",
        "/01/09520000000011/21/%zz",
        "有汉字的编号",
        "x" * 500,
        "/t/",
    ],
)
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(Invalid):
        read_box_code(text)


SSCC = str(make_sscc("952", 1))


@pytest.mark.parametrize(
    "text",
    [
        SSCC,
        f"(00) {SSCC}",
        f"00{SSCC}",
        f"]C100{SSCC}",
        f"https://shop.example.cn/00/{SSCC}?x=1",
        f"/00/{SSCC}",
        f"{SSCC[:9]} {SSCC[9:]}",
    ],
)
def test_the_number_of_a_case_as_scanners_and_people_give_it(text: str) -> None:
    assert read_code(text) == SSCC


def test_a_case_without_a_number_is_read_by_its_code() -> None:
    code = new_code("CTN")
    assert read_code(code.lower().replace("-", " ")) == code
    assert read_code(SERIAL) == BoxCode(SERIAL)
    for wrong in (code[:-1] + ("0" if code[-1] != "0" else "1"), SSCC[:-1] + "5", f"/00/{SSCC[:-1]}5"):
        with pytest.raises(Invalid):
            read_code(wrong)
