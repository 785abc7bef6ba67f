"""GS1 keys: parsed here or refused. GTIN, GLN, SSCC with check digits; lot and serial characters.

Source: GS1 General Specifications (release 25): section 3 (application identifiers), section 7.9
(check digits), figure 7.11-1 (the 82 characters of "AI encodable character set 82").
"""

import string
from enum import StrEnum
from typing import NewType

from kernel.errors import Invalid

Gtin = NewType("Gtin", str)  # always 14 digits
Gln = NewType("Gln", str)  # 13 digits
Sscc = NewType("Sscc", str)  # 18 digits
Lot = NewType("Lot", str)
Serial = NewType("Serial", str)

CHARACTERS_82 = frozenset(string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_")
EXAMPLE_PREFIX = "952"  # reserved by GS1 for demonstrations and examples


class AI(StrEnum):
    """The application identifiers this product writes or reads."""

    SSCC = "00"
    GTIN = "01"
    CONTENT = "02"
    LOT = "10"
    PRODUCTION_DATE = "11"
    PACKAGING_DATE = "13"
    BEST_BEFORE = "15"
    EXPIRY = "17"
    SERIAL = "21"
    VARIANT = "22"
    THIRD_PARTY_SERIAL = "235"
    GLN_EXTENSION = "254"
    COUNT = "37"
    NET_WEIGHT_KG_3 = "3103"
    GSIN = "402"
    GLN = "414"
    PRODUCTION_GLN = "416"
    PARTY = "417"
    ORIGIN_COUNTRY = "422"
    EXTENDED_URL = "8200"


def check_digit(body: str) -> str:
    """The check digit over `body`: weights 3, 1, 3, … from the right, complement to ten."""
    total = sum(int(digit) * (3 if i % 2 == 0 else 1) for i, digit in enumerate(reversed(body)))
    return str(-total % 10)


def make_check(body: str) -> str:
    """`body` with its check digit appended. Raises ValueError unless all are ASCII digits."""
    if not _digits(body):
        raise ValueError(f"digits expected, not {body!r}")
    return body + check_digit(body)


def make_gtin(prefix: str, item: int, indicator: int = 0) -> Gtin:
    """A GTIN-14 from a company prefix and an item number. Raises ValueError when it does not fit."""
    return Gtin(_made(f"{indicator}{prefix}", item, 14))


def make_gln(prefix: str, location: int) -> Gln:
    """A GLN from a company prefix and a location number. Raises ValueError when it does not fit."""
    return Gln(_made(prefix, location, 13))


def make_sscc(prefix: str, serial: int, extension: int = 0) -> Sscc:
    """An SSCC from a company prefix and a serial number. Raises ValueError when it does not fit."""
    return Sscc(_made(f"{extension}{prefix}", serial, 18))


def _made(head: str, number: int, length: int) -> str:
    body = head + str(number).zfill(length - 1 - len(head))
    if number < 0 or len(body) != length - 1:
        raise ValueError(f"{number} does not fit behind {head} in {length} digits")
    return make_check(body)


def parse_gtin(text: str, field: str | None = None) -> Gtin:
    """GTIN-8, -12, -13 or -14 in canonical form: 14 digits, zeros in front. Raises Invalid."""
    if not _digits(text) or len(text) not in (8, 12, 13, 14):
        raise Invalid("商品条码“%(text)s”不正确，应为 8、12、13 或 14 位数字。", field=field, params=_shown(text))
    _check(text, "商品条码“%(text)s”的校验码不对，请核对后重新输入。", field)
    return Gtin(text.zfill(14))


def parse_gln(text: str, field: str | None = None) -> Gln:
    """A Global Location Number, 13 digits. Raises Invalid."""
    if not _digits(text) or len(text) != 13:
        raise Invalid("全球位置码“%(text)s”不正确，应为 13 位数字。", field=field, params=_shown(text))
    _check(text, "全球位置码“%(text)s”的校验码不对，请核对后重新输入。", field)
    return Gln(text)


def parse_sscc(text: str, field: str | None = None) -> Sscc:
    """A Serial Shipping Container Code, 18 digits. Raises Invalid."""
    if not _digits(text) or len(text) != 18:
        raise Invalid("物流单元代码“%(text)s”不正确，应为 18 位数字。", field=field, params=_shown(text))
    _check(text, "物流单元代码“%(text)s”的校验码不对，请核对后重新输入。", field)
    return Sscc(text)


def parse_lot(text: str, field: str | None = None) -> Lot:
    """A batch or lot number (AI 10): 1 to 20 characters of the 82. Raises Invalid."""
    return Lot(_parse_82(text, "批次号“%(text)s”不正确，应为 1 至 20 位字母、数字或常用符号，不含空格和汉字。", field))


def parse_serial(text: str, field: str | None = None) -> Serial:
    """A serial number (AI 21): 1 to 20 characters of the 82. Raises Invalid."""
    return Serial(_parse_82(text, "序列号“%(text)s”不正确，应为 1 至 20 位字母、数字或常用符号，不含空格和汉字。", field))


def short_gtin(gtin: Gtin) -> str:
    """The GTIN as printed under a bar code: 13 digits unless it is a true GTIN-14 (a case)."""
    return gtin.removeprefix("0")


def is_example(key: Gtin | Gln) -> bool:
    """Whether the key carries the prefix 952: good for the demo, never for goods on sale."""
    return key[-13:].startswith(EXAMPLE_PREFIX)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _shown(text: str) -> dict[str, object]:
    return {"text": text[:40]}


def _check(text: str, message: str, field: str | None) -> None:
    # All zeros satisfies the sum, yet is a scanner's way of saying nothing.
    if check_digit(text[:-1]) != text[-1] or not text.strip("0"):
        raise Invalid(message, field=field, params=_shown(text))


def _parse_82(text: str, message: str, field: str | None) -> str:
    if not 1 <= len(text) <= 20 or not set(text) <= CHARACTERS_82:
        raise Invalid(message, field=field, params=_shown(text))
    return text
