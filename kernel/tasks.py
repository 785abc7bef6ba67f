"""Celery, used thinly: a task is a hint to look at rows; the truth is in PostgreSQL.

A task claims its row and does the work, so a task delivered twice does nothing the second time, and a lost task is found by the sweep.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog
from celery import Celery, Task
from kombu.exceptions import OperationalError

from kernel import clock, idempotency, installation, outbox
from kernel.db import reading, work

log = structlog.get_logger()

celery: Celery = Celery("shanhai")
ANSWERS_KEPT, NEWS_KEPT = timedelta(days=7), timedelta(days=30)


def configure(broker_url: str, result_url: str | None, *, queue: str = "shanhai") -> Celery:
    """Point the one Celery app at the broker; shared by web (sends) and worker (runs)."""
    celery.conf.update(
        broker_url=broker_url,
        result_backend=result_url,
        task_default_queue=queue,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=5,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": 900, "socket_connect_timeout": 2},
        timezone="UTC",
        enable_utc=True,
    )
    return celery


def send(task: Task, *args: object) -> None:
    """Send ``task`` as a hint; when the broker is away the sweep finds the row later."""
    try:
        task.apply_async(args=args, retry=False)
    except (OperationalError, ConnectionError, OSError) as error:
        log.warning("broker away, the sweep will find it", task=task.name, error=repr(error))


@celery.task(name="kernel.deliver", max_retries=0)
def deliver(row_id: str) -> None:
    """Deliver one outbox row."""
    outbox.deliver_one(UUID(row_id))


@celery.task(name="kernel.sweep", max_retries=0)
def sweep() -> None:
    """Deliver what a crash or a lost hint left behind; also the worker's sign of life."""
    with work() as session:
        installation.beat(session, "worker", at=clock.now())
    with reading() as session:
        due = outbox.list_due(session, at=clock.now())
    for row_id in due:
        outbox.deliver_one(row_id)


@celery.task(name="kernel.forget", max_retries=0)
def forget() -> None:
    """Once a day: let go of what has done its work."""
    at = clock.now()
    with work() as session:
        idempotency.forget_answers(session, before=at - ANSWERS_KEPT)
        outbox.forget_done(session, before=at - NEWS_KEPT)


def wake(row_id: UUID) -> None:
    """The hint that ``outbox.publish`` sends after the commit."""
    send(deliver, str(row_id))


def broker_answers() -> bool:
    """Whether the broker takes connections now."""
    try:
        with celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=0, timeout=2)
    except (OperationalError, ConnectionError, OSError):
        return False
    return True
