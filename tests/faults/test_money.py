"""kill -9 at every step of a purchase, from the order to the money's way back: no fen and no box is lost or counted twice.

Each stage of a purchase runs in a process of its own, over the real doors and tasks, against the local payment server. For every step of
every stage the process is killed there once; then everybody does what they would: the buyer presses again, the clock's tasks run.
In another round the database ends the process's connections instead. Sampled: each sixteenth step; all under ``./shanhai test --faults``.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from kernel import clock, outbox
from kernel.db import work
from kernel.money import Money
from kernel.web import limiter
from logistics.stock.models import StockLot
from logistics.stock.queries import available
from shop import wiring
from shop.app import create_app
from shop.assistance.models import SaleCredit
from shop.basket.models import Coupon, CouponUse
from shop.orders.models import Order, Receipt
from shop.orders.states import OrderState
from shop.payments import tasks
from shop.payments.cashier import open_cashier
from shop.payments.models import Payment, Refund
from shop.storefront.checking_out import Checkout, check_out
from tests.conftest import make_config
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.shop import make_address, make_coupon, make_goods
from tests.factories.twin import KEY, SECRET, TwinProcess, until
from tests.faults.dying import cut_off, die, run

BOXES = 5
TOTAL = Money(23_600)  # two boxes of 128 yuan, 20 off by coupon
PAID = b"checkout.session.completed"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinProcess]:
    process = TwinProcess(tmp_path_factory.mktemp("twin") / "state.sqlite").start()
    yield process
    process.stop()


class Purchase:
    """One purchase of two boxes and what everybody does about it. Each stage may be done again; the last leaves the order cancelled."""

    def __init__(self, app: Flask, twin: TwinProcess, url: str, number: int) -> None:
        self.app, self.twin, self.url = app, twin, url
        with work() as session:
            product = make_goods(session, boxes=BOXES, at=clock.now())
            self.product_id, self.sku, self.buyer = product.id, product.sku, make_actor(session)
            assert self.buyer.person_id is not None
            self.address_id = make_address(session, self.buyer.person_id, at=clock.now()).id
            self.coupon = make_coupon(session, product.seller_id, code=f"DYING-{number}", at=clock.now()).code
        self.page = f"dying-{number}"
        self.key = f"{self.buyer.person_id}:{self.page}"

    def order(self) -> None:
        page = Checkout({self.sku: 2}, self.address_id, TOTAL, self.page, no_return_agreed=True, coupon=self.coupon)
        with work() as session:
            check_out(session, self.buyer, page, at=clock.now())

    def pay(self) -> None:
        """The buyer asks to pay, and the payment page is opened."""
        act_as(self.app, self.buyer)
        client, order = self.app.test_client(), self.one_order()
        there = client.post(f"/orders/{order.code}/pay", data=form(part=f"{order.code}-1")).location
        assert there is not None
        client.post(f"{there.partition('?')[0]}/stripe?{there.partition('?')[2]}")

    def money_comes(self) -> None:
        """The buyer pays on the provider's page, which sends a webhook; nothing of ours runs."""
        payment = self.payments()[-1]
        reference = (payment.provider_reference or "").encode()
        self.twin.control(f"sessions/{payment.provider_reference}/pay", {})
        self.news = until(
            lambda: [each for each in list(self.twin.inbox.received) if PAID in each.body and reference in each.body]
        )[0]

    def hear(self) -> None:
        """The webhook arrives."""
        headers = {"Stripe-Signature": self.news.signature, "Content-Type": "application/json"}
        self.app.test_client().post("/webhooks/stripe", data=self.news.body, headers=headers)

    def react(self) -> None:
        """The worker follows the news."""
        outbox.deliver_all()

    def cancel(self) -> None:
        act_as(self.app, self.buyer)
        self.app.test_client().post(f"/orders/{self.one_order().code}/cancel", data=form(reason="不需要了"))

    def give_back(self) -> None:
        """The worker follows the cancelling, and sends the money back."""
        outbox.deliver_all()
        tasks.send_refunds()
        outbox.deliver_all()

    def tend(self) -> None:
        """What the clock does, some minutes later."""
        tasks.catch_up()
        tasks.read_unsettled()
        outbox.deliver_all()
        tasks.send_refunds()
        tasks.read_unsettled()
        outbox.deliver_all()

    def one_order(self) -> Order:
        with work() as session:
            return session.scalars(select(Order).where(Order.checkout_key == self.key)).one()

    def payments(self) -> list[Payment]:
        with work() as session:
            part = f"{session.scalars(select(Order.code).where(Order.checkout_key == self.key)).one()}-1"
            return list(session.scalars(select(Payment).where(Payment.order_code == part).order_by(Payment.id)))


STAGES: list[Callable[[Purchase], None]] = [
    Purchase.order, Purchase.pay, Purchase.money_comes, Purchase.hear, Purchase.react, Purchase.cancel, Purchase.give_back,
]  # fmt: skip
KILLED = [stage for stage in STAGES if stage is not Purchase.money_comes]


def check(purchase: Purchase) -> None:
    """The provider's books and ours agree, and so do order, coupon, counties and shelf: nothing was sold, nobody has anybody's money."""
    order = purchase.one_order()
    assert (order.state, order.total_fen) == (OrderState.CANCELLED, TOTAL.minor)
    there = [
        session.payment_intent
        for payment in purchase.payments()
        if payment.provider_reference
        for session in [purchase.twin.client.v1.checkout.sessions.retrieve(payment.provider_reference)]
        if session.payment_intent
    ]
    intents = [purchase.twin.client.v1.payment_intents.retrieve(str(name), {"expand": ["latest_charge"]}) for name in there]
    captured = sum(intent.amount_received for intent in intents)
    refunded = sum(intent.latest_charge.amount_refunded for intent in intents if intent.latest_charge)  # type: ignore[union-attr]
    payments = purchase.payments()
    assert captured == refunded == order.total_fen, "paid once and given back once, at the provider"
    assert (sum(p.captured_fen for p in payments), sum(p.refunded_fen for p in payments)) == (captured, refunded)
    with work() as session:
        ids = [payment.id for payment in payments]
        used, back = session.execute(
            select(func.sum(Receipt.used_fen), func.sum(Receipt.refunded_fen)).where(Receipt.payment_id.in_(ids))
        ).one()
        assert used == back == captured, "each fen was in one paid order, and then in one refund"
        assert (order.paid_fen, order.refunded_fen) == (captured, refunded)
        assert session.scalar(select(func.sum(Refund.amount_fen)).where(Refund.payment_id.in_(ids))) == refunded
        credit = session.scalar(select(func.sum(SaleCredit.amount_fen)).where(SaleCredit.order_code == order.code))
        assert credit == 0, "what was credited to the county was taken back"
        uses = session.scalars(select(CouponUse).where(CouponUse.order_code == order.code)).all()
        assert [use.returned_at is not None for use in uses] == [True], "the coupon was used once and given back"
        assert session.scalars(select(Coupon.spent_fen).where(Coupon.code == purchase.coupon)).one() == 0
        assert available(session, [purchase.product_id], clock.now()) == {purchase.product_id: BOXES}
        shelf = session.scalars(select(StockLot).where(StockLot.product_id == purchase.product_id)).one()
        assert (shelf.on_hand, shelf.held, shelf.allocated) == (BOXES, 0, 0)
        stuck = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.state != outbox.Delivery.DONE)).all()
        assert stuck == []


class Later:
    """A clock that can be put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead, now = timedelta(), clock.now
        monkeypatch.setattr(clock, "now", lambda: now() + self._ahead)

    def wait(self, **how_long: int) -> None:
        self._ahead += timedelta(**how_long)


@pytest.fixture
def shop(database: str, twin: TwinProcess, tmp_path: Path, quiet: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Purchase]:
    """Makes purchases in a shop of this test's own."""
    wiring.register()
    monkeypatch.setattr(limiter, "enabled", False)  # one after the other, these buyers come faster than any
    config = make_config(tmp_path, database, stripe_api_base=twin.url, stripe_secret_key=KEY, stripe_webhook_secret=SECRET)
    app = create_app(config, connect=False, testing=True)
    app.config["WTF_CSRF_ENABLED"] = False
    tasks.use_cashier(open_cashier(config))
    numbers = itertools.count()
    return lambda: Purchase(app, twin, database, next(numbers))


def live(purchase: Purchase, later: Later, ends: Callable[[Purchase], None], step: int | None, end: Callable[[], None]) -> int:
    """A whole purchase in which the process of stage ``ends`` is ended at ``step`` (None: never); returns its steps, 0 when it was killed."""
    counted = 0
    for stage in STAGES:
        if stage is ends:
            whole, counted = run(purchase.url, functools.partial(stage, purchase), last=step, end=end)
            assert whole or step is not None
            if step is not None:  # whoever was cut off may have answered that it failed
                later.wait(minutes=3)
                purchase.tend()
                if stage in (Purchase.order, Purchase.pay, Purchase.cancel):
                    stage(purchase)  # the buyer, who has seen no answer or a sorry one, presses again
        else:
            stage(purchase)
    later.wait(minutes=3)
    purchase.tend()
    check(purchase)
    return counted


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("end", [die, cut_off], ids=["killed", "cut off"])
@pytest.mark.parametrize("stage", KILLED, ids=lambda stage: stage.__name__)
def test_ended_at_any_step_nothing_is_lost_or_doubled(
    shop: Callable[[], Purchase],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    stage: Callable[[Purchase], None],
    end: Callable[[], None],
) -> None:
    later = Later(monkeypatch)
    steps = live(shop(), later, stage, None, end)
    assert steps > 4, "the stage was watched"
    every = 1 if request.config.option.faults else 16
    for step in range(1, steps + 1, every):
        counted = live(shop(), later, stage, step, end)
        assert counted == 0 or end is cut_off, "it was killed"


def test_without_the_mark_on_the_outbox_row_a_fen_is_counted_twice(
    shop: Callable[[], Purchase], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: a reaction that is not in one transaction with its mark is done again after a crash."""
    purchase, later = shop(), Later(monkeypatch)
    for stage in STAGES[:5]:
        stage(purchase)
    with work() as session:
        row = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.reaction.contains("settle_capture"))).all()[-1]
        row.state = outbox.Delivery.PENDING
    outbox.deliver_all()
    order = purchase.one_order()
    assert order.paid_fen == order.total_fen, "the excess goes back rather than to the order"
    with pytest.raises(AssertionError):
        purchase.cancel()
        purchase.give_back()
        later.wait(minutes=3)
        purchase.tend()
        check(purchase)
