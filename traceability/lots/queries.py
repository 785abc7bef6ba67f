"""Lots, boxes, and the way back and forth between them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.errors import NotFound, Term
from kernel.periods import valid_on
from traceability.lots.models import (
    CapacityRule,
    HouseholdDelivery,
    Lot,
    LotEdge,
    LotShare,
    RecallLot,
    RecallMark,
    TradeItem,
    YieldRule,
)
from traceability.lots.states import RecallState, Step


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


def get_delivery(session: Session, slip_code: str) -> HouseholdDelivery:
    """The delivery with this slip (交货凭证). Raises NotFound."""
    delivery = session.scalar(select(HouseholdDelivery).where(HouseholdDelivery.slip_code == slip_code))
    if delivery is None:
        raise NotFound("没有凭证“%(code)s”。", params={"code": slip_code[:40]})
    return delivery


def list_deliveries(
    session: Session, organization_id: UUID, *, unpaid: bool = False, after: UUID | None = None, limit: int = 50
) -> Sequence[HouseholdDelivery]:
    """What households brought to a cooperative, newest first, before the delivery with key ``after``; ``unpaid``: only those not paid."""
    query = select(HouseholdDelivery).join(Lot, Lot.id == HouseholdDelivery.lot_id).where(Lot.organization_id == organization_id)
    if unpaid:
        query = query.where(HouseholdDelivery.paid_at.is_(None))
    if after is not None:
        query = query.where(HouseholdDelivery.id < after)
    return session.scalars(query.order_by(HouseholdDelivery.id.desc()).limit(limit)).all()


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
    """Every mark that stopped this lot, lifted ones too, newest first."""
    query = select(RecallMark).join(RecallLot, RecallLot.mark_id == RecallMark.id).where(RecallLot.lot_id == lot_id)
    return session.scalars(query.order_by(RecallMark.marked_at.desc(), RecallMark.id)).all()


def get_mark(session: Session, code: str) -> RecallMark:
    """The recall mark with this code. Raises NotFound."""
    mark = session.scalar(select(RecallMark).where(RecallMark.code == code))
    if mark is None:
        raise NotFound("没有召回单“%(code)s”。", params={"code": code[:40]})
    return mark


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


def list_yield_rules(session: Session, step: Step, on: date) -> Sequence[YieldRule]:
    """The credible yields of a step on that day."""
    return session.scalars(select(YieldRule).where(YieldRule.step == step, valid_on(YieldRule, on))).all()
