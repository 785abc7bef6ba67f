"""Numbers on Chinese licences and certificates: format and check digit, nothing more.

A number that passes here is 格式相符 (it looks right), never 已认证: whether the paper exists and is valid
today is another question, answered by looking it up at the official site. A number written by hand,
with spaces, full-width letters or small letters, is tidied first; the canonical form is returned.

Sources, kind by kind, stand at the rules below. Where no authority publishes a format, the rule only
refuses what cannot be a number at all.
"""

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from stdnum.iso7064 import mod_11_10

from catalog.parties.uscc import DEMO_MARK, USCC_PATTERN, check_uscc
from kernel import gs1
from kernel.errors import Invalid, Term


class NumberKind(StrEnum):
    """Which scheme a number belongs to."""

    USCC = "uscc"
    FOOD_PRODUCTION = "food_production"
    FOOD_BUSINESS = "food_business"
    GREEN_PRODUCT = "green_product"
    GREEN_ENTERPRISE = "green_enterprise"
    ORGANIC_CERTIFICATE = "organic_certificate"
    ORGANIC_CODE = "organic_code"
    AGI_CERTIFICATE = "agi_certificate"
    AGI_SPECIFICATION = "agi_specification"
    GI_ANNOUNCEMENT = "gi_announcement"
    CMA = "cma"
    GTIN = "gtin"
    QUARANTINE = "quarantine"
    ENTERPRISE_STANDARD = "enterprise_standard"
    VAT_INVOICE = "vat_invoice"
    OTHER = "other"

    @property
    def label(self) -> Term:
        """The msgid people read, e.g. 食品生产许可证编号."""
        return _RULES[self].name

    @property
    def has_format(self) -> bool:
        """Whether a rule stands behind it; without one a paper stays 已登记, not 格式相符."""
        return self is not NumberKind.OTHER


def parse_number(kind: NumberKind, text: str, *, demo: bool = False, field: str | None = None) -> str:
    """The canonical number, or Invalid with a sentence that says what is wrong.

    With `demo` (the demonstration's own data only) numbers marked 示例 pass as well, and GTINs, which
    must stay digits for the scanners, with the example prefix 952. A real shop refuses both.
    """
    number = _tidy(text)
    if is_demo_number(number) and kind is not NumberKind.GTIN:
        return _parse_demo(number, demo, field)
    rule = _RULES[kind]
    if not number:
        raise Invalid("请填写%(name)s。", field=field, params={"name": rule.name})
    told: dict[str, object] = {"name": rule.name, "text": text[:40], "hint": rule.hint}
    if not rule.pattern.fullmatch(number):
        raise Invalid("%(name)s“%(text)s”格式不对：%(hint)s。", field=field, params=told)
    if not rule.check(number):
        raise Invalid("%(name)s“%(text)s”的校验码不对，请对照证书核对后重新输入。", field=field, params=told)
    if kind is NumberKind.GTIN:
        number = gs1.parse_gtin(number, field)
        if gs1.is_example(gs1.Gtin(number)) and not demo:
            raise Invalid("商品条码“%(text)s”是演示用的 952 号段，不能用于真实商品。", field=field, params=told)
    return number


def make_demo_number(kind: NumberKind, serial: int) -> str:
    """A number for the demonstration that nobody can take for a real one, e.g. 示例-SC-000042.

    A GTIN gets the example prefix instead: 952 and a check digit, so that labels scan.
    """
    if kind is NumberKind.GTIN:
        return gs1.make_gtin(gs1.EXAMPLE_PREFIX, serial)
    return f"{DEMO_MARK}-{_RULES[kind].tag}-{serial:06d}"


def is_demo_number(number: str) -> bool:
    """Whether a number is marked as made up (for a GTIN ask `gs1.is_example`)."""
    return number.startswith(DEMO_MARK)


def county_of(kind: NumberKind, number: str) -> str | None:
    """The GB/T 2260 code written inside a canonical number, or None for schemes that carry none.

    It is the code of the year the number was given (330197 occurs): look it up with its successors,
    and only warn when it is unknown.
    """
    start = {
        NumberKind.USCC: 2,
        NumberKind.FOOD_PRODUCTION: 5,
        NumberKind.FOOD_BUSINESS: 5,
        NumberKind.GREEN_ENTERPRISE: 2,
    }.get(kind)
    return None if start is None or is_demo_number(number) else number[start : start + 6]


class Holder(StrEnum):
    """Who stands behind a unified social credit code, by its first two characters."""

    PUBLIC_BODY = "public_body"  # 机关
    INSTITUTION = "institution"  # 事业单位
    MASS_ORGANIZATION = "mass_organization"  # 群众团体
    SOCIAL_ORGANIZATION = "social_organization"  # 社会团体、民办非企业单位、基金会
    UNION = "union"  # 工会
    ENTERPRISE = "enterprise"  # 企业
    SOLE_TRADER = "sole_trader"  # 个体工商户
    COOPERATIVE = "cooperative"  # 农民专业合作社
    RURAL_COLLECTIVE = "rural_collective"  # 农村集体经济组织
    OTHER = "other"


def holder_of(uscc: str) -> Holder:
    """What kind of body a canonical USCC belongs to (GB 32100-2015 table 1, with its amendments)."""
    return _HOLDERS.get(uscc[:2], Holder.OTHER)


_HOLDERS = {
    "11": Holder.PUBLIC_BODY,
    "12": Holder.INSTITUTION,
    "13": Holder.MASS_ORGANIZATION,
    "51": Holder.SOCIAL_ORGANIZATION,
    "52": Holder.SOCIAL_ORGANIZATION,
    "53": Holder.SOCIAL_ORGANIZATION,
    "81": Holder.UNION,
    "91": Holder.ENTERPRISE,
    "92": Holder.SOLE_TRADER,
    "93": Holder.COOPERATIVE,
    "N1": Holder.RURAL_COLLECTIVE,
    "N2": Holder.RURAL_COLLECTIVE,
    "N3": Holder.RURAL_COLLECTIVE,
}


def _check_mod_11_10(number: str) -> bool:
    """GB/T 17710 (ISO 7064 MOD 11,10) over the fourteen digits behind the letters."""
    return bool(mod_11_10.is_valid(number[2:]))


def _check_food_business(number: str) -> bool:
    # 备案 numbers (YB) are given by each province; no common check digit is published.
    return number.startswith("YB") or _check_mod_11_10(number)


def _check_gtin(number: str) -> bool:
    return gs1.check_digit(number[:-1]) == number[-1] and bool(number.strip("0"))


def _no_check(_number: str) -> bool:
    return True


def _tidy(text: str) -> str:
    number = unicodedata.normalize("NFKC", text).upper()
    number = re.sub(r"[\u2010-\u2015\u2212]", "-", number)
    return re.sub(r"\s+", "", number)


def _parse_demo(number: str, demo: bool, field: str | None) -> str:
    if not demo:
        raise Invalid("“%(text)s”是演示编号，请填写证书上的真实编号。", field=field, params={"text": number[:40]})
    if not re.fullmatch(r"示例-[A-Z0-9][A-Z0-9-]{0,29}", number):
        raise Invalid("演示编号“%(text)s”格式不对，应写成 示例-SC-000001 的形式。", field=field, params={"text": number[:40]})
    return number


class _Rule(NamedTuple):
    name: Term
    tag: str  # in demo numbers
    pattern: re.Pattern[str]
    hint: Term
    check: Callable[[str], bool] = _no_check


def _rule(name: str, tag: str, pattern: str, hint: str, check: Callable[[str], bool] = _no_check) -> _Rule:
    # re.ASCII is not needed: patterns name digits as [0-9], never as \d.
    return _Rule(Term(name), tag, re.compile(pattern), Term(hint), check)


_RULES = {
    NumberKind.USCC: _rule(
        "统一社会信用代码",
        "USCC",
        USCC_PATTERN,
        "应为 18 位数字或大写字母，不含 I、O、S、V、Z",
        check_uscc,
    ),
    # CFDA notice 2015 no. 198: class 3, county 6, serial 4, check 1.
    NumberKind.FOOD_PRODUCTION: _rule("食品生产许可证编号", "SC", r"SC[12][0-9]{13}", "应为 SC 加 14 位数字", _check_mod_11_10),
    # SAMR order 78; the layout is that of the production licence.
    NumberKind.FOOD_BUSINESS: _rule(
        "食品经营许可证或备案编号", "JY", r"JY[123][0-9]{13}|YB[123][0-9]{13}", "应为 JY 或 YB 加 14 位数字", _check_food_business
    ),
    # China Green Food Development Center: class 2, YYMM, the centre's province number 2, serial 4 or 5, grade.
    NumberKind.GREEN_PRODUCT: _rule(
        "绿色食品产品编号",
        "LB",
        r"LB-[0-9]{2}-[0-9]{2}(0[1-9]|1[0-2])[0-9]{2}[0-9]{4,5}(A|AA)",
        "应写成 LB-15-1711196965A 的形式",
    ),
    # The same: county 6, year 2, serial 4; this is what stands on the pack.
    NumberKind.GREEN_ENTERPRISE: _rule("绿色食品企业信息码", "GF", r"GF[1-8][0-9]{5}[0-9]{2}[0-9]{4}", "应为 GF 加 12 位数字"),
    # CNCA: body 3 (since 2022: 4), OP, year 2, serial 5, sub-certificate.
    NumberKind.ORGANIC_CERTIFICATE: _rule(
        "有机产品认证证书编号",
        "OP",
        r"[0-9F]{3,4}OP[0-9]{2}[0-9]{5}(-[0-9]{1,4})?",
        "应写成 001OP1200001 的形式",
    ),
    # CNCA 2011, annex 5: body 3, year 2, random 12. Since 2022 the body has 4 digits; whether the whole then
    # has 18 we could not confirm, so both pass.
    NumberKind.ORGANIC_CODE: _rule("有机码", "YJ", r"[0-9]{17,18}", "应为 17 位数字（2022 年后的新码可为 18 位）"),
    # Ministry of Agriculture announcements; registration stopped in March 2022, certificates stay valid.
    NumberKind.AGI_CERTIFICATE: _rule("农产品地理标志登记证书编号", "AGI", r"AGI[0-9]{5}", "应为 AGI 加 5 位数字"),
    NumberKind.AGI_SPECIFICATION: _rule(
        "农产品地理标志质量控制技术规范编号",
        "AGIS",
        r"AGI20[0-9]{2}-[0-9]{2}-[0-9]{3,5}",
        "应写成 AGI2014-02-1497 的形式",
    ),
    # CNIPA, formerly AQSIQ: the number of the announcement, no scheme of its own.
    NumberKind.GI_ANNOUNCEMENT: _rule(
        "地理标志产品公告号",
        "GI",
        r".{2,20}公告.{0,6}[12][0-9]{3}年第[0-9]+号|第[0-9]+号公告",
        "应写成“国家质检总局公告2011年第178号”的形式",
    ),
    # CNCA: year 2, issuer 2, field 2, department 2, serial 4.
    NumberKind.CMA: _rule("检验检测机构资质认定编号", "CMA", r"[0-9]{12}", "应为 12 位数字"),
    # GB 12904 and the GS1 General Specifications.
    NumberKind.GTIN: _rule("商品条码", "GTIN", r"[0-9]{8}|[0-9]{12,14}", "应为 8、12、13 或 14 位数字", _check_gtin),
    # No published format: paper and electronic certificates differ by province. Keep the picture.
    NumberKind.QUARANTINE: _rule("动物检疫合格证明编号", "DJ", r"[0-9]{10,20}", "应为 10 至 20 位数字"),
    # 企业标准信息公共服务平台: enterprise code, serial (S: food safety), year.
    NumberKind.ENTERPRISE_STANDARD: _rule(
        "企业标准编号", "QB", r"Q/[A-Z0-9]{2,8}[0-9]{4}S?-20[0-9]{2}", "应写成 Q/YCTY 0001S-2025 的形式"
    ),
    # State Taxation Administration, fully digital invoices: year 2, region 2, channel 1, serial 15.
    NumberKind.VAT_INVOICE: _rule("数电发票号码", "FP", r"[0-9]{20}", "应为 20 位数字"),
    NumberKind.OTHER: _rule("证书编号", "ZS", r"[^\W_][^\x00-\x1f<>]{0,59}", "应为 1 至 60 个字，以字母、数字或汉字开头"),
}
