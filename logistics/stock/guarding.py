"""The guards of the shelf: one function locks, one function changes the counters, and only where the counters allow it.

Three guards stand one behind the other, and each alone prevents overselling: the row lock taken here in the order of the keys (so two
buyers cannot wait for each other), the condition in the UPDATE, and the CHECK constraints of ``stock_lot``. See docs/locking.md for the
order between rooms: stock rows by key, then lots by key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, Select, and_, delete, select, true, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from kernel.errors import Unavailable
from logistics.stock.models import Hold, StockLot
from traceability.lots.models import Lot
from traceability.lots.queries import speaks_true
from traceability.lots.states import RecallState


def lock_stock(session: Session, condition: ColumnElement[bool]) -> Sequence[StockLot]:
    """Lock the stock rows that meet ``condition``, in the order of their keys, and return them as they are now.

    Call it once in a transaction, with everything that is needed: a second call could meet another buyer who came the other way.
    Raises Unavailable when the lock cannot be had in time.
    """
    query = in_key_order(select(StockLot).where(condition)).execution_options(populate_existing=True)
    try:
        return session.scalars(query).all()
    except OperationalError as error:
        raise Unavailable("现在下单的人太多，请过几秒再试一次。") from error


def in_key_order(query: Select[StockLot]) -> Select[StockLot]:
    """First guard: lock rows one after the other by key. NO KEY UPDATE lets rows that refer to the stock row still be written."""
    return query.order_by(StockLot.id).with_for_update(key_share=True)


def change(
    session: Session, stock_lot_id: UUID, *, on_hand: int = 0, held: int = 0, allocated: int = 0, dispatched: int = 0
) -> bool:
    """Add to the counters of one stock row; False (and no change) when a counter or the free boxes would fall below zero."""
    result = session.execute(
        update(StockLot)
        .where(StockLot.id == stock_lot_id, covers(on_hand, held, allocated))
        .values(
            on_hand=StockLot.on_hand + on_hand,
            held=StockLot.held + held,
            allocated=StockLot.allocated + allocated,
            dispatched=StockLot.dispatched + dispatched,
        )
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def covers(on_hand: int, held: int, allocated: int) -> ColumnElement[bool]:
    """Second guard: the condition under which a change is allowed. What only frees boxes needs none but that the counter is there."""
    free = StockLot.on_hand - StockLot.held - StockLot.allocated
    return and_(
        free + (on_hand - held - allocated) >= 0,
        StockLot.on_hand + on_hand >= 0 if on_hand < 0 else true(),
        StockLot.held + held >= 0 if held < 0 else true(),
        StockLot.allocated + allocated >= 0 if allocated < 0 else true(),
    )


def drop_holds(session: Session, *conditions: ColumnElement[bool]) -> Counter[UUID]:
    """Give back the boxes of the holds that meet ``conditions``: how many on which stock row. The caller has locked those rows."""
    gone = session.execute(
        delete(Hold).where(*conditions).returning(Hold.stock_lot_id, Hold.quantity).execution_options(synchronize_session=False)
    )
    given_back: Counter[UUID] = Counter()
    for stock_lot_id, quantity in gone:
        given_back[stock_lot_id] += quantity
    for stock_lot_id in sorted(given_back):
        change(session, stock_lot_id, held=-given_back[stock_lot_id])
    return given_back


def list_movable(session: Session, lot_ids: Collection[UUID]) -> set[UUID]:
    """Those of ``lot_ids`` that no recall stops and that carry the certificates of their product, locked until the end of the transaction.

    A recall that is being confirmed waits for us or we see its mark: nothing slips between confirming and reacting.
    """
    query = select(Lot.id).where(Lot.id.in_(lot_ids), Lot.recall_state == RecallState.NONE, speaks_true()).order_by(Lot.id)
    return set(session.scalars(query.with_for_update(read=True)))
