"""What a product text may not say, pure.

Sources: 广告法 art. 9 (国家级, 最佳 and the like), 食品安全法 art. 73 (no prevention or cure of disease in food advertising), and the
house's words: 消费帮扶 and 助农, no label on people. 有机, 绿色食品, 富硒 and 地理标志 only with the paper that carries them.
"""

from __future__ import annotations

from catalog.documents.models import DocumentKind

SUPERLATIVES = ("国家级", "最高级", "最佳", "最好", "第一品牌", "顶级", "极品", "特供", "专供", "政府指定", "纯天然", "独一无二")
MEDICAL = ("降糖", "降压", "降血脂", "抗癌", "防癌", "治疗", "疗效", "治愈", "根治", "保健", "药到病除", "增强免疫")
MARKS = ("扶贫", "贫困户", "脱贫户", "低保户")
NEEDS_PAPER = {
    "有机": DocumentKind.ORGANIC,
    "绿色食品": DocumentKind.GREEN_FOOD,
    "地理标志": DocumentKind.GEOGRAPHICAL_INDICATION,
    "富硒": DocumentKind.TEST_REPORT,
}


def find_forbidden(text: str) -> list[str]:
    """Words in ``text`` that no product text may use, in order of the lists."""
    return [word for word in (*SUPERLATIVES, *MEDICAL, *MARKS) if word in text]


def find_claims(text: str) -> dict[str, DocumentKind]:
    """Claims in ``text`` and the paper each of them needs."""
    return {word: kind for word, kind in NEEDS_PAPER.items() if word in text}
