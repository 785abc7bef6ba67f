"""The books of a site: what came of each lot and what left it, by the time it happened, never below nothing at any moment.

A lot is at one site from the moment it is made; boxes of a pack lot are brought on to shelves elsewhere. Guards: the lot is locked by the
caller, the UPDATE happens only where enough is there and it came before it leaves, and two CHECKs of ``lots_site_lot`` refuse the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel.clock import to_shanghai
from kernel.errors import Conflict
from kernel.ids import uuid7
from kernel.quantity import plain
from traceability.lots.models import Lot, LotMove, SiteAccount, SiteLot
from traceability.lots.moments import CLOCKS_DIFFER
from traceability.lots.states import Flow, LotKind


def bring(session: Session, lot: Lot, flow: Flow, amount: Decimal, at: datetime, *, place_id: UUID | None = None) -> None:
    """So much of a lot, in its unit, came to a place (None: where the lot was made)."""
    account_id = _account_of(session, lot, place_id or lot.place_id)
    row = {"lot_id": lot.id, "account_id": account_id, "came": amount, "gone": Decimal(0), "since": at, "last_at": at}
    wanted = insert(SiteLot).values(row)
    known = {
        "came": SiteLot.came + wanted.excluded.came,
        "since": func.least(SiteLot.since, wanted.excluded.since),
        "last_at": func.greatest(SiteLot.last_at, wanted.excluded.last_at),
    }
    wanted = wanted.on_conflict_do_update(index_elements=["lot_id", "account_id"], set_=known)
    last = session.execute(wanted.returning(SiteLot.last_at)).scalar_one()
    _write(session, lot, account_id, flow, amount, last if lot.kind is LotKind.PACK else at)


def remove(session: Session, lot: Lot, flow: Flow, amount: Decimal, at: datetime, *, place_id: UUID | None = None) -> datetime:
    """So much of a lot left a place (None: where the lot was made), at the moment that counts.

    What is done with boxes is never entered later, and one after the other under the lot's lock: where two machines' clocks differ, the
    later one counts. Raises Conflict when less is there, or it came only later than ``at``.
    """
    here = SiteAccount.place_id.is_not_distinct_from(place_id or lot.place_id)
    account = select(SiteAccount.id).join(SiteLot, SiteLot.account_id == SiteAccount.id).where(SiteLot.lot_id == lot.id, here)
    account_id = session.scalar(account)
    moment = func.greatest(SiteLot.last_at, at) if lot.kind is LotKind.PACK else at
    leave = update(SiteLot).where(SiteLot.lot_id == lot.id, SiteLot.account_id == account_id, _is_there(amount, moment))
    leave = leave.values(
        gone=SiteLot.gone + amount,
        first_gone_at=func.least(SiteLot.first_gone_at, moment),
        last_at=func.greatest(SiteLot.last_at, moment),
    )
    done = leave.returning(SiteLot.last_at).execution_options(synchronize_session=False)
    last = session.execute(done).scalar_one_or_none()
    if last is None or account_id is None:
        raise _why_not(session, lot, account_id, amount, at)
    counted: datetime = last if lot.kind is LotKind.PACK else at
    _write(session, lot, account_id, flow, -amount, counted)
    return counted


def move(
    session: Session, lot: Lot, amount: Decimal, at: datetime, *, to_place_id: UUID, from_place_id: UUID | None = None
) -> None:
    """Bring so much of a lot from one place (None: where it was made) to another. Raises Conflict when less is there."""
    if to_place_id == (from_place_id or lot.place_id):
        return
    left_at = remove(session, lot, Flow.MOVED, amount, at, place_id=from_place_id)
    bring(session, lot, Flow.ARRIVED, amount, left_at, place_id=to_place_id)


def settle_moment(session: Session, lots: Iterable[Lot], at: datetime) -> datetime:
    """When something was done with these lots. Clocks differ: by up to five minutes before the last of them came counts as that moment."""
    came = session.scalar(select(func.max(SiteLot.since)).where(SiteLot.lot_id.in_([lot.id for lot in lots])))
    return came if came is not None and at < came <= at + CLOCKS_DIFFER else at


def _is_there(amount: Decimal, at: ColumnElement[datetime] | datetime) -> ColumnElement[bool]:
    """The condition under which something may leave."""
    return and_(SiteLot.came - SiteLot.gone >= amount, SiteLot.since <= at)


def _why_not(session: Session, lot: Lot, account_id: UUID | None, amount: Decimal, at: datetime) -> Conflict:
    row = session.get(SiteLot, (lot.id, account_id), populate_existing=True) if account_id else None
    if row is not None and row.since > at and row.came - row.gone >= amount:
        since, moment = (f"{to_shanghai(each):%Y-%m-%d %H:%M:%S}" for each in (row.since, at))
        return Conflict(
            "批次 %(code)s 是 %(since)s 才有的，不能在 %(moment)s 就用掉或运走。请核对这一步的时间。",
            params={"code": lot.code, "since": since, "moment": moment},
            field="happened_at",
        )
    left = row.came - row.gone if row else Decimal(0)
    return Conflict(
        "批次 %(code)s 在这里只剩 %(left)s %(unit)s，不够 %(wanted)s %(unit)s。",
        params={"code": lot.code, "left": plain(left), "wanted": plain(amount), "unit": lot.unit.label},
        field="quantity",
    )


def _account_of(session: Session, lot: Lot, place_id: UUID | None) -> UUID:
    """The account of a lot's material at a place, opened when it is the first there."""
    key = {
        "organization_id": lot.organization_id,
        "place_id": place_id,
        "county_code": lot.county_code,
        "material": lot.material,
        "unit": lot.unit,
    }
    query = select(SiteAccount.id).where(*(getattr(SiteAccount, name).is_not_distinct_from(value) for name, value in key.items()))
    if found := session.scalar(query):
        return found
    session.execute(insert(SiteAccount).values({"id": uuid7()} | key).on_conflict_do_nothing())
    return session.execute(query).scalar_one()


def _write(session: Session, lot: Lot, account_id: UUID, flow: Flow, amount: Decimal, at: datetime) -> None:
    row = {"id": uuid7(), "account_id": account_id, "lot_id": lot.id, "flow": flow, "quantity": amount, "happened_at": at}
    session.execute(insert(LotMove).values(row))
