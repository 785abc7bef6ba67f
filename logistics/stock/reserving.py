"""Promise boxes to order lines, first expired first out (FEFO), and take promises back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import false, select
from sqlalchemy.orm import Session

from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Conflict, FieldError
from logistics.stock.guarding import change, drop_holds, list_movable, lock_stock
from logistics.stock.models import Allocation, Hold, StockLot
from traceability.lots.queries import count_stopped

Line = tuple[str, UUID, int]


class OutOfStock(Conflict):
    """Fewer boxes are free than were asked for; ``errors`` names every line that is short, ``left`` what each product still has."""

    left: Mapping[UUID, int] = {}


class Shelf:
    """The boxes of some products that may be sold at ``at``, locked, in the order in which they should leave.

    As many of a lot as a recall stops one by one are not among them, wherever they lie. They are counted under the locks, each time: what
    is free later, because an order is cancelled or boxes arrive, is counted then. ``only`` one stock row is looked at when it is given.
    """

    def __init__(
        self,
        session: Session,
        product_ids: set[UUID],
        at: datetime,
        *,
        also_held_by: str | None = None,
        only: UUID | None = None,
        keeping: Mapping[UUID, date] | None = None,
    ) -> None:
        self.session = session
        these = (StockLot.product_id.in_(product_ids)) & (StockLot.on_hand > 0)
        rows = lock_stock(session, these if only is None else these & (StockLot.id == only))
        mine = Hold.holder == also_held_by if also_held_by is not None else false()
        given_back = drop_holds(session, Hold.stock_lot_id.in_([row.id for row in rows]), (Hold.until <= at) | mine)
        movable = list_movable(session, {row.lot_id for row in rows})
        today = today_shanghai(at)
        sellable = sorted(
            (row for row in rows if row.lot_id in movable and (row.sell_until is None or row.sell_until >= today)),
            key=lambda row: (row.expires_on or date.max, row.id),
        )
        until = keeping or {}
        self.rows, self.stale = list[StockLot](), list[StockLot]()
        for row in sellable:
            fresh = _keeps(row, until.get(row.product_id, date.min))
            (self.rows if fresh else self.stale).append(row)
        self.free: dict[UUID, int] = {}
        stopped = count_stopped(session, movable)
        for row in rows:
            unclaimed = row.free + given_back[row.id]
            kept = min(stopped[row.lot_id], unclaimed)
            stopped[row.lot_id] -= kept
            self.free[row.id] = unclaimed - kept

    def keep(self, lot_ids: Collection[UUID]) -> None:
        """Pass over all other lots."""
        self.rows = [row for row in self.rows if row.lot_id in lot_ids]

    def left(self, product_id: UUID, keeping: date = date.min) -> int:
        """Boxes of a product that nobody has a claim on and that do not expire before ``keeping``."""
        return sum(self.free[row.id] for row in self.rows if row.product_id == product_id and _keeps(row, keeping))

    def left_stale(self, product_id: UUID) -> int:
        """Boxes of a product that nobody has a claim on and that would arrive too close to their end."""
        return sum(self.free[row.id] for row in self.stale if row.product_id == product_id)

    def take(self, product_id: UUID, quantity: int, *, counter: str, keeping: date = date.min) -> dict[UUID, int]:
        """Claim boxes lot by lot; returns how many of which stock row. Fewer than asked when no more keep until ``keeping``."""
        taken: dict[UUID, int] = {}
        for row in self.rows:
            share = min(quantity - sum(taken.values()), self.free[row.id])
            if row.product_id != product_id or share <= 0 or not _keeps(row, keeping):
                continue
            if change(self.session, row.id, **{counter: share}):
                self.free[row.id] -= share
                taken[row.id] = share
            else:
                self.free[row.id] = 0
        return taken


def _keeps(row: StockLot, until: date) -> bool:
    return (row.expires_on or date.max) >= until


def allocate(
    session: Session,
    order_code: str,
    lines: Sequence[Line],
    at: datetime,
    from_holder: str | None = None,
    *,
    keeping: Mapping[UUID, date] | None = None,
) -> list[Allocation]:
    """Promise boxes to the lines ``(line_code, product_id, boxes)`` of an order: all of them or none.

    Lots that are recalled, held back or too close to their end are passed over, and of products in ``keeping`` those that expire before the
    day named there, since they would not arrive fresh. What ``from_holder`` holds of these products is used first or given back. Give all
    lines of the transaction in one call (see ``lock_stock``). Raises OutOfStock naming each short line.
    """
    for line_code, _, quantity in lines:
        if quantity <= 0:
            raise ValueError(f"line {line_code}: {quantity} boxes")
    shelf = Shelf(session, {product_id for _, product_id, _ in lines}, at, also_held_by=from_holder, keeping=keeping)
    row_of = {row.id: row for row in shelf.rows}
    allocations, short = [], []
    for line in lines:
        line_code, product_id, quantity = line
        left = shelf.left(product_id)
        taken = shelf.take(product_id, quantity, counter="allocated")
        if sum(taken.values()) < quantity:
            short.append((line, left, shelf.left_stale(product_id)))
        allocations += [
            Allocation(order_code=order_code, line_code=line_code, stock_lot=row_of[row_id], quantity=boxes, allocated_at=at)
            for row_id, boxes in taken.items()
        ]
    if short:
        raise _out_of_stock(session, short)
    session.add_all(allocations)
    session.flush()
    return allocations


def _out_of_stock(session: Session, short: Sequence[tuple[Line, int, int]]) -> OutOfStock:
    names = dict(
        session.execute(
            select(Product.id, Product.name).where(Product.id.in_([product_id for (_, product_id, _), _, _ in short]))
        ).all()
    )
    errors = []
    for (line_code, product_id, quantity), left, stale in short:
        params: dict[str, object] = {"name": names.get(product_id, ""), "left": left, "wanted": quantity}
        if left + stale >= quantity:
            errors.append(
                FieldError(
                    line_code, "“%(name)s”送到您那里时保质期剩得不多了，能保证新鲜的只有 %(left)s 盒，请减少数量或换一种。", params
                )
            )
        elif left:
            errors.append(FieldError(line_code, "“%(name)s”现在只剩 %(left)s 盒，您要了 %(wanted)s 盒，请减少数量。", params))
        else:
            errors.append(FieldError(line_code, "“%(name)s”刚刚卖完了，请换一种或改天再来。", params))
    problem = OutOfStock(errors[0].message, params=errors[0].params, errors=errors)
    problem.left = {product_id: left for (_, product_id, _), left, _ in short}
    return problem


def deallocate(session: Session, order_code: str, line_codes: Sequence[str] | None = None) -> int:
    """Take back what was promised to an order (or to some of its lines) and has not left; returns the boxes freed. Twice frees once."""
    wanted = [Allocation.order_code == order_code]
    if line_codes is not None:
        wanted.append(Allocation.line_code.in_(line_codes))
    lock_stock(session, StockLot.id.in_(select(Allocation.stock_lot_id).where(*wanted)))
    freed: dict[UUID, int] = defaultdict(int)
    for allocation in session.scalars(select(Allocation).where(*wanted).execution_options(populate_existing=True)).all():
        freed[allocation.stock_lot_id] += allocation.open
        if allocation.dispatched:
            allocation.quantity = allocation.dispatched
        else:
            session.delete(allocation)
    for stock_lot_id, boxes in sorted(freed.items()):
        if boxes:
            assert change(session, stock_lot_id, allocated=-boxes)
    session.flush()
    return sum(freed.values())
