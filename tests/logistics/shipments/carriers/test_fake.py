"""The pretend carrier as a process of its own: it fetches, and pushes over real HTTP until it is answered."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from logistics.shipments.carriers import Access, CarrierDown, Follow, Pickup, PushRefused, Track, get_adapter, looks_odd
from logistics.shipments.carriers.fake import STEPS, Depot, FakeCarrier, make_app
from logistics.shipments.states import MovementState

SALT = "0123456789abcdef"
PICKUP = Pickup("request-1", "SHP-1", 1, "示例合作社", "示例县示例仓", "收件人", "13900000000", "上海市示例路1号", "frozen")


class Shop(BaseHTTPRequestHandler):
    """Stands where the shop's push door stands; refuses the first push."""

    tracks: list[Track]
    refused: int

    def do_POST(self) -> None:
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        track = FakeCarrier().read_push(Access("", SALT), form)
        accepted = self.server.refused > 0  # type: ignore[attr-defined]
        self.server.refused += 1  # type: ignore[attr-defined]
        if accepted:
            self.server.tracks.append(track)  # type: ignore[attr-defined]
        body = json.dumps(FakeCarrier().answer(accepted)).encode()
        self.send_response(200 if accepted else 503)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Shop)
    server.tracks, server.refused = [], 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: object, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "not in time"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_a_parcel_from_pickup_to_signature(shop: HTTPServer, tmp_path: Path) -> None:
    port = free_port()
    url, push_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{shop.server_port}/webhooks/carriers/fake"
    command = [sys.executable, "-m", "logistics.shipments.carriers.fake", "--port", str(port), "--push-url", push_url]
    process = subprocess.Popen(
        [*command, "--pace", "0.05", "--state", str(tmp_path / "depot.json")], env={"FAKE_CARRIER_SALT": SALT, "PATH": ""}
    )
    try:
        wait_for(lambda: answers(url))
        carrier = FakeCarrier()
        waybill = carrier.request_pickup(Access(url, SALT), PICKUP)
        assert carrier.request_pickup(Access(url, SALT), PICKUP) == waybill
        tracks: list[Track] = shop.tracks  # type: ignore[attr-defined]
        wait_for(lambda: len(tracks) == len(STEPS))
        assert {track.number for track in tracks} == {waybill}
        assert tracks[-1].lines[0].state is MovementState.SIGNED
        assert len(tracks[-1].lines) == len(STEPS)
        assert not any(secret in repr(tracks) for secret in (PICKUP.recipient_name, PICKUP.recipient_phone))
    finally:
        process.terminate()
        process.wait(10)


def test_without_a_salt_it_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "logistics.shipments.carriers.fake", "--port", "1", "--push-url", "http://127.0.0.1:9"],
        env={"PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "salt" in done.stderr


def test_parcels_survive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "depot.json"
    Depot("http://127.0.0.1:9", SALT, 0, state).accept("DEMO000001", "示例县", "上海市")
    again = Depot("http://127.0.0.1:9", SALT, 0, state)
    again.step(time.time())
    assert again.parcels["DEMO000001"]["pushed"] == 0
    assert len(again.parcels["DEMO000001"]["rows"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/", b""),
        ("POST", "/none", b"{}"),
        ("POST", "/pickups", b"{"),
        ("POST", "/pickups", b"[]"),
        ("GET", "/waybills/none", b""),
    ],
)
def test_it_answers_nonsense_with_an_error(method: str, path: str, body: bytes) -> None:
    from io import BytesIO

    seen: list[str] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
    app = make_app(Depot("http://127.0.0.1:9", SALT, 1))
    assert b"".join(app(environ, lambda status, headers: seen.append(status)))
    assert seen[0][0] == "4"


def test_pushes_are_checked() -> None:
    with pytest.raises(PushRefused):
        FakeCarrier().read_push(Access("", SALT), {"param": "{}", "sign": "x"})
    with pytest.raises(CarrierDown):
        FakeCarrier().follow(Access("http://127.0.0.1:9", SALT), Follow("1", "fake", "DEMO000001", "", ""))


def test_adapters_and_odd_numbers() -> None:
    assert get_adapter("fake").fetches
    assert not get_adapter("kuaidi100").fetches
    with pytest.raises(KeyError):
        get_adapter("pigeon")
    assert looks_odd("SF", "YT1234567890123")
    assert not looks_odd("SF", "SF1234567890123")
    assert not looks_odd("fake", "whatever")
