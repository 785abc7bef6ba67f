"""Work after the answer: taking uploaded tables in, and forgetting those that nobody mended."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from kernel import clock
from kernel.db import reading, work
from kernel.errors import Forbidden, NotFound
from kernel.files import FileStore
from kernel.spreadsheet import read_sheet
from kernel.tasks import celery
from shop.cooperative import importing, trying
from shop.cooperative.day_sheet import LAYOUT
from shop.cooperative.queries import list_kept_sheets

log = structlog.get_logger()

KEPT: Final = timedelta(days=7)
UNCLAIMED: Final = timedelta(hours=1)  # a file is there before its row

_store: list[FileStore] = []


def use_store(store: FileStore) -> None:
    """Set where uploaded tables lie; called once per process."""
    _store[:] = [store]


@celery.task(name="cooperative.take_in_waiting", max_retries=0)
def take_in_waiting() -> None:
    """Take in what waits: also what a crash or a lost hint left behind."""
    with reading() as session:
        sheets = importing.list_waiting(session, clock.now())
    for sheet_id in sheets:
        take_in(str(sheet_id))


@celery.task(name="cooperative.take_in", max_retries=0)
def take_in(sheet: str) -> None:
    """Take one table in, if nobody else does: the file is read outside any transaction, its rows go in slices."""
    sheet_id, job = UUID(sheet), None
    try:
        with work() as session:
            job = importing.claim(session, sheet_id, clock.now())
        if job is not None:
            _take_in(job)
    except Forbidden as problem:
        log.warning("table not taken in", sheet=sheet, problem=problem.message)
        with work() as session:
            importing.give_up(session, sheet_id, job=job, for_good=True)
    except NotFound:  # forgotten meanwhile, or another process has it by now
        log.info("table is gone", sheet=sheet)
    except Exception as error:
        log.warning("table not taken in", sheet=sheet, error=repr(error))
        with work() as session:
            importing.give_up(session, sheet_id, job=job)


def _take_in(job: importing.Job) -> None:
    try:
        with _store[0].open(job.digest) as stored:
            content = stored.read()
    except NotFound as error:  # of the file, not of the job: it never comes back
        log.error("file of a table is gone", sheet=str(job.id), error=repr(error))
        with work() as session:
            importing.give_up(session, job.id, job=job, for_good=True)
        return
    table = read_sheet(content, LAYOUT)
    with reading() as session:
        rows, faults = trying.read_rows(session, job.organization_id, table, job.handed_in)
    slices = trying.cut(rows)
    if not job.recording:
        done = 0
        for part in slices:
            with work() as session:
                faults += importing.check_slice(session, job, part, done=done, at=clock.now())
            done += len(part)
        with work() as session:
            if not importing.end_check(session, job, faults, clock.now()):
                return
    done = 0
    for part in slices:
        with work() as session:
            importing.record_slice(session, job, part, done=done, at=clock.now())
        done += len(part)
    with work() as session:
        importing.finish(session, job, clock.now())


@celery.task(name="cooperative.clear_sheets", max_retries=0)
def clear_sheets() -> None:
    """Forget tables of more than a week, then delete every file that no row names: also those of an erased household's cooperative."""
    now = clock.now()
    with work() as session:
        importing.forget_sheets(session, before=now - KEPT)
    old = _store[0].list_older(now - UNCLAIMED)
    with reading() as session:
        kept = list_kept_sheets(session)
    for digest in old:
        if digest not in kept:
            _store[0].delete(digest)
