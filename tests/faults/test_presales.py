"""kill -9 at every step of a harvest, from the orders to the last boxes or the money's way back: no promise and no box is lost or counted twice.

Each stage runs in a process of its own that dies at one step, then it is done again, as the clerk and the clock would. In another round
the database ends the process's connections instead. Sampled: the middle of each stage; every step under ``./shanhai test --faults``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from catalog.parties.models import SYSTEM
from catalog.products.models import Product
from kernel import outbox
from kernel.db import work
from kernel.errors import Conflict
from logistics.shipments.models import Shipment
from logistics.stock.announcing import end
from logistics.stock.preselling import serve
from logistics.stock.queries import available
from logistics.stock.receiving import receive_pack_lot
from shop import wiring
from shop.cases.models import Case, CaseSubject
from shop.orders.models import Order
from shop.orders.placing import place_order
from shop.orders.states import OrderState
from shop.payments.models import Refund
from tests.concurrency.test_presales import sums
from tests.factories.catalog import AT, make_actor
from tests.factories.logistics import make_hub, make_presale
from tests.factories.lots import make_pack_lot
from tests.factories.shop import make_draft_order, pay
from tests.faults.dying import cut_off, die, run

CAME = 5
WANTED = {"first": 3, "large": 4, "small": 2}


class Harvest:
    """A pre-sale with three orders in the order of payment, of which five boxes come. Each stage may be done again."""

    def __init__(self, number: int) -> None:
        with work() as session:
            presale = make_presale(session, boxes=20)
            product = session.get_one(Product, presale.product_id)
            self.code, self.sku, self.product_id = presale.code, product.sku, product.id
            self.buyer, self.hub = make_actor(session), make_hub(session).id
            self.lot = make_pack_lot(session, product, boxes=CAME).id
        self.keys = {name: f"harvest-{number}-{name}" for name in WANTED}

    def order(self) -> None:
        for name, boxes in WANTED.items():
            with work() as session:
                draft = make_draft_order({self.sku: boxes}, checkout_key=self.keys[name], presale=self.code)
                order = place_order(session, self.buyer, draft, at=AT)
                if order.paid_at is None:
                    pay(session, order)

    def arrive(self) -> None:
        with work() as session:
            try:
                receive_pack_lot(session, SYSTEM, self.lot, self.hub, CAME, AT)
            except Conflict:
                serve(session, self.code, AT)  # it had come in already; the clock looks again

    def react(self) -> None:
        with work() as session:  # the pause after a failed try has passed
            session.execute(update(outbox.OutboxRow).values(not_before=AT))
        outbox.deliver_all()

    def fail(self) -> None:
        with work() as session:
            try:
                end(session, SYSTEM, self.code, note="霜冻", at=AT)
            except Conflict:
                return  # it had ended already

    def settle(self) -> None:
        self.react()

    @property
    def stages(self) -> list[Callable[[], None]]:
        return [self.order, self.arrive, self.react, self.fail, self.settle]

    def check(self) -> None:
        """Everybody got what they are owed, once."""
        assert sums(self.code) == (5, 5)
        with work() as session:
            orders = {
                name: session.scalars(select(Order).where(Order.checkout_key == key)).one() for name, key in self.keys.items()
            }
            states = {name: order.state for name, order in orders.items()}
            assert states == {"first": OrderState.PAID, "large": OrderState.CANCELLED, "small": OrderState.PAID}
            for name in WANTED:
                shipped = session.scalars(select(Shipment.id).where(Shipment.order_code == orders[name].code)).all()
                assert len(shipped) == (0 if name == "large" else 1)
            back = session.execute(
                select(Refund.amount_fen).where(Refund.request_key.like(f"closed:{orders['large'].code}:%"))
            ).all()
            assert [amount for (amount,) in back] == [orders["large"].total_fen]
            assert available(session, [self.product_id], AT) == {self.product_id: 0}
            about = select(Case.id).join(CaseSubject, CaseSubject.case_id == Case.id).where(CaseSubject.code == self.code)
            assert len(session.scalars(about).all()) == 1


def live(url: str, number: int, ends: int, step: int | None, ending: Callable[[], None]) -> int:
    """A whole harvest in which the process of one stage is ended at ``step`` (None: never), which is then done again.

    Returns the stage's steps, 0 when it was killed.
    """
    harvest, counted = Harvest(number), 0
    for place, stage in enumerate(harvest.stages):
        if place == ends:
            whole, counted = run(url, stage, last=step, end=ending)
            assert whole or step is not None
            if step is None:
                continue
        stage()
    harvest.check()
    return counted


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("ending", [die, cut_off], ids=["killed", "cut off"])
def test_a_harvest_survives_any_death(
    database: str, quiet: None, request: pytest.FixtureRequest, ending: Callable[[], None]
) -> None:
    wiring.register()
    numbers = itertools.count()
    for ends in range(5):
        steps = live(database, next(numbers), ends, None, ending)
        assert steps > 4, "the stage was watched"
        for step in range(1, steps + 1) if request.config.getoption("--faults") else [steps // 2]:
            live(database, next(numbers), ends, step, ending)
