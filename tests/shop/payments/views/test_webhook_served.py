"""Webhooks over HTTP, from the provider's own bytes: forged, replayed, a day late, and while their secret is being replaced."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
import requests
import stripe
import time_machine
from sqlalchemy import func, select

from kernel import clock, outbox
from kernel.db import work
from kernel.money import Money
from shop import wiring
from shop.app import create_app
from shop.config import Config
from shop.orders.cancelling import expire_orders
from shop.orders.models import Order, Receipt
from shop.orders.states import OrderState
from shop.payments.cashier import Cashier, open_cashier
from shop.payments.models import Notice, Payment, Provider
from shop.payments.paying import start_payment
from tests.conftest import make_config
from tests.factories.serving import serve
from tests.factories.shop import make_order
from tests.factories.twin import KEY, SECRET, Received, TwinProcess, until

OLD, NEW = SECRET, "whsec_shanhai_test_next"


class Shop:
    """A shop behind a real port, and one purchase in it that is paid at the provider."""

    def __init__(self, database: str, twin: TwinProcess, folder: Path) -> None:
        self._database, self._twin, self._folder = database, twin, folder
        self.cashier: Cashier = open_cashier(self._config(OLD))
        at = clock.now()
        with work() as session:
            order = make_order(session, at=at)
            part = order.sub_orders[0]
            payment = start_payment(
                session,
                order_code=part.code,
                seller_id=part.seller_id,
                amount=Money(part.payable_fen),
                provider=Provider.STRIPE,
                at=at,
            )
            self.order_id, self.payment_id = order.id, payment.id
        self.cashier.open_page(self.payment_id, locale="zh")
        reference = self.payment.provider_reference or ""
        twin.control(f"sessions/{reference}/pay", {})
        self.notice: Received = until(
            lambda: next(
                (r for r in list(twin.inbox.received) if b"session.completed" in r.body and reference.encode() in r.body), None
            )
        )

    def _config(self, secrets: str) -> Config:
        over = {"stripe_api_base": self._twin.url, "stripe_secret_key": KEY, "stripe_webhook_secret": secrets}
        return make_config(self._folder, self._database, **over)

    def hear(
        self, *, secrets: str = OLD, signed: str | None = None, body: bytes | None = None, signature: str | None = None
    ) -> int:
        """Post the notice (as it came, or with other bytes or signed now with ``signed``) to a shop that knows ``secrets``: the status."""
        body = body if body is not None else self.notice.body
        if signed is not None:
            signature = stripe.WebhookSignature.generate_signature_header(body.decode(), signed)
        headers = {"Stripe-Signature": self.notice.signature if signature is None else signature}
        with serve(create_app(self._config(secrets), connect=False, testing=True)) as url:
            return requests.post(f"{url}/webhooks/stripe", data=body, headers=headers, timeout=20).status_code

    @property
    def payment(self) -> Payment:
        with work() as session:
            return session.get_one(Payment, self.payment_id)

    @property
    def order(self) -> Order:
        with work() as session:
            return session.get_one(Order, self.order_id)

    def notices(self) -> int:
        with work() as session:
            return session.scalar(select(func.count()).select_from(Notice)) or 0


@pytest.fixture
def shop(database: str, twin: TwinProcess, tmp_path: Path) -> Shop:
    wiring.register()
    return Shop(database, twin, tmp_path)


def test_forged_changed_and_replayed(shop: Shop) -> None:
    assert shop.hear(signature="") == shop.hear(signature="t=1,v1=00") == shop.hear(signed="whsec_of_somebody") == 403
    assert shop.hear(body=shop.notice.body.replace(b"25600", b"99999")) == 403
    assert (shop.payment.captured_fen, shop.notices()) == (0, 0)
    assert [shop.hear() for _ in range(3)] == [200, 200, 200]
    assert (shop.payment.captured_fen, shop.notices()) == (25_600, 1)
    outbox.deliver_all()
    assert (shop.order.state, shop.order.paid_fen) == (OrderState.PAID, 25_600)


def test_a_day_late(shop: Shop) -> None:
    """The provider signs at each try, so a late notice counts, and its money takes the boxes again; its first bytes replayed do not."""
    with time_machine.travel(time.time() + 86_400, tick=True):
        with work() as session:
            assert expire_orders(session, at=clock.now()) == 1
        outbox.deliver_all()
        assert shop.order.state is OrderState.EXPIRED
        assert shop.hear() == 403, "yesterday's signature"
        assert shop.payment.captured_fen == 0
        assert shop.hear(signed=SECRET) == 200
        outbox.deliver_all()
    assert (shop.order.state, shop.order.paid_fen, shop.payment.captured_fen) == (OrderState.PAID, 25_600, 25_600)
    with work() as session:
        assert session.scalars(select(Receipt.used_fen)).all() == [25_600]


def test_while_the_secret_is_replaced_both_count_and_afterwards_the_new_one_only(shop: Shop) -> None:
    both = f"{NEW}, {OLD}"
    assert shop.hear(secrets=f"{NEW},", signed=OLD) == 403, "an old one never again"
    assert shop.hear(secrets=NEW) == 403, "nor a replay of what it had signed"
    assert (shop.payment.captured_fen, shop.notices()) == (0, 0)
    assert shop.hear(secrets=both, signed="whsec_of_somebody") == 403
    assert shop.hear(secrets=both, signed=OLD) == shop.hear(secrets=both, signed=NEW) == shop.hear(secrets=NEW, signed=NEW) == 200
    assert (shop.payment.captured_fen, shop.notices()) == (25_600, 1)


def test_what_was_refused_during_a_rotation_is_found_by_reconciling(shop: Shop) -> None:
    assert shop.hear(secrets=NEW) == 403
    assert shop.cashier.catch_up() > 0
    assert shop.payment.captured_fen == 25_600
    assert shop.hear(secrets=NEW, signed=NEW) == 200, "it comes once more, and changes nothing"
    assert shop.payment.captured_fen == 25_600


def test_without_the_tolerance_a_replay_of_yesterday_is_heeded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    monkeypatch.setattr("shop.payments.stripe_gateway.TOLERANCE", timedelta(days=2).total_seconds())
    with time_machine.travel(time.time() + 86_400, tick=True):
        assert shop.hear() == 200
