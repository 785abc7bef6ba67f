"""How far an entry has come, and the words for it that a person understands."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """How far an entry has come; each stage includes those before it."""

    recorded = "recorded"
    sequenced = "sequenced"
    published = "published"
    witnessed = "witnessed"

    def includes(self, other: Stage) -> bool:
        """Whether an entry at this stage is as far as the other, or farther."""
        return list(Stage).index(self) >= list(Stage).index(other)


STAGE_LABELS: dict[Stage, str] = {
    Stage.recorded: "已记录",
    Stage.sequenced: "已编号",
    Stage.published: "已公布，尚未见证",
    Stage.witnessed: "已见证",
}
STEP_LABELS: dict[Stage, str] = STAGE_LABELS | {Stage.published: "已公布"}
STAGE_TEXTS: dict[Stage, str] = {
    Stage.recorded: "已经写下，正在等账本给它编号，一般不到一秒。",
    Stage.sequenced: "在账本里有了固定的位置，正在等待公布，一般几秒钟。",
    Stage.published: "已经公布，任何人都能核对。见证者还没有签名：可能暂时联系不上，恢复后会自动补上。",
    Stage.witnessed: "已经公布，见证者也已签名：从那时起，谁想改动它都会被发现。",
}
