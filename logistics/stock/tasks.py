"""The clock's part: give back what abandoned baskets hold."""

from __future__ import annotations

from kernel import clock
from kernel.db import work
from kernel.tasks import celery
from logistics.stock import holding


@celery.task(name="stock.release_expired", max_retries=0)
def release_expired() -> None:
    """Release holds that have run out."""
    with work() as session:
        holding.release_expired(session, clock.now())
