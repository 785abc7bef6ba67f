"""The clock of the storefront: guests who never bought anything are forgotten, orders nobody complains about are done."""

from __future__ import annotations

from kernel import clock
from kernel.db import work
from kernel.tasks import celery
from shop.storefront.completing import complete_quiet_orders
from shop.storefront.forgetting import forget_idle_guests


@celery.task(name="storefront.forget_guests")
def forget_guests() -> None:
    """Once a day."""
    with work() as session:
        forget_idle_guests(session, at=clock.now())


@celery.task(name="storefront.complete_orders")
def complete_orders() -> None:
    """Once an hour, a batch a transaction."""
    for _ in range(20):
        with work() as session:
            if complete_quiet_orders(session, at=clock.now()) == 0:
                return
