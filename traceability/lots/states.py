"""Kinds and states of lots and boxes."""

from __future__ import annotations

from enum import StrEnum

from kernel.states import States


class LotKind(StrEnum):
    """What a lot is."""

    DELIVERY = "delivery"
    BULK = "bulk"
    PROCESSED = "processed"
    BY_PRODUCT = "by_product"
    PACK = "pack"


class Custody(StrEnum):
    """Chain-of-custody model (ISO 22095:2020, section 5): the page's words follow it.

    ``segregated``: these households and no others; ``mass_balance``: on average these households.
    """

    SEGREGATED = "segregated"
    MASS_BALANCE = "mass_balance"


class Flow(StrEnum):
    """Why the amount of a lot at a site changed: the first three came, the others left.

    ``moved`` left for another site and ``arrived`` from one; ``corrected`` was declared never to have been there, as of when it was
    said to have come.
    """

    DELIVERED = "delivered"
    MADE = "made"
    ARRIVED = "arrived"
    USED = "used"
    LOST = "lost"
    DISPATCHED = "dispatched"
    MOVED = "moved"
    CORRECTED = "corrected"


class RecallState(StrEnum):
    """Whether a lot may move: ``held`` while it is looked into, ``recalled`` when it must come back."""

    NONE = "none"
    HELD = "held"
    RECALLED = "recalled"


class ItemState(StrEnum):
    """The life of one serialised box (TradeItem, 单品)."""

    MADE = "made"
    PRINTED = "printed"
    ACTIVATED = "activated"
    SOLD = "sold"
    RECEIVED = "received"
    VOID = "void"


NOT_GONE = (ItemState.MADE, ItemState.PRINTED, ItemState.ACTIVATED)
"""States of boxes that have neither left nor been destroyed or opened."""


class SlipState(StrEnum):
    """What a household has said to its slip (交货凭证), or that the slip no longer holds."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    ANSWERED = "answered"
    CORRECTED = "corrected"


class DisputeSubject(StrEnum):
    """What a household finds wrong with its slip."""

    WEIGHT = "weight"
    PRICE = "price"
    MONEY = "money"
    STRANGE = "strange"
    OTHER = "other"


class Basis(StrEnum):
    """What bounds a household's harvest; the words are the keys of ``Household.capacity``."""

    LAND_MU = "land_mu"
    HEADS = "heads"
    HIVES = "hives"
    LOGS = "logs"
    CAGES = "cages"


class Verdict(StrEnum):
    """What became of something one person asks and another decides."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"


class Step(StrEnum):
    """Steps of processing; each becomes one TransformationEvent."""

    MIXING = "mixing"
    SLAUGHTERING = "slaughtering"
    CUTTING = "cutting"
    FREEZING = "freezing"
    SORTING = "sorting"
    DRYING = "drying"
    MILLING = "milling"
    PRESSING = "pressing"
    ROASTING = "roasting"
    PROCESSING = "processing"
    PACKING = "packing"
    SPLITTING = "splitting"
    REWORKING = "reworking"


ITEM_FLOW = States(
    {
        ItemState.MADE: {ItemState.PRINTED, ItemState.ACTIVATED, ItemState.VOID},
        ItemState.PRINTED: {ItemState.ACTIVATED, ItemState.VOID},
        ItemState.ACTIVATED: {ItemState.SOLD, ItemState.VOID},
        ItemState.SOLD: {ItemState.RECEIVED, ItemState.VOID},
        ItemState.RECEIVED: {ItemState.VOID},
        ItemState.VOID: set(),
    },
    ends=(ItemState.RECEIVED, ItemState.VOID),
    labels={
        ItemState.MADE: "已生成",
        ItemState.PRINTED: "标签已打印",
        ItemState.ACTIVATED: "标签已启用",
        ItemState.SOLD: "已发出",
        ItemState.RECEIVED: "已签收",
        ItemState.VOID: "已作废",
    },
)

# A household may change its mind either way as long as the slip stands; only a declaration that it was wrong ends it.
SLIP_FLOW = States(
    {
        SlipState.WAITING: {SlipState.CONFIRMED, SlipState.DISPUTED, SlipState.CORRECTED},
        SlipState.CONFIRMED: {SlipState.DISPUTED, SlipState.CORRECTED},
        SlipState.DISPUTED: {SlipState.ANSWERED, SlipState.CONFIRMED, SlipState.CORRECTED},
        SlipState.ANSWERED: {SlipState.CONFIRMED, SlipState.DISPUTED, SlipState.CORRECTED},
        SlipState.CORRECTED: set(),
    },
    labels={
        SlipState.WAITING: "待农户确认",
        SlipState.CONFIRMED: "农户已确认",
        SlipState.DISPUTED: "农户有异议",
        SlipState.ANSWERED: "异议已答复",
        SlipState.CORRECTED: "已更正",
    },
)

DISPUTE_LABELS = {
    DisputeSubject.WEIGHT: "重量或数量不对",
    DisputeSubject.PRICE: "价钱不对",
    DisputeSubject.MONEY: "写着已付款，我没收到",
    DisputeSubject.STRANGE: "这不是我交的货",
    DisputeSubject.OTHER: "其他",
}
