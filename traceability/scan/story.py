"""The story of a box as values: what the page says, and nothing it must not say. Pure.

Whatever is not in here cannot reach the page: a name without consent, a city, a carrier, the weight one household brought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from typing import TypeAlias
from uuid import UUID

from catalog.documents.models import CheckState, DocumentKind
from kernel.quantity import Quantity
from traceability.lots.claims import Model
from traceability.scan.states import PartState, Payee

FEW_HOUSEHOLDS = 5  # below this many, what is said of all is nearly said of each


@dataclass(frozen=True)
class Name:
    """A name in Chinese, and in English where there is one."""

    zh: str
    en: str = ""

    def text(self, language: str) -> str:
        """The name for a reader of ``language``."""
        return self.en if language == "en" and self.en else self.zh


class Status(StrEnum):
    """What a person holding the box must know first."""

    NORMAL = "normal"
    RECALLED = "recalled"
    HELD = "held"
    VOID = "void"
    INACTIVE = "inactive"
    EXPIRED = "expired"


STATUS_LABELS: dict[Status, str] = {
    Status.NORMAL: "正常",
    Status.RECALLED: "召回",
    Status.HELD: "核查中",
    Status.VOID: "已作废",
    Status.INACTIVE: "未启用",
    Status.EXPIRED: "已过保质期",
}
STATUS_TEXTS: dict[Status, str] = {
    Status.NORMAL: "",
    Status.RECALLED: "这一批正在召回。请不要食用，保留包装，联系卖家退款。",
    Status.HELD: "这一批正在核查，已暂停流通。请先不要食用，等核查结果公布。",
    Status.VOID: "这枚标签已作废，不应出现在任何在售的盒子上。请不要购买，并向我们反映。",
    Status.INACTIVE: "这枚标签还没有启用。如果它已经贴在您买到的盒子上，请向我们反映。",
    Status.EXPIRED: "已经过了保质期。",
}


class Vouch(StrEnum):
    """Who answers for a step: the one who did it, a partner's own system, or nobody."""

    SELF = "self"
    PARTNER = "partner"
    MISSING = "missing"


VOUCH_LABELS: dict[Vouch, str] = {Vouch.SELF: "自报", Vouch.PARTNER: "合作方报", Vouch.MISSING: "缺失"}


class Stage(StrEnum):
    """How far the log has come with an entry; the words of ``traceability.ledger``."""

    RECORDED = "recorded"
    SEQUENCED = "sequenced"
    PUBLISHED = "published"
    WITNESSED = "witnessed"


STAGE_LABELS: dict[Stage, str] = {
    Stage.RECORDED: "已记录",
    Stage.SEQUENCED: "已编号",
    Stage.PUBLISHED: "已公布，尚未见证",
    Stage.WITNESSED: "已见证",
}


@dataclass(frozen=True)
class Proof:
    """One event of the story and where its entry stands in the log; ``index`` is None until it has a place."""

    event_id: UUID
    what: str
    at: datetime
    stage: Stage
    index: int | None


@dataclass(frozen=True)
class ProofGroup:
    """Events of one kind that stand at one place in the log, told in one line."""

    what: str
    stage: Stage
    proofs: Sequence[Proof]


@dataclass(frozen=True)
class Paper:
    """A certificate as the page shows it: whether it held ``then``, on the ``day`` it was needed, and whether it holds ``now``."""

    kind: DocumentKind
    number: str
    subject: Name
    issuer: str
    state: CheckState
    checked_by: str
    checked_on: date | None
    valid_from: date
    valid_to: date | None
    day: date
    then: bool
    now: bool
    revoked: bool
    lot_code: str | None

    @property
    def is_promise(self) -> bool:
        """Whether it is the producer's own promise (承诺达标合格证), no third party's word."""
        return self.kind is DocumentKind.PROMISE_CERTIFICATE


@dataclass(frozen=True)
class Step:
    """One thing that happened, or that should have and was not recorded. ``what`` and ``missing`` are msgids.

    ``signed``: it gave more or less than its range, and a second person signed for that.
    """

    what: str
    vouch: Vouch
    first: datetime | None = None
    last: datetime | None = None
    where: Sequence[Name] = ()
    by: Name | None = None
    material: str = ""
    amount: Quantity | None = None
    times: int = 1
    papers: Sequence[Paper] = ()
    wrong: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Grower:
    """A household that lets its name be seen; village and share only if it allows those too."""

    name: str
    village: str
    percent: str


@dataclass(frozen=True)
class Growers:
    """Who grew it. ``towns`` only counts towns with enough households; ``elsewhere`` are the others.

    Of the ``deliveries`` behind the box so many were ``confirmed`` by whoever held the household's own slip.
    """

    count: int
    towns: Sequence[tuple[str, int]] = ()
    elsewhere: int = 0
    named: Sequence[Grower] = ()
    numbers: Sequence[int] = ()
    custody: Model = Model.SEGREGATED
    animals: bool = False
    deliveries: int = 0
    confirmed: int = 0


@dataclass(frozen=True)
class Part:
    """A part of 100 yuan."""

    payee: Payee
    fen: int
    state: PartState
    on: date | None


@dataclass(frozen=True)
class Temperatures:
    """Of the journey, in °C: coldest and warmest reading, how many readings, how many times beyond the limit."""

    cold_class: str
    coldest: str
    warmest: str
    limit: str
    readings: int
    excursions: int


@dataclass(frozen=True)
class Dispatch:
    """From which hub to which province. Where exactly, by whom and when is the buyer's own matter."""

    hub: Name
    hub_province: str | None
    province: Name
    province_code: str


@dataclass(frozen=True)
class Tally:
    """How often this code was looked at before now."""

    scans: int
    first_at: datetime


@dataclass(frozen=True)
class Goods:
    """The product, as far as the page speaks of it."""

    sku: str
    name: Name
    picture: str
    net_content: str
    storage: str
    category: str
    cold: bool


@dataclass(frozen=True)
class Key:
    """The one date of the first line: when what was done."""

    act: str
    first: date
    last: date


Tiles: TypeAlias = Sequence["Tile"]


@dataclass(frozen=True)
class Tile:
    """One province-level unit on the schematic grid; ``role`` is origin, hub, destination or empty."""

    code: str
    x: int
    y: int
    short: str
    name: Name
    role: str = ""


@dataclass(frozen=True)
class Story:
    """Everything the page of one box (or, without ``serial``, of one lot) says on one day."""

    code: str
    serial: str | None
    lot_code: str
    gtin: str | None
    on: date
    status: Status
    reason: str
    goods: Goods
    cooperative: Name
    county: Name
    county_code: str
    key: Key | None
    produced_on: date
    expires_on: date | None
    growers: Growers
    steps: Sequence[Step]
    papers: Sequence[Paper]
    certifiable: bool
    proofs: Sequence[Proof]
    shares: Sequence[Part]
    temperatures: Temperatures | None
    dispatch: Dispatch | None
    tiles: Tiles
    tally: Tally | None

    @property
    def proof_groups(self) -> list[ProofGroup]:
        """The proofs, neighbours of one kind and stage together: three hundred deliveries are one line."""
        grouped = groupby(self.proofs, key=lambda proof: (proof.what, proof.stage))
        return [ProofGroup(what, stage, list(proofs)) for (what, stage), proofs in grouped]

    @property
    def stages(self) -> dict[Stage, int]:
        """How many entries stand where."""
        return {stage: sum(proof.stage is stage for proof in self.proofs) for stage in Stage}
