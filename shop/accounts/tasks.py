"""The clock of accounts: sessions and codes that have run out are forgotten."""

from __future__ import annotations

from kernel import clock
from kernel.db import work
from kernel.tasks import celery
from shop.accounts.confirming import forget_codes
from shop.accounts.signing import forget_sessions


@celery.task(name="accounts.forget")
def forget() -> None:
    """Once a day."""
    with work() as session:
        forget_sessions(session, at=clock.now())
        forget_codes(session, at=clock.now())
