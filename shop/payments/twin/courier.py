"""Background threads: carry signed webhooks to the shop, expire sessions, settle wallet refunds.

Source: Stripe documentation, "Receive Stripe events in your webhook endpoint": signed at each try,
no order promised, any answer but 2xx is tried again with growing pauses for three days.
A delivery is claimed with a lease in one transaction, so a killed process sends it again later:
twice is normal, never is not.
"""

import http.client
import json
import logging
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import stripe

from shop.payments.twin import refunds, sessions
from shop.payments.twin.api import Settings, now_of
from shop.payments.twin.contract import Act
from shop.payments.twin.store import Store

log = logging.getLogger(__name__)
GIVE_UP = 3 * 24 * 3600
LONGEST_PAUSE = 30.0
LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """One delivery claimed by this process."""

    id: int
    event: str
    body: str
    tries: int
    made: float
    secret: str


class Courier:
    """A few threads that run until `stop`."""

    def __init__(self, settings: Settings, store: Store, threads: int = 3) -> None:
        self.settings = settings
        self.store = store
        self._stopping = threading.Event()
        targets = [self._carry] * threads if settings.webhook_url else []
        self._threads = [threading.Thread(target=target, daemon=True) for target in (*targets, self._tidy)]

    def start(self) -> None:
        """Take up what an earlier process left, and begin."""
        with self.store.work() as tx:
            tx.run("UPDATE deliveries SET due = ? WHERE state = 'waiting' AND tries > 0", (time.time(),))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop soon; a delivery in hand is given a second, then left to the next process."""
        self._stopping.set()
        self.store.news.set()
        end = time.monotonic() + 1
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))

    def _carry(self) -> None:
        while not self._stopping.is_set():
            try:
                self.store.news.clear()
                parcel = self.claim()
                if parcel is None:
                    self.store.news.wait(0.5)
                else:
                    self.record(parcel, self._post(parcel))
            except Exception:
                log.exception("webhook delivery")
                self._stopping.wait(1)

    def claim(self) -> Parcel | None:
        """Take the next delivery that is due, leased for longer than one try may last."""
        now = time.time()
        with self.store.work() as tx:
            behaviour = tx.setting("webhooks", {})
            if behaviour.get("paused"):
                return None
            row = tx.run(
                "UPDATE deliveries SET due = ?, tries = tries + 1 WHERE id = (SELECT id FROM deliveries"
                " WHERE state = 'waiting' AND due <= ? ORDER BY CASE WHEN ? THEN random() ELSE due END, id LIMIT 1)"
                " RETURNING id, event, tries, made",
                (now + 2 * LIMIT, now, bool(behaviour.get("shuffle"))),
            ).fetchone()
            if row is None:
                return None
            body = json.dumps(tx.find("event", row[1]), ensure_ascii=False, indent=2)
            secret = behaviour.get("secret") or self.settings.webhook_secret
            return Parcel(row[0], row[1], body, row[2], row[3], secret)

    def _post(self, parcel: Parcel) -> str:
        """Send one webhook; the HTTP status, or what went wrong."""
        url = urlsplit(self.settings.webhook_url or "")
        signature = stripe.WebhookSignature.generate_signature_header(parcel.body, parcel.secret)
        headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
        headers["User-Agent"] = "shanhai-local-payment-server"
        if url.scheme == "https":
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(url.netloc, timeout=LIMIT, context=context)
        else:
            connection = http.client.HTTPConnection(url.netloc, timeout=LIMIT)
        try:
            path = url.path + (f"?{url.query}" if url.query else "")
            connection.request("POST", path or "/", parcel.body.encode(), headers)
            return str(connection.getresponse().status)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()

    def record(self, parcel: Parcel, answer: str) -> None:
        """Write down how a delivery went; anything but 2xx is tried again later."""
        now = time.time()
        delivered = len(answer) == 3 and answer.startswith("2")
        state = "delivered" if delivered else "waiting"
        if not delivered and now - parcel.made > GIVE_UP:
            state = "given up"
        pause = min(2.0 ** (parcel.tries - 1), LONGEST_PAUSE)
        with self.store.work() as tx:
            tx.run(
                "UPDATE deliveries SET state = ?, answer = ?, due = ? WHERE id = ?",
                (state, answer, now + pause, parcel.id),
            )
            event = tx.find("event", parcel.event)
            if delivered and event and event["pending_webhooks"]:
                tx.save({**event, "pending_webhooks": 0})

    def _tidy(self) -> None:
        while not self._stopping.wait(0.5):
            try:
                self.tidy()
            except Exception:
                log.exception("tidying")

    def tidy(self) -> None:
        """Expire sessions whose time is over; let wallet refunds of a second ago succeed."""
        with self.store.work() as tx:
            act = Act(tx, now_of(tx), self.settings.base, {})
            over = ("json_extract(body, '$.status') = 'open' AND json_extract(body, '$.expires_at') <= ?", (act.at,))
            for session in tx.page("checkout.session", [over], "ASC", 1000):
                sessions.get_session(act, session["id"])
            if not tx.setting("hold_refunds", False):
                for refund in tx.where("refund", "status", "pending"):
                    if refund["created"] < act.at:
                        refunds.settle(act, refund, succeeded=True)
