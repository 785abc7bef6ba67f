"""The clock of payments: refunds are sent, payments read again, and missed notices found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from kernel import clock
from kernel.db import reading, work
from kernel.errors import Problem
from kernel.tasks import celery
from shop.payments import reconciling, refunding
from shop.payments.cashier import Cashier
from shop.payments.gateway import ProviderUnavailable

log = structlog.get_logger()
_cashier: list[Cashier] = []


def use_cashier(cashier: Cashier) -> None:
    """Set who talks to the provider; called once per process."""
    _cashier[:] = [cashier]


@celery.task(name="payments.send_refunds")
def send_refunds() -> None:
    """Send every refund that waits."""
    with reading() as session:
        due = refunding.list_due_refunds(session, at=clock.now())
    _each(due, _cashier[0].send_refund)


@celery.task(name="payments.read_unsettled")
def read_unsettled() -> None:
    """Read every payment that may have changed at the provider, and close those nobody can pay any more."""
    with work() as session:
        reconciling.close_forgotten(session, at=clock.now())
    with reading() as session:
        due = reconciling.list_due_readings(session, at=clock.now())
    _each(due, _cashier[0].look_again)


@celery.task(name="payments.catch_up")
def catch_up() -> None:
    """Find what webhooks missed."""
    try:
        _cashier[0].catch_up()
    except Problem as problem:
        log.warning("reconciling broke off", problem=problem.type)


def _each(ids: Sequence[UUID], act: Callable[[UUID], None]) -> None:
    """One row's trouble does not keep the others waiting; a provider that does not answer is left alone until the next round."""
    for row_id in ids:
        try:
            act(row_id)
        except ProviderUnavailable:
            log.warning("the payment provider does not answer", row=str(row_id))
            return
        except Problem as problem:
            log.warning("payment not settled yet", row=str(row_id), problem=problem.type)
