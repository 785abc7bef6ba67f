"""Words of the storefront that stand in data: kinds of goods, storage, what goods are packed in, the operator's pages."""

from __future__ import annotations

from collections.abc import Mapping

from catalog.products.models import Temperature
from kernel.errors import Gettext

# Kinds of goods as the demo and its source list name them; a kind the operator invents is shown as it was typed.
CATEGORY_LABELS: Mapping[str, str] = {
    name: name
    for name in (
        "水果", "蔬菜", "肉类", "水产", "蛋类", "食用菌", "粮食", "杂粮", "粮油制品", "食用油", "坚果", "干货", "调味香料", "肉制品",
        "乳制品", "蜂产品", "茶叶", "代用茶", "咖啡", "饮料",
    )
}  # fmt: skip
STORAGE_LABELS: Mapping[Temperature, str] = {
    Temperature.AMBIENT: "常温",
    Temperature.CHILLED: "冷藏",
    Temperature.FROZEN: "冷冻",
}
# What one piece is called; said with pgettext("container", …), since the same words are units elsewhere.
CONTAINERS = ("盒", "箱", "袋", "瓶", "罐", "桶", "饼", "礼盒", "筐", "提")
PAGE_LABELS: Mapping[str, str] = {
    "privacy": "隐私政策",
    "terms": "用户协议",
    "licence": "证照公示",
    "icp": "网站备案",
    "returns": "退换货说明",
}


def say_net_content(net_content: str, gettext: Gettext) -> str:
    """``1kg/盒`` with the container in the reader's language: ``1kg/box``."""
    amount, mark, container = net_content.partition("/")
    return f"{amount}/{gettext(container)}" if mark and container in CONTAINERS else net_content


def container_of(net_content: str) -> str:
    """What one piece is called: 盒, 箱, 袋 …; 盒 when the text does not say."""
    container = net_content.partition("/")[2]
    return container if container in CONTAINERS else "盒"
