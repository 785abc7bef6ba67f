"""Random sequences of everything that moves money: afterwards our ledger is the provider's, to the fen.

Buyers order (with a coupon or without), pay by card, Alipay or bank transfer, too little, too much, too late or twice, and cancel. Staff
and the provider give money back, banks dispute it. Webhooks come twice, in any order or never; reactions run one by one in any order. The
local payment server is asked over HTTP, rows are in a PostgreSQL of the test's own. A few examples in ``./shanhai test``, many under
``--faults``, then with a provider that fails, too.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import stripe
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from kernel import clock, outbox
from kernel.clock import today_shanghai
from kernel.db import work
from kernel.errors import Conflict, Invalid, Problem
from kernel.money import Money
from logistics.stock.models import StockLot
from shop import wiring
from shop.app import create_app
from shop.assistance.models import SaleCredit
from shop.basket.models import Coupon, CouponUse
from shop.orders import settling
from shop.orders.cancelling import cancel_order, expire_orders
from shop.orders.models import Order, Receipt, SubOrder
from shop.orders.states import OrderState
from shop.payments import paying, reconciling, refunding, tasks
from shop.payments.bank_transfer import import_statement
from shop.payments.cashier import Cashier, open_cashier
from shop.payments.gateway import ProviderPayment
from shop.payments.models import Payment, Provider, Refund
from shop.payments.statement import StatementRow
from shop.payments.states import RefundState
from shop.storefront.checking_out import Checkout, check_out
from tests.conftest import make_config
from tests.factories.catalog import make_actor
from tests.factories.shop import make_address, make_coupon, make_goods
from tests.factories.twin import KEY, SECRET, TwinProcess

BOXES, PRICE, OFF = 4, 12_800, 2_000
ENDED = (OrderState.CANCELLED, OrderState.EXPIRED)
GOING = (RefundState.REQUESTED, RefundState.SENT)
SHARES = st.sampled_from([50, 100, 130])
METHODS = st.sampled_from(["card", "alipay"])
PROVIDERS = st.sampled_from([Provider.STRIPE, Provider.STRIPE, Provider.BANK_TRANSFER])
TROUBLE = st.sampled_from([None] * 12 + ["down", "error", "garbage", "lost"])


@dataclass
class World:
    """What outlives one example: the shop, the provider, a clock that only goes forward, and the provider's news brought so far."""

    app: Flask
    twin: TwinProcess
    cashier: Cashier
    whole: bool
    ahead: timedelta = timedelta()
    known: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def wait(self, **how_long: int) -> None:
        """Time passes here and at the provider."""
        self.ahead += timedelta(**how_long)
        self.twin.control("settings", {"clock_offset": int(self.ahead.total_seconds())})

    def news(self) -> list[stripe.Event]:
        """What the provider has to tell since this was last asked, oldest first."""
        fresh: list[stripe.Event] = []
        for event in self.twin.client.v1.events.list({"limit": 100}).auto_paging_iter():
            if event.id in self.known:
                break
            fresh.append(event)
        self.known |= {event.id for event in fresh}
        return fresh[::-1]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinProcess]:
    process = TwinProcess(tmp_path_factory.mktemp("twin") / "state.sqlite").start()
    yield process
    process.stop()


@pytest.fixture
def world(
    database: str, twin: TwinProcess, tmp_path: Path, quiet: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> World:
    wiring.register()
    config = make_config(tmp_path, database, stripe_api_base=twin.url, stripe_secret_key=KEY, stripe_webhook_secret=SECRET)
    app = create_app(config, connect=False, testing=True)
    tasks.use_cashier(cashier := open_cashier(config))
    twin.control("webhooks", {"paused": True})  # the test brings them, so that it knows which and when
    twin.control("settings", {"hold_refunds": True})
    made, now = World(app, twin, cashier, request.config.option.faults), clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + made.ahead)
    made.wait(seconds=0)
    return made


class Dealings(RuleBasedStateMachine):
    """One shop shelf of four boxes, three buyers, and all that may happen between them, the bank and the provider."""

    world: World
    orders: Bundle[str] = Bundle("orders")
    payments: Bundle[UUID] = Bundle("payments")

    @initialize()
    def open_shop(self) -> None:
        at, number = clock.now(), next(self.world.numbers)
        with work() as session:
            product = make_goods(session, boxes=BOXES, price=PRICE, at=at)
            self.product_id, self.sku, self.seller_id = product.id, product.sku, product.seller_id
            self.buyers = [make_actor(session, at=at) for _ in range(3)]
            self.addresses = [make_address(session, buyer.person_id, at=at).id for buyer in self.buyers if buyer.person_id]
            self.operator = make_actor(session, Role.operator, at=at)
            coupon = make_coupon(session, product.seller_id, code=f"LEDGER-{number}", off=OFF, budget=2 * OFF, per_person=2, at=at)
            self.coupon = coupon.code
        self.heard = self.world.news()[:0]
        self.disputes: list[str] = []
        self.before = self.world.twin.control("totals")

    # -- buyers

    @rule(target=orders, buyer=st.integers(0, 2), boxes=st.integers(1, 2), coupon=st.booleans())
    def order(self, buyer: int, boxes: int, coupon: bool) -> Any:
        page = Checkout(
            {self.sku: boxes}, self.addresses[buyer], Money(PRICE * boxes - coupon * OFF), f"page-{next(self.world.numbers)}",
            no_return_agreed=True, coupon=self.coupon if coupon else "",
        )  # fmt: skip
        try:
            with work() as session:
                return check_out(session, self.buyers[buyer], page, at=clock.now()).code
        except Conflict:
            return multiple()

    @rule(target=payments, code=orders, provider=PROVIDERS, trouble=TROUBLE)
    def start(self, code: str, provider: Provider, trouble: str | None) -> Any:
        with work() as session:
            part = session.scalars(select(SubOrder).where(SubOrder.code == f"{code}-1")).one()
            due = part.payable_fen - part.paid_fen
            if part.order.state is not OrderState.PLACED or due <= 0:
                return multiple()
            payment_id = paying.start_payment(
                session, order_code=part.code, seller_id=self.seller_id, amount=Money(due), provider=provider, at=clock.now()
            ).id
        if provider is Provider.STRIPE:
            with suppress(Problem), self.failing(trouble):
                self.world.cashier.open_page(payment_id, locale="zh")
        return payment_id

    @rule(target=payments, buyer=st.integers(0, 2), method=METHODS, heard=st.booleans())
    def buy(self, buyer: int, method: str, heard: bool) -> Any:
        """A whole purchase at once, so that longer stories have something to begin with."""
        code = self.order(buyer, 1, coupon=False)
        payment_id = self.start(code, Provider.STRIPE, None) if isinstance(code, str) else code
        if isinstance(payment_id, UUID):
            self.pay_there(payment_id, method)
            if heard:
                tasks.catch_up()
                outbox.deliver_all()
        return payment_id

    @rule(payment_id=payments, method=METHODS)
    def pay_there(self, payment_id: UUID, method: str) -> None:
        self.at_provider(payment_id, "sessions/{}/pay", {"method": method})

    @rule(payment_id=payments, share=SHARES, again=st.booleans())
    def transfer(self, payment_id: UUID, share: int, again: bool) -> None:
        payment = self.payment(payment_id)
        if payment.provider is Provider.BANK_TRANSFER:
            day, amount = today_shanghai(clock.now()), payment.amount_fen * share // 100
            row = StatementRow(1, day, amount, "示例付款人", payment.remittance_code or "", f"S{next(self.world.numbers)}")
            for _ in range(1 + again):
                with work() as session:
                    import_statement(session, SYSTEM, self.seller_id, [row], file_name="流水.csv", at=clock.now())

    @rule(code=orders)
    def cancel(self, code: str) -> None:
        with suppress(Conflict), work() as session:
            cancel_order(session, SYSTEM, code, reason="cancelled", at=clock.now())

    # -- staff, the provider's staff, and the banks

    @rule(payment_id=payments, share=SHARES)
    def give_back(self, payment_id: UUID, share: int) -> None:
        amount, key = Money(self.payment(payment_id).captured_fen * share // 100), f"ledger-{next(self.world.numbers)}"
        with suppress(Conflict, Invalid), work() as session:
            paying.request_refund(session, "test", payment_id, amount, "goodwill", key, at=clock.now())

    @rule(payment_id=payments, share=SHARES)
    def give_back_there(self, payment_id: UUID, share: int) -> None:
        amount = self.payment(payment_id).amount_fen * share // 100
        self.at_provider(payment_id, "refund", {"amount": amount})

    @rule(payment_id=payments)
    def dispute(self, payment_id: UUID) -> None:
        made = self.at_provider(payment_id, "dispute", {})
        self.disputes += [made["id"]] if made else []

    @precondition(lambda self: self.disputes)
    @rule(won=st.booleans())
    def decide(self, won: bool) -> None:
        self.world.twin.control(f"disputes/{self.disputes.pop()}/decide", {"status": "won" if won else "lost"})

    @rule(succeeded=st.booleans())
    def wallet_answers(self, succeeded: bool) -> None:
        """A refund to a wallet is pending until the wallet has answered."""
        for refund in self.world.twin.client.v1.refunds.list({"limit": 20}).data:
            if refund.status == "pending":
                self.world.twin.control(f"refunds/{refund.id}/settle", {"succeeded": succeeded})

    # -- news, reactions and the clock

    @rule(which=st.integers(0, 20), copies=st.integers(1, 2), trouble=TROUBLE)
    def hear(self, which: int, copies: int, trouble: str | None) -> None:
        """Some webhook comes, whichever it is, once or twice; those never drawn are lost."""
        self.heard += self.world.news()
        if self.heard:
            event = self.heard[which % len(self.heard)]
            body = json.dumps(event.to_dict())
            signature = stripe.WebhookSignature.generate_signature_header(body, SECRET)
            with self.failing(trouble):
                for _ in range(copies):
                    self.world.app.test_client().post("/webhooks/stripe", data=body, headers={"Stripe-Signature": signature})

    @rule(which=st.integers(0, 5))
    def react_once(self, which: int) -> None:
        with work() as session:
            due = outbox.list_due(session, at=clock.now())
        if due:
            outbox.deliver_one(due[which % len(due)])

    @rule()
    def react(self) -> None:
        outbox.deliver_all()

    @rule(trouble=TROUBLE)
    def clock_strikes(self, trouble: str | None) -> None:
        with self.failing(trouble):
            tasks.send_refunds()
            tasks.read_unsettled()

    @rule(minutes=st.sampled_from([3, 65]))
    def wait(self, minutes: int) -> None:
        self.world.wait(minutes=minutes)
        with work() as session:
            expire_orders(session, at=clock.now())

    # -- what must hold

    @invariant()
    def never_more_back_than_came(self) -> None:
        with work() as session:
            assert session.scalars(select(Payment.code).where(Payment.refunded_fen > Payment.captured_fen)).all() == []

    @rule()
    def all_agree(self) -> None:
        """One run of reconciling, and the reactions: then the books are compared."""
        tasks.catch_up()
        outbox.deliver_all()
        for _ in range(3):  # what got no answer is asked again after a pause, and one refund of a payment goes after the other
            self.world.wait(minutes=3)
            tasks.send_refunds()
            tasks.catch_up()
            outbox.deliver_all()
        with work() as session:
            self.compare(session)

    def teardown(self) -> None:
        if hasattr(self, "before"):
            self.wallet_answers(succeeded=True)  # nothing of this example is left for the next one
            self.all_agree()

    def compare(self, session: Session) -> None:
        stuck = select(outbox.OutboxRow.reaction, outbox.OutboxRow.last_error).where(outbox.OutboxRow.state != outbox.Delivery.DONE)
        assert session.execute(stuck).all() == []
        mine = Payment.seller_id == self.seller_id
        payments = session.scalars(select(Payment).where(mine)).all()
        refunds: defaultdict[UUID, list[Refund]] = defaultdict(list)
        for refund in session.scalars(select(Refund).join(Payment).where(mine)):
            refunds[refund.payment_id].append(refund)
        receipts: defaultdict[UUID, list[Receipt]] = defaultdict(list)
        for receipt in session.scalars(select(Receipt).join(Payment, Payment.id == Receipt.payment_id).where(mine)):
            receipts[receipt.payment_id].append(receipt)
        self.compare_with_provider(payments, refunds)
        for payment in payments:
            compare_payment(payment, receipts[payment.id], refunds[payment.id])
        orders = session.scalars(select(Order).join(SubOrder).where(SubOrder.seller_id == self.seller_id)).all()
        for order in orders:
            part = order.sub_orders[0]
            own = [receipt for rows in receipts.values() for receipt in rows if receipt.sub_order_id == part.id]
            going = [refund for receipt in own for refund in refunds[receipt.payment_id] if refund.state is not RefundState.DONE]
            compare_order(session, order, own, going)
        standing = [order for order in orders if order.state not in ENDED]
        shelf = session.scalars(select(StockLot).where(StockLot.product_id == self.product_id)).one()
        promised = sum(line.quantity for order in standing for line in order.lines)
        assert (shelf.on_hand, shelf.held, shelf.allocated) == (BOXES, 0, promised)
        uses = session.scalars(select(CouponUse).join(Coupon).where(Coupon.code == self.coupon)).all()
        used = {use.order_code for use in uses if use.returned_at is None}
        assert used == {order.code for order in standing if any(line.discount_fen for line in order.lines)}
        spent = session.scalars(select(Coupon.spent_fen).where(Coupon.code == self.coupon)).one()
        assert spent == OFF * len(used) <= 2 * OFF

    def compare_with_provider(self, payments: Sequence[Payment], refunds: dict[UUID, list[Refund]]) -> None:
        """Drift 0: in each payment, and in all together."""
        there, online = self.world.cashier.gateway, [row for row in payments if row.provider is Provider.STRIPE]
        for payment in online:
            if payment.provider_reference is not None:
                truth = there.read(payment.provider_reference)
                said = (truth.captured_fen, truth.refunded_fen, truth.disputed_fen)
                assert (payment.captured_fen, payment.refunded_fen, payment.disputed_fen) == said
                known = {refund.provider_reference for refund in refunds[payment.id] if refund.state is not RefundState.FAILED}
                assert known == {made.reference for made in truth.refunds if made.status != "failed"}
        totals = self.world.twin.control("totals")
        assert totals["captured"] - self.before["captured"] == sum(payment.captured_fen for payment in online)
        assert totals["refunded"] - self.before["refunded"] == sum(payment.refunded_fen for payment in online)

    # -- small things

    @contextmanager
    def failing(self, mode: str | None) -> Iterator[None]:
        """The provider fails meanwhile; ``lost``: it does what it is asked, and the answers are lost."""
        if mode is not None:
            self.world.twin.control("fault", {"mode": mode, "times": 4, "path": "/v1/"})
        yield
        if mode is not None:
            self.world.twin.control("fault", {"mode": None})

    def payment(self, payment_id: UUID) -> Payment:
        with work() as session:
            return session.get_one(Payment, payment_id)

    def at_provider(self, payment_id: UUID, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Do something to a payment there; None when it cannot be done to this one now."""
        reference = self.payment(payment_id).provider_reference
        if reference is None:
            return None
        try:
            return self.world.twin.control(path.format(reference), body | ({} if "{}" in path else {"of": reference}))
        except AssertionError:
            return None


def compare_payment(payment: Payment, receipts: Sequence[Receipt], refunds: Sequence[Refund]) -> None:
    """Each captured fen is counted by an order or went back, not both; what could not go back waits for a person."""
    assert payment.refunded_fen == sum(refund.amount_fen for refund in refunds if refund.state is not RefundState.FAILED)
    counted = sum(receipt.used_fen - receipt.refunded_fen for receipt in receipts)
    going = sum(refund.amount_fen for refund in refunds if refund.state in GOING and not refund.unused)
    failed = sum(refund.amount_fen for refund in refunds if refund.state is RefundState.FAILED and refund.unused)
    assert payment.captured_fen - payment.refunded_fen == counted - going + failed


def compare_order(session: Session, order: Order, receipts: Sequence[Receipt], going: Sequence[Refund]) -> None:
    """Its money is what it counted; once ended it keeps none; the county was credited with what stayed."""
    assert order.paid_fen == sum(receipt.used_fen for receipt in receipts)
    assert order.refunded_fen == sum(receipt.refunded_fen for receipt in receipts)
    if order.state in ENDED:
        assert order.paid_fen - order.refunded_fen <= sum(refund.amount_fen for refund in going)
    if order.state is OrderState.PAID:
        assert order.paid_fen == order.total_fen
    credited = session.scalar(select(func.sum(SaleCredit.amount_fen)).where(SaleCredit.order_code == order.code)) or 0
    assert credited == (order.paid_fen - order.refunded_fen if order.paid_at else 0)


def run(world: World, *, examples: int, steps: int = 25, random: bool = False) -> None:
    """Run the machine in ``world``: the same examples each time, unless ``random``."""
    machine = type("Dealings", (Dealings,), {"world": world})
    options = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=not random, database=None,
        phases=(Phase.generate, Phase.shrink) if random else (Phase.generate,), suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False, print_blob=False,
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=options)


@pytest.mark.timeout(3600)
def test_whatever_happens_our_ledger_is_the_providers(world: World) -> None:
    run(world, examples=400 if world.whole else 3, steps=40 if world.whole else 20, random=world.whole)


# ---------------------------------------------------------------- it can fail: the same rules in a fixed order, with a guard and without


def refund_twice(story: Dealings) -> None:
    """A transfer is given back, and once more."""
    payment_id = story.start(story.order(0, 1, coupon=False), Provider.BANK_TRANSFER, None)
    story.transfer(payment_id, 100, again=True)
    story.react()
    story.give_back(payment_id, 100)
    story.give_back(payment_id, 50)
    story.never_more_back_than_came()


def hear_twice(story: Dealings) -> None:
    """Each webhook of a purchase comes twice."""
    story.buy(0, "card", heard=False)
    for which in range(3):
        story.hear(which, 2, None)
    story.all_agree()


def drop_all(story: Dealings) -> None:
    """Not one webhook of a purchase and of a refund made at the provider comes."""
    payment_id = story.buy(0, "card", heard=False)
    story.give_back_there(payment_id, 50)
    story.all_agree()


def refund_first(story: Dealings) -> None:
    """A refund made at the provider is heard of before the capture it belongs to."""
    payment_id = story.buy(0, "card", heard=False)
    story.give_back_there(payment_id, 50)
    tasks.catch_up()
    with work() as session:
        rows = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.state == outbox.Delivery.PENDING)).all()
    for row in sorted(rows, key=lambda row: row.event, reverse=True):
        assert outbox.deliver_one(row.id)
    story.all_agree()


def without_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    with work() as session:
        session.execute(text("ALTER TABLE payments_payment DROP CONSTRAINT ck_payments_payment_refund_within_captured"))
    monkeypatch.setattr(refunding, "_reserve", refunding._count)


def without_event_ids_and_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    def credulous(_payment: Payment, truth: ProviderPayment) -> int:
        return truth.captured_fen

    monkeypatch.setattr(reconciling, "take_notice", lambda *_, **__: True)
    monkeypatch.setattr(paying, "newly_captured", credulous)


def without_counting_earlier_refunds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "sum_done_refunds", lambda *_: 0)


def without_reconciling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "list_unknown", lambda *_: set())


@pytest.mark.parametrize(
    ("story", "off"),
    [
        (refund_twice, without_the_cap),
        (hear_twice, without_event_ids_and_comparison),
        (drop_all, without_reconciling),
        (refund_first, without_counting_earlier_refunds),
    ],
    ids=["the cap", "event ids and comparison", "reconciling", "earlier refunds"],
)
def test_with_a_guard_off_the_books_differ(
    world: World, monkeypatch: pytest.MonkeyPatch, story: Callable[[Dealings], None], off: Callable[[pytest.MonkeyPatch], None]
) -> None:
    story(begin(world))
    off(monkeypatch)
    with pytest.raises(AssertionError):
        story(begin(world))


def begin(world: World) -> Dealings:
    """A new shop in ``world``, its rules to be called one by one."""
    story = type("Dealings", (Dealings,), {"world": world})()
    story.open_shop()
    return story
