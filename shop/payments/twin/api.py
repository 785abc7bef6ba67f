"""The `/v1` door: key, version, faults asked for by a test, idempotency, contract, then one operation.

Source: Stripe API reference, "Authentication", "Idempotent requests", "Request IDs", "Versioning".
"""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import stripe
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from shop.payments.twin import disputes, events, intents, objects, refunds, sessions
from shop.payments.twin.contract import Act, Operation, check, decode_form
from shop.payments.twin.listing import expanded
from shop.payments.twin.refusal import Refusal
from shop.payments.twin.store import Obj, Store, Tx

log = logging.getLogger(__name__)
OPERATIONS: tuple[Operation, ...] = (
    *intents.OPERATIONS,
    *sessions.OPERATIONS,
    *refunds.OPERATIONS,
    *disputes.OPERATIONS,
    *events.OPERATIONS,
)
ROUTES = Map([Rule(op.path, methods=[op.method], endpoint=op) for op in OPERATIONS])
KEY_LIFE = 24 * 3600


@dataclass(frozen=True, slots=True)
class Settings:
    """How one twin was started. `base` is the address that buyers' browsers reach."""

    key: str
    base: str
    webhook_url: str | None = None
    webhook_secret: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as it is sent, and sent again for the same idempotency key."""

    status: int
    body: str


def now_of(tx: Tx) -> int:
    """The twin's time in Unix seconds: real time, plus what a test moved it by."""
    return int(time.time()) + int(tx.setting("clock_offset", 0))


def require_key(request: Request, key: str) -> None:
    """Refuse a caller that does not hold the secret key (Bearer, or Basic as user name)."""
    auth = request.authorization
    given = (auth.token or auth.username or "") if auth else ""
    if not given:
        raise Refusal("You did not provide an API key.", status=401)
    if not hmac.compare_digest(given.encode(), key.encode()):
        hidden = "*" * max(len(given) - 4, 4) + given[-4:]
        raise Refusal(f"Invalid API Key provided: {hidden}", status=401)


def answer(request: Request, settings: Settings, store: Store) -> Response:
    """Answer one API request, with Stripe's headers."""
    request_id = objects.new_id("req", 14)
    replayed = False
    try:
        require_key(request, settings.key)
        fault = _strike(request, store)
        if fault is not None:
            return fault
        stored, replayed = _perform(request, settings, store, request_id)
    except Refusal as refusal:
        stored = Stored(refusal.status, _dump(refusal.body))
    except Exception:
        log.exception("%s %s %s", request_id, request.method, request.path)
        error = {"type": "api_error", "message": "The local payment server has a bug; see its log."}
        stored = Stored(500, _dump({"error": error}))
    if _take_lost(request, store):
        return Response("answer lost on purpose", status=502)
    response = Response(stored.body, status=stored.status, mimetype="application/json")
    response.headers["Request-Id"] = request_id
    response.headers["Stripe-Version"] = stripe.api_version
    if "Idempotency-Key" in request.headers:
        response.headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _perform(request: Request, settings: Settings, store: Store, request_id: str) -> tuple[Stored, bool]:
    version = request.headers.get("Stripe-Version", stripe.api_version)
    if version != stripe.api_version:
        raise Refusal(f"Invalid Stripe API version: {version}; here it is {stripe.api_version}")
    operation, values = _route(request)
    pairs = _pairs(request)
    params = check(operation, decode_form(pairs))
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is not None and not 1 <= len(key) <= 255:
        raise Refusal("Idempotency-Key must have 1 to 255 characters.", kind="idempotency_error")
    with store.work() as tx:
        at = now_of(tx)
        act = Act(tx, at, settings.base, params, request.path, request_id, key)
        if key is None:
            return _run(act, operation, values), False
        fingerprint = _fingerprint(request, pairs)
        earlier = replay(tx, key, fingerprint, at)
        if earlier is not None:
            return earlier, True
        fresh = _run(act, operation, values)
        tx.run(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)",
            (key, fingerprint, fresh.status, fresh.body, at),
        )
        return fresh, False


def _run(act: Act, operation: Operation, values: Iterable[str]) -> Stored:
    try:
        with Store.attempt(act.tx):
            return Stored(200, _dump(expanded(act, operation.run(act, *values))))
    except Refusal as refusal:
        return Stored(refusal.status, _dump(refusal.body))


def replay(tx: Tx, key: str, fingerprint: str, at: int) -> Stored | None:
    """The guard: the first answer to this key, or a Refusal when the request differs."""
    row = tx.run("SELECT fingerprint, status, body FROM keys WHERE key = ? AND at > ?", (key, at - KEY_LIFE)).fetchone()
    if row is None:
        return None
    if row[0] != fingerprint:
        raise Refusal(
            "Keys for idempotent requests can only be used with the same parameters they were first"
            f" used with. Try using a key other than '{key}' if you meant a different request.",
            kind="idempotency_error",
        )
    return Stored(row[1], row[2])


def _route(request: Request) -> tuple[Operation, list[str]]:
    try:
        operation, values = ROUTES.bind_to_environ(request.environ).match()
    except HTTPException:
        text = f"Unrecognized request URL ({request.method}: {request.path})."
        raise Refusal(text, status=404) from None
    return operation, list(values.values())


def _pairs(request: Request) -> list[tuple[str, str]]:
    source = request.args if request.method == "GET" else request.form
    return list(source.items(multi=True))


def _fingerprint(request: Request, pairs: list[tuple[str, str]]) -> str:
    said = json.dumps([request.method, request.path, sorted(pairs)])
    return hashlib.sha256(said.encode()).hexdigest()


def _dump(body: Obj) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2)


def _take(request: Request, store: Store, modes: tuple[str, ...]) -> Obj | None:
    """Use up one of the faults a test asked for, if it fits this request."""
    with store.work() as tx:
        fault: dict[str, Any] | None = tx.setting("fault")
        if not fault or fault["mode"] not in modes or not request.path.startswith(fault["path"]):
            return None
        if fault["times"] is not None:
            left = fault["times"] - 1
            tx.set("fault", {**fault, "times": left} if left > 0 else None)
        return fault


def _strike(request: Request, store: Store) -> Response | None:
    fault = _take(request, store, ("down", "error", "garbage", "slow"))
    if fault is None:
        return None
    if fault["mode"] == "slow":
        time.sleep(fault["seconds"])  # outside any transaction: only this request is slow
        return None
    if fault["mode"] == "garbage":
        return Response("<html>not what you asked for", status=200, mimetype="text/html")
    status = 503 if fault["mode"] == "down" else 500
    error = {"type": "api_error", "message": f"fault asked for by a test: {fault['mode']}"}
    return Response(_dump({"error": error}), status=status, mimetype="application/json")


def _take_lost(request: Request, store: Store) -> bool:
    """Whether this request's answer, its effects committed, is to be lost on the way."""
    return _take(request, store, ("lost",)) is not None
