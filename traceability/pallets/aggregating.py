"""Boxes go into cases and cases on pallets, and come out again: each act one AggregationEvent, and the rows that say what is where.

Locks in this order: lots, boxes, cases, pallets (each by key), then the counter of numbers. See docs/locking.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from catalog.parties.models import Place
from catalog.parties.queries import get_place
from catalog.parties.roles import Actor, Role
from kernel.clock import today_shanghai
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.ids import new_code, uuid7
from traceability.events import identifiers
from traceability.events.drafts import Epc, EventDraft
from traceability.events.recording import record_event
from traceability.events.vocabulary import Action, EpcRole, EventType
from traceability.lots import serialising
from traceability.lots.balancing import lock_items, lock_lots, must_be_free
from traceability.lots.describing import epc_of_item, location_of
from traceability.lots.models import Lot, TradeItem
from traceability.lots.queries import is_blocked
from traceability.lots.states import ItemState
from traceability.pallets.models import Container, Content
from traceability.pallets.numbering import next_sscc
from traceability.pallets.queries import find_container, get_container, list_items_inside
from traceability.pallets.states import ContainerKind

MOST_BOXES = 500
MOST_CASES = 200
_PREFIXES = {ContainerKind.CASE: "CTN", ContainerKind.PALLET: "PLT"}


def close_case(
    session: Session, actor: Actor, *, place_id: UUID, serials: Sequence[str], at: datetime, shelved: Collection[UUID] = ()
) -> Container:
    """Close a case of these boxes at a place; labels that were printed are activated, for somebody scanned them off the boxes.

    Clerks and packers of the place, and the operator, may; boxes of others' lots only of those that lie on the shelf there, which the
    caller knows (``shelved``, ``logistics.stock.casing``). Raises NotFound (place), Forbidden, Invalid (no such box, none, too many, named
    twice), Conflict (in another case, void, gone, not printed, of a lot that is stopped or expired).
    """
    place = _must_keep(session, actor, place_id)
    items = _lock_boxes(session, actor, place, serials, at, shelved)
    case = _close(session, actor, place, ContainerKind.CASE, at)
    strange = _put(session, case, "item_id", [item.id for item in items])
    if strange:
        raise Conflict(
            "编号 %(serial)s 的盒子已经在另一箱里了，请换一盒，或先拆开那一箱。",
            params={"serial": min(item.serial for item in items if item.id in strange)},
            field="codes",
        )
    _say(session, actor, case, Action.ADD, sorted(epc_of_item(item) for item in items), at)
    return case


def stack_pallet(session: Session, actor: Actor, *, place_id: UUID, codes: Sequence[str], at: datetime) -> Container:
    """Stack cases (by SSCC or code) on a pallet.

    Raises NotFound (place), Forbidden, Invalid (none, too many, no case, one named twice), Conflict (on another pallet, opened, gone, or a
    box in it that may not leave).
    """
    place = _must_keep(session, actor, place_id)
    if not codes or len(set(codes)) != len(codes):
        raise Invalid("请扫描每一箱的箱码，同一箱只扫一次。", field="codes")
    if len(codes) > MOST_CASES:
        raise Invalid("一个托盘最多放 %(most)s 箱。", params={"most": MOST_CASES}, field="codes")
    found = [_find(session, code) for code in codes]
    for case in _lock(session, [case.id for case in found]):
        if case.kind is not ContainerKind.CASE:
            raise Invalid("“%(code)s”是托盘，不是箱。", params={"code": case.name}, field="codes")
        if session.get_one(Place, case.place_id).organization_id != place.organization_id:
            raise Forbidden("箱 %(code)s 属于别的单位。", params={"code": case.name})
        must_stand(case)
        case.place_id = place.id
        for item in list_items_inside(session, case.id):
            check_box(session, item, at)
    pallet = _close(session, actor, place, ContainerKind.PALLET, at)
    strange = _put(session, pallet, "container_id", [case.id for case in found])
    if strange:
        name = min(case.name for case in found if case.id in strange)
        raise Conflict("箱 %(code)s 已经在另一个托盘上了。", params={"code": name}, field="codes")
    _say(session, actor, pallet, Action.ADD, sorted(epc_of_container(case) for case in found), at)
    return pallet


def open_container(session: Session, actor: Actor, code: str, at: datetime) -> Container:
    """Open a case, or take all cases off a pallet; a case that stands on a pallet comes off it first. Opening it again changes nothing.

    Raises NotFound, Forbidden, Conflict (it has left).
    """
    container = get_container(session, code)
    _must_keep(session, actor, container.place_id)
    (container,) = _lock(session, [container.id])
    if container.opened_at is not None:
        return container
    must_stand(container)
    _take_off(session, actor, [container.id], at)
    _take_out(session, actor, container, _standing(session, Content.parent_id == container.id), at)
    return container


def send_off(session: Session, actor: Actor, parcels: Sequence[Sequence[TradeItem]], at: datetime) -> list[list[str]]:
    """The boxes of these parcels leave: what stands in each, pallets and cases that go whole before loose boxes.

    What leaves without the rest of its case (or pallet) is first taken out of it. The caller holds the boxes, and gives all parcels that
    leave together in one call: the cases of all are locked before the pallets of any.
    """
    boxes = [{item.id: epc_of_item(item) for item in items} for items in parcels]
    by_case = _leave(session, actor, Content.item_id, boxes, at)
    by_pallet = _leave(session, actor, Content.container_id, [cases for cases, _ in by_case], at)
    return [
        sorted([*pallets.values(), *single.values(), *loose.values()])
        for (pallets, single), (_, loose) in zip(by_pallet, by_case, strict=True)
    ]


def take_out_boxes(session: Session, actor: Actor, serials: Sequence[str], at: datetime) -> None:
    """These boxes became void here: they come out of the cases they are in, and a case with nothing left in it comes off its pallet.

    The caller holds the boxes. What has left stays as it left.
    """
    inside = Content.item_id.in_(select(TradeItem.id).where(TradeItem.serial.in_(serials)))
    cases = _lock(session, [line.parent_id for line in _standing(session, inside)])
    standing = [case.id for case in cases if case.standing]
    content = _by_parent(_standing(session, Content.parent_id.in_(standing)))
    going = _by_parent(_standing(session, Content.parent_id.in_(standing), inside))
    _take_off(session, actor, [key for key in going if len(going[key]) == len(content[key])], at)
    for case in cases:
        if case.id in going:
            _take_out(session, actor, case, going[case.id], at)


def bring_containers(session: Session, container_ids: Collection[UUID], place_id: UUID) -> None:
    """These cases and pallets lie at this place now, as the caller found out; what stands together on a pallet comes together."""
    if not container_ids:
        return
    pallet_ids = {*container_ids, *(line.parent_id for line in _standing(session, Content.container_id.in_(container_ids)))}
    on = _standing(session, Content.parent_id.in_(pallet_ids), Content.container_id.is_not(None))
    pallet_ids &= {line.parent_id for line in on}
    case_ids = {*container_ids, *filter(None, (line.container_id for line in on))} - pallet_ids
    for container in [*_lock(session, case_ids), *_lock(session, pallet_ids)]:
        if container.standing:
            container.place_id = place_id
    session.flush()


def check_box(session: Session, item: TradeItem, at: datetime) -> None:
    """Raises Conflict for a box that may go into no case and no parcel: used, void, without a label, stopped itself or with its lot."""
    if item.state in (ItemState.SOLD, ItemState.RECEIVED):
        raise Conflict("编号 %(serial)s 的盒子已经发给别人了，请核对标签。", params={"serial": item.serial}, field="codes")
    if item.state is ItemState.VOID:
        raise Conflict("编号 %(serial)s 的标签已作废，请换一盒。", params={"serial": item.serial}, field="codes")
    if item.state is ItemState.MADE:
        raise Conflict("编号 %(serial)s 的标签还没有打印，请先打印并贴好。", params={"serial": item.serial}, field="codes")
    must_be_free([item])
    blocked = is_blocked(session, item.lot_id, today_shanghai(at))
    if blocked:
        lot = session.get_one(Lot, item.lot_id)
        raise Conflict("批次 %(lot)s 现在不能装箱：%(reason)s", params={"lot": lot.code, "reason": blocked}, field="codes")


def must_stand(container: Container) -> None:
    """Raises Conflict unless the container is closed and still here."""
    params = {"code": container.name}
    if container.opened_at is not None:
        raise Conflict("“%(code)s”已经拆开了，请扫里面的盒子或箱子。", params=params, field="codes")
    if container.left_at is not None:
        raise Conflict("“%(code)s”已经发出了。", params=params, field="codes")


def epc_of_container(container: Container) -> str:
    """The container's identifier in events: a GS1 link when it has an SSCC, else a UUID."""
    return f"{identifiers.ROOT}00/{container.sscc}" if container.sscc else f"urn:uuid:{container.id}"


def _find(session: Session, code: str) -> Container:
    container = find_container(session, code)
    if container is None:
        raise Invalid("没有箱码为“%(code)s”的箱子或托盘，请核对标签。", params={"code": code[:40]}, field="codes")
    return container


def _must_keep(session: Session, actor: Actor, place_id: UUID) -> Place:
    place = get_place(session, place_id)
    actor.must_any({Role.clerk: place.organization_id, Role.packer: place.organization_id, Role.operator: None})
    return place


def _lock_boxes(
    session: Session, actor: Actor, place: Place, serials: Sequence[str], at: datetime, shelved: Collection[UUID]
) -> list[TradeItem]:
    """The boxes, locked lot by lot, fit to go into a case, and awake."""
    if not serials or len(set(serials)) != len(serials):
        raise Invalid("请扫描每一盒的标签，同一盒只扫一次。", field="codes")
    if len(serials) > MOST_BOXES:
        raise Invalid("一箱最多装 %(most)s 盒。", params={"most": MOST_BOXES}, field="codes")
    lot_of = dict(session.execute(select(TradeItem.serial, TradeItem.lot_id).where(TradeItem.serial.in_(serials))).all())
    if unknown := set(serials) - lot_of.keys():
        raise Invalid("没有编号为 %(serial)s 的盒子，请核对标签。", params={"serial": min(unknown)[:40]}, field="codes")
    lots = lock_lots(session, lot_of.values())
    items: list[TradeItem] = []
    for lot_id in sorted(lots):
        if not (lot_id in shelved or actor.has(Role.operator) or lots[lot_id].organization_id == place.organization_id):
            raise Forbidden("批次 %(lot)s 属于别的单位，也不在这里的货架上，不能装箱。", params={"lot": lots[lot_id].code})
        own = lock_items(session, lots[lot_id], [serial for serial in serials if lot_of[serial] == lot_id])
        for item in own:
            check_box(session, item, at)
        _wake(session, lots[lot_id], own, at, actor)
        items += own
    return items


def _wake(session: Session, lot: Lot, items: Sequence[TradeItem], at: datetime, actor: Actor) -> None:
    """The printed labels were scanned off the boxes, so they are stuck on: from now on these serials exist."""
    if printed := [item.serial for item in items if item.state is ItemState.PRINTED]:
        keeper = replace(actor, system=True)  # a hub's packer need not belong to the lot's owner; that was checked above
        serialising.activate_items(session, keeper, lot_id=lot.id, serials=printed, at=at)


def _close(session: Session, actor: Actor, place: Place, kind: ContainerKind, at: datetime) -> Container:
    container = Container(
        code=new_code(_PREFIXES[kind]),
        sscc=next_sscc(session, place),
        kind=kind,
        organization_id=place.organization_id,
        place_id=place.id,
        closed_by=actor.label,
        closed_at=at,
    )
    session.add(container)
    session.flush()
    return container


def _put(session: Session, parent: Container, column: Literal["item_id", "container_id"], ids: Sequence[UUID]) -> set[UUID]:
    """Put these things into a new container; returns those that are in another one already."""
    rows = [{"id": uuid7(), "parent_id": parent.id, column: key} for key in ids]
    statement = insert(Content).on_conflict_do_nothing(index_elements=[column], index_where=Content.taken_out_at.is_(None))
    put = session.scalars(statement.returning(getattr(Content, column)), rows).all()
    return set(ids) - set(put)


def _lock(session: Session, ids: Iterable[UUID]) -> Sequence[Container]:
    query = select(Container).where(Container.id.in_(set(ids))).order_by(Container.id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _standing(session: Session, *conditions: ColumnElement[bool]) -> Sequence[Content]:
    query = select(Content).where(*conditions, Content.taken_out_at.is_(None)).order_by(Content.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _by_parent(lines: Iterable[Content]) -> dict[UUID, list[Content]]:
    found: dict[UUID, list[Content]] = {}
    for line in lines:
        found.setdefault(line.parent_id, []).append(line)
    return found


def _leave(
    session: Session,
    actor: Actor,
    column: InstrumentedAttribute[UUID | None],
    parcels: Sequence[Mapping[UUID, str]],
    at: datetime,
) -> list[tuple[dict[UUID, str], dict[UUID, str]]]:
    """For things (key, identifier) that leave in each parcel: the containers that go with all that is in them, and what goes without one.

    What is inside is read once the containers are locked: somebody may have opened one while this waited.
    """
    inside = _standing(session, column.in_([key for things in parcels for key in things]))
    containers = _lock(session, [line.parent_id for line in inside])
    content = _by_parent(_standing(session, Content.parent_id.in_([container.id for container in containers])))
    left = []
    for things in parcels:
        whole, alone = {}, dict(things)
        for container in containers:
            lines = content.get(container.id, [])
            going = [line for line in lines if _thing(line) in things]
            if not going:
                continue
            content[container.id] = [line for line in lines if _thing(line) not in things]
            if len(going) < len(lines):
                _take_out(session, actor, container, going, at)
                continue
            container.left_at = at
            whole[container.id] = epc_of_container(container)
            for line in going:
                del alone[_thing(line)]
        left.append((whole, alone))
    session.flush()
    return left


def _thing(line: Content) -> UUID:
    thing = line.item_id or line.container_id
    assert thing is not None
    return thing


def _take_off(session: Session, actor: Actor, case_ids: Collection[UUID], at: datetime) -> None:
    """Take these locked cases off the pallets they stand on, if nobody did so while this waited for the pallets."""
    on = Content.container_id.in_(case_ids)
    pallets = _lock(session, [line.parent_id for line in _standing(session, on)])
    lines = _by_parent(_standing(session, on, Content.parent_id.in_([pallet.id for pallet in pallets])))
    for pallet in pallets:
        if pallet.id in lines:
            _take_out(session, actor, pallet, lines[pallet.id], at)


def _take_out(session: Session, actor: Actor, container: Container, lines: Sequence[Content], at: datetime) -> None:
    """Take these out of a locked container, and say so; when nothing is left in it, it is open."""
    for line in lines:
        line.taken_out_at = at
    session.flush()
    if not _standing(session, Content.parent_id == container.id):
        container.opened_by, container.opened_at = actor.label, at
    items = session.scalars(select(TradeItem).where(TradeItem.id.in_([line.item_id for line in lines]))).all()
    cases = session.scalars(select(Container).where(Container.id.in_([line.container_id for line in lines]))).all()
    epcs = sorted([*map(epc_of_item, items), *map(epc_of_container, cases)])
    _say(session, actor, container, Action.DELETE, epcs, at)


def _say(session: Session, actor: Actor, container: Container, action: Action, children: Sequence[str], at: datetime) -> None:
    """The AggregationEvent of a container; how many boxes of perhaps one household, and which, is nobody's business."""
    place = session.get_one(Place, container.place_id)
    draft = EventDraft(
        event_type=EventType.AGGREGATION,
        action=action,
        at=at,
        organization_id=place.organization_id,
        county_code=place.county_code,
        epcs=[Epc(EpcRole.PARENT, epc_of_container(container)), *(Epc(EpcRole.CHILD, child) for child in children)],
        biz_step="packing" if action is Action.ADD else "unpacking",
        disposition="in_progress",
        read_point=location_of(place),
        private={"children": (None, str(len(children)))},
    )
    record_event(session, actor, draft)
