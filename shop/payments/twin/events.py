"""Events: one row per change of an object, and one delivery row per webhook to send."""

import time

import stripe
from stripe.params import EventListParams, EventRetrieveParams

from shop.payments.twin import objects
from shop.payments.twin.contract import LISTED, Act, Operation, takes
from shop.payments.twin.listing import listed
from shop.payments.twin.refusal import missing
from shop.payments.twin.store import Obj


def announce(act: Act, kind: str, subject: Obj) -> Obj:
    """Record an event of this kind about `subject` as it is now, and queue its webhooks."""
    request = {"id": act.request_id, "idempotency_key": act.key}
    event = objects.event(act.at, kind, subject, request, stripe.api_version)
    behaviour = act.tx.setting("webhooks", {})
    if act.tx.setting("webhook_url") and not behaviour.get("drop"):
        event["pending_webhooks"] = 1
        queue(act, event["id"], behaviour.get("copies", 1), behaviour.get("delay", 0))
    return act.tx.add(event)


def queue(act: Act, event_id: str, copies: int = 1, delay: float = 0) -> None:
    """Queue `copies` deliveries of an event, due after `delay` seconds of real time."""
    now = time.time()
    for _ in range(copies):
        act.tx.run("INSERT INTO deliveries (event, made, due) VALUES (?, ?, ?)", (event_id, now, now + delay))
    act.tx.news.set()  # whoever waits for it gets it after this transaction


def _retrieve(act: Act, id: str) -> Obj:
    event = act.tx.find("event", id)
    if event is None:
        raise missing("event", id)
    return event


def _list(act: Act) -> Obj:
    kinds = act.params.get("types") or ([act.params["type"]] if "type" in act.params else [])
    if not kinds:
        return listed(act, "event")
    any_of = " OR ".join("json_extract(body, '$.type') GLOB ?" for _ in kinds)
    return listed(act, "event", also=[(f"({any_of})", tuple(kinds))])


OPERATIONS = (
    Operation("GET", "/v1/events/<id>", EventRetrieveParams, takes(), _retrieve),
    Operation("GET", "/v1/events", EventListParams, takes(*LISTED, "type", "types.*"), _list),
)
