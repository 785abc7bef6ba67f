"""The clock of baskets: what strangers left lying is cleared away."""

from __future__ import annotations

from datetime import timedelta

from kernel import clock
from kernel.db import work
from kernel.tasks import celery
from shop.basket.filling import forget_baskets

GUESTS_KEPT = timedelta(days=60)


@celery.task(name="basket.forget")
def forget() -> None:
    """Once a day."""
    with work() as session:
        forget_baskets(session, before=clock.now() - GUESTS_KEPT)
