"""Keep boxes for a basket for a short while, in bounds: nobody can empty the shelf without buying."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.errors import Conflict
from logistics.stock.guarding import drop_holds, lock_stock
from logistics.stock.models import Hold, StockLot
from logistics.stock.reserving import Shelf

LONGEST = timedelta(minutes=30)
MOST_BOXES = 20


def limit_for(free: int) -> int:
    """How many boxes of a product one holder may hold while ``free`` boxes are free: half of them, and never more than MOST_BOXES."""
    return min(MOST_BOXES, (free + 1) // 2)


def hold(session: Session, holder: str, wants: Mapping[UUID, int], until: datetime, at: datetime) -> dict[UUID, int]:
    """Hold ``wants`` (product id → boxes) for ``holder`` (a basket or person) until ``until``, at most ``LONGEST``.

    Replaces what the holder held of these products; 0 boxes releases. Raises Conflict when a product has less, or the share that one
    holder may keep is smaller; then nothing changes. Returns the boxes held by product.
    """
    until = min(until, at + LONGEST)
    shelf = Shelf(session, set(wants), at, also_held_by=holder)
    held: dict[UUID, int] = {}
    for product_id, quantity in wants.items():
        most = limit_for(shelf.left(product_id))
        if quantity > most:
            raise Conflict("这种商品现在最多能为您保留 %(most)s 盒，请减少数量，或直接下单。", params={"most": most})
        taken = shelf.take(product_id, quantity, counter="held")
        if sum(taken.values()) < quantity:
            raise Conflict("这种商品刚刚被别人买走了，请刷新页面看看还有多少。")
        held[product_id] = quantity
        session.add_all(
            Hold(holder=holder, product_id=product_id, stock_lot_id=row_id, quantity=boxes, until=until)
            for row_id, boxes in taken.items()
        )
    session.flush()
    return held


def release(session: Session, holder: str) -> None:
    """Give back all that ``holder`` holds."""
    lock_stock(session, StockLot.id.in_(select(Hold.stock_lot_id).where(Hold.holder == holder)))
    drop_holds(session, Hold.holder == holder)


def release_expired(session: Session, at: datetime, limit: int = 500) -> None:
    """Give back what abandoned baskets hold; run by the clock, though nobody has to wait for it (see ``Shelf``)."""
    due = select(Hold.stock_lot_id).where(Hold.until <= at).limit(limit)
    rows = lock_stock(session, StockLot.id.in_(due))
    drop_holds(session, Hold.stock_lot_id.in_([row.id for row in rows]), Hold.until <= at)
