"""示例快递, a carrier for the demo and for tests: it accepts pickups over HTTP and pushes tracks over HTTP, signed as 快递100 signs.

``python -m logistics.shipments.carriers.fake --port 8091 --push-url http://127.0.0.1:8000/webhooks/carriers/fake --salt …`` runs it as a
process of its own (the salt may stand in ``FAKE_CARRIER_SALT`` instead). It shares no code with the shop but the signature and knows of
it only what a carrier would: the pickup's address. A parcel takes one step each ``--pace`` seconds; a push that is not answered as
agreed is sent again. With ``--state FILE`` parcels survive a restart.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from kernel.clock import SHANGHAI
from logistics.shipments.carriers import Access, CarrierDown, Follow, Pickup, Track
from logistics.shipments.carriers.kuaidi100 import Kuaidi100, check_signature, parse_param, sign
from logistics.shipments.carriers.wire import post_form, post_json

# What a parcel lives through: state code of 快递100, text, and whether it happens at the destination.
STEPS = (
    ("101", "快件已下单，等待揽收", False),
    ("1", "快件已揽收", False),
    ("0", "快件已离开始发地分拣中心", False),
    ("1001", "快件已到达目的地城市", True),
    ("5", "快递员正在派送，请保持电话畅通", True),
    ("3", "快件已签收，感谢使用示例快递", True),
)


class FakeCarrier:
    """The adapter the shop uses to talk to the process below."""

    fetches = True

    def request_pickup(self, access: Access, pickup: Pickup) -> str:
        """See ``Carrier``."""
        answer = post_json(f"{access.base_url}/pickups", vars(pickup), {"Idempotency-Key": pickup.request_id})
        waybill = answer.get("waybill")
        if not isinstance(waybill, str) or not 6 <= len(waybill) <= 32:
            raise CarrierDown("no waybill in the answer")
        return waybill

    def follow(self, access: Access, follow: Follow) -> None:
        """See ``Carrier``."""
        post_json(f"{access.base_url}/followed", vars(follow), {"Idempotency-Key": follow.request_id})

    def read_push(self, access: Access, form: Mapping[str, str]) -> Track:
        """See ``Carrier``: the format is that of 快递100."""
        check_signature(form.get("param", ""), access.push_salt, form.get("sign", ""))
        return parse_param(form["param"])

    def answer(self, accepted: bool) -> Mapping[str, object]:
        """See ``Carrier``."""
        return Kuaidi100().answer(accepted)


class Depot:
    """The pretend carrier's own memory: parcels by waybill, each with its way so far and the steps still to come."""

    def __init__(self, push_url: str, salt: str, pace: float, state: Path | None = None) -> None:
        self.push_url, self.salt, self.pace, self.state = push_url, salt, pace, state
        self.lock = threading.Lock()
        self.parcels: dict[str, dict[str, Any]] = {}
        if state is not None and state.exists():
            self.parcels = json.loads(state.read_text())

    def accept(self, waybill: str, sender: str, city: str) -> str:
        """Take a parcel in, once for each waybill."""
        with self.lock:
            if waybill not in self.parcels:
                self.parcels[waybill] = {"from": sender, "to": city, "rows": [], "pushed": 0, "due": time.time()}
                self._keep()
        return waybill

    def step(self, now: float) -> None:
        """Move every parcel that is due one step, then push what the shop does not know yet."""
        with self.lock:
            due = [(waybill, parcel) for waybill, parcel in self.parcels.items() if parcel["due"] <= now and not _done(parcel)]
        for waybill, parcel in due:
            with self.lock:
                if parcel["pushed"] == len(parcel["rows"]) < len(STEPS):
                    parcel["rows"].insert(0, _row(parcel, STEPS[len(parcel["rows"])]))
                rows = list(parcel["rows"])
            told = self._push(waybill, rows)
            with self.lock:
                parcel["pushed"] = len(rows) if told else parcel["pushed"]
                parcel["due"] = time.time() + self.pace
                self._keep()

    def _push(self, waybill: str, rows: list[dict[str, str]]) -> bool:
        last = rows[0]["statusCode"]
        result = {"state": last, "com": "fake", "nu": waybill, "data": rows}
        param = json.dumps({"status": "shutdown" if last == "3" else "polling", "lastResult": result}, ensure_ascii=False)
        try:
            answer = post_form(self.push_url, {"sign": sign(param, self.salt), "param": param})
        except CarrierDown:
            return False
        return answer.get("result") is True

    def _keep(self) -> None:
        if self.state is not None:
            draft = self.state.with_suffix(".new")
            draft.write_text(json.dumps(self.parcels, ensure_ascii=False))
            draft.replace(self.state)

    def run(self) -> None:
        """The carrier's day: one look around every fifth of a second."""
        while True:
            self.step(time.time())
            time.sleep(0.2)


def _done(parcel: Mapping[str, Any]) -> bool:
    return bool(parcel["pushed"] >= len(STEPS))


def _row(parcel: Mapping[str, Any], step: tuple[str, str, bool]) -> dict[str, str]:
    code, text, at_destination = step
    at = datetime.now(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    city = parcel["to"] if at_destination else parcel["from"]
    return {"time": at, "ftime": at, "context": f"【{city}】{text}", "statusCode": code, "areaName": city}


Start = Callable[[str, list[tuple[str, str]]], object]


def make_app(depot: Depot) -> Callable[[dict[str, Any], Start], Iterable[bytes]]:
    """The WSGI application of the carrier: ``POST /pickups``, ``POST /followed``, ``GET /waybills/<number>``, ``GET /healthz``."""

    def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        try:
            status, body = _answer(depot, environ["REQUEST_METHOD"], environ["PATH_INFO"], environ)
        except (ValueError, KeyError, TypeError):
            status, body = "400 Bad Request", {"error": "not understood"}
        start(status, [("Content-Type", "application/json")])
        return [json.dumps(body, ensure_ascii=False).encode()]

    return app


def _city_of(address: str) -> str:
    """Only the city of an address: what a carrier tells of a parcel's way."""
    city, sign, _ = address.partition("市")
    return (city + sign if sign else address)[:8]


def _answer(depot: Depot, method: str, path: str, environ: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if (method, path) == ("GET", "/healthz"):
        return "200 OK", {"parcels": len(depot.parcels)}
    if method == "GET" and path.startswith("/waybills/"):
        parcel = depot.parcels.get(path.removeprefix("/waybills/"))
        return ("200 OK", parcel) if parcel else ("404 Not Found", {"error": "no such waybill"})
    if method != "POST":
        return "404 Not Found", {"error": "no such address"}
    body = json.loads(environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), 65536)))
    if path == "/pickups":
        number = "DEMO" + str(int(hashlib.sha256(body["request_id"].encode()).hexdigest()[:12], 16)).zfill(15)
        return "201 Created", {"waybill": depot.accept(number, body["sender_address"][:20], _city_of(body["recipient_address"]))}
    if path == "/followed":
        return "201 Created", {"waybill": depot.accept(str(body["number"]), "始发地", "目的地")}
    return "404 Not Found", {"error": "no such address"}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the shop keeps the record."""


def make_carrier(port: int, depot: Depot) -> WSGIServer:
    """The carrier's server on 127.0.0.1, not started; port 0 picks a free one."""
    return make_server("127.0.0.1", port, make_app(depot), _Server, _Quiet)


def main(arguments: list[str] | None = None) -> None:
    """Run the carrier until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m logistics.shipments.carriers.fake", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--push-url", required=True)
    parser.add_argument("--salt", default=os.environ.get("FAKE_CARRIER_SALT", ""))
    parser.add_argument("--pace", type=float, default=3.0, help="seconds from step to step")
    parser.add_argument("--state", type=Path)
    chosen = parser.parse_args(arguments)
    if not chosen.salt:
        sys.exit("a salt is needed: --salt or FAKE_CARRIER_SALT")
    depot = Depot(chosen.push_url, chosen.salt, chosen.pace, chosen.state)
    threading.Thread(target=depot.run, daemon=True).start()
    make_carrier(chosen.port, depot).serve_forever()


if __name__ == "__main__":
    main()
