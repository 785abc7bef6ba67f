"""The life of a pre-sale (预售)."""

from __future__ import annotations

import enum

from kernel.states import States


class PresaleState(enum.StrEnum):
    """Asked: the county has not spoken. Open: boxes may be promised, and are handed out as they come. Ended: nothing more will."""

    ASKED = "asked"
    OPEN = "open"
    REFUSED = "refused"
    ENDED = "ended"


PRESALE_FLOW = States(
    {
        PresaleState.ASKED: {PresaleState.OPEN, PresaleState.REFUSED},
        PresaleState.OPEN: {PresaleState.ENDED},
        PresaleState.REFUSED: set(),
        PresaleState.ENDED: set(),
    },
    labels={
        PresaleState.ASKED: "等县里核定",
        PresaleState.OPEN: "预售中",
        PresaleState.REFUSED: "未同意",
        PresaleState.ENDED: "已结束",
    },
)
