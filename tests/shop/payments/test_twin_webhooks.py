"""Webhooks, faults and kill -9 of the local payment server, through the real SDK over HTTP."""

from __future__ import annotations

import time
from typing import Any

import pytest
import stripe

from tests.factories.twin import KEY, SECRET, TwinProcess, checkout, paid, until


class TestWebhooks:
    def test_ten_are_signed_and_verified(self, twin: TwinProcess) -> None:
        made = [paid(twin, 100 + n).id for n in range(10)]
        for each in made:
            event = twin.inbox.wait("payment_intent.succeeded", each)[0]
            assert event.api_version == stripe.api_version
            stored = twin.client.v1.events.retrieve(event.id)
            assert stored.data.object["id"] == each
        last = twin.inbox.received[-1]
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(last.body, last.signature, "whsec_other")
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(last.body.replace(b"evt_", b"evt-"), last.signature, SECRET)

    def test_tried_again_until_accepted(self, twin: TwinProcess) -> None:
        twin.inbox.answers = [500, 302]
        made = paid(twin)
        twin.inbox.wait("payment_intent.succeeded", made.id)
        twin.inbox.wait("charge.succeeded", made.id)
        deliveries = until(lambda: [d for d in twin.control("webhooks")["data"] if d["tries"] > 1 and d["state"] == "delivered"])
        assert all(delivery["answer"] == "200" for delivery in deliveries)

    def test_paused_copied_and_shuffled(self, twin: TwinProcess) -> None:
        twin.control("webhooks", {"paused": True, "copies": 2, "shuffle": True})
        made = paid(twin)
        time.sleep(0.5)
        assert twin.inbox.events("payment_intent.succeeded", made.id) == []
        twin.control("webhooks", {"paused": False})
        events = twin.inbox.wait("payment_intent.succeeded", made.id, count=2)
        assert len({event.id for event in events}) == 1

    def test_dropped_but_listed_and_sent_again_on_request(self, twin: TwinProcess) -> None:
        twin.control("webhooks", {"drop": True})
        made = paid(twin)
        listed = twin.client.v1.events.list({"types": ["payment_intent.succeeded", "charge.succeeded"], "limit": 2})
        assert {event.type for event in listed.data} == {"payment_intent.succeeded", "charge.succeeded"}
        newest = next(event for event in listed.data if event.type == "payment_intent.succeeded")
        assert newest.data.object["id"] == made.id
        twin.control(f"events/{newest.id}/resend", {})
        assert twin.inbox.wait("payment_intent.succeeded", made.id)[0].id == newest.id

    def test_a_rotated_secret_no_longer_verifies(self, twin: TwinProcess) -> None:
        until(lambda: all(d["state"] == "delivered" for d in twin.control("webhooks")["data"]))
        twin.control("webhooks", {"secret": "whsec_old"})
        before = len(twin.inbox.received)
        paid(twin)
        until(lambda: len(twin.inbox.received) == before + 3)
        last = twin.inbox.received.pop()
        del twin.inbox.received[before:]
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(last.body, last.signature, SECRET)
        assert stripe.Webhook.construct_event(last.body, last.signature, "whsec_old", api_key=KEY)


class TestFaults:
    def test_an_answer_lost_on_the_way_is_found_again_by_its_key(self, twin: TwinProcess) -> None:
        made = paid(twin, 1_000)
        twin.control("fault", {"mode": "lost", "times": 1, "path": "/v1/refunds"})
        options: Any = {"idempotency_key": "lost-1"}
        with pytest.raises(stripe.APIError):
            twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 400}, options)
        refund = twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 400}, options)
        assert [each.id for each in twin.client.v1.refunds.list({"payment_intent": made.id}).data] == [refund.id]

    @pytest.mark.parametrize("mode", ["down", "error", "garbage"])
    def test_the_provider_may_fail_before_any_effect(self, twin: TwinProcess, mode: str) -> None:
        count = twin.control("totals")
        twin.control("fault", {"mode": mode, "times": 1})
        with pytest.raises(stripe.APIError):
            paid(twin)
        assert twin.control("totals") == count
        assert paid(twin).status == "succeeded"

    def test_slow(self, twin: TwinProcess) -> None:
        twin.control("fault", {"mode": "slow", "seconds": 1, "times": 1})
        start = time.monotonic()
        paid(twin)
        assert time.monotonic() - start >= 1

    def test_refunds_made_by_hand_and_totals(self, twin: TwinProcess) -> None:
        before = twin.control("totals")
        session = checkout(twin, 5_000)
        twin.control(f"sessions/{session.id}/pay", {})
        refund = twin.control("refund", {"of": session.id, "amount": 1_200})
        after = twin.control("totals")
        assert (after["captured"] - before["captured"], after["refunded"] - before["refunded"]) == (5_000, 1_200)
        event = twin.inbox.wait("refund.created", refund["id"])[0]
        assert event.request
        assert event.request.idempotency_key is None


def test_kill_nine_loses_nothing(twin_process: TwinProcess) -> None:
    twin = twin_process
    twin.control("webhooks", {"paused": True})
    made = paid(twin, 4_200)
    first = twin.client.v1.payment_intents.create({"amount": 1, "currency": "cny"}, {"idempotency_key": "kill"})
    twin.kill()
    twin.start()
    assert twin.client.v1.payment_intents.retrieve(made.id).amount_received == 4_200
    again = twin.client.v1.payment_intents.create({"amount": 1, "currency": "cny"}, {"idempotency_key": "kill"})
    assert again.id == first.id
    twin.control("webhooks", {"paused": False})
    twin.inbox.wait("payment_intent.succeeded", made.id)
