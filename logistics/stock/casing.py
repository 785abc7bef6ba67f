"""Cases and pallets at a shelf: who has the boxes there may put them together, and handle what the cooperative closed and brought.

``traceability.pallets`` knows what is in which case; which lots lie where, only this room knows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place, Role
from kernel.errors import Conflict
from logistics.stock.models import StockLot
from traceability.lots.models import TradeItem
from traceability.pallets import aggregating
from traceability.pallets.models import Container, Content
from traceability.pallets.queries import find_container, get_container, list_items_inside


def close_case(session: Session, actor: Actor, *, place_id: UUID, serials: Sequence[str], at: datetime) -> Container:
    """Close a case of boxes of the place's own lots and of those that lie on its shelf. Raises what ``aggregating.close_case`` raises."""
    lots = select(TradeItem.lot_id).where(TradeItem.serial.in_(serials))
    here = select(StockLot.lot_id).where(StockLot.place_id == place_id, StockLot.on_hand > 0, StockLot.lot_id.in_(lots))
    shelved = session.scalars(here).all()
    return aggregating.close_case(session, actor, place_id=place_id, serials=serials, at=at, shelved=shelved)


def stack_pallet(session: Session, actor: Actor, *, place_id: UUID, codes: Sequence[str], at: datetime) -> Container:
    """Stack cases that lie at this place, whoever closed them. Raises what ``aggregating.stack_pallet`` raises."""
    found = [find_container(session, code) for code in codes[: aggregating.MOST_CASES]]
    brought = [case.id for case in found if case and case.place_id != place_id and lies_at(session, case, place_id)]
    aggregating.bring_containers(session, brought, place_id)
    return aggregating.stack_pallet(session, actor, place_id=place_id, codes=codes, at=at)


def open_container(session: Session, actor: Actor, code: str, at: datetime) -> Container:
    """Open a case or take a pallet apart where it lies. Raises what ``aggregating.open_container`` raises."""
    container = get_container(session, code)
    mine = {*actor.organizations_with(Role.packer), *actor.organizations_with(Role.clerk)}
    place_id = find_place(session, container, mine)
    if place_id is not None:
        settle(session, container, place_id)
    return aggregating.open_container(session, actor, code, at)


def find_place(session: Session, container: Container, organization_ids: Collection[UUID]) -> UUID | None:
    """The place of these organisations where a container lies, or None."""
    if session.get_one(Place, container.place_id).organization_id in organization_ids:
        return container.place_id
    lots = {item.lot_id for item in list_items_inside(session, container.id)}
    shelves = select(StockLot.place_id).join(Place, Place.id == StockLot.place_id)
    shelves = shelves.where(Place.organization_id.in_(organization_ids), StockLot.lot_id.in_(lots)).order_by(StockLot.id)
    return next((place_id for place_id in session.scalars(shelves).all() if lies_at(session, container, place_id)), None)


def lies_at(session: Session, container: Container, place_id: UUID) -> bool:
    """Whether a container is at this place: it was closed there, or all its lots lie on the shelf there and none where it was closed."""
    if container.place_id == place_id:
        return True
    lots = {item.lot_id for item in list_items_inside(session, container.id)}
    shelves = select(StockLot.lot_id, StockLot.place_id).where(
        StockLot.lot_id.in_(lots), StockLot.place_id.in_([place_id, container.place_id]), StockLot.on_hand > 0
    )
    return bool(lots) and {(lot_id, at) for lot_id, at in session.execute(shelves)} == {(lot_id, place_id) for lot_id in lots}


def must_lie_at(session: Session, container: Container, place_id: UUID) -> None:
    """Raises Conflict for a container that is somewhere else."""
    if not lies_at(session, container, place_id):
        place = session.get_one(Place, container.place_id)
        raise Conflict("“%(code)s”登记在%(place)s，不在这里，请核对箱码。", params={"code": container.name, "place": place.name})


def settle(session: Session, container: Container, place_id: UUID) -> None:
    """Note that a container lies at this place, when it was closed elsewhere. The caller asked ``lies_at``."""
    if container.place_id != place_id:
        aggregating.bring_containers(session, [container.id], place_id)


def bring_cases(session: Session, lot_id: UUID, place_id: UUID) -> None:
    """All that is left of a lot lies on the shelf here now: the cases with boxes of it came along, those with other lots if these are here.

    Of a part nobody knows which cases came: each moves when somebody there scans it (``lies_at``).
    """
    here = select(StockLot.lot_id).where(StockLot.place_id == place_id, StockLot.on_hand > 0)
    inside = select(Content.parent_id).join(TradeItem, TradeItem.id == Content.item_id).where(Content.taken_out_at.is_(None))
    away = session.scalars(
        select(Container.id).where(
            Container.id.in_(inside.where(TradeItem.lot_id == lot_id)),
            Container.opened_at.is_(None),
            Container.left_at.is_(None),
            Container.place_id != place_id,
        )
    ).all()
    waiting = set(session.scalars(inside.where(Content.parent_id.in_(away), TradeItem.lot_id.not_in(here))))
    aggregating.bring_containers(session, [key for key in away if key not in waiting], place_id)
