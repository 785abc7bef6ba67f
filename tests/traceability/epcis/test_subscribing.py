"""Subscriptions: what is new is brought once, in order, signed; what fails waits, parks and is seen; nothing is lost."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog.parties.keying import revoke_key
from catalog.parties.models import SYSTEM
from kernel import clock
from kernel.db import work
from tests.factories.catalog import AT
from tests.factories.epcis import Partner, make_event
from tests.factories.lots import make_chain
from tests.factories.subscriber import Subscriber, listening
from traceability.epcis import delivering, destinations, subscribing, tasks
from traceability.epcis.models import Subscription, SubscriptionDelivery
from traceability.epcis.states import DeliveryState
from traceability.ledger.sequencer import ensure_log, sequence_batch

TOKEN = "13df38d8275b13f05704629e5f1cf3d45d6132d5"


@pytest.fixture(autouse=True)
def loopback() -> Iterator[None]:
    destinations.allow_loopback(True)
    yield
    destinations.allow_loopback(False)


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with listening() as found:
        yield found


def sequence() -> None:
    with work() as session:
        ensure_log(session, "shop.example/log")
        sequence_batch(session)


def bring_all() -> None:
    """What the sweep finds, without the broker between."""
    sequence()
    with work() as session:
        due, left = delivering.list_due(session, clock.now()), delivering.list_deliveries(session, clock.now())
    for subscription_id in due:
        tasks.look(str(subscription_id))
    for delivery_id in left:
        tasks.bring(str(delivery_id))


def subscribe(partner: Partner, subscriber: Subscriber, query: dict[str, Any] | None = None, **over: Any) -> str:
    """The address of a new subscription."""
    partner.name("news", query or {})
    wish = {"dest": subscriber.dest, "signatureToken": TOKEN, "stream": True} | over
    made = partner.post(
        "/queries/news/subscriptions", {k: v for k, v in wish.items() if v is not None}, content_type="application/json"
    )
    assert made.status_code == 201, made.text
    assert TOKEN not in made.text
    address: str = made.headers["Location"].removeprefix("/epcis")
    return address


def test_a_stream_brings_what_fits_once_in_order_and_signed(partner: Partner, subscriber: Subscriber) -> None:
    partner.capture(make_event(1))
    bring_all()
    address = subscribe(partner, subscriber, {"EQ_bizStep": "shipping"})
    partner.capture(*(make_event(n) for n in (2, 3)), make_event(4, bizStep="receiving"))
    partner.capture(make_event(5))
    for _ in range(2):
        bring_all()
    (call,) = subscriber.received
    assert call.numbers == ["2", "3", "5"], "not what was there before, not what does not fit, nothing twice"
    results = call.document["epcisBody"]["queryResults"]
    assert (results["queryName"], results["subscriptionID"]) == ("news", address.rpartition("/")[2])
    assert call.headers["GS1-Signature"] == hmac.new(TOKEN.encode(), call.body, hashlib.sha256).hexdigest()
    told = partner.get(address).get_json()
    assert (told["state"], told["dest"], told["stream"], "lastNotifiedAt" in told) == ("active", subscriber.dest, True, True)
    assert TOKEN not in partner.get(address).text


def test_an_event_that_commits_late_is_not_passed_over(partner: Partner, subscriber: Subscriber, session: Session) -> None:
    """Its record time lies before that of one already brought: a cursor by time would miss it."""
    with time_machine.travel("2026-12-01T00:00:00Z"):
        subscribe(partner, subscriber)
    with time_machine.travel("2026-12-01T00:00:02Z"):
        partner.capture(make_event(1))
        bring_all()
    with time_machine.travel("2026-12-01T00:00:01Z"):
        partner.capture(make_event(2))
    with time_machine.travel("2026-12-01T00:00:03Z"):
        bring_all()
    assert subscriber.numbers == ["1", "2"]


def test_deliveries_are_bounded(partner: Partner, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "MOST_EVENTS", 10)
    subscribe(partner, subscriber)
    partner.capture(*(make_event(n) for n in range(25)))
    bring_all()
    assert [len(call.numbers) for call in subscriber.received] == [10, 10, 5]
    assert subscriber.numbers == [str(n) for n in range(25)]


def test_characters_are_bounded_too(partner: Partner, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "MOST_CHARACTERS", 1000)
    subscribe(partner, subscriber)
    partner.capture(*(make_event(n, **{"x:y": "z" * 400}) for n in range(3)), make_event(3, **{"x:y": "z" * 5000}))
    bring_all()
    assert [call.numbers for call in subscriber.received] == [["0"], ["1"], ["2"], ["3"]]


def test_a_long_log_is_looked_at_in_windows(partner: Partner, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "WINDOW", 3)
    monkeypatch.setattr(delivering, "WINDOWS", 2)
    subscribe(partner, subscriber, {"EQ_bizStep": "receiving"})
    partner.capture(*(make_event(n) for n in range(20)), make_event(20, bizStep="receiving"))
    for _ in range(4):
        bring_all()
    assert subscriber.numbers == ["20"]


def test_what_is_too_much_is_cut_smaller(partner: Partner, subscriber: Subscriber) -> None:
    subscribe(partner, subscriber)
    partner.capture(*(make_event(n) for n in range(8)))
    subscriber.answers = [413, 413]
    for _ in range(3):
        bring_all()
    assert [len(call.numbers) for call in subscriber.received] == [8, 4, 2, 4, 2]
    assert [number for call in subscriber.received[2:] for number in call.numbers] == [str(n) for n in range(8)]


def test_what_fails_waits_longer_each_time_then_parks_and_can_be_set_going(
    partner: Partner, subscriber: Subscriber, session: Session
) -> None:
    address = subscribe(partner, subscriber)
    partner.capture(make_event(1))
    subscriber.answers = [500] * delivering.MOST_TRIES
    moments, at = [], clock.now()
    for _ in range(delivering.MOST_TRIES):
        with time_machine.travel(at - timedelta(seconds=1), tick=False):
            bring_all()
        assert len(subscriber.received) == len(moments), "not before its time"
        with time_machine.travel(at, tick=False):
            bring_all()
        moments.append(at)
        assert len(subscriber.received) == len(moments)
        session.expire_all()
        at = session.scalars(select(SubscriptionDelivery.not_before)).one()
    pauses = [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 8 * pauses[1]
    told = partner.get(address).get_json()
    assert (told["state"], told["lastError"]) == ("parked", "HTTP 500")
    with time_machine.travel(at + timedelta(days=1), tick=False):
        partner.capture(make_event(2))
        bring_all()
        assert len(subscriber.received) == delivering.MOST_TRIES, "a parked one is left alone"
        assert subscribe(partner, subscriber) == address, "the same wish again"
        for _ in range(2):
            bring_all()
    assert subscriber.numbers[-2:] == ["1", "2"], "nothing was lost meanwhile"
    assert len({call.headers["Idempotency-Key"] for call in subscriber.received[:-1]}) == 1, "each repeat is known as one"
    assert partner.get(address).get_json()["state"] == "active"


def test_a_killed_worker_loses_nothing_and_repeats_the_same(
    partner: Partner, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(partner, subscriber)
    partner.capture(make_event(1), make_event(2))
    monkeypatch.setattr(delivering, "record_delivered", _killed)
    with pytest.raises(SystemExit):
        bring_all()
    monkeypatch.undo()
    destinations.allow_loopback(True)
    bring_all()
    assert len(subscriber.received) == 1, "somebody may still be at it"
    with time_machine.travel(clock.now() + delivering.ABANDONED + timedelta(seconds=1)):
        bring_all()
        bring_all()
    first, again = subscriber.received
    assert (first.body, first.headers["Idempotency-Key"]) == (again.body, again.headers["Idempotency-Key"])


def _killed(*_: object) -> None:
    raise SystemExit


def test_only_one_brings_it(partner: Partner, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch) -> None:
    subscribe(partner, subscriber)
    partner.capture(make_event(1))
    sequence()
    with work() as session:
        (due,) = delivering.list_due(session, clock.now())
        delivery = delivering.prepare_delivery(session, due, clock.now())
        assert delivery is not None
        assert delivering.prepare_delivery(session, due, clock.now()) is None, "one at a time"
    with work() as session:
        assert delivering.claim_delivery(session, delivery, clock.now()) is not None
        assert delivering.claim_delivery(session, delivery, clock.now()) is None
    tasks.bring(str(delivery))
    assert subscriber.received == []
    monkeypatch.setattr(delivering, "_claimable", lambda _: text("true"))
    tasks.bring(str(delivery))
    assert len(subscriber.received) == 1, "without the guard a second worker calls"


def test_by_schedule(partner: Partner, subscriber: Subscriber) -> None:
    with time_machine.travel("2026-12-01T08:00:00+08:00", tick=False):
        subscribe(partner, subscriber, stream=None, schedule={"hour": "9", "minute": "30"}, reportIfEmpty=True)
        partner.capture(make_event(1))
        bring_all()
    with time_machine.travel("2026-12-01T09:29:59+08:00", tick=False):
        bring_all()
        assert subscriber.received == []
    with time_machine.travel("2026-12-01T09:30:00+08:00", tick=False):
        partner.capture(make_event(2))
        bring_all()
        bring_all()
    assert [call.numbers for call in subscriber.received] == [["1", "2"]]
    with time_machine.travel("2026-12-02T09:30:01+08:00", tick=False):
        bring_all()
        bring_all()
    assert [call.numbers for call in subscriber.received] == [["1", "2"], []], "empty reports too, as asked"


def test_an_empty_report_only_when_asked_for(partner: Partner, subscriber: Subscriber) -> None:
    with time_machine.travel("2026-12-01T08:00:00+08:00", tick=False):
        subscribe(partner, subscriber, stream=None, schedule={"minute": "0"})
    with time_machine.travel("2026-12-01T09:00:00+08:00", tick=False):
        bring_all()
    assert subscriber.received == []


def test_from_a_time_in_the_past(partner: Partner, subscriber: Subscriber) -> None:
    with time_machine.travel("2026-12-01T00:00:00Z"):
        partner.capture(make_event(1))
    with time_machine.travel("2026-12-02T00:00:00Z"):
        partner.capture(make_event(2))
        sequence()
        subscribe(partner, subscriber, initialRecordTime="2026-12-01T12:00:00Z")
        bring_all()
    assert subscriber.numbers == ["2"]


def test_own_acts_are_brought_and_other_peoples_not(
    client: FlaskClient, session: Session, partner: Partner, subscriber: Subscriber
) -> None:
    chain = make_chain(session, boxes=1)
    owner = Partner(client, session, chain.cooperative)
    partner.capture(make_event(1))
    subscribe(owner, subscriber, initialRecordTime="2020-01-01T00:00:00Z")
    bring_all()
    events = subscriber.received[0].document["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert len(events) == len(owner.events(perPage=100))
    assert {event["eventID"] for event in events} == {event["eventID"] for event in owner.events(perPage=100)}


def test_what_ends_with_the_query_and_with_the_key(
    partner: Partner, subscriber: Subscriber, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = subscribe(partner, subscriber)
    partner.capture(make_event(1))
    revoke_key(session, SYSTEM, key_id=partner.key.id, at=AT)
    session.flush()
    bring_all()
    assert subscriber.received == []
    standing = session.get_one(Subscription, UUID(address.rpartition("/")[2]), populate_existing=True)
    assert standing.parked
    standing.parked = False
    session.flush()
    monkeypatch.setattr(delivering, "_has_key", lambda *_: True)
    bring_all()
    assert subscriber.numbers == ["1"], "without the guard a lost key would go on being told"


def test_what_waits_for_its_next_try_is_not_brought_once_the_key_is_gone(
    partner: Partner, subscriber: Subscriber, session: Session
) -> None:
    address = subscribe(partner, subscriber)
    partner.capture(make_event(1))
    subscriber.answers = [500]
    bring_all()
    revoke_key(session, SYSTEM, key_id=partner.key.id, at=AT)
    session.flush()
    with time_machine.travel(clock.now() + timedelta(minutes=5)):
        bring_all()
    assert len(subscriber.received) == 1, "only the try while the key was good"
    assert session.get_one(Subscription, UUID(address.rpartition("/")[2]), populate_existing=True).parked


def test_a_new_key_takes_over_what_the_old_one_asked_for(
    client: FlaskClient, partner: Partner, subscriber: Subscriber, session: Session
) -> None:
    address = subscribe(partner, subscriber)
    partner.capture(make_event(1))
    revoke_key(session, SYSTEM, key_id=partner.key.id, at=AT)
    session.flush()
    bring_all()
    assert subscriber.received == []
    assert subscribe(Partner(client, session, partner.organization), subscriber) == address
    bring_all()
    assert subscriber.numbers == ["1"], "as the page says: ask again with a new key"


def test_an_ended_subscription_brings_nothing(partner: Partner, subscriber: Subscriber, session: Session) -> None:
    address = subscribe(partner, subscriber)
    partner.capture(make_event(1))
    subscriber.answers = [500]
    bring_all()
    assert partner.delete(address).status_code == 204
    assert partner.get(address).status_code == 404
    assert session.scalar(select(func.count()).select_from(SubscriptionDelivery)) == 0
    subscribe(partner, subscriber)
    assert partner.delete("/queries/news").status_code == 204
    bring_all()
    assert (len(subscriber.received), session.scalar(select(func.count()).select_from(Subscription))) == (1, 0)


def test_the_token_is_sealed(partner: Partner, subscriber: Subscriber, session: Session) -> None:
    subscribe(partner, subscriber)
    kept = session.execute(text("SELECT s::text FROM epcis_subscription s")).scalar_one()
    sealed = session.scalars(select(Subscription.sealed_token)).one()
    assert sealed is not None
    assert TOKEN not in kept
    assert TOKEN.encode() not in sealed


@pytest.mark.parametrize(
    ("wish", "title"),
    [
        ({"stream": True, "schedule": {"hour": "1"}}, "SubscriptionControlsException"),
        ({}, "SubscriptionControlsException"),
        ({"stream": False}, "SubscriptionControlsException"),
        ({"stream": "yes"}, "SubscriptionControlsException"),
        ({"schedule": {"hour": "25"}}, "SubscriptionControlsException"),
        ({"stream": True, "signatureToken": "short"}, "SubscriptionControlsException"),
        ({"stream": True, "reportIfEmpty": "no"}, "SubscriptionControlsException"),
        ({"stream": True, "initialRecordTime": "yesterday"}, "SubscriptionControlsException"),
        ({"stream": True, "destination": "x"}, "SubscriptionControlsException"),
        ({"stream": True, "dest": "https://10.0.0.1/"}, "ValidationException"),
        ({"stream": True, "dest": None}, "ValidationException"),
    ],
)
def test_what_cannot_be_subscribed(partner: Partner, wish: dict[str, Any], title: str, session: Session) -> None:
    partner.name("news", {})
    answer = partner.post(
        "/queries/news/subscriptions", {"dest": "https://partner.example/"} | wish, content_type="application/json"
    )
    assert (answer.status_code, answer.get_json()["title"]) == (400, title)
    assert session.scalar(select(func.count()).select_from(Subscription)) == 0


def test_more_that_cannot_be(
    client: FlaskClient, partner: Partner, subscriber: Subscriber, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = lambda name, **over: partner.post(  # noqa: E731
        f"/queries/{name}/subscriptions",
        {"dest": "https://partner.example/", "stream": True} | over,
        content_type="application/json",
    )
    assert post("none").get_json()["title"] == "NoSuchNameException"
    partner.name("few", {"maxEventCount": 3})
    assert post("few").get_json()["title"] == "SubscriptionControlsException"
    address = subscribe(partner, subscriber)
    other = partner.post(
        "/queries/news/subscriptions",
        {"dest": subscriber.dest, "stream": True, "signatureToken": TOKEN[::-1]},
        content_type="application/json",
    )
    assert (other.status_code, other.get_json()["title"]) == (409, "ResourceAlreadyExistsException")
    monkeypatch.setattr(subscribing, "MOST_SUBSCRIPTIONS", 1)
    assert post("news").status_code == 413
    assert [each["subscriptionID"] for each in partner.get("/queries/news/subscriptions").get_json()] == [
        address.rpartition("/")[2]
    ]
    stranger = Partner(client, session)
    stranger.name("news", {})
    assert stranger.get(address).status_code == stranger.delete(address).status_code == 404


def test_what_was_brought_long_ago_is_let_go(partner: Partner, subscriber: Subscriber, session: Session) -> None:
    subscribe(partner, subscriber)
    partner.capture(make_event(1))
    bring_all()
    for days, left in ((29, 1), (31, 0)):
        with time_machine.travel(clock.now() + timedelta(days=days)):
            tasks.forget()
        assert session.scalar(select(func.count()).where(SubscriptionDelivery.state == DeliveryState.DELIVERED)) == left
