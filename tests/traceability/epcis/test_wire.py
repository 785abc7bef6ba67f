"""Calls to addresses that somebody else chose: nothing inside is reached, nobody leads us elsewhere, nobody keeps us waiting."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator

import pytest

from kernel.errors import Invalid
from shop.wiring import may_call_itself
from tests.conftest import make_config
from tests.factories.subscriber import Subscriber, listening
from traceability.epcis import destinations, wire

OUTSIDE = "https://partner.example/hook"


@pytest.fixture
def loopback() -> Iterator[None]:
    destinations.allow_loopback(True)
    yield
    destinations.allow_loopback(False)


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with listening() as found:
        yield found


@pytest.mark.parametrize(
    "dest",
    [
        None, 7, "", "partner.example/hook", "ftp://partner.example/", "http://partner.example/", "https://", "https:///hook",
        "https://user:secret@partner.example/", "https://partner.example/#x", "https://partner.example:22/", "https://partner.example:99999/",
        "https://partner.example/a b", "https://partner.example/\r\nX: y", "https://partner.example/é", "https://[::1", "https://" + "a" * 2001,
        "https://localhost/", "https://LOCALHOST./", "https://a.localhost/", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/",
        "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://0.0.0.0/", "https://[fe80::1]/", "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://100.64.0.1/", "https://224.0.0.1/",
    ],
)  # fmt: skip
def test_addresses_out_of_bounds(dest: object) -> None:
    with pytest.raises(Invalid):
        destinations.split_dest(dest)


@pytest.mark.parametrize("dest", [OUTSIDE, "https://partner.example:8443/a?b=c", "https://[2606:4700::1111]/", "https://1.1.1.1/"])
def test_addresses_within(dest: str) -> None:
    assert destinations.split_dest(dest).hostname


@pytest.mark.parametrize("found", [["127.0.0.1"], ["1.1.1.1", "10.0.0.7"], ["::1"], ["fe80::1%eth0"], ["::ffff:192.168.0.1"], []])
def test_a_name_that_leads_inside_is_not_called(found: list[str]) -> None:
    with pytest.raises(wire.NotDelivered, match="private network"):
        wire.post(OUTSIDE, b"{}", {}, find=lambda *_: found)


def test_with_the_guard_off_it_would_be(subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name resolves to this machine; only the look at the address keeps the call from arriving."""
    monkeypatch.setattr(wire, "_reachable", lambda _: True)
    dest = f"https://partner.example:{subscriber.port}/"
    with pytest.raises(wire.NotDelivered, match="SSL"):
        wire.post(dest, b"{}", {}, find=lambda *_: ["127.0.0.1"])


def test_the_name_is_resolved_once(loopback: None, subscriber: Subscriber) -> None:
    asked = []

    def find(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    assert wire.post(subscriber.dest, b"{}", {"X-Test": "1"}, find=find) == 200
    assert asked == [("127.0.0.1", subscriber.port)]
    (call,) = subscriber.received
    assert (call.path, call.body, call.headers["X-Test"], call.headers["Host"]) == (
        "/news?from=shop", b"{}", "1", f"127.0.0.1:{subscriber.port}",
    )  # fmt: skip


def test_no_redirect_is_followed(loopback: None, subscriber: Subscriber) -> None:
    with listening() as other:
        subscriber.answers, subscriber.location = [307], other.dest
        with pytest.raises(wire.NotDelivered, match="307"):
            wire.post(subscriber.dest, b"{}", {})
        assert other.received == []


def test_other_answers_are_told(loopback: None, subscriber: Subscriber) -> None:
    subscriber.answers = [500, 413, 204]
    with pytest.raises(wire.NotDelivered, match="HTTP 500"):
        wire.post(subscriber.dest, b"{}", {})
    with pytest.raises(wire.TooMuch):
        wire.post(subscriber.dest, b"{}", {})
    assert wire.post(subscriber.dest, b"{}", {}) == 204


def test_a_certificate_nobody_vouches_for_is_refused(loopback: None, subscriber: Subscriber) -> None:
    with pytest.raises(wire.NotDelivered):
        wire.post(subscriber.dest.replace("http:", "https:"), b"{}", {})
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


def test_nobody_keeps_us_waiting(loopback: None, subscriber: Subscriber) -> None:
    """An answer that comes byte by byte, each in good time, ends with the time for all of it."""
    subscriber.drip = True
    began = time.monotonic()
    with pytest.raises(wire.NotDelivered):
        wire.post(subscriber.dest, b"{}", {}, seconds=0.4)
    assert time.monotonic() - began < 20, "the whole answer would take minutes"


def test_nobody_there(loopback: None, subscriber: Subscriber) -> None:
    with pytest.raises(wire.NotDelivered):
        wire.post("http://127.0.0.1:1024/", b"{}", {}, seconds=1.0)
    with pytest.raises(wire.NotDelivered, match="resolve"):
        wire.post("https://nowhere.invalid/", b"{}", {}, find=_no_such_name)


def _no_such_name(*_: object) -> list[str]:
    raise OSError("no such name")


def test_only_a_demo_nobody_else_reaches_calls_itself(tmp_path: object) -> None:
    def allowed(**over: object) -> bool:
        from pathlib import Path

        return may_call_itself(make_config(Path(str(tmp_path)), "postgresql://", **over))

    assert allowed()
    assert not allowed(demo=False)
    assert not allowed(local=False)
    assert not allowed(public_url="https://shop.example.cn")


def test_without_leave_not_even_this_machine(subscriber: Subscriber) -> None:
    with pytest.raises(wire.NotDelivered, match="not allowed"):
        wire.post(subscriber.dest, b"{}", {})
    assert subscriber.received == []
