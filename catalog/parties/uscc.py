"""The unified social credit code (统一社会信用代码, GB 32100-2015) of organisations.

Our own, because python-stdnum refuses a first character that is a letter, and rural collectives (农村集体经济组织) have numbers that begin
with N.
"""

from __future__ import annotations

import re
import unicodedata

from kernel.errors import Invalid

# GB 32100-2015, 4.5: thirty-one characters without I, O, S, V, Z.
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_PATTERN = rf"[{USCC_ALPHABET}]{{2}}[0-9]{{6}}[{USCC_ALPHABET}]{{10}}"
DEMO_MARK = "示例"


def uscc_check_character(body: str) -> str:
    """The eighteenth character over the first seventeen (GB 32100-2015, 4.6: weights 3^i mod 31)."""
    total = sum(USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return USCC_ALPHABET[-total % 31]


def check_uscc(number: str) -> bool:
    """Whether the check character of eighteen well-formed characters is right."""
    return uscc_check_character(number[:17]) == number[17]


def parse_uscc(text: str, *, demo: bool = False, field: str | None = None) -> str:
    """The canonical code a person typed; raises Invalid. With ``demo``, made-up codes marked 示例 pass too."""
    number = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text).upper())
    if demo and re.fullmatch(rf"{DEMO_MARK}-[A-Z0-9-]{{1,30}}", number):
        return number
    if not re.fullmatch(USCC_PATTERN, number):
        raise Invalid(
            "统一社会信用代码“%(text)s”格式不对：应为 18 位数字或大写字母，不含 I、O、S、V、Z。",
            field=field,
            params={"text": text[:40]},
        )
    if not check_uscc(number):
        raise Invalid("统一社会信用代码“%(text)s”的校验码不对，请对照营业执照核对。", field=field, params={"text": text[:40]})
    return number
