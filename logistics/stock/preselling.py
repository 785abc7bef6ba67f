"""Promise boxes of a coming harvest, take promises back, and hand boxes out as they come: who paid first, first.

Everything here happens under the lock of the one pre-sale row, which is taken before any stock row (docs/locking.md). What was promised is
counted there and nowhere else, so stock knows only boxes that lie on a shelf.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, exists, func, literal, select, update
from sqlalchemy.orm import Session

from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Conflict, NotFound
from kernel.outbox import publish
from logistics.stock.events import PromiseBroken, PromiseServed
from logistics.stock.freshness import TRANSIT_DAYS, keeps_until
from logistics.stock.guarding import change, lock_stock
from logistics.stock.models import Allocation, Presale, Promise, StockLot
from logistics.stock.reserving import Shelf
from logistics.stock.states import PresaleState
from traceability.lots.models import Lot

SHORT_TEXTS = {
    "account": "每个账号最多预订 %(most)s 盒，您还能再订 %(left)s 盒。",
    "left": "预售只剩 %(left)s 盒了，请减少数量。",
}
_STANDING = Promise.released_at.is_(None)
_WAITING = _STANDING & (Promise.served < Promise.boxes)


class SoldOut(Conflict):
    """The forecast is promised, or one account would have more than it may; ``left`` is how many boxes may still be asked for."""

    left: int = 0


def promise(
    session: Session,
    presale_code: str,
    *,
    order_code: str,
    line_code: str,
    holder: str,
    boxes: int,
    at: datetime,
    days: int = TRANSIT_DAYS,
) -> Presale:
    """Promise ``boxes`` of a pre-sale to an order of ``holder`` that lies ``days`` away.

    Raises NotFound, SoldOut, Conflict (over); nothing is written then.
    """
    if boxes <= 0:
        raise ValueError(f"order {order_code}: {boxes} boxes")
    counted = session.execute(
        update(Presale)
        .where(Presale.code == presale_code, Presale.state == PresaleState.OPEN, Presale.closes_at > at, fits(boxes))
        .values(promised=Presale.promised + boxes)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(counted, CursorResult)
    presale = find_presale(session, presale_code)
    if presale is None:
        raise NotFound("没有这个预售。")
    session.refresh(presale)
    if counted.rowcount != 1:
        raise _refusal(presale, at)
    has = session.scalar(
        select(func.coalesce(func.sum(Promise.boxes), 0)).where(
            Promise.presale_id == presale.id, Promise.holder == holder, _STANDING
        )
    )
    if not within_limit(int(has or 0) + boxes, presale.per_person):
        raise _short("account", presale.per_person, presale.per_person - int(has or 0))
    session.add(
        Promise(
            presale_id=presale.id,
            order_code=order_code,
            line_code=line_code,
            holder=holder,
            boxes=boxes,
            days=days,
            served=0,
            made_at=at,
        )
    )
    session.flush()
    return presale


def fits(boxes: int) -> ColumnElement[bool]:
    """The guard before the CHECK: never more promised than the county let the seller promise."""
    return Presale.promised + boxes <= Presale.forecast


def within_limit(boxes: int, most: int) -> bool:
    """Whether one account may have so many boxes; counted under the lock of the UPDATE before."""
    return boxes <= most


def release(session: Session, order_codes: Collection[str], at: datetime) -> int:
    """Take back what is promised to these orders; returns the boxes. Twice takes back once. Allocated boxes are freed by the caller."""
    promises = select(Promise).where(Promise.order_code.in_(order_codes), _STANDING)
    presales = _lock(session, Presale.id.in_(promises.with_only_columns(Promise.presale_id)))
    taken_back = 0
    for each in session.scalars(promises.order_by(Promise.id).execution_options(populate_existing=True)):
        presale = presales[each.presale_id]
        presale.promised, presale.served = presale.promised - each.boxes, presale.served - each.served
        each.served, each.released_at = 0, at
        taken_back += each.boxes
    session.flush()
    return taken_back


def note_paid(session: Session, order_code: str, paid_at: datetime) -> None:
    """The order is paid: from now on it stands in the queue by that moment.

    Boxes that have waited too long for the money go back, and it waits for others; the promise is broken where none come any more.
    """
    promises = select(Promise).where(Promise.order_code == order_code, _STANDING)
    presales = _lock(session, Presale.id.in_(promises.with_only_columns(Promise.presale_id)))
    for each in session.scalars(promises.execution_options(populate_existing=True)):
        presale = presales[each.presale_id]
        each.paid_at = each.paid_at or paid_at
        if _give_back_stale(session, presale, each, paid_at) and presale.state is PresaleState.ENDED:
            publish(session, PromiseBroken(order_code, paid_at), at=paid_at)
    session.flush()


def _give_back_stale(session: Session, presale: Presale, each: Promise, at: datetime) -> int:
    """Put boxes of a promise back on the shelf that would not arrive fresh; returns how many. The pre-sale is locked."""
    keeping = _keeping(each, session.get_one(Product, presale.product_id).shelf_life_days, at)
    old = select(Allocation).join(Allocation.stock_lot)
    old = old.where(Allocation.line_code == each.line_code, StockLot.expires_on < keeping)
    lock_stock(session, StockLot.id.in_(old.with_only_columns(Allocation.stock_lot_id)))
    given_back = 0
    for allocation in session.scalars(old.order_by(Allocation.stock_lot_id)).all():
        assert change(session, allocation.stock_lot_id, allocated=-allocation.quantity)
        given_back += allocation.quantity
        session.delete(allocation)
    each.served, presale.served = each.served - given_back, presale.served - given_back
    if given_back:
        each.served_at = None
    return given_back


def find_promise(session: Session, order_code: str) -> Promise | None:
    """What stands promised to the order."""
    return session.scalar(select(Promise).where(Promise.order_code == order_code, _STANDING))


def find_days(session: Session, order_code: str) -> int:
    """How far away the order lies by what was last promised to it, which may have been taken back since."""
    days = select(Promise.days).where(Promise.order_code == order_code).order_by(Promise.id.desc()).limit(1)
    return session.scalars(days).one()


def is_served(session: Session, order_code: str) -> bool:
    """Whether all boxes promised to the order are allocated."""
    found = find_promise(session, order_code)
    return found is not None and found.missing == 0


def serve_arrival(session: Session, presale: Presale, stock_lot_id: UUID, at: datetime) -> int:
    """Hand out what has just come onto one shelf, before anybody else may buy it; returns the boxes. Both rows are locked."""
    shelf = Shelf(session, {presale.product_id}, at, only=stock_lot_id)
    return _serve(session, presale, shelf, at)


def serve(session: Session, presale_code: str, at: datetime) -> int:
    """Hand out what lies free on any shelf by now: what was cancelled, or let go by a recall, since it came. Returns the boxes."""
    presale = lock_presale(session, presale_code)
    if presale.state is not PresaleState.OPEN or presale.served == presale.promised:
        return 0
    shelf = Shelf(session, {presale.product_id}, at)
    waited = _list_waited(session, presale, at)
    for each in waited:
        _give_back_stale(session, presale, each, at)
    return _serve(session, presale, Shelf(session, {presale.product_id}, at) if waited else shelf, at)


def _list_waited(session: Session, presale: Presale, at: datetime) -> Sequence[Promise]:
    """Promises with some of their boxes, of which one has waited for the others until it would not arrive fresh."""
    fresh_here = keeps_until(today_shanghai(at), session.get_one(Product, presale.product_id).shelf_life_days)
    has_old = exists().where(
        Allocation.line_code == Promise.line_code,
        Allocation.stock_lot_id == StockLot.id,
        StockLot.expires_on < literal(fresh_here) + Promise.days,
    )
    partly = select(Promise).where(Promise.presale_id == presale.id, _WAITING, Promise.served > 0, has_old)
    return session.scalars(partly.execution_options(populate_existing=True)).all()


def serve_whole(session: Session, presale: Presale, at: datetime) -> None:
    """The last round: boxes of orders that have only part of theirs, or are not paid, are dealt anew, to orders they fill, paid ones first.

    The pre-sale is locked.
    """
    if not list_waiting(session, presale):
        return
    Shelf(session, {presale.product_id}, at)  # locks all there is of it, in order; counted anew below
    given = select(Promise).where(Promise.presale_id == presale.id, _STANDING, Promise.served > 0)
    given = given.where(Promise.paid_at.is_(None) | (Promise.served < Promise.boxes))
    lines = {each.line_code: each for each in session.scalars(given.execution_options(populate_existing=True))}
    for allocation in session.scalars(select(Allocation).where(Allocation.line_code.in_(lines)).order_by(Allocation.stock_lot_id)):
        assert change(session, allocation.stock_lot_id, allocated=-allocation.quantity)
        session.delete(allocation)
    for each in lines.values():
        presale.served, each.served, each.served_at = presale.served - each.served, 0, None
    session.flush()
    _serve(session, presale, Shelf(session, {presale.product_id}, at), at, whole=True)


def _serve(session: Session, presale: Presale, shelf: Shelf, at: datetime, *, whole: bool = False) -> int:
    """Allocate boxes of this harvest to the queue in its order, as far as they go and would arrive fresh; with ``whole`` only orders
    they fill.
    """
    shelf.keep(_of_harvest(session, presale, [row.lot_id for row in shelf.rows]))
    life = session.get_one(Product, presale.product_id).shelf_life_days
    handed_out = 0
    for each in list_waiting(session, presale):
        if not shelf.left(presale.product_id):
            break
        keeping = _keeping(each, life, at)
        left = shelf.left(presale.product_id, keeping)
        if not left or (whole and left < each.missing):
            continue
        taken = shelf.take(presale.product_id, each.missing, counter="allocated", keeping=keeping)
        for stock_lot_id, boxes in taken.items():
            _allocate(session, each, stock_lot_id, boxes, at)
        each.served += sum(taken.values())
        presale.served += sum(taken.values())
        handed_out += sum(taken.values())
        if not each.missing:
            each.served_at = at
            publish(session, PromiseServed(each.order_code, at), at=at)
    session.flush()
    return handed_out


def _keeping(each: Promise, shelf_life_days: int, at: datetime) -> date:
    """The earliest day on which boxes may expire that go to the packers now and still arrive fresh."""
    return keeps_until(today_shanghai(at) + timedelta(days=each.days), shelf_life_days)


def _allocate(session: Session, each: Promise, stock_lot_id: UUID, boxes: int, at: datetime) -> None:
    known = session.scalar(
        select(Allocation).where(Allocation.line_code == each.line_code, Allocation.stock_lot_id == stock_lot_id)
    )
    if known is not None:
        known.quantity += boxes
        return
    session.add(
        Allocation(order_code=each.order_code, line_code=each.line_code, stock_lot_id=stock_lot_id, quantity=boxes, allocated_at=at)
    )


def _of_harvest(session: Session, presale: Presale, lot_ids: Collection[UUID]) -> set[UUID]:
    """Those lots that are of the harvest announced: none made before it began."""
    return set(session.scalars(select(Lot.id).where(Lot.id.in_(lot_ids), Lot.produced_on >= presale.harvest_from)))


def list_owing(session: Session, at: datetime, *, limit: int = 200) -> Sequence[str]:
    """Codes of open pre-sales whose harvest has begun and that owe boxes."""
    owing = (Presale.state == PresaleState.OPEN) & (Presale.served < Presale.promised)
    query = select(Presale.code).where(owing, Presale.harvest_from <= today_shanghai(at))
    return session.scalars(query.order_by(Presale.ship_by, Presale.id).limit(limit)).all()


def list_waiting(session: Session, presale: Presale) -> Sequence[Promise]:
    """The queue: who paid first, then who has not paid, each with boxes still missing. The pre-sale is locked."""
    query = select(Promise).where(Promise.presale_id == presale.id, _WAITING).order_by(Promise.paid_at.nulls_last(), Promise.id)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def lock_presale(session: Session, code: str) -> Presale:
    """The pre-sale, locked and as it is now. Raises NotFound."""
    found = list(_lock(session, Presale.code == code).values())
    if not found:
        raise NotFound("没有这个预售。")
    return found[0]


def lock_open_presale(session: Session, product_id: UUID) -> Presale | None:
    """The open pre-sale of a product, locked, if there is one: whoever brings boxes takes it before any stock row."""
    return next(iter(_lock(session, (Presale.product_id == product_id) & (Presale.state == PresaleState.OPEN)).values()), None)


def find_presale(session: Session, code: str) -> Presale | None:
    """The pre-sale with this code."""
    return session.scalar(select(Presale).where(Presale.code == code))


def get_product_of(session: Session, code: str) -> Product:
    """What a pre-sale is of. Raises NotFound."""
    product = session.scalar(select(Product).join(Presale, Presale.product_id == Product.id).where(Presale.code == code))
    if product is None:
        raise NotFound("没有这个预售。")
    return product


def _lock(session: Session, condition: ColumnElement[bool]) -> dict[UUID, Presale]:
    query = select(Presale).where(condition).order_by(Presale.id).with_for_update(key_share=True)
    return {row.id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def _refusal(presale: Presale, at: datetime) -> Conflict:
    if presale.state is not PresaleState.OPEN or presale.closes_at <= at:
        return Conflict("这个预售已经截止，不能再订。")
    if presale.left > 0:
        return _short("left", presale.per_person, presale.left)
    return SoldOut("预售的盒数已经订完了。")


def _short(why: str, most: int, left: int) -> SoldOut:
    problem = SoldOut(SHORT_TEXTS[why], params={"most": most, "left": max(left, 0)})
    problem.left = max(left, 0)
    return problem
