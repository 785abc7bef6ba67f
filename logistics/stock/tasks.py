"""The clock's part: give back what abandoned baskets hold, hand out boxes to those who ordered ahead, end pre-sales that are over."""

from __future__ import annotations

from catalog.parties.models import SYSTEM
from kernel import clock
from kernel.db import reading, work
from kernel.tasks import celery
from logistics.stock import announcing, holding, preselling


@celery.task(name="stock.release_expired", max_retries=0)
def release_expired() -> None:
    """Release holds that have run out."""
    with work() as session:
        holding.release_expired(session, clock.now())


@celery.task(name="stock.serve_presales", max_retries=0)
def serve_presales() -> None:
    """Hand out boxes that became free since they came, one pre-sale a transaction."""
    with reading() as session:
        codes = preselling.list_owing(session, clock.now())
    for code in codes:
        with work() as session:
            preselling.serve(session, code, clock.now())


@celery.task(name="stock.end_presales", max_retries=0)
def end_presales() -> None:
    """End what is past its promised day, or has nothing left to do."""
    with reading() as session:
        codes = announcing.list_due(session, clock.now())
    for code in codes:
        with work() as session:
            announcing.end_due(session, SYSTEM, code, at=clock.now())
