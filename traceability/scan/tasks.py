"""Work after the answer: counting looks, forgetting old records."""

from __future__ import annotations

from kernel import clock
from kernel.db import work
from kernel.tasks import celery
from traceability.scan import counting


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
