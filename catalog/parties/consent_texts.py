"""The wording a household agrees to, every version of it, pure.

A version that was once read out to somebody is never changed (a test holds its SHA-256): mended wording is a new version. What it has to
say stands in 个人信息保护法 art. 14, 15, 17, 25 and 31. The Chinese text is the one that counts; others help to read it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from catalog.parties.models import ConsentScope
from kernel.errors import NotFound


@dataclass(frozen=True)
class ConsentText:
    """One version: what goes before, what each scope means, what holds for all of them. The texts are msgids."""

    since: date
    opening: str
    scopes: Mapping[ConsentScope, str]
    rights: Sequence[str]

    @property
    def digest(self) -> str:
        """SHA-256 over every word of the Chinese text, hex."""
        words = [self.opening, *(f"{scope}:{text}" for scope, text in self.scopes.items()), *self.rights]
        return hashlib.sha256(json.dumps(words, ensure_ascii=False).encode()).hexdigest()


CONSENT_TEXTS: Mapping[str, ConsentText] = {
    "2026-11": ConsentText(
        since=date(2026, 11, 1),
        opening="下面每一项是否公开，由您自己决定，可以只同意其中几项。不同意也照常收货、照常付款，价钱一样。",
        scopes={
            ConsentScope.NAME: "买家扫包装上的二维码，在溯源页上能看到户主的姓名。",
            ConsentScope.PHOTO: "溯源页和商品页上，放您同意过的、能认出您的照片。",
            ConsentScope.VILLAGE: "在姓名旁边写出乡镇和村，不写门牌，不写坐标。",
            ConsentScope.SHARE: "在姓名旁边写出这一批货里您家占百分之几。",
        },
        rights=[
            "谁来用：本合作社和山海集平台，只用来让买家知道东西是谁种养的。溯源页任何人都能打开。",
            "用多久：到您撤回为止。撤回后下一次打开页面就不再显示；别人先前已经看到或抄下的，我们收不回来。",
            "怎么撤回：扫这张纸上的二维码，或者告诉合作社的经办。不用说原因，不收钱，不影响以后交货。",
            "您可以随时查看、更正、要求删除我们记下的您的信息。身份证号、电话和银行卡号任何时候都不公开。",
            "照片里有未满十四周岁的孩子，要由孩子的监护人另外同意。",
        ],
    ),
}
CURRENT = "2026-11"


def get_text(version: str) -> ConsentText:
    """The wording of a version. Raises NotFound."""
    text = CONSENT_TEXTS.get(version)
    if text is None:
        raise NotFound("没有这个版本的同意书。")
    return text
