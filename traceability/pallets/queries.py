"""Cases and pallets, and what is in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from catalog.parties.models import Place
from kernel.errors import NotFound
from traceability.lots.models import Lot, TradeItem
from traceability.lots.states import ItemState, RecallState
from traceability.pallets.models import Container, Content

Shown = Literal["standing", "elsewhere", "opened", "gone"]
_STANDING = Container.opened_at.is_(None) & Container.left_at.is_(None)
_SHOWN: dict[Shown, ColumnElement[bool]] = {
    "standing": _STANDING,
    "elsewhere": _STANDING,
    "opened": Container.opened_at.is_not(None),
    "gone": Container.left_at.is_not(None),
}


@dataclass(frozen=True)
class Listed:
    """A container with how many things are in it, or were when it was opened, and the place where it lies or lay."""

    container: Container
    things: int
    place: Place


@dataclass(frozen=True)
class BoxInside:
    """A box in a case."""

    serial: str
    material: str
    lot_code: str
    state: ItemState
    taken_out: bool
    stopped: bool


@dataclass(frozen=True)
class LotInside:
    """How many boxes of a pack lot are in a container, and how many of them a recall stops one by one."""

    lot: Lot
    boxes: int
    stopped: int


@dataclass(frozen=True)
class Holding:
    """A container with how many boxes of some lots it holds, itself or in its cases."""

    container: Container
    boxes: int


def find_container(session: Session, code: str) -> Container | None:
    """The case or pallet with this SSCC or code, or None."""
    return session.scalar(select(Container).where((Container.sscc if code.isdigit() else Container.code) == code))


def get_container(session: Session, code: str) -> Container:
    """The case or pallet with this SSCC or code. Raises NotFound."""
    container = find_container(session, code)
    if container is None:
        raise NotFound("没有箱码为“%(code)s”的箱子或托盘，请核对标签。", params={"code": code[:40]})
    return container


def list_containers(
    session: Session,
    organization_ids: Collection[UUID] | None,
    shown: Shown,
    *,
    after: UUID | None = None,
    limit: int = 50,
) -> list[Listed]:
    """Cases and pallets at places of these organisations (None: of all), newest first, before the one with key ``after``.

    Those ``elsewhere`` they closed themselves, and by now they lie with others.
    """
    things = (
        select(func.count()).where(Content.parent_id == Container.id, _inside(Container)).correlate(Container).scalar_subquery()
    )
    query = select(Container, things, Place).join(Place, Place.id == Container.place_id).where(_SHOWN[shown])
    query = query.order_by(Container.id.desc()).limit(limit)
    if after is not None:
        query = query.where(Container.id < after)
    parts = [query]
    if organization_ids is not None:
        # Places first: given their keys, the index by place is used, and the table is not read along its own key.
        places = session.scalars(select(Place.id).where(Place.organization_id.in_(organization_ids))).all()
        parts = [query.where(Container.place_id.in_(places))]
        if shown == "elsewhere":  # a seek for each who closed them
            away = query.where(Container.place_id.not_in(places))
            parts = [away.where(Container.organization_id == key) for key in organization_ids]
    found = [Listed(container, int(count), place) for part in parts for container, count, place in session.execute(part)]
    return sorted(found, key=lambda each: each.container.id, reverse=True)[:limit]


def map_materials(session: Session, container_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """What is in each of these cases and pallets (or was when it was opened), in words, each word once."""
    cases = _cases_of(container_ids)
    query = (
        select(cases.c.container_id, Lot.material)
        .join(Container, Container.id == cases.c.case_id)
        .join(Content, (Content.parent_id == Container.id) & _inside(Container))
        .join(TradeItem, TradeItem.id == Content.item_id)
        .join(Lot, Lot.id == TradeItem.lot_id)
        .distinct()
    )
    found: dict[UUID, list[str]] = {container_id: [] for container_id in container_ids}
    for container_id, material in session.execute(query.order_by(Lot.material)):
        found[container_id].append(material)
    return found


def _inside(parent: type[Container]) -> ColumnElement[bool]:
    """Content that is in its container now, or, once that was opened, was in it until then: what came out earlier does not count."""
    return or_(Content.taken_out_at.is_(None), Content.taken_out_at == parent.opened_at)


def _cases_of(container_ids: Collection[UUID], *, now: bool = False) -> Subquery:
    """Each of these containers with itself, and with the cases on it where it is a pallet: each looked up by key, whatever it is."""
    itself = select(Container.id.label("container_id"), Container.id.label("case_id")).where(Container.id.in_(container_ids))
    below = (
        select(Content.parent_id, Content.container_id)
        .join(Container, Container.id == Content.parent_id)
        .where(Content.parent_id.in_(container_ids), Content.container_id.is_not(None))
        .where(Content.taken_out_at.is_(None) if now else _inside(Container))
    )
    return itself.union_all(below).subquery()


def list_boxes_inside(session: Session, case_id: UUID) -> list[BoxInside]:
    """The boxes of a case, those taken out too, in the order in which they were put in."""
    query = (
        select(
            TradeItem.serial,
            Lot.material,
            Lot.code,
            TradeItem.state,
            Content.taken_out_at.is_not(None),
            TradeItem.stopped.is_not(None),
        )
        .join(Content, Content.item_id == TradeItem.id)
        .join(Lot, Lot.id == TradeItem.lot_id)
        .where(Content.parent_id == case_id)
        .order_by(Content.id)
    )
    return [BoxInside(*row) for row in session.execute(query)]


def list_cases_inside(session: Session, pallet_id: UUID) -> Sequence[Container]:
    """The cases on a pallet now, or, once it was opened, those that stood on it until then."""
    pallet = aliased(Container)
    query = (
        select(Container)
        .join(Content, Content.container_id == Container.id)
        .join(pallet, pallet.id == Content.parent_id)
        .where(pallet.id == pallet_id, _inside(pallet))
    )
    return session.scalars(query.order_by(Content.id)).all()


def find_pallet_of(session: Session, case_id: UUID) -> Container | None:
    """The pallet a case stands on, or None."""
    query = select(Container).join(Content, Content.parent_id == Container.id)
    return session.scalar(query.where(Content.container_id == case_id, Content.taken_out_at.is_(None)))


def list_items_inside(session: Session, container_id: UUID) -> Sequence[TradeItem]:
    """Every box that is in a case, or in the cases of a pallet, now, by key."""
    cases = _cases_of([container_id], now=True)
    query = (
        select(TradeItem)
        .join(Content, Content.item_id == TradeItem.id)
        .join(cases, cases.c.case_id == Content.parent_id)
        .where(Content.taken_out_at.is_(None))
    )
    return session.scalars(query.order_by(TradeItem.id)).all()


def count_lots_inside(session: Session, container_id: UUID) -> list[LotInside]:
    """How many boxes of which lots are in a container (or in the cases of a pallet), or were when it was opened, by lot code."""
    cases = _cases_of([container_id])
    query = (
        select(Lot, func.count(), func.count().filter(TradeItem.stopped.is_not(None)))
        .join(TradeItem, TradeItem.lot_id == Lot.id)
        .join(Content, Content.item_id == TradeItem.id)
        .join(cases, cases.c.case_id == Content.parent_id)
        .join(Container, Container.id == cases.c.case_id)
        .where(_inside(Container))
        .group_by(Lot.id)
        .order_by(Lot.code)
    )
    return [LotInside(*row) for row in session.execute(query)]


def count_stopped_inside(lots: Iterable[LotInside]) -> int:
    """Boxes that a recall stops one by one, of lots that may move otherwise."""
    return sum(inside.stopped for inside in lots if inside.lot.recall_state is RecallState.NONE)


def list_containers_of_lots(
    session: Session,
    lot_ids: Collection[UUID],
    *,
    serials: Collection[str] | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> list[Holding]:
    """Cases, here or gone, that hold boxes of these lots (or just the boxes with these ``serials``), and the pallets they stand on; oldest
    first, after the key ``after``."""
    above = aliased(Content)
    these = true() if serials is None else TradeItem.serial.in_(serials)
    boxes = (
        select(Content.parent_id.label("case_id"), func.count().label("boxes"))
        .join(TradeItem, TradeItem.id == Content.item_id)
        .where(TradeItem.lot_id.in_(lot_ids), these, Content.taken_out_at.is_(None))
        .group_by(Content.parent_id)
        .cte("held")
    )
    pallets = (
        select(above.parent_id, func.sum(boxes.c.boxes))
        .join(boxes, boxes.c.case_id == above.container_id)
        .where(above.taken_out_at.is_(None))
        .group_by(above.parent_id)
    )
    held = select(boxes.c.case_id, boxes.c.boxes).union_all(pallets).subquery()
    query = select(Container, held.c.boxes).join(held, held.c.case_id == Container.id)
    if after is not None:
        query = query.where(Container.id > after)
    return [Holding(container, int(count)) for container, count in session.execute(query.order_by(Container.id).limit(limit))]
