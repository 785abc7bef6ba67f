"""The clock of the storefront: guests who never bought anything are forgotten."""

from __future__ import annotations

from kernel import clock
from kernel.db import work
from kernel.tasks import celery
from shop.storefront.forgetting import forget_idle_guests


@celery.task(name="storefront.forget_guests")
def forget_guests() -> None:
    """Once a day."""
    with work() as session:
        forget_idle_guests(session, at=clock.now())
