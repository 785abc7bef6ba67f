"""Calls to carriers: claim in one transaction, call in none, record in another."""

from __future__ import annotations

from uuid import UUID

import structlog

from kernel import clock
from kernel.db import reading, work
from kernel.errors import Conflict
from kernel.tasks import celery
from logistics.shipments import requesting
from logistics.shipments.carriers import CarrierDown, Pickup, get_adapter

log = structlog.get_logger()


@celery.task(name="shipments.send_request", max_retries=0)
def send_request(request_id: str) -> None:
    """Make one call to a carrier, if nobody else is making it."""
    key = UUID(request_id)
    with work() as session:
        call = requesting.claim_request(session, key, clock.now())
    if call is None:
        return
    adapter = get_adapter(call.adapter)
    waybill = None
    try:
        if isinstance(call.content, Pickup):
            waybill = adapter.request_pickup(call.access, call.content)
        else:
            adapter.follow(call.access, call.content)
    except CarrierDown as error:
        log.warning("carrier did not accept", request=request_id, error=str(error))
        with work() as session:
            requesting.record_failure(session, key, str(error), clock.now())
        return
    try:
        with work() as session:
            requesting.record_answer(session, key, waybill, clock.now())
    except Conflict as problem:  # the carrier gave out a number twice
        log.warning("carrier gave a waybill that is taken", request=request_id)
        with work() as session:
            requesting.record_failure(session, key, str(problem), clock.now())


@celery.task(name="shipments.sweep_requests", max_retries=0)
def sweep_requests() -> None:
    """Make the calls that a crash or a lost hint left behind."""
    with reading() as session:
        due = requesting.list_due(session, clock.now())
    for request_id in due:
        send_request(str(request_id))
