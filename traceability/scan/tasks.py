"""Work after the answer: counting looks, forgetting old records, drawing labels."""

from __future__ import annotations

import io
from uuid import UUID

import structlog

from kernel import clock
from kernel.db import reading, work
from kernel.files import FileStore
from kernel.tasks import celery
from traceability.scan import counting, labelling, sheets

log = structlog.get_logger()

MOST_BYTES = 200 * 1024 * 1024


@celery.task(name="scan.tally", max_retries=0)
def tally() -> None:
    """Count the looks that no tally knows yet."""
    with work() as session:
        counting.tally_scans(session, clock.now())


@celery.task(name="scan.forget", max_retries=0)
def forget() -> None:
    """Delete scan records that have been kept long enough."""
    with work() as session:
        counting.forget_scans(session, clock.now())


_store: list[FileStore] = []


def use_store(store: FileStore) -> None:
    """Set where finished sheets go; called once per process."""
    _store[:] = [store]


@celery.task(name="scan.draw_waiting", max_retries=0)
def draw_waiting() -> None:
    """Draw what waits: also what a crash or a lost hint left behind."""
    with reading() as session:
        jobs = labelling.list_open_jobs(session, clock.now())
    for job_id in jobs:
        draw_labels(str(job_id))


@celery.task(name="scan.draw_labels", max_retries=0)
def draw_labels(job: str) -> None:
    """Draw one job's sheet, if nobody else does: claim in one transaction, draw in none, record in another."""
    job_id = UUID(job)
    with work() as session:
        drawing = labelling.claim_job(session, job_id, clock.now())
    if drawing is None:
        return

    def tell(done: int) -> None:
        with work() as session:
            labelling.note_progress(session, job_id, done)

    try:
        sheet = sheets.render(drawing.labels, drawing.sheet, drawing.public_url, demo=drawing.demo, tell=tell)
        stored = _store[0].save(io.BytesIO(sheet), allowed=frozenset({"application/pdf"}), max_bytes=MOST_BYTES)
    except Exception as error:
        log.warning("labels were not drawn", job=job, error=repr(error))
        with work() as session:
            labelling.fail_job(session, job_id, repr(error), clock.now())
        return
    with work() as session:
        labelling.finish_job(session, job_id, stored.digest, clock.now())
