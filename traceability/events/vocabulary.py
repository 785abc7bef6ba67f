"""Words of EPCIS 2.0 and its Core Business Vocabulary (CBV 2.0), as the JSON binding writes them: bare words.

Sources: GS1 EPCIS 2.0 section 7 (event types, actions); CBV 2.0 sections 7.1 (business steps) and 7.2 (dispositions).
CBV 2.0 has no step for harvesting: a harvest is ``commissioning`` with instance/lot master data (``ilmd``).
"""

from __future__ import annotations

from enum import StrEnum


class EventType(StrEnum):
    """The five event types (EPCIS 2.0, section 7.4)."""

    OBJECT = "ObjectEvent"
    AGGREGATION = "AggregationEvent"
    TRANSACTION = "TransactionEvent"
    TRANSFORMATION = "TransformationEvent"
    ASSOCIATION = "AssociationEvent"


class Action(StrEnum):
    """How the event relates to the life of what it names (section 7.3.2)."""

    ADD = "ADD"
    OBSERVE = "OBSERVE"
    DELETE = "DELETE"


class EpcRole(StrEnum):
    """Where in an event an identifier stands; the words are the member names of the JSON binding, in short."""

    EPC = "epc"
    CHILD = "child"
    PARENT = "parent"
    INPUT = "input"
    OUTPUT = "output"
    CLASS = "class"
    CHILD_CLASS = "child_class"
    INPUT_CLASS = "input_class"
    OUTPUT_CLASS = "output_class"


class Origin(StrEnum):
    """Who said so: our own acts, or a partner through ``/epcis``."""

    OWN = "own"
    PARTNER = "partner"


CBV_WORD = "https://ref.gs1.org/cbv/"

# Our own terms. The domain is reserved (RFC 2606): a name for things, not an address to fetch.
NAMESPACE = "https://shanhai.example/epcis/"

EVENT_LABELS = {
    EventType.OBJECT: "物品事件",
    EventType.AGGREGATION: "装箱事件",
    EventType.TRANSACTION: "交易事件",
    EventType.TRANSFORMATION: "加工事件",
    EventType.ASSOCIATION: "绑定事件",
}

STEP_LABELS = {
    "commissioning": "建立批次或启用",
    "killing": "屠宰",
    "disassembling": "分割",
    "assembling": "合并批次",
    "packing": "装盒",
    "unpacking": "拆箱",
    "storing": "入库",
    "shipping": "发出",
    "receiving": "收货",
    "destroying": "报损",
    "decommissioning": "作废",
    "holding": "停止流通",
    "inspecting": "检查",
    "transporting": "运输",
    "accepting": "验收",
    "departing": "离开",
    "arriving": "到达",
    "retail_selling": "销售",
    "sampling": "抽样",
    f"{NAMESPACE}freezing": "冷冻",
    f"{NAMESPACE}sorting": "分级挑选",
    f"{NAMESPACE}drying": "干制",
    f"{NAMESPACE}milling": "磨制",
    f"{NAMESPACE}pressing": "压榨",
    f"{NAMESPACE}roasting": "烘炒",
    f"{NAMESPACE}processing": "加工",
    f"{NAMESPACE}splitting": "分批",
    f"{NAMESPACE}reworking": "返工",
}

BIZ_STEPS = frozenset(
    [
        "accepting",
        "arriving",
        "assembling",
        "collecting",
        "commissioning",
        "consigning",
        "creating_class_instance",
        "cycle_counting",
        "decommissioning",
        "departing",
        "destroying",
        "disassembling",
        "dispensing",
        "encoding",
        "entering_exiting",
        "holding",
        "inspecting",
        "installing",
        "killing",
        "loading",
        "other",
        "packing",
        "picking",
        "receiving",
        "removing",
        "repackaging",
        "repairing",
        "replacing",
        "reserving",
        "retail_selling",
        "sampling",
        "sensor_reporting",
        "shipping",
        "staging_outbound",
        "stock_taking",
        "stocking",
        "storing",
        "transporting",
        "unloading",
        "unpacking",
        "void_shipping",
    ]
)

DISPOSITIONS = frozenset(
    [
        "active",
        "available",
        "completeness_verified",
        "completeness_inferred",
        "conformant",
        "container_closed",
        "container_open",
        "damaged",
        "destroyed",
        "dispensed",
        "disposed",
        "encoded",
        "expired",
        "in_progress",
        "in_transit",
        "inactive",
        "mismatch_class",
        "mismatch_instance",
        "mismatch_quantity",
        "needs_replacement",
        "no_pedigree_match",
        "non_conformant",
        "non_sellable_other",
        "partially_dispensed",
        "recalled",
        "reserved",
        "retail_sold",
        "returned",
        "sellable_accessible",
        "sellable_not_accessible",
        "stolen",
        "unavailable",
        "unknown",
    ]
)


_STEMS = (
    "https://ref.gs1.org/cbv/BizStep-",
    "https://ref.gs1.org/cbv/Disp-",
    "cbv:BizStep-",
    "cbv:Disp-",
    "urn:epcglobal:cbv:bizstep:",
    "urn:epcglobal:cbv:disp:",
)


def bare(word: str) -> str:
    """A CBV business step or disposition as the bare word of the JSON binding, however it was written; other URIs unchanged."""
    for stem in _STEMS:
        if word.startswith(stem):
            return word.removeprefix(stem)
    return word
