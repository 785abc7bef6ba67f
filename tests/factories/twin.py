"""The local payment server as a process of its own, with a small shop door that collects its webhooks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import stripe

ROOT = Path(__file__).parents[2]
KEY = "sk_test_shanhai_4f1d"
SECRET = "whsec_shanhai_test"


@dataclass
class Received:
    body: bytes
    signature: str
    status: int


class Inbox:
    """A door that takes webhooks; `answers` are given first, then 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        inbox = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = inbox.answers.pop(0) if inbox.answers else 200
                inbox.received.append(Received(body, self.headers["Stripe-Signature"], status))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/stripe"

    def events(self, kind: str | None = None, about: str | None = None) -> list[stripe.Event]:
        """What was accepted, signature and time checked by the SDK."""
        found = [
            stripe.Webhook.construct_event(r.body, r.signature, SECRET, api_key=KEY) for r in list(self.received) if r.status == 200
        ]
        return [e for e in found if kind in (None, e.type) and (about is None or about in str(e.data.object))]

    def wait(self, kind: str, about: str | None = None, count: int = 1) -> list[stripe.Event]:
        return until(lambda: found if len(found := self.events(kind, about)) >= count else [])

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


T = TypeVar("T")


def until(look: Callable[[], T], seconds: float = 15) -> T:
    """Look again until something true is seen."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen or time.monotonic() > end:
            assert seen, "waited in vain"
            return seen
        time.sleep(0.05)


@dataclass
class TwinProcess:
    """`python -m shop.payments.twin`; `state` outlives `kill` and `start`."""

    state: Path
    inbox: Inbox = field(default_factory=Inbox)
    url: str = ""
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> TwinProcess:
        command = [sys.executable, "-m", "shop.payments.twin", "--port", str(self.port), "--state", str(self.state)]
        command += ["--webhook-url", self.inbox.url, "--webhook-secret", SECRET, "--key", KEY]
        env = {k: v for k, v in os.environ.items() if not k.startswith("STRIPE_")}
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert "listens on http://" in line, line
        self.url = line.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])
        return self

    def kill(self, number: int = signal.SIGKILL) -> int:
        assert self.process
        assert self.process.stdout
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.process.stdout.close()
        return code

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill(signal.SIGTERM)
        self.inbox.stop()

    @property
    def client(self) -> stripe.StripeClient:
        return stripe.StripeClient(KEY, base_addresses={"api": self.url}, max_network_retries=0)

    def control(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """POST (GET without a body) to /_twin/…; raises AssertionError with the refusal."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_twin/{path}", data, {"Authorization": f"Bearer {KEY}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                said: dict[str, Any] = json.load(answer)
                return said
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    def calm(self) -> None:
        """Undo what a test asked of the provider."""
        self.control("fault", {"mode": None})
        self.control("webhooks", {"paused": False, "delay": 0, "copies": 1, "drop": False, "shuffle": False, "secret": None})
        self.control("settings", {"clock_offset": 0, "hold_refunds": False})
        self.inbox.answers.clear()


def intent(twin: TwinProcess, amount: int = 12_800, **more: Any) -> stripe.PaymentIntent:
    return twin.client.v1.payment_intents.create({"amount": amount, "currency": "cny", **more})


def paid(twin: TwinProcess, amount: int = 12_800, token: str = "pm_card_visa") -> stripe.PaymentIntent:
    return intent(twin, amount, confirm=True, payment_method=token)


def checkout(twin: TwinProcess, amount: int = 12_800, **more: Any) -> stripe.checkout.Session:
    return twin.client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [
                {"quantity": 1, "price_data": {"currency": "cny", "unit_amount": amount, "product_data": {"name": "ORD-TEST"}}}
            ],
            "success_url": "http://shop.example/orders/ORD-TEST?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://shop.example/orders/ORD-TEST",
            "client_reference_id": "ORD-TEST",
            **more,
        }
    )
