"""Lots, boxes, and the way back and forth between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    Numeric,
    ScalarSelect,
    Select,
    and_,
    cast,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.products.models import Product
from kernel.errors import NotFound, Term
from kernel.periods import valid_on
from kernel.quantity import Unit
from traceability.events.models import TraceEvent
from traceability.lots.claims import CERTIFICATES
from traceability.lots.models import (
    ActPhoto,
    CapacityRequest,
    CapacityRule,
    CapacityUse,
    HouseholdDelivery,
    Lot,
    LotEdge,
    LotShare,
    LotYield,
    RecallItem,
    RecallLot,
    RecallMark,
    StepRequest,
    TradeItem,
    YieldRule,
)
from traceability.lots.states import NOT_GONE, ItemState, LotKind, RecallState, SlipState, Step, Verdict

T = TypeVar("T", CapacityRequest, StepRequest)


def get_lot(session: Session, code: str) -> Lot:
    """The lot with this code. Raises NotFound."""
    lot = find_lot(session, code)
    if lot is None:
        raise NotFound("没有批次“%(code)s”。请对照标签再核对一遍。", params={"code": code[:40]})
    return lot


def find_lot(session: Session, code: str) -> Lot | None:
    """The lot with this code, or None."""
    return session.scalar(select(Lot).where(Lot.code == code))


def list_lots(session: Session, organization_id: UUID, *, after: UUID | None = None, limit: int = 50) -> Sequence[Lot]:
    """An organisation's lots, newest first, before the lot with key ``after``."""
    query = select(Lot).where(Lot.organization_id == organization_id).order_by(Lot.id.desc()).limit(limit)
    return session.scalars(query.where(Lot.id < after) if after else query).all()


def find_item(session: Session, serial: str) -> TradeItem | None:
    """The box with this serial, or None."""
    return session.scalar(select(TradeItem).where(TradeItem.serial == serial))


def get_item(session: Session, serial: str) -> TradeItem:
    """The box with this serial. Raises NotFound."""
    item = find_item(session, serial)
    if item is None:
        raise NotFound("没有这个盒子。请核对标签上的序列号。")
    return item


def list_items(session: Session, lot_id: UUID, *, after: UUID | None = None, limit: int = 100) -> Sequence[TradeItem]:
    """Boxes of a pack lot in the order they were made."""
    query = select(TradeItem).where(TradeItem.lot_id == lot_id).order_by(TradeItem.id).limit(limit)
    return session.scalars(query.where(TradeItem.id > after) if after else query).all()


def map_opened(session: Session, lot_id: UUID, serials: Collection[str]) -> dict[str, str]:
    """Those of these boxes of a lot that were opened (返工), with the code of the lot their content became at that moment."""
    query = (
        select(TradeItem.serial, Lot.code)
        .join(LotEdge, LotEdge.from_lot_id == TradeItem.lot_id)
        .join(LotYield, and_(LotYield.lot_id == LotEdge.to_lot_id, LotYield.step == Step.REWORKING))
        .join(Lot, and_(Lot.id == LotEdge.to_lot_id, Lot.created_at == TradeItem.voided_at))
        .where(TradeItem.lot_id == lot_id, TradeItem.serial.in_(serials), TradeItem.state == ItemState.VOID)
        .order_by(TradeItem.serial)
    )
    return dict(session.execute(query).all())


def stopped_boxes(lot_id: ColumnExpressionArgument[UUID]) -> ScalarSelect[int]:
    """SQL for how many single boxes of a lot a mark stops that have not left: as many of the lot are not for sale."""
    query = select(func.count()).where(TradeItem.lot_id == lot_id, _is_stopped())
    return query.correlate_except(TradeItem).scalar_subquery()


def count_stopped(session: Session, lot_ids: Collection[UUID]) -> Counter[UUID]:
    """How many single boxes of each of these lots a mark stops that have not left."""
    query = select(TradeItem.lot_id, func.count()).where(TradeItem.lot_id.in_(lot_ids), _is_stopped())
    return Counter(dict(session.execute(query.group_by(TradeItem.lot_id)).all()))


def _is_stopped() -> ColumnElement[bool]:
    return and_(TradeItem.stopped.is_not(None), TradeItem.state.in_(NOT_GONE))


def get_delivery(session: Session, slip_code: str) -> HouseholdDelivery:
    """The delivery with this slip (交货凭证). Raises NotFound."""
    delivery = session.scalar(select(HouseholdDelivery).where(HouseholdDelivery.slip_code == slip_code))
    if delivery is None:
        raise NotFound("没有凭证“%(code)s”。", params={"code": slip_code[:40]})
    return delivery


def find_photo(session: Session, delivery_id: UUID) -> ActPhoto | None:
    """A delivery's photograph, or None: there was none, or it was erased."""
    return session.scalar(select(ActPhoto).where(ActPhoto.delivery_id == delivery_id, ActPhoto.erased_at.is_(None)))


def list_photos(session: Session, lot: Lot, *, photo_id: UUID | None = None) -> Sequence[tuple[ActPhoto, TraceEvent]]:
    """Photographs of the acts that made a lot or took from it, with their events, newest first; at most 50, or the one asked for."""
    made = select(LotEdge.event_id).where(LotEdge.to_lot_id == lot.id)
    about = select(TraceEvent.id).where(TraceEvent.lot_code == lot.code)
    query = select(ActPhoto, TraceEvent).join(TraceEvent, TraceEvent.id == ActPhoto.event_id)
    query = query.where(ActPhoto.event_id.in_(made.union(about)), ActPhoto.erased_at.is_(None))
    if photo_id is not None:
        query = query.where(ActPhoto.id == photo_id)
    return [(photo, event) for photo, event in session.execute(query.order_by(ActPhoto.id.desc()).limit(50))]


def is_photo_of(household_id: UUID) -> ColumnElement[bool]:
    """Photographs that go with a household: of its deliveries and of what is its alone; where it has a share, those with people on them."""
    shared = select(Lot.code).join(LotShare, LotShare.lot_id == Lot.id).where(LotShare.household_id == household_id)
    acts = select(TraceEvent.id).where(TraceEvent.lot_code.in_(shared))
    return or_(ActPhoto.household_id == household_id, and_(ActPhoto.faces_agreed, ActPhoto.event_id.in_(acts)))


def list_photos_to_delete(session: Session, *, limit: int = 100) -> Sequence[str]:
    """Digests of photographs that were erased and whose files are still there."""
    query = select(ActPhoto.digest).where(ActPhoto.erased_at.is_not(None), ActPhoto.digest.is_not(None))
    return [digest for digest in session.scalars(query.order_by(ActPhoto.id).limit(limit)) if digest]


def list_strange_photos(session: Session, digests: Sequence[str]) -> list[str]:
    """Those of these files that belong to no act, nor to a step that waits for its signature."""
    known: set[str | None] = set()
    for start in range(0, len(digests), 1000):
        asked = digests[start : start + 1000]
        # What waits first: signed in between, it is an act's by the time acts are looked at.
        known |= set(session.scalars(select(StepRequest.photo_digest).where(StepRequest.photo_digest.in_(asked))))
        known |= set(session.scalars(select(ActPhoto.digest).where(ActPhoto.digest.in_(asked))))
    return [digest for digest in digests if digest not in known]


def list_upstream_households(session: Session, lot_id: UUID) -> list[tuple[UUID, Decimal]]:
    """Every household in a lot with its share, the largest first; the shares add up to 1."""
    query = select(LotShare.household_id, LotShare.share).where(LotShare.lot_id == lot_id)
    return [
        (household, share) for household, share in session.execute(query.order_by(LotShare.share.desc(), LotShare.household_id))
    ]


def list_edges_into(session: Session, lot_id: UUID) -> list[tuple[LotEdge, Lot]]:
    """What went into a lot, one step back, with the lot it came from."""
    query = select(LotEdge, Lot).join(Lot, Lot.id == LotEdge.from_lot_id).where(LotEdge.to_lot_id == lot_id)
    return [(edge, lot) for edge, lot in session.execute(query.order_by(LotEdge.id))]


def list_edges_out_of(session: Session, lot_id: UUID) -> list[tuple[LotEdge, Lot]]:
    """What a lot went into, one step on, with the lot it became."""
    query = select(LotEdge, Lot).join(Lot, Lot.id == LotEdge.to_lot_id).where(LotEdge.from_lot_id == lot_id)
    return [(edge, lot) for edge, lot in session.execute(query.order_by(LotEdge.id))]


def list_edges_among(session: Session, lot_ids: Collection[UUID]) -> Sequence[LotEdge]:
    """Every edge between two of these lots, in the order in which they were made."""
    wanted = list(lot_ids)
    query = select(LotEdge).where(LotEdge.from_lot_id.in_(wanted), LotEdge.to_lot_id.in_(wanted))
    return session.scalars(query.order_by(LotEdge.id)).all()


def list_parents(session: Session, lot_ids: Collection[UUID]) -> dict[UUID, list[Lot]]:
    """The lots that went into each of these, one step back, oldest first; an empty list where nothing did."""
    found: dict[UUID, list[Lot]] = {lot_id: [] for lot_id in lot_ids}
    query = select(LotEdge.to_lot_id, Lot).join(Lot, Lot.id == LotEdge.from_lot_id).where(LotEdge.to_lot_id.in_(lot_ids))
    for lot_id, parent in session.execute(query.order_by(Lot.id)):
        found[lot_id].append(parent)
    return found


def list_upstream_lots(session: Session, lot_id: UUID) -> Sequence[Lot]:
    """Every lot that is in this one, any number of steps back, oldest first."""
    return _walk(session, lot_id, LotEdge.to_lot_id, LotEdge.from_lot_id)


def list_downstream_lots(session: Session, lot_id: UUID) -> Sequence[Lot]:
    """Every lot that this one is in, any number of steps on, oldest first."""
    return _walk(session, lot_id, LotEdge.from_lot_id, LotEdge.to_lot_id)


def _walk(session: Session, lot_id: UUID, here: object, there: object) -> Sequence[Lot]:
    """UNION (not UNION ALL) keeps each lot once, so the walk ends even if somebody managed to write a circle."""
    start = select(there.label("id")).where(here == lot_id).cte("reached", recursive=True)  # type: ignore[attr-defined,arg-type]
    reached = start.union(select(there).join(start, here == start.c.id))  # type: ignore[call-overload]
    query = select(Lot).where(Lot.id.in_(select(reached.c.id)), Lot.id != lot_id).order_by(Lot.created_at, Lot.id)
    return session.scalars(query).all()


def list_raw_materials(session: Session, lot_ids: Collection[UUID]) -> list[str]:
    """What households brought for these lots, under the names a county bounds, however many steps back."""
    query = select(Lot.material).where(Lot.id.in_(_with_upstream(lot_ids)), Lot.kind == LotKind.DELIVERY)
    return list(session.scalars(query.distinct().order_by(Lot.material)))


def list_certified(session: Session, lot_ids: Collection[UUID]) -> list[tuple[str, list[str]]]:
    """What households brought for these lots, however many steps back: the name of each product they brought it for, and what it needs."""
    brought = select(Lot.product_sku).where(Lot.id.in_(_with_upstream(lot_ids)), Lot.kind == LotKind.DELIVERY)
    query = select(Product.name, Product.needs).where(Product.sku.in_(brought)).order_by(Product.name, Product.sku)
    return [(name, needs) for name, needs in session.execute(query)]


def speaks_true() -> ColumnElement[bool]:
    """SQL for whether a pack lot may be sold as its product: a certificate that product needs is one the lot carries."""
    needs = or_(*(Product.needs.contains([kind.value]) for kind in sorted(CERTIFICATES)))
    return or_(Lot.certifiable, ~exists().where(Product.sku == Lot.product_sku, needs).correlate(Lot))


def was_slaughtered(session: Session, lot: Lot) -> bool:
    """Whether the lot is of animals that were killed on the way: a step says so, or they came by the head and are no longer counted so."""
    if lot.unit is Unit.HEAD:
        return False
    way = select(_with_upstream([lot.id]).subquery().c.id)
    killed = exists().where(LotYield.lot_id.in_(way), LotYield.step == Step.SLAUGHTERING)
    live = exists().where(Lot.id.in_(way), Lot.unit == Unit.HEAD)
    return bool(session.scalar(select(killed | live)))


def _with_upstream(lot_ids: Collection[UUID]) -> Select[tuple[UUID]]:
    start = select(Lot.id).where(Lot.id.in_(lot_ids)).cte("made_of", recursive=True)
    reached = start.union(select(LotEdge.from_lot_id).join(start, LotEdge.to_lot_id == start.c.id))
    return select(reached.c.id)


def is_blocked(session: Session, lot_id: UUID, on: date | None = None) -> str | None:
    """Why a lot may not move (a msgid): held, recalled, or expired on the day ``on``; None when it may."""
    lot = session.get_one(Lot, lot_id)
    if lot.recall_state is RecallState.RECALLED:
        return Term("已召回，请停止流通并联系平台。")
    if lot.recall_state is RecallState.HELD:
        return Term("正在核查，暂停流通。")
    if on is not None and lot.expires_on is not None and lot.expires_on < on:
        return Term("已过保质期。")
    return None


def list_marks(session: Session, lot_id: UUID) -> Sequence[RecallMark]:
    """Every mark that stopped this lot, lifted ones too, newest first; not those of single boxes."""
    query = select(RecallMark).join(RecallLot, RecallLot.mark_id == RecallMark.id).where(RecallLot.lot_id == lot_id)
    return session.scalars(query.order_by(RecallMark.marked_at.desc(), RecallMark.id)).all()


def get_mark(session: Session, code: str) -> RecallMark:
    """The recall mark with this code. Raises NotFound."""
    mark = session.scalar(select(RecallMark).where(RecallMark.code == code))
    if mark is None:
        raise NotFound("没有召回单“%(code)s”。", params={"code": code[:40]})
    return mark


def list_marked_items(session: Session, mark_id: UUID) -> Sequence[TradeItem]:
    """The single boxes a mark stopped, by serial."""
    query = select(TradeItem).join(RecallItem, RecallItem.item_id == TradeItem.id).where(RecallItem.mark_id == mark_id)
    return session.scalars(query.order_by(TradeItem.serial)).all()


def list_marked_lots(session: Session, mark_id: UUID) -> Sequence[Lot]:
    """The lots a mark stopped, oldest first."""
    query = select(Lot).join(RecallLot, RecallLot.lot_id == Lot.id).where(RecallLot.mark_id == mark_id)
    return session.scalars(query.order_by(Lot.created_at, Lot.id)).all()


def find_capacity_rule(session: Session, county_code: str, material: str, on: date) -> CapacityRule | None:
    """The rule that bounds a household's harvest of ``material`` on that day: the county's own before the general one."""
    query = select(CapacityRule).where(
        CapacityRule.material == material, (CapacityRule.county_code == county_code) | CapacityRule.county_code.is_(None)
    )
    rules = [rule for rule in session.scalars(query) if rule.covers(on)]
    return min(rules, key=lambda rule: rule.county_code is None, default=None)


def list_yield_rules(session: Session, step: Step, on: date, county_code: str) -> Sequence[YieldRule]:
    """The credible yields of a step on that day, a county's own before the general ones."""
    query = select(YieldRule).where(YieldRule.step == step, valid_on(YieldRule, on))
    query = query.where((YieldRule.county_code == county_code) | YieldRule.county_code.is_(None))
    return session.scalars(query.order_by(YieldRule.county_code.is_(None), YieldRule.id)).all()


def find_capacity_use(session: Session, delivery: HouseholdDelivery) -> CapacityUse | None:
    """How far the cap of a delivery's household, material and season is used."""
    key = (delivery.household_id, delivery.material, delivery.season)
    return session.get(CapacityUse, key, populate_existing=True)  # counted by an UPDATE that no object saw


@dataclass(frozen=True)
class Evidence:
    """What an officer looks at beside a request: the seasons of the household, its last deliveries, and what neighbours bring.

    ``average`` is what the ``neighbours`` (other households of the county that brought the material) bring for one unit of ``rule.basis``.
    """

    rule: CapacityRule | None
    seasons: Sequence[CapacityUse]
    others: Sequence[CapacityUse]
    deliveries: Sequence[HouseholdDelivery]
    neighbours: int
    average: Decimal | None
    earlier: int


def get_evidence(session: Session, request: CapacityRequest, on: date) -> Evidence:
    """What there is to know about a request beyond the cap."""
    rule = find_capacity_rule(session, request.county_code, request.material, on)
    uses = select(CapacityUse).filter_by(household_id=request.household_id)
    own = uses.filter_by(material=request.material).order_by(CapacityUse.season.desc()).limit(5)
    others = uses.filter_by(season=request.season).where(CapacityUse.material != request.material).order_by(CapacityUse.material)
    brought = select(HouseholdDelivery).filter_by(household_id=request.household_id, material=request.material)
    brought = brought.where(HouseholdDelivery.slip_state != SlipState.CORRECTED)
    granted = select(func.count()).select_from(CapacityRequest).filter_by(verdict=Verdict.APPROVED)
    neighbours, average = _list_neighbours(session, request, rule) if rule else (0, None)
    return Evidence(
        rule=rule,
        seasons=session.scalars(own).all(),
        others=session.scalars(others.limit(20)).all(),
        deliveries=session.scalars(brought.order_by(HouseholdDelivery.delivered_at.desc()).limit(5)).all(),
        neighbours=neighbours,
        average=average,
        earlier=session.scalar(granted.filter_by(household_id=request.household_id, material=request.material)) or 0,
    )


def _list_neighbours(session: Session, request: CapacityRequest, rule: CapacityRule) -> tuple[int, Decimal | None]:
    held = cast(Household.capacity[rule.basis.value].astext, Numeric)
    query = (
        select(func.count(), func.sum(CapacityUse.delivered) / func.sum(held))
        .join(Household, Household.id == CapacityUse.household_id)
        .where(CapacityUse.material == request.material, CapacityUse.season == request.season, held > 0)
        .where(Household.county_code == request.county_code, Household.id != request.household_id)
    )
    count, average = session.execute(query).one()
    return int(count), average


def list_capacity_requests(
    session: Session,
    *,
    counties: Collection[str] = (),
    organization_id: UUID | None = None,
    open_only: bool = False,
    after: UUID | None = None,
    limit: int = 30,
) -> Sequence[CapacityRequest]:
    """What was asked beyond the cap, of some counties or of one cooperative, newest first, before ``after``."""
    return _list_asked(session, select(CapacityRequest), CapacityRequest, counties, organization_id, open_only, after, limit)


def list_step_requests(
    session: Session,
    *,
    counties: Collection[str] = (),
    organization_id: UUID | None = None,
    lot_id: UUID | None = None,
    open_only: bool = False,
    after: UUID | None = None,
    limit: int = 30,
) -> Sequence[StepRequest]:
    """Steps outside their range, of some counties, one cooperative or one lot, newest first, before ``after``."""
    if lot_id is not None:
        query = select(StepRequest).where(StepRequest.lot_id == lot_id)
        if open_only:
            query = query.where(StepRequest.verdict == Verdict.OPEN)
        return session.scalars(query.order_by(StepRequest.id.desc()).limit(limit)).all()
    return _list_asked(session, select(StepRequest), StepRequest, counties, organization_id, open_only, after, limit)


def _list_asked(
    session: Session,
    query: Select[T],
    model: type[T],
    counties: Collection[str],
    organization_id: UUID | None,
    open_only: bool,
    after: UUID | None,
    limit: int,
) -> Sequence[T]:
    if organization_id is not None:
        query = query.where(model.organization_id == organization_id)
    else:
        query = query.where(model.county_code.in_(counties))
    if open_only:
        query = query.where(model.verdict == Verdict.OPEN)
    if after is not None:
        query = query.where(model.id < after)
    return session.scalars(query.order_by(model.id.desc()).limit(limit)).all()


def find_grant(session: Session, household_id: UUID, material: str, season: str) -> CapacityRequest | None:
    """The last decision that raised a household's cap of a season and still does, or None."""
    query = select(CapacityRequest).filter_by(household_id=household_id, material=material, season=season, verdict=Verdict.APPROVED)
    query = query.where(CapacityRequest.granted > CapacityRequest.lapsed)
    return session.scalar(query.order_by(CapacityRequest.decided_at.desc(), CapacityRequest.id.desc()).limit(1))


def get_capacity_request(session: Session, request_id: UUID) -> CapacityRequest:
    """A request beyond the cap. Raises NotFound."""
    request = session.get(CapacityRequest, request_id)
    if request is None:
        raise NotFound("没有这条核定申请。")
    return request


def get_step_request(session: Session, request_id: UUID) -> StepRequest:
    """A step that waits for its second person. Raises NotFound."""
    request = session.get(StepRequest, request_id)
    if request is None:
        raise NotFound("没有这条复核申请。")
    return request


def find_yield(session: Session, lot_id: UUID) -> LotYield | None:
    """What the step that made a lot was allowed to give and gave; None for deliveries and boxes."""
    return session.get(LotYield, lot_id)


def list_capacity_rules(
    session: Session, counties: Collection[str] | None, on: date, *, limit: int = 500
) -> Sequence[CapacityRule]:
    """The rules that hold on that day or later, of some counties and the general ones (None: all), by material."""
    query = select(CapacityRule).where((CapacityRule.valid_to.is_(None)) | (CapacityRule.valid_to >= on))
    if counties is not None:
        query = query.where(CapacityRule.county_code.in_(counties) | CapacityRule.county_code.is_(None))
    return session.scalars(
        query.order_by(CapacityRule.material, CapacityRule.county_code, CapacityRule.valid_from).limit(limit)
    ).all()


def list_all_yield_rules(session: Session, counties: Collection[str] | None, on: date, *, limit: int = 500) -> Sequence[YieldRule]:
    """The yields that hold on that day or later, of some counties and the general ones (None: all), by step and material."""
    query = select(YieldRule).where((YieldRule.valid_to.is_(None)) | (YieldRule.valid_to >= on))
    if counties is not None:
        query = query.where(YieldRule.county_code.in_(counties) | YieldRule.county_code.is_(None))
    return session.scalars(query.order_by(YieldRule.material, YieldRule.step, YieldRule.valid_from).limit(limit)).all()
