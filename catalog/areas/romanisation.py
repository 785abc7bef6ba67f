"""County and prefecture names in Latin letters, pure: 孟连傣族拉祜族佤族自治县 → Menglian Autonomous County.

Pinyin without tones as GB/T 28039 spells place names, the kind of area translated, the peoples' names of autonomous areas left out.
"""

from __future__ import annotations

import re

from pypinyin import lazy_pinyin

KINDS = {
    "自治县": "Autonomous County", "自治州": "Autonomous Prefecture", "自治旗": "Autonomous Banner", "地区": "Prefecture",
    "林区": "Forestry District", "特区": "Special District", "县": "County", "市": "City", "区": "District", "旗": "Banner", "盟": "League",
}  # fmt: skip
PEOPLES = (
    "蒙古族|回族|藏族|维吾尔族|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|土家族|哈尼族|哈萨克族|傣族|黎族|傈僳族|佤族|畲族|高山族|拉祜族|"
    "水族|东乡族|纳西族|景颇族|柯尔克孜族|土族|达斡尔族|仫佬族|羌族|布朗族|撒拉族|毛南族|仡佬族|锡伯族|阿昌族|普米族|塔吉克族|怒族|乌孜别克族|"
    "俄罗斯族|鄂温克族|德昂族|保安族|裕固族|京族|塔塔尔族|独龙族|鄂伦春族|赫哲族|门巴族|珞巴族|基诺族|各族|蒙古|回|哈萨克|柯尔克孜|塔吉克|锡伯"
)
# Names from Mongolian, Tibetan, Uyghur and Evenki are spelt after their own sounds (GB/T 28039), and readings pinyin tables miss.
SPELT = {
    "鄂伦春": "Oroqen", "鄂温克": "Evenki", "察哈尔右翼前": "Chahar Right Front", "察哈尔右翼中": "Chahar Right Middle",
    "察哈尔右翼后": "Chahar Right Rear", "四子王": "Siziwang", "扎赉特": "Jalaid", "敖汉": "Aohan", "锡林郭勒": "Xilingol",
    "呼伦贝尔": "Hulunbuir", "鄂尔多斯": "Ordos", "乌兰察布": "Ulanqab", "巴彦淖尔": "Bayannur", "阿拉善": "Alxa",
    "兴安": "Hinggan", "伊犁": "Ili", "喀什": "Kashgar", "和田": "Hotan", "阿克苏": "Aksu", "塔什库尔干": "Taxkorgan",
    "焉耆": "Yanqi", "吐鲁番": "Turpan", "哈密": "Hami", "乌鲁木齐": "Ürümqi", "克拉玛依": "Karamay", "若羌": "Ruoqiang",
    "伽师": "Jiashi", "疏附": "Shufu", "甘孜": "Garzê", "阿坝": "Ngawa", "玉树": "Yushu", "果洛": "Golog", "日喀则": "Xigazê",
    "林芝": "Nyingchi", "那曲": "Nagqu", "昌都": "Qamdo", "山南": "Shannan", "拉萨": "Lhasa", "武都": "Wudu", "都兰": "Dulan",
    "成都": "Chengdu", "英吉沙": "Yengisar", "江孜": "Gyangzê", "红寺堡": "Hongsibu", "长武": "Changwu", "长治": "Changzhi",
    "长沙": "Changsha", "六安": "Lu'an", "六合": "Luhe", "蚌埠": "Bengbu", "台州": "Taizhou", "丽水": "Lishui", "乐亭": "Laoting",
    "东阿": "Dong'e", "枞阳": "Zongyang",
}  # fmt: skip
_KIND = re.compile(f"(?:{'|'.join(KINDS)})$")
_PEOPLES = re.compile(f"(?<=.{{2}})(?:{PEOPLES})+$")
_VOWELS = tuple("aeo")


def romanise(name: str) -> str:
    """The name of a county or prefecture as English pages show it. A name of one syllable keeps its kind: 礼县 → Lixian County."""
    found = _KIND.search(name)
    kind = found.group() if found else ""
    own = name.removesuffix(kind)
    if kind.startswith("自治"):
        own = _PEOPLES.sub("", own).removesuffix("族")
    if len(own) == 1:
        own += kind
    return f"{_spell(own)} {KINDS[kind]}" if kind else _spell(own)


def _spell(own: str) -> str:
    """Syllables written together, an apostrophe before one that begins with a vowel: 吉安 → Ji'an."""
    if own in SPELT:
        return SPELT[own]
    syllables = lazy_pinyin(own, v_to_u=True)
    spelt = "".join(f"'{part}" if place and part.startswith(_VOWELS) else part for place, part in enumerate(syllables))
    return spelt[:1].upper() + spelt[1:]
