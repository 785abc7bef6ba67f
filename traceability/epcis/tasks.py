"""Bring subscribers their news: prepare in one transaction, claim in another, call in none, record in a third."""

from __future__ import annotations

from uuid import UUID

import orjson
import structlog

from kernel import clock
from kernel.db import reading, work
from kernel.tasks import celery, send
from traceability.epcis import delivering, paging, wire
from traceability.epcis.documents import build_query_document

log = structlog.get_logger()

ROUNDS = 20  # deliveries one task brings to one subscriber, before others have their turn


@celery.task(name="epcis.sweep", max_retries=0)
def sweep() -> None:
    """Look what is due, and what a crash left behind."""
    at = clock.now()
    with reading() as session:
        due, left = delivering.list_due(session, at), delivering.list_deliveries(session, at)
    for subscription_id in due:
        send(look, str(subscription_id))
    for delivery_id in left:
        send(bring, str(delivery_id))


@celery.task(name="epcis.look", max_retries=0)
def look(subscription_id: str) -> None:
    """Bring one subscriber what is new, as long as it takes it."""
    for _ in range(ROUNDS):
        with work() as session:
            delivery_id = delivering.prepare_delivery(session, UUID(subscription_id), clock.now())
        if delivery_id is None or not bring(str(delivery_id)):
            return


@celery.task(name="epcis.bring", max_retries=0)
def bring(delivery_id: str) -> bool:
    """Make one call, if nobody else is making it; whether it was taken."""
    key = UUID(delivery_id)
    with work() as session:
        call = delivering.claim_delivery(session, key, clock.now())
    if call is None:
        return False
    body = orjson.dumps(
        build_query_document(
            call.events, call.epc_format, call.query_name, created_at=call.created_at, subscription_id=call.subscription_id
        )
    )
    headers = {"Content-Type": "application/ld+json", "GS1-EPCIS-Version": "2.0.0", "Idempotency-Key": delivery_id}
    if call.token is not None:
        headers["GS1-Signature"] = delivering.sign(body, call.token)
    try:
        wire.post(call.dest, body, headers)
    except wire.NotDelivered as error:
        log.warning("subscriber did not take it", delivery=delivery_id, error=str(error))
        with work() as session:
            delivering.record_failure(session, key, str(error), clock.now(), too_much=isinstance(error, wire.TooMuch))
        return False
    with work() as session:
        delivering.record_delivered(session, key, clock.now())
    return True


@celery.task(name="epcis.forget", max_retries=0)
def forget() -> None:
    """Once a day: let go of what has done its work."""
    with work() as session:
        delivering.forget_delivered(session, clock.now())
        paging.forget_ended(session, clock.now())
