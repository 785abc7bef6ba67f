"""The clock of orders: unpaid ones expire and give their boxes back."""

from __future__ import annotations

from kernel import clock
from kernel.db import work
from kernel.tasks import celery
from shop.orders.cancelling import expire_orders


@celery.task(name="orders.expire")
def expire() -> None:
    """Close what is past its time, a batch a transaction."""
    for _ in range(20):
        with work() as session:
            if expire_orders(session, at=clock.now()) == 0:
                return
