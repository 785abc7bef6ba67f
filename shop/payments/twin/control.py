"""`/_twin`: what a test does to a payment provider. The product never calls it; it asks for the key.

All bodies and answers are JSON. `of` is the id of a session, an intent or a charge.

    POST /_twin/sessions/ID/pay   {"method": "card", "card": "4242…", "agree": true | false | null}
    POST /_twin/intents/ID/answer {"agree": true}          the buyer on the wallet's page
    POST /_twin/refund            {"of": ID, "amount": fen?}         made by hand at the provider
    POST /_twin/refunds/ID/settle {"succeeded": false}     (with "hold_refunds": true in settings)
    POST /_twin/dispute           {"of": ID, "amount": fen?, "reason": ?}
    POST /_twin/disputes/ID/decide {"status": "won" | "lost"}
    POST /_twin/webhooks          {"paused", "delay", "copies", "drop", "shuffle", "secret"}
    GET  /_twin/webhooks          deliveries with their state, tries and last answer
    POST /_twin/events/ID/resend
    POST /_twin/fault             {"mode": down|error|garbage|slow|lost|null, "times", "seconds", "path"}
    POST /_twin/settings          {"clock_offset": seconds, "hold_refunds": bool}
    GET  /_twin/totals            fen captured, refunded and lost in disputes
"""

import json
import time
from collections.abc import Callable

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from shop.payments.twin import cards, disputes, events, intents, refunds, sessions
from shop.payments.twin.api import Settings, now_of, require_key
from shop.payments.twin.contract import Act
from shop.payments.twin.objects import public
from shop.payments.twin.refusal import Refusal, missing
from shop.payments.twin.store import Obj, Store

WEBHOOK_BEHAVIOUR = frozenset({"paused", "delay", "copies", "drop", "shuffle", "secret"})
FAULTS = ("down", "error", "garbage", "slow", "lost")


def answer(request: Request, settings: Settings, store: Store) -> Response:
    """Do one thing to the provider."""
    try:
        require_key(request, settings.key)
        run, values = ROUTES.bind_to_environ(request.environ).match()
        body = json.loads(request.get_data() or b"{}")
        with store.work() as tx:
            act = Act(tx, now_of(tx), settings.base, body, request.path)
            said, status = public(run(act, *values.values())), 200
    except Refusal as refusal:
        said, status = refusal.body, refusal.status
    except (HTTPException, ValueError, TypeError, KeyError) as error:
        said, status = {"error": {"message": f"{type(error).__name__}: {error}"}}, 400
    return Response(json.dumps(said, ensure_ascii=False), status, mimetype="application/json")


def _pay(act: Act, id: str) -> Obj:
    method = act.params.get("method", "card")
    card = cards.by_number(act.params.get("card", "4242424242424242"))
    instrument = card if method == "card" else cards.WALLETS[method]
    if instrument is None:
        raise Refusal("Not a test card.")
    intent = sessions.pay(act, sessions.get_session(act, id), instrument)
    agree = act.params.get("agree", True)
    if intent["status"] == "requires_action" and agree is not None:
        intent = sessions.answer_action(act, intent, agree)
    return intent


def _charge_of(act: Act) -> Obj:
    identifier = act.params["of"]
    if identifier.startswith("cs_"):
        identifier = sessions.get_session(act, identifier)["payment_intent"] or ""
    if identifier.startswith("pi_"):
        identifier = intents.get_intent(act, identifier)["latest_charge"] or ""
    return intents.get_charge(act, identifier)


def _refund(act: Act) -> Obj:
    return refunds.give_back(act, _charge_of(act), act.params.get("amount"))


def _dispute(act: Act) -> Obj:
    charge = _charge_of(act)
    amount = act.params.get("amount", charge["amount"] - charge["amount_refunded"])
    return disputes.open_dispute(act, charge, amount, act.params.get("reason", "fraudulent"))


def _decide(act: Act, id: str) -> Obj:
    if act.params["status"] not in ("won", "lost"):
        raise Refusal("status must be won or lost")
    return disputes.decide(act, disputes.get_dispute(act, id), act.params["status"])


def _set_webhooks(act: Act) -> Obj:
    unknown = act.params.keys() - WEBHOOK_BEHAVIOUR
    if unknown:
        raise Refusal(f"unknown: {', '.join(sorted(unknown))}")
    behaviour = {**act.tx.setting("webhooks", {}), **act.params}
    act.tx.set("webhooks", behaviour)
    if not behaviour.get("paused"):  # what waited for its back-off goes now
        act.tx.run("UPDATE deliveries SET due = ? WHERE state = 'waiting' AND tries > 0", (time.time(),))
    return behaviour


def _list_webhooks(act: Act) -> Obj:
    rows = act.tx.run(
        "SELECT event, json_extract(body, '$.type'), state, tries, answer"
        " FROM deliveries JOIN objects ON objects.id = event ORDER BY deliveries.id"
    )
    names = ("event", "type", "state", "tries", "answer")
    return {"data": [dict(zip(names, row, strict=True)) for row in rows]}


def _resend(act: Act, id: str) -> Obj:
    event = act.tx.find("event", id)
    if event is None:
        raise missing("event", id)
    events.queue(act, id)
    return event


def _set_fault(act: Act) -> Obj:
    mode = act.params["mode"]
    if mode is not None and mode not in FAULTS:
        raise Refusal(f"mode must be one of {', '.join(FAULTS)}, or null")
    fault = {"mode": mode, "times": None, "seconds": 30, "path": "/v1/", **act.params}
    act.tx.set("fault", fault if mode else None)
    return fault


def _set_settings(act: Act) -> Obj:
    for name in act.params.keys() & {"clock_offset", "hold_refunds"}:
        act.tx.set(name, act.params[name])
    return act.params


def _totals(act: Act) -> Obj:
    captured, refunded = act.tx.run(
        "SELECT coalesce(sum(json_extract(body, '$.amount_captured')), 0),"
        " coalesce(sum(json_extract(body, '$.amount_refunded')), 0)"
        " FROM objects WHERE kind = 'charge'"
    ).fetchone()
    held = act.tx.run(
        "SELECT coalesce(sum(json_extract(body, '$.amount')), 0) FROM objects"
        " WHERE kind = 'dispute' AND json_extract(body, '$.status') <> 'won'"
    ).fetchone()[0]
    return {"captured": captured, "refunded": refunded, "disputed": held}


_TABLE: tuple[tuple[str, str, Callable[..., Obj]], ...] = (
    ("POST", "/sessions/<id>/pay", _pay),
    ("POST", "/intents/<id>/answer", lambda act, id: sessions.answer_action(act, intents.get_intent(act, id), act.params["agree"])),
    ("POST", "/refund", _refund),
    ("POST", "/refunds/<id>/settle", lambda act, id: refunds.settle(act, refunds.get_refund(act, id), act.params["succeeded"])),
    ("POST", "/dispute", _dispute),
    ("POST", "/disputes/<id>/decide", _decide),
    ("POST", "/webhooks", _set_webhooks),
    ("GET", "/webhooks", _list_webhooks),
    ("POST", "/events/<id>/resend", _resend),
    ("POST", "/fault", _set_fault),
    ("POST", "/settings", _set_settings),
    ("GET", "/totals", _totals),
)
ROUTES = Map([Rule(f"/_twin{path}", methods=[verb], endpoint=run) for verb, path, run in _TABLE])
