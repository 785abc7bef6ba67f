"""Random histories of splitting, merging, processing, packing, bringing to hubs, opening, sending out, taking back and losing, some of it
entered days later: nothing comes from nowhere, and no site ever holds less than nothing.

Three histories by default; forty under ``--faults``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, OrganizationKind
from kernel.errors import Conflict, Invalid
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import AT, make_household, make_organization, make_place, make_product
from tests.factories.lots import APPLES, activate, kg, make_delivery
from traceability.lots import accounting, balancing, mixing, processing, returning, reworking, splitting
from traceability.lots.models import Lot, LotEdge, LotMove, LotShare, LotYield, SiteAccount, SiteLot, TradeItem
from traceability.lots.queries import list_upstream_lots
from traceability.lots.reporting import Span, list_balances, list_recent_spans, list_standing
from traceability.lots.states import Flow, ItemState, LotKind, Step
from traceability.lots.transforming import EXACT_STEPS

STEPS = 45


class History:
    """One cooperative's lots, and a dice that decides what is done with them next."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session, self.dice, self.done, self.now = session, random.Random(seed), Counter[str](), AT
        cooperative = make_organization(session)
        self.product = make_product(session, cooperative, needs=[], pack_unit=Unit.KG, materials=[APPLES])
        self.households = [make_household(session, cooperative) for _ in range(4)]
        self.delivered = Decimal(0)
        for household in self.households:
            amount = kg(self.dice.randint(20, 90))
            self.delivered += amount.amount
            make_delivery(session, household, amount, at=AT + timedelta(hours=self.dice.randint(0, 30)))
        self.now = AT + timedelta(hours=30)
        self.hubs = [make_place(session, make_organization(session, OrganizationKind.HUB)).id for _ in range(2)]

    def loose(self) -> list[Lot]:
        return [lot for lot in self._lots() if lot.kind is not LotKind.PACK]

    def _lots(self) -> list[Lot]:
        lots = self.session.scalars(select(Lot).order_by(Lot.id).execution_options(populate_existing=True))
        return [lot for lot in lots if lot.left]

    def then(self) -> datetime | None:
        """Now, or what a phone says that was without a network."""
        return self.now - timedelta(hours=self.dice.randint(1, 70)) if self.dice.random() < 0.4 else None

    def where(self, lot: Lot) -> UUID | None:
        """A place where boxes of a lot lie."""
        held = select(SiteAccount.place_id).join(SiteLot).where(SiteLot.lot_id == lot.id, SiteLot.came > SiteLot.gone)
        return self.dice.choice(self.session.scalars(held.order_by(SiteAccount.id)).all())

    def some(self, lot: Lot) -> Quantity:
        """Mostly a part of what is left, sometimes more than that."""
        share = Decimal(self.dice.choice([10, 30, 50, 90, 100, 130])) / 100
        return kg((lot.left.amount * share).quantize(Decimal("0.001")) or 1)

    def serials(self, *states: ItemState) -> tuple[Lot, list[str]]:
        items = self.session.scalars(select(TradeItem).where(TradeItem.state.in_(states)).order_by(TradeItem.id)).all()
        first = self.dice.choice(items)
        same = [item.serial for item in items if item.lot_id == first.lot_id]
        return self.session.get_one(Lot, first.lot_id), self.dice.sample(same, min(len(same), self.dice.randint(1, 3)))

    def act(self) -> None:
        what = self.dice.choice(["split", "mix", "process", "rework", "pack", "open", "send", "bring", "return", "lose", "sample"])
        self.now += timedelta(hours=self.dice.randint(0, 40))
        try:
            with self.session.begin_nested():
                getattr(self, what if what == "pack" else f"_{what}")()
            self.done[what] += 1
        except (Conflict, Invalid, IndexError):
            self.done["refused"] += 1

    def _split(self) -> None:
        lot = self.dice.choice(self.loose())
        splitting.split_lot(self.session, SYSTEM, lot_id=lot.id, parts=[self.some(lot), kg("0.5")], at=self.now)

    def _mix(self) -> None:
        chosen = self.dice.sample(self.loose(), 2)
        inputs = [(lot.id, self.some(lot)) for lot in chosen]
        averaged = self.dice.random() < 0.3
        mixing.mix_lots(self.session, SYSTEM, inputs=inputs, material="混", averaged=averaged, happened_at=self.then(), at=self.now)

    def _process(self, step: Step = Step.SORTING) -> None:
        lot = self.dice.choice(self.loose())
        taken = self.some(lot)
        good = kg((taken.amount * self.dice.randint(50, 110) / 100).quantize(Decimal("0.001")))
        rest = kg((taken.amount / 20).quantize(Decimal("0.001")) or 1)
        outputs = [
            processing.OutputDraft("好果", good, Decimal("0.4"), Decimal(1)),
            processing.OutputDraft("次果", rest, Decimal(0), Decimal(1), by_product=True),
        ]
        processing.process_lot(
            self.session, SYSTEM, step=step, inputs=[(lot.id, taken)], outputs=outputs, place_id=None, at=self.now
        )

    def _rework(self) -> None:
        self._process(Step.REWORKING)

    def pack(self) -> None:
        boxes = self.dice.randint(1, 6)
        lot = processing.pack_lot(
            self.session, SYSTEM, lot_id=self.dice.choice(self.loose()).id, product_sku=self.product.sku, boxes=boxes,
            box=Quantity(self.product.pack_amount, self.product.pack_unit), expires_on=None, at=self.now,
        )  # fmt: skip
        activate(self.session, lot, at=self.now)

    def _open(self) -> None:
        lot, serials = self.serials(ItemState.ACTIVATED)
        reworking.open_boxes(
            self.session, SYSTEM, lot_id=lot.id, serials=serials, reason="标签印错", at=self.now, place_id=self.where(lot)
        )

    def _send(self) -> None:
        lot, serials = self.serials(ItemState.ACTIVATED, ItemState.SOLD)
        balancing.dispatch_items(self.session, lot.id, serials, self.now, place_id=self.where(lot))

    def _bring(self) -> None:
        lot = self.dice.choice([lot for lot in self._lots() if lot.kind is LotKind.PACK])
        accounting.move(
            self.session,
            lot,
            Decimal(self.dice.randint(1, 4)),
            self.now,
            from_place_id=self.where(lot),
            to_place_id=self.dice.choice(self.hubs),
        )

    def _return(self) -> None:
        lot, serials = self.serials(ItemState.SOLD)
        returning.take_back_items(self.session, SYSTEM, lot_id=lot.id, serials=serials, reason="拒收", at=self.now)

    def _lose(self, *, sample: bool = False) -> None:
        lot = self.dice.choice(self.loose())
        balancing.record_loss(
            self.session,
            SYSTEM,
            lot_id=lot.id,
            quantity=self.some(lot),
            reason="腐烂",
            sample=sample,
            happened_at=self.then(),
            at=self.now,
        )

    def _sample(self) -> None:
        self._lose(sample=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("seed", range(40 if metafunc.config.option.faults else 3))


def test_nothing_comes_from_nowhere(session: Session, seed: int) -> None:
    history = History(session, seed)
    history.pack()
    for _ in range(STEPS):
        history.act()
    assert history.done.total() == STEPS
    assert len(history.done) > 6, "most kinds of acts happened"
    lots = session.scalars(select(Lot).execution_options(populate_existing=True)).all()
    for lot in lots:
        assert min(lot.made, lot.used, lot.lost, lot.dispatched, lot.left.amount) >= 0
        assert session.scalar(select(func.sum(LotShare.share)).where(LotShare.lot_id == lot.id)) == 1
        by_step = select(LotEdge.event_id, LotEdge.quantity).where(LotEdge.from_lot_id == lot.id).distinct()
        assert sum(quantity for _, quantity in session.execute(by_step)) == lot.used
        if lot.kind is LotKind.PACK:
            _boxes_add_up(session, lot)
        assert {each.county_code for each in list_upstream_lots(session, lot.id)} <= {lot.county_code}
    left = sum((lot.left.amount for lot in lots if lot.kind is not LotKind.PACK), Decimal(0))
    boxes = sum((lot.left.amount + lot.dispatched for lot in lots if lot.kind is LotKind.PACK), Decimal(0))
    assert left + boxes * history.product.pack_amount <= history.delivered, "what is there and what left came from households"
    for kept in session.scalars(select(LotYield).where(LotYield.step.in_(EXACT_STEPS))):
        assert kept.given == kept.taken
    _books_close(session, lots, history.now)


def _books_close(session: Session, lots: Sequence[Lot], now: datetime) -> None:
    """Every site × material × month closes and begins where the last one ended; at no moment is less than nothing there; and the books say
    of each lot what the lot says of itself."""
    months = [Span.parse(text) for text in sorted(list_recent_spans(now + timedelta(days=31), months=8)[2:])]
    accounts = session.scalars(select(SiteAccount.id)).all()
    assert len(accounts) > 4
    for account_id in accounts:
        standing = Decimal(0)
        query = select(func.sum(LotMove.quantity)).where(LotMove.account_id == account_id)
        for change in session.scalars(query.group_by(LotMove.happened_at).order_by(LotMove.happened_at)):
            standing += change
            assert standing >= 0
        closing = Decimal(0)
        for month in months:
            for balance in list_balances(session, SiteAccount.id == account_id, month):
                assert balance.opening == closing
                closing = balance.closing
                assert closing == sum(line.quantity for line in list_standing(session, account_id, month.end, limit=1000))
                assert closing >= 0
        assert closing == standing
    for lot in lots:
        sums = select(LotMove.flow, func.sum(LotMove.quantity)).where(LotMove.lot_id == lot.id).group_by(LotMove.flow)
        moved = dict(session.execute(sums).all())
        gone = [-moved.get(flow, 0) for flow in (Flow.USED, Flow.LOST, Flow.DISPATCHED)]
        assert (moved.get(Flow.DELIVERED) or moved[Flow.MADE], gone) == (lot.made, [lot.used, lot.lost, lot.dispatched])
        assert session.scalar(select(func.sum(SiteLot.came - SiteLot.gone)).where(SiteLot.lot_id == lot.id)) == lot.left.amount


def _boxes_add_up(session: Session, lot: Lot) -> None:
    states = Counter(session.scalars(select(TradeItem.state).where(TradeItem.lot_id == lot.id)))
    gone = session.scalar(select(func.count()).where(TradeItem.lot_id == lot.id, TradeItem.sold_at.is_not(None)))
    assert states.total() == lot.made
    assert states[ItemState.ACTIVATED] == lot.left.amount
    assert gone == lot.dispatched, "a box that came back has left all the same"
