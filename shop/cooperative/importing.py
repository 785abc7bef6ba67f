"""A day's deliveries from a table: a job that is a row. All rows are tried first, and taken in only when every one of them holds.

It goes by slices (``trying``), each in a transaction of its own that also notes how far the job is: killed at any moment it goes on from
the file, and a row that came in already is passed over, so nothing comes in twice and the same file twice is once. Should a row be
refused that held when it was tried, because something came in between, it alone stays out and the job says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, case, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.parties.queries import find_actor
from kernel.errors import Forbidden, NotFound, Term
from kernel.spreadsheet import Fault, Sheet
from shop.cooperative import day_sheet, trying
from shop.cooperative.models import DaySheet, ImportedRow
from shop.cooperative.states import SHEET_FLOW, UNDER_WAY, SheetState

STALE: Final = timedelta(seconds=30)  # without a sign of life of whoever has it; a slice takes less than one
MOST_TRIES: Final = 3


@dataclass(frozen=True)
class Job:
    """A table that was claimed: ``recording`` when all of it held and the recording was begun before.

    ``turn`` counts its claims since it was handed in: whoever was too slow, so that another has it by now, does nothing more to it.
    """

    id: UUID
    organization_id: UUID
    actor: Actor
    digest: str
    handed_in: datetime
    recording: bool
    turn: int


def ask_import(
    session: Session, actor: Actor, organization_id: UUID, sheet: Sheet, *, digest: str, file_name: str, at: datetime
) -> DaySheet:
    """Have a table taken in whose file is in the store already. A clerk may. Raises Forbidden."""
    actor.must(Role.clerk, organization_id)
    kept = DaySheet(
        organization_id=organization_id,
        digest=digest,
        file_name=file_name[:120],
        row_count=len(sheet.rows),
        new_count=0,
        faults=[],
        imported_by=actor.label,
        at=at,
    )
    session.add(kept)
    session.flush()
    return kept


def import_again(session: Session, actor: Actor, kept: DaySheet, *, at: datetime) -> None:
    """Have the same file looked at anew, after what stood in its way was mended elsewhere. Raises Forbidden, Conflict (under way, done)."""
    actor.must(Role.clerk, kept.organization_id)
    session.refresh(kept, with_for_update=True)
    SHEET_FLOW.check(kept.state, SheetState.WAITING)
    kept.state, kept.tries, kept.claimed_at = SheetState.WAITING, 0, None
    kept.imported_by, kept.at = actor.label, at
    session.flush()


def list_waiting(session: Session, at: datetime, *, limit: int = 20) -> Sequence[UUID]:
    """Jobs that nobody has, oldest first."""
    return session.scalars(select(DaySheet.id).where(_is_free(at)).order_by(DaySheet.id).limit(limit)).all()


def _is_free(at: datetime) -> Any:
    lost = or_(DaySheet.claimed_at.is_(None), DaySheet.claimed_at < at - STALE)
    return and_(DaySheet.state.in_(UNDER_WAY), or_(DaySheet.state == SheetState.WAITING, lost))


def claim(session: Session, sheet_id: UUID, at: datetime) -> Job | None:
    """Take a job (compare-and-set); None when somebody else has it, it is done, or it is given up here because whoever had it was lost
    too often. What was told of it before is forgotten.

    Rows come in under the name of whoever handed them in. Raises Forbidden when that person is no clerk there any more.
    """
    state = case((DaySheet.state == SheetState.RECORDING, SheetState.RECORDING), else_=SheetState.CHECKING)
    taken = update(DaySheet).where(DaySheet.id == sheet_id, _is_free(at))
    taken = taken.values(state=state, claimed_at=at, tries=DaySheet.tries + 1, done=0, faults=[])
    kept = session.scalar(taken.returning(DaySheet).execution_options(populate_existing=True))
    if kept is None or kept.digest is None:
        return None
    if kept.tries > MOST_TRIES:
        kept.state, kept.claimed_at = SheetState.FAILED, None
        session.flush()
        return None
    clerk = find_actor(session, kept.imported_by)
    if clerk is not None and not clerk.has(Role.clerk, kept.organization_id):
        raise Forbidden("上传这张表的人已不是本合作社的经办。")
    performer = Actor(None, "", roles={kept.organization_id: frozenset({Role.clerk})}, label=kept.imported_by)
    return Job(kept.id, kept.organization_id, performer, kept.digest, kept.at, kept.state is SheetState.RECORDING, kept.tries)


def check_slice(session: Session, job: Job, rows: Sequence[trying.Row], *, done: int, at: datetime) -> list[Fault]:
    """Try a slice for real and take it all back: what is wrong with it. ``done``: so many rows were looked at then. Raises NotFound."""
    _note(session, job, SheetState.CHECKING, done, at)
    trial = session.begin_nested()
    try:
        return trying.take(session, job.actor, job.organization_id, rows, handed_in=job.handed_in, at=at)[1]
    finally:
        trial.rollback()


def end_check(session: Session, job: Job, faults: Sequence[Fault], at: datetime) -> bool:
    """All was tried: whether it may be recorded. Every fault is kept, in the order of the table. Raises NotFound."""
    kept = _note(session, job, SheetState.CHECKING, 0, at)
    kept.state = SheetState.FAULTY if faults else SheetState.RECORDING
    found = sorted(faults, key=lambda fault: (fault.row, day_sheet.place_of(fault.column)))
    kept.faults = [_plain(fault) for fault in found]
    session.flush()
    return not faults


def record_slice(session: Session, job: Job, rows: Sequence[trying.Row], *, done: int, at: datetime) -> None:
    """Take a slice in. Raises NotFound."""
    kept = _note(session, job, SheetState.RECORDING, done, at)
    made, faults = trying.take(session, job.actor, job.organization_id, rows, handed_in=job.handed_in, at=at)
    if made:
        taken = [{"organization_id": job.organization_id, "digest": row.digest, "delivery_id": key} for row, key in made]
        session.execute(insert(ImportedRow), taken)
    kept.new_count += len(made)
    kept.faults = [*kept.faults, *(_plain(fault) for fault in faults)]
    session.flush()


def finish(session: Session, job: Job, at: datetime) -> None:
    """Every row was looked at: the file is needed no longer, unless something was refused. Raises NotFound."""
    kept = _note(session, job, SheetState.RECORDING, 0, at)
    kept.state, kept.done = SheetState.FAULTY if kept.faults else SheetState.DONE, kept.row_count
    kept.digest = kept.digest if kept.faults else None
    session.flush()


def give_up(session: Session, sheet_id: UUID, *, job: Job | None, for_good: bool = False) -> None:
    """Something went wrong that is not in the table: it is tried again by and by, and given up after some times. Whoever claimed it
    before gives up nothing of the ``job`` that another has by now.
    """
    kept = session.get(DaySheet, sheet_id, with_for_update=True, populate_existing=True)
    if kept is not None and kept.state in UNDER_WAY and (job is None or (kept.at, kept.tries) == (job.handed_in, job.turn)):
        kept.claimed_at = None
        if for_good or kept.tries >= MOST_TRIES:
            kept.state = SheetState.FAILED
        session.flush()


def _note(session: Session, job: Job, state: SheetState, done: int, at: datetime) -> DaySheet:
    """A sign of life, and how far the job is; its row is locked from here on. Raises NotFound when it is gone, another's by now, or in
    another state.
    """
    own = update(DaySheet).where(
        DaySheet.id == job.id, DaySheet.state == state, DaySheet.tries == job.turn, DaySheet.at == job.handed_in
    )
    noted = own.values(done=done, claimed_at=at)
    kept = session.scalar(noted.returning(DaySheet).execution_options(populate_existing=True))
    if kept is None:
        raise NotFound("没有这次导入。")
    return kept


def forget_sheets(session: Session, *, before: datetime) -> None:
    """Forget tables that were not taken in whole and were uploaded before then; their files go with the next sweep."""
    session.execute(delete(DaySheet).where(DaySheet.digest.is_not(None), DaySheet.at < before))


def _plain(fault: Fault) -> dict[str, Any]:
    params = {key: {"term": value} if isinstance(value, Term) else str(value) for key, value in fault.params.items()}
    return {"row": fault.row, "column": fault.column, "message": fault.message, "params": params}


def faults_of(kept: DaySheet) -> list[Fault]:
    """The faults of an uploaded file, as they were found."""
    return [
        Fault(
            each["row"], each["column"], each["message"],
            {key: Term(value["term"]) if isinstance(value, dict) else value for key, value in each["params"].items()},
        )
        for each in kept.faults
    ]  # fmt: skip
