"""Events in the order a person tells them: deliveries of a day as one step, gaps shown as gaps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from catalog.documents.models import KIND_LABELS
from catalog.products.needs import LOT_KINDS
from kernel.clock import today_shanghai
from kernel.quantity import Quantity
from traceability.events.vocabulary import STEP_LABELS, Origin
from traceability.lots.states import LotKind
from traceability.scan.story import Key, Name, Paper, Proof, Stage, Step, Vouch

STEP_TEXTS = {
    "delivery": "农户交货",
    "label": "贴标启用",
    "case": "装入外箱",
    "other": "其他环节",
    "recalled": "召回",
    "held": "暂停流通",
    "lifted": "恢复流通",
    "dispatch": "发往购买地",
    "temperature": "运输温度",
}
ACT_TEXTS = {"killing": "%(day)s屠宰", "delivery": "%(day)s采收", "packing": "%(day)s装盒"}
_LATE = datetime.max.replace(tzinfo=UTC)
_SILENT_ABOUT_TIME = frozenset({"shipping", "departing", "transporting", "arriving", "receiving", "accepting", "retail_selling"})


@dataclass(frozen=True)
class Made:
    """A lot of the story: what it is, how much, of how many households, where."""

    id: UUID
    code: str
    kind: LotKind
    material: str
    amount: Quantity
    households: int
    place: Name | None
    county: Name
    signed: bool = False

    @property
    def visible_amount(self) -> Quantity | None:
        """The amount, unless it would tell the weight one household brought."""
        return self.amount if self.households > 1 else None


@dataclass(frozen=True)
class Happened:
    """An event as the page needs it."""

    id: UUID
    uri: str
    is_declaration: bool
    aggregates: bool
    biz_step: str
    disposition: str
    at: datetime
    lot_code: str | None
    by: Name
    origin: Origin
    county: Name | None
    stage: Stage
    index: int | None


def tell_steps(
    events: Sequence[Happened],
    lots: Iterable[Made],
    outputs: Mapping[UUID, Sequence[str]],
    papers: Sequence[Paper],
    households: int,
    *,
    dispatched: bool,
) -> list[Step]:
    """The steps in time. ``outputs`` names the lots of the story that came out of a transformation, by event.

    Once the floor above has ``dispatched`` the box, its own line (from where to which province) stands for the shipping event.
    """
    by_code = {lot.code: lot for lot in lots}
    wrong = {event.uri for event in events if event.is_declaration}
    told = [event for event in events if not event.is_declaration]
    deliveries = [event for event in told if _is_delivery(event, by_code)]
    brought = {event.id for event in deliveries}
    steps = [_deliveries(deliveries, by_code, papers, households)] if deliveries else []
    steps += [
        _step(event, by_code, outputs.get(event.id, [event.lot_code or ""]), papers, event.uri in wrong)
        for event in told
        if event.id not in brought and not (dispatched and event.biz_step == "shipping")
    ]
    return sorted(steps, key=lambda step: step.first or _LATE)


def list_proofs(events: Sequence[Happened], lots: Iterable[Made]) -> list[Proof]:
    """Every event with its place in the log."""
    by_code = {lot.code: lot for lot in lots}
    return [Proof(event.id, _what(event, by_code), event.at, event.stage, event.index) for event in events]


def find_gaps(
    *, delivered: bool, needs: Sequence[str], papers: Sequence[Paper], gone: bool, dispatched: bool, cold: bool, measured: bool
) -> list[Step]:
    """What should have been recorded and was not; a gap is said, never hidden."""
    gaps = [] if delivered else [Step(STEP_TEXTS["delivery"], Vouch.MISSING)]
    held = {paper.kind for paper in papers if paper.then}
    gaps += [Step(KIND_LABELS[kind], Vouch.MISSING) for kind in sorted(LOT_KINDS) if kind.value in needs and kind not in held]
    if gone and not dispatched:
        gaps.append(Step(STEP_TEXTS["dispatch"], Vouch.MISSING))
    if gone and cold and not measured:
        gaps.append(Step(STEP_TEXTS["temperature"], Vouch.MISSING))
    return gaps


def find_key(events: Sequence[Happened], lots: Iterable[Made]) -> Key | None:
    """The date of the first line: of slaughter, else of the harvest, else of packing; by those who did it, not by what a partner sent."""
    by_code = {lot.code: lot for lot in lots}
    for act in ACT_TEXTS:
        days = [
            today_shanghai(event.at)
            for event in events
            if event.origin is Origin.OWN and (event.biz_step == act or (act == "delivery" and _is_delivery(event, by_code)))
        ]
        if days:
            return Key(ACT_TEXTS[act], min(days), max(days))
    return None


def _kind(event: Happened, by_code: Mapping[str, Made]) -> LotKind | None:
    lot = by_code.get(event.lot_code or "")
    return lot.kind if lot else None


def _is_delivery(event: Happened, by_code: Mapping[str, Made]) -> bool:
    return event.biz_step == "commissioning" and _kind(event, by_code) is LotKind.DELIVERY


def _what(event: Happened, by_code: Mapping[str, Made]) -> str:
    if _is_delivery(event, by_code):
        return STEP_TEXTS["delivery"]
    if event.biz_step == "commissioning" and _kind(event, by_code) is LotKind.PACK:
        return STEP_TEXTS["label"]
    if event.aggregates and event.biz_step == "packing":
        return STEP_TEXTS["case"]
    if event.biz_step == "holding":
        return STEP_TEXTS["recalled" if event.disposition == "recalled" else "held"]
    if (event.biz_step, event.disposition) == ("other", "sellable_not_accessible"):
        return STEP_TEXTS["lifted"]
    return STEP_LABELS.get(event.biz_step, STEP_TEXTS["other"])


def _deliveries(events: Sequence[Happened], by_code: Mapping[str, Made], papers: Sequence[Paper], households: int) -> Step:
    lots = [by_code[event.lot_code or ""] for event in events]
    total: Quantity | None = None
    if households > 1 and len({lot.amount.dimension for lot in lots}) == 1:
        total = sum((lot.amount for lot in lots[1:]), lots[0].amount)
    codes = {lot.code for lot in lots}
    return Step(
        what=STEP_TEXTS["delivery"],
        vouch=Vouch.SELF,
        first=min(event.at for event in events),
        last=max(event.at for event in events),
        where=list(dict.fromkeys(lot.county for lot in lots)),
        by=events[0].by,
        material=lots[0].material if len({lot.material for lot in lots}) == 1 else "",
        amount=total,
        times=len(events),
        papers=[paper for paper in papers if paper.lot_code in codes],
    )


def _step(event: Happened, by_code: Mapping[str, Made], outputs: Sequence[str], papers: Sequence[Paper], wrong: bool) -> Step:
    lots = [by_code[code] for code in outputs if code in by_code]
    lot = lots[0] if lots else None
    timed = event.biz_step not in _SILENT_ABOUT_TIME
    county = event.county or (lot.county if lot else None)
    place = lot.place if lot and event.origin is Origin.OWN else None
    transformed = event.biz_step not in ("commissioning", "holding", "other") and timed
    return Step(
        what=_what(event, by_code),
        vouch=Vouch.SELF if event.origin is Origin.OWN else Vouch.PARTNER,
        first=event.at if timed else None,
        last=event.at if timed else None,
        where=[name for name in (county, place) if name is not None],
        by=event.by,
        material=lot.material if lot and transformed else "",
        amount=lot.visible_amount if lot and transformed else None,
        papers=[paper for paper in papers if paper.lot_code in outputs] if transformed else [],
        wrong=wrong,
        signed=transformed and any(each.signed for each in lots),
    )
