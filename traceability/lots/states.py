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


class Basis(StrEnum):
    """What bounds a household's harvest; the words are the keys of ``Household.capacity``."""

    LAND_MU = "land_mu"
    HEADS = "heads"
    HIVES = "hives"


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


ITEM_FLOW = States(
    {
        ItemState.MADE: {ItemState.PRINTED, ItemState.ACTIVATED, ItemState.VOID},
        ItemState.PRINTED: {ItemState.ACTIVATED, ItemState.VOID},
        ItemState.ACTIVATED: {ItemState.SOLD, ItemState.VOID},
        ItemState.SOLD: {ItemState.RECEIVED, ItemState.VOID},
        ItemState.RECEIVED: set(),
        ItemState.VOID: set(),
    },
    labels={
        ItemState.MADE: "已生成",
        ItemState.PRINTED: "标签已打印",
        ItemState.ACTIVATED: "标签已启用",
        ItemState.SOLD: "已发出",
        ItemState.RECEIVED: "已签收",
        ItemState.VOID: "已作废",
    },
)
