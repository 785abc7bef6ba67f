"""Reading a recipient, a phone and an address out of one pasted text, as people copy it from a chat (收货信息粘贴识别). Pure.

The phone is looked for first, since it has a form of its own; what is left falls into pieces. One of them looks most like a name; the
others are the address, whose areas are read from the front. Whatever is not sure stays empty for the person to fill in.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from shop.accounts.gazetteer import Gazetteer

LONGEST = 400
_MOBILE = re.compile(r"(?<![0-9])(?:\+?86[\s-]*|0086[\s-]*)?(1[3-9][0-9])[\s-]?([0-9]{4})[\s-]?([0-9]{4})(?![0-9])")
_LANDLINE = re.compile(r"(?<![0-9-])(0[0-9]{2,3})[\s-]?([0-9]{7,8})(?![0-9])")
_NAME_LABEL = re.compile(r"(?:收货人|收件人|收货姓名|姓名|联系人|名字)\s*[:：]\s*")
_LABEL = re.compile(
    r"(?:手机号码|联系电话|联系方式|手机号|手机|电话|所在地区|所在地|地区|省市区|详细地址|收货地址|收件地址|街道|地址|邮政编码|邮编)\s*[:：]\s*"
)
_POSTCODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9号室])")
_BREAK = re.compile(r"[\n,;|\t、]+")
_HAN = re.compile(r"[\u3400-\u9fff]+(?:·[\u3400-\u9fff]+)*")
_LATIN = re.compile(r"[A-Za-z][A-Za-z .'-]{0,38}")
_TITLE = re.compile(r"(先生|女士|小姐|老师|经理)$")
_ENDS_LIKE_A_PLACE = tuple("省市区县镇乡村街路巷弄号楼栋幢座室层院园苑城厦场学校社里组队屯店站湾")
_GLUED = re.compile(r"^(.*(?:[0-9]|号|室|楼|层|元|栋|幢|座|户|院|组))([\u3400-\u9fff]{2,4})$")
_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏"
    "韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关"
    "兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳欧阳司马诸葛上官夏侯尉迟买买提阿"
)


@dataclass(frozen=True)
class Recognised:
    """What was found; "" for what was not. The codes are GB/T 2260, from the province down."""

    recipient: str = ""
    phone: str = ""
    area_code: str = ""
    street: str = ""


def recognise(text: str, gazetteer: Gazetteer) -> Recognised:
    """The parts of a pasted text; only its first ``LONGEST`` characters are read."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).replace("\r", "\n").replace("\u3000", " ")
    plain = re.sub(r"[，。；]", ",", plain)
    named = _NAME_LABEL.search(plain)
    plain = _LABEL.sub("\n", _NAME_LABEL.sub("\n\x01", plain))
    phone, plain = _take_phone(plain)
    plain = _POSTCODE.sub("\n", plain)
    pieces = _pieces(plain)
    name = _take_name(pieces, gazetteer)
    words = [piece.strip("\x01\x02") for piece in pieces]
    spot, street = gazetteer.read(_join([word for word in words if word]))
    street = " ".join(street.strip(" -:,").split())
    if not name and named is None and (glued := _GLUED.match(street)) and glued[2][0] in _SURNAMES and not _is_place_like(glued[2]):
        street, name = glued[1], glued[2]
    return Recognised(name, phone, spot.code if spot else "", street)


def _take_phone(text: str) -> tuple[str, str]:
    """The phone, and the text with a mark (\\x02) where it stood."""
    if found := _MOBILE.search(text):
        return "".join(found.groups()), f"{text[: found.start()]}\n\x02\n{text[found.end() :]}"
    if found := _LANDLINE.search(text):
        return "-".join(found.groups()), f"{text[: found.start()]}\n\x02\n{text[found.end() :]}"
    return "", text


def _pieces(text: str) -> list[str]:
    """The text cut at commas, lines and blanks; a name in Latin letters stays whole. \\x02 marks where the phone was."""
    found: list[str] = []
    for piece in _BREAK.split(text):
        plain = piece.strip()
        found += [plain] if _LATIN.fullmatch(plain.strip("\x01 ")) else plain.split()
    return [piece for piece in found if piece and piece != "\x01"]


def _take_name(pieces: list[str], gazetteer: Gazetteer) -> str:
    """Take the piece that looks most like a name out of the list; "" when none does."""
    best, place = 0, -1
    for number in range(len(pieces)):
        score = _name_score(pieces, number, gazetteer)
        if score > best:
            best, place = score, number
    return pieces.pop(place).strip("\x01") if place >= 0 else ""


def _name_score(pieces: list[str], number: int, gazetteer: Gazetteer) -> int:
    """How much a piece looks like a name; 0 when it cannot be one."""
    piece = pieces[number]
    plain = piece.strip("\x01")
    if piece.startswith("\x01"):
        return 99 if 1 <= len(plain) <= 40 else 0
    if _LATIN.fullmatch(plain):
        return 3 if len(plain) > 1 else 0
    whole = _TITLE.sub("", plain)
    if not _HAN.fullmatch(plain) or not 1 <= len(whole) <= (15 if "·" in whole else 4):
        return 0
    if gazetteer.is_place(plain) or (len(plain) > 1 and len(whole) < 1):
        return 0
    beside = "\x02" in pieces[max(number - 1, 0) : number + 2]
    at_an_end = number in (0, len(pieces) - 1)
    score = 1 + 2 * beside + at_an_end + 2 * (plain[0] in _SURNAMES) + 2 * (whole != plain) + (2 <= len(whole) <= 3)
    return max(score - 3 * _is_place_like(whole), 0) if score > 2 else 0


def _is_place_like(word: str) -> bool:
    return len(word) >= 3 and word.endswith(_ENDS_LIKE_A_PLACE)


def _join(words: list[str]) -> str:
    """Pieces of an address in one: nothing between Chinese ones, a blank elsewhere."""
    text = ""
    for word in words:
        han = bool(text) and bool(re.match(r"[\u3400-\u9fff]", word)) and bool(re.search(r"[\u3400-\u9fff)]$", text))
        text += word if not text or han else f" {word}"
    return text
