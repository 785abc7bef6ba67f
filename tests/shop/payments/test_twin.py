"""The local payment server through the real SDK over HTTP: what an integration with Stripe relies on."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe

from tests.factories.twin import TwinProcess, checkout, intent, paid, until


class TestCards:
    def test_pays_in_fen(self, twin: TwinProcess) -> None:
        made = twin.client.v1.payment_intents.create(
            {
                "amount": 12_345,
                "currency": "cny",
                "confirm": True,
                "payment_method": "pm_card_visa",
                "metadata": {"order_code": "ORD-1"},
                "expand": ["latest_charge"],
            }
        )
        assert (made.status, made.amount_received, made.currency) == ("succeeded", 12_345, "cny")
        charge = made.latest_charge
        assert isinstance(charge, stripe.Charge)
        assert (charge.amount_captured, charge.paid, charge.metadata["order_code"]) == (12_345, True, "ORD-1")
        assert charge.payment_method_details
        assert charge.payment_method_details.type == "card"

    @pytest.mark.parametrize(
        ("token", "code", "decline_code"),
        [
            ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
            ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ],
    )
    def test_decline_is_a_card_error_and_leaves_nothing_captured(
        self, twin: TwinProcess, token: str, code: str, decline_code: str
    ) -> None:
        made = intent(twin)
        with pytest.raises(stripe.CardError) as refused:
            twin.client.v1.payment_intents.confirm(made.id, {"payment_method": token})
        assert refused.value.http_status == 402
        assert refused.value.code == code
        assert refused.value.error
        assert refused.value.error.decline_code == decline_code
        again = twin.client.v1.payment_intents.retrieve(made.id)
        assert (again.status, again.amount_received) == ("requires_payment_method", 0)
        twin.inbox.wait("payment_intent.payment_failed", made.id)
        assert twin.client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"}).status == "succeeded"

    @pytest.mark.parametrize(("agree", "status"), [(True, "succeeded"), (False, "requires_payment_method")])
    def test_three_d_secure(self, twin: TwinProcess, agree: bool, status: str) -> None:
        made = intent(twin, confirm=True, payment_method="pm_card_threeDSecure2Required", return_url="http://shop.example/back")
        assert made.status == "requires_action"
        assert made.next_action
        assert made.next_action.redirect_to_url
        assert made.next_action.redirect_to_url.url == f"{twin.url}/authorize/{made.id}"
        twin.control(f"intents/{made.id}/answer", {"agree": agree})
        assert twin.client.v1.payment_intents.retrieve(made.id).status == status

    def test_cancel_and_then_nothing(self, twin: TwinProcess) -> None:
        made = intent(twin)
        done = twin.client.v1.payment_intents.cancel(made.id, {"cancellation_reason": "abandoned"})
        assert (done.status, done.cancellation_reason) == ("canceled", "abandoned")
        with pytest.raises(stripe.InvalidRequestError) as refused:
            twin.client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
        assert refused.value.code == "payment_intent_unexpected_state"


class TestWallets:
    def test_alipay_redirects_then_succeeds(self, twin: TwinProcess) -> None:
        made = intent(
            twin,
            confirm=True,
            allowed_payment_method_types=["alipay"],
            payment_method_data={"type": "alipay"},
            return_url="http://shop.example/back",
        )
        assert made.status == "requires_action"
        assert made.next_action
        assert made.next_action.type == "alipay_handle_redirect"
        twin.control(f"intents/{made.id}/answer", {"agree": True})
        done = twin.client.v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge"]})
        assert done.status == "succeeded"
        assert isinstance(done.latest_charge, stripe.Charge)
        assert done.latest_charge.payment_method_details
        assert done.latest_charge.payment_method_details.type == "alipay"

    def test_wechat_shows_a_code(self, twin: TwinProcess) -> None:
        wanted: dict[str, Any] = {
            "confirm": True,
            "allowed_payment_method_types": ["wechat_pay"],
            "payment_method_data": {"type": "wechat_pay"},
        }
        with pytest.raises(stripe.InvalidRequestError) as refused:
            intent(twin, **wanted)
        assert refused.value.param == "payment_method_options[wechat_pay][client]"
        made = intent(twin, **wanted, payment_method_options={"wechat_pay": {"client": "web"}})
        assert made.next_action
        assert made.next_action.wechat_pay_display_qr_code
        assert made.next_action.wechat_pay_display_qr_code.data == f"{twin.url}/authorize/{made.id}"

    def test_wallet_refund_is_pending_first(self, twin: TwinProcess) -> None:
        twin.control("settings", {"hold_refunds": True})
        session = checkout(twin)
        paid_intent = twin.control(f"sessions/{session.id}/pay", {"method": "alipay"})["id"]
        refund = twin.client.v1.refunds.create({"payment_intent": paid_intent, "amount": 100})
        assert refund.status == "pending"
        twin.control(f"refunds/{refund.id}/settle", {"succeeded": False})
        assert twin.client.v1.refunds.retrieve(refund.id).status == "failed"
        charge = twin.client.v1.charges.list({"payment_intent": paid_intent}).data[0]
        assert charge.amount_refunded == 0
        second = twin.client.v1.refunds.create({"payment_intent": paid_intent, "amount": 12_800})
        twin.control("settings", {"hold_refunds": False})
        assert until(lambda: twin.client.v1.refunds.retrieve(second.id).status == "succeeded")
        twin.inbox.wait("refund.updated", second.id)


class TestCheckout:
    def test_happy_path(self, twin: TwinProcess) -> None:
        session = checkout(
            twin, allowed_payment_method_types=["card", "alipay"], payment_intent_data={"metadata": {"order_code": "ORD-TEST"}}
        )
        assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 12_800)
        assert session.payment_intent is None
        assert session.url == f"{twin.url}/pay/{session.id}"
        twin.control(f"sessions/{session.id}/pay", {"method": "card"})
        event = twin.inbox.wait("checkout.session.completed", session.id)[0]
        assert event.data.object["client_reference_id"] == "ORD-TEST"
        done = twin.client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge", "line_items"]})
        assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
        assert isinstance(done.payment_intent, stripe.PaymentIntent)
        assert isinstance(done.payment_intent.latest_charge, stripe.Charge)
        assert done.payment_intent.latest_charge.metadata["order_code"] == "ORD-TEST"
        assert done.line_items
        assert done.line_items.data[0].description == "ORD-TEST"
        found = twin.client.v1.checkout.sessions.list({"payment_intent": done.payment_intent.id})
        assert [each.id for each in found.data] == [session.id]
        with pytest.raises(AssertionError, match="cannot be paid"):
            twin.control(f"sessions/{session.id}/pay", {})

    def test_decline_leaves_it_open_and_the_next_card_pays(self, twin: TwinProcess) -> None:
        session = checkout(twin)
        declined = twin.control(f"sessions/{session.id}/pay", {"card": "4000 0000 0000 0002"})
        assert declined["last_payment_error"]["decline_code"] == "generic_decline"
        assert twin.client.v1.checkout.sessions.retrieve(session.id).status == "open"
        twin.control(f"sessions/{session.id}/pay", {"card": "4242 4242 4242 4242"})
        done = twin.client.v1.checkout.sessions.retrieve(session.id)
        assert (done.payment_status, done.payment_intent) == ("paid", declined["id"])

    def test_back_from_the_wallet_to_another_way(self, twin: TwinProcess) -> None:
        session = checkout(twin)
        waiting = twin.control(f"sessions/{session.id}/pay", {"method": "alipay", "agree": None})
        assert waiting["status"] == "requires_action"
        twin.control(f"sessions/{session.id}/pay", {"method": "card"})
        assert len(twin.client.v1.charges.list({"payment_intent": waiting["id"]}).data) == 1

    def test_expire_closes_the_attempt_too(self, twin: TwinProcess) -> None:
        session = checkout(twin)
        waiting = twin.control(f"sessions/{session.id}/pay", {"method": "alipay", "agree": None})
        assert twin.client.v1.checkout.sessions.expire(session.id).status == "expired"
        assert twin.client.v1.payment_intents.retrieve(waiting["id"]).status == "canceled"
        with pytest.raises(AssertionError, match="status of canceled"):
            twin.control(f"intents/{waiting['id']}/answer", {"agree": True})
        with pytest.raises(stripe.InvalidRequestError, match="expired"):
            twin.client.v1.checkout.sessions.expire(session.id)
        twin.inbox.wait("checkout.session.expired", session.id)

    def test_time_expires_it(self, twin: TwinProcess) -> None:
        session = checkout(twin, expires_at=int(time.time()) + 1900)
        twin.control("settings", {"clock_offset": 1901})
        twin.inbox.wait("checkout.session.expired", session.id)
        assert twin.client.v1.checkout.sessions.retrieve(session.id).status == "expired"

    @pytest.mark.parametrize("seconds", [60, 25 * 3600])
    def test_expiry_has_bounds(self, twin: TwinProcess, seconds: int) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            checkout(twin, expires_at=int(time.time()) + seconds)
        assert refused.value.param == "expires_at"

    def test_two_buyers_pay_one_session_once(self, twin: TwinProcess) -> None:
        session = checkout(twin)

        def pay(_: int) -> bool:
            try:
                twin.control(f"sessions/{session.id}/pay", {})
            except AssertionError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(pay, range(8))) == 1


class TestRefunds:
    def test_partial_with_reason_and_metadata(self, twin: TwinProcess) -> None:
        made = paid(twin, 10_000)
        refund = twin.client.v1.refunds.create(
            {"payment_intent": made.id, "amount": 2_500, "reason": "requested_by_customer", "metadata": {"case": "CAS-1"}}
        )
        assert (refund.status, refund.amount, refund.reason) == ("succeeded", 2_500, "requested_by_customer")
        assert refund.metadata
        assert refund.metadata["case"] == "CAS-1"
        rest = twin.client.v1.refunds.create({"payment_intent": made.id})
        assert rest.amount == 7_500
        with pytest.raises(stripe.InvalidRequestError) as refused:
            twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 1})
        assert refused.value.code == "charge_already_refunded"
        charge = twin.client.v1.charges.retrieve(rest.charge, {"expand": ["refunds"]})  # type: ignore[arg-type]
        assert charge.refunded
        assert charge.refunds
        assert [each.amount for each in charge.refunds.data] == [7_500, 2_500]
        twin.inbox.wait("charge.refunded", charge.id, count=2)

    def test_over_refund_is_refused(self, twin: TwinProcess) -> None:
        made = paid(twin, 10_000)
        with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded") as refused:
            twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 10_001})
        assert refused.value.param == "amount"
        with pytest.raises(stripe.InvalidRequestError, match="reason"):
            twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 1, "reason": "because"})
        assert twin.client.v1.refunds.list({"payment_intent": made.id}).data == []

    def test_parallel_refunds_stop_at_what_was_captured(self, twin: TwinProcess) -> None:
        made = paid(twin, 1_000)

        def refund(_: int) -> int:
            try:
                return twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 300}).amount
            except stripe.InvalidRequestError:
                return 0

        with ThreadPoolExecutor(10) as pool:
            assert sum(pool.map(refund, range(10))) == 900

    def test_nothing_to_refund_before_payment(self, twin: TwinProcess) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            twin.client.v1.refunds.create({"payment_intent": intent(twin).id})


class TestDisputes:
    def test_a_dispute_blocks_refunds_until_won(self, twin: TwinProcess) -> None:
        made = paid(twin, 10_000)
        dispute = twin.control("dispute", {"of": made.id, "reason": "product_not_received"})
        twin.inbox.wait("charge.dispute.created", made.id)
        with pytest.raises(stripe.InvalidRequestError) as refused:
            twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 1})
        assert refused.value.code == "charge_disputed"
        twin.control(f"disputes/{dispute['id']}/decide", {"status": "won"})
        assert twin.client.v1.disputes.retrieve(dispute["id"]).status == "won"
        assert twin.client.v1.refunds.create({"payment_intent": made.id, "amount": 1}).status == "succeeded"

    def test_accepting_one_loses_it(self, twin: TwinProcess) -> None:
        made = paid(twin, token="pm_card_createDispute")
        dispute = twin.client.v1.disputes.list({"payment_intent": made.id}).data[0]
        assert (dispute.status, dispute.amount, dispute.reason) == ("needs_response", 12_800, "fraudulent")
        assert twin.client.v1.disputes.close(dispute.id).status == "lost"


class TestIdempotency:
    def test_same_key_same_body_same_answer(self, twin: TwinProcess) -> None:
        params: Any = {"amount": 500, "currency": "cny"}
        first = twin.client.v1.payment_intents.create(params, {"idempotency_key": "row-1"})
        second = twin.client.v1.payment_intents.create(params, {"idempotency_key": "row-1"})
        assert first.id == second.id
        assert second.last_response
        assert second.last_response.headers["Idempotent-Replayed"] == "true"
        with pytest.raises(stripe.IdempotencyError):
            twin.client.v1.payment_intents.create({**params, "amount": 501}, {"idempotency_key": "row-1"})

    def test_fifty_at_once_make_one(self, twin: TwinProcess) -> None:
        client = twin.client

        def create(_: int) -> str:
            return client.v1.payment_intents.create({"amount": 700, "currency": "cny"}, {"idempotency_key": "row-50"}).id

        with ThreadPoolExecutor(16) as pool:
            assert len(set(pool.map(create, range(50)))) == 1

    def test_a_decline_is_replayed_and_a_typing_error_is_not(self, twin: TwinProcess) -> None:
        made = intent(twin)
        for _ in range(2):
            with pytest.raises(stripe.CardError):
                twin.client.v1.payment_intents.confirm(
                    made.id, {"payment_method": "pm_card_chargeDeclined"}, {"idempotency_key": "row-2"}
                )
        assert len(twin.client.v1.charges.list({"payment_intent": made.id}).data) == 1
        with pytest.raises(stripe.InvalidRequestError):
            intent(twin, amount="x")  # type: ignore[arg-type]

    def test_keys_are_forgotten_after_a_day(self, twin: TwinProcess) -> None:
        params: Any = {"amount": 600, "currency": "cny"}
        first = twin.client.v1.payment_intents.create(params, {"idempotency_key": "row-3"})
        twin.control("settings", {"clock_offset": 24 * 3600 + 1})
        assert twin.client.v1.payment_intents.create(params, {"idempotency_key": "row-3"}).id != first.id


class TestContract:
    @pytest.mark.parametrize(
        ("params", "code", "param"),
        [
            ({"amount": "12.5", "currency": "cny"}, "parameter_invalid_integer", "amount"),
            ({"currency": "cny"}, "parameter_missing", "amount"),
            ({"amount": 1, "currency": "cny", "payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
            ({"amount": 1, "currency": "cny", "shipping": {"nmae": "x"}}, "parameter_missing", "shipping[address]"),
            ({"amount": 1, "currency": "cny", "idempotency_key": "k"}, "parameter_unknown", "idempotency_key"),
            ({"amount": 1, "currency": "cny", "receipt_email": "a@b.cn"}, "twin_unsupported", "receipt_email"),
            ({"amount": 1, "currency": "usd"}, None, "currency"),
            ({"amount": 0, "currency": "cny"}, None, "amount"),
            ({"amount": 1, "currency": "cny", "allowed_payment_method_types": ["klarna"]}, None, "allowed_payment_method_types"),
            ({"amount": 1, "currency": "cny", "metadata": {"k": "v" * 501}}, None, "metadata"),
        ],
    )
    def test_what_the_sdk_would_not_type_is_refused(
        self, twin: TwinProcess, params: dict[str, Any], code: str | None, param: str
    ) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            twin.client.v1.payment_intents.create(params)  # type: ignore[arg-type]
        assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)

    def test_what_does_not_exist(self, twin: TwinProcess) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            twin.client.v1.payment_intents.retrieve("pi_none")
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
        with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
            twin.client.v1.payouts.list()
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            twin.client.v1.payment_intents.retrieve(intent(twin).id, {"expand": ["review"]})

    def test_another_api_version_is_refused(self, twin: TwinProcess) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="version"):
            twin.client.v1.payment_intents.list({}, {"stripe_version": "2020-08-27"})

    def test_the_key_is_needed(self, twin: TwinProcess) -> None:
        for key in ("sk_test_other", "sk_live_x"):
            stranger = stripe.StripeClient(key, base_addresses={"api": twin.url})
            with pytest.raises(stripe.AuthenticationError) as refused:
                stranger.v1.payment_intents.list()
            assert key not in str(refused.value)

    def test_lists_page_newest_first(self, twin: TwinProcess) -> None:
        made = [intent(twin).id for _ in range(5)][::-1]
        page = twin.client.v1.payment_intents.list({"limit": 2})
        assert ([each.id for each in page.data], page.has_more) == (made[:2], True)
        seen = []
        for each in page.auto_paging_iter():
            seen.append(each.id)
            if len(seen) == 5:
                break
        assert seen == made
        back = twin.client.v1.payment_intents.list({"limit": 2, "ending_before": made[3]})
        assert [each.id for each in back.data] == made[1:3]
