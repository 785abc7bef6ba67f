"""The balance holds: under concurrency, at dispatch, and not without its guards."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.models import Document, DocumentKind
from catalog.parties.models import SYSTEM
from kernel.db import work
from kernel.errors import Conflict, Invalid
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import make_product
from tests.factories.lots import kg, make_chain, make_lot, make_lot_papers, make_pack_lot
from traceability.events.queries import list_events_of_lot
from traceability.lots import accounting, balancing, mixing, processing, recalling, serialising
from traceability.lots.gating import find_missing_papers
from traceability.lots.models import Lot, LotEdge, LotShare, TradeItem
from traceability.lots.states import ItemState, Step

DRY = processing.OutputDraft("苹果干", kg("0.2"), Decimal("0.1"), Decimal("0.25"))


def dry_in_parallel(lot_id: UUID, tries: int = 50) -> int:
    """So many clerks dry one kilogram each at the same time; how many could."""

    def one(_: int) -> int:
        try:
            with work() as session:
                processing.process_lot(
                    session, SYSTEM, step=Step.DRYING, inputs=[(lot_id, kg(1))], outputs=[DRY], place_id=None, at=AT
                )
        except (Conflict, IntegrityError):
            return 0
        return 1

    with ThreadPoolExecutor(10) as pool:
        return sum(pool.map(one, range(tries)))


AT = datetime.fromisoformat("2026-11-22T02:00:00+00:00")


def make_twenty() -> UUID:
    with work() as session:
        return make_lot(session, kg(20)).id


def left(lot_id: UUID) -> Decimal:
    with work() as session:
        return session.get_one(Lot, lot_id).left.amount


def test_of_fifty_outputs_at_once_exactly_what_fits_is_accepted(database: str) -> None:
    lot_id = make_twenty()
    assert dry_in_parallel(lot_id) == 20
    assert left(lot_id) == 0
    with work() as session:
        assert session.scalar(select(func.sum(LotEdge.quantity)).where(LotEdge.from_lot_id == lot_id)) == 20


def test_each_guard_alone_holds_and_without_any_the_lot_is_overdrawn(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_read = lambda session, ids: session.scalars(select(Lot).where(Lot.id.in_(ids))).all()  # noqa: E731
    monkeypatch.setattr(balancing, "_locked", plain_read)
    lot_id = make_twenty()
    assert dry_in_parallel(lot_id) == 20, "the conditional UPDATE must hold without the lock"
    monkeypatch.setattr(balancing, "_enough", lambda quantity: true())
    lot_id = make_twenty()
    assert dry_in_parallel(lot_id) == 20, "the CHECK must hold by itself"
    with work() as session:
        session.execute(text("ALTER TABLE lots_lot DROP CONSTRAINT ck_lots_lot_balance"))
    lot_id = make_twenty()
    assert dry_in_parallel(lot_id) == 20, "the books of the site refuse what is not there"
    monkeypatch.setattr(accounting, "_is_there", lambda amount, at: true())
    lot_id = make_twenty()
    assert dry_in_parallel(lot_id) == 20, "and so does their CHECK"
    with work() as session:
        session.execute(text("ALTER TABLE lots_site_lot DROP CONSTRAINT ck_lots_site_lot_balance"))
    lot_id = make_twenty()
    assert dry_in_parallel(lot_id) == 50
    assert left(lot_id) == -30


def test_random_histories_keep_balance_and_shares(session: Session) -> None:
    rng = random.Random(20261122)
    lots = [make_lot(session, kg(rng.randint(5, 50))) for _ in range(4)]
    owner = lots[0].organization_id
    for lot in lots:
        lot.organization_id = owner  # one cooperative, so that they may be poured together
    session.flush()
    for _ in range(60):
        chosen = rng.sample(lots, rng.choice([1, 1, 2]))
        inputs = [(lot.id, kg(rng.randint(1, 12))) for lot in chosen]
        try:
            with session.begin_nested():
                lots += _step(session, rng, inputs)
        except Conflict:
            continue
    for lot in session.scalars(select(Lot).execution_options(populate_existing=True)):
        assert lot.made - lot.used - lot.lost - lot.dispatched >= 0
        by_step = select(LotEdge.event_id, LotEdge.quantity).where(LotEdge.from_lot_id == lot.id).distinct()
        assert sum(quantity for _, quantity in session.execute(by_step)) == lot.used
        assert session.scalar(select(func.sum(LotShare.share)).where(LotShare.lot_id == lot.id)) == 1
    assert len(lots) > 20


def _step(session: Session, rng: random.Random, inputs: list[tuple[UUID, Quantity]]) -> list[Lot]:
    whole = sum(quantity.amount for _, quantity in inputs)
    kind = rng.choice(["mix", "split", "loss"])
    if kind == "mix":
        return [mixing.mix_lots(session, SYSTEM, inputs=inputs, material="混", at=AT)]
    if kind == "loss":
        balancing.record_loss(session, SYSTEM, lot_id=inputs[0][0], quantity=inputs[0][1], reason="腐烂", at=AT)
        return []
    part = (whole * rng.randint(1, 9) / 10).quantize(Decimal("0.000001"))
    one = processing.OutputDraft("甲", kg(part), Decimal(0), Decimal(1))
    other = processing.OutputDraft("乙", kg(whole - part), Decimal(0), Decimal(1), by_product=True)
    return processing.process_lot(session, SYSTEM, step=Step.SORTING, inputs=inputs, outputs=[one, other], place_id=None, at=AT)


def test_dispatch_counts_boxes_out_and_says_so(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=5)
    balancing.dispatch_items(session, chain.pack.id, chain.serials[:2], at)
    assert chain.pack.left == Quantity(Decimal(3), Unit.BOX)
    assert [item.state for item in chain.items] == [ItemState.SOLD] * 2 + [ItemState.ACTIVATED] * 3
    event = list_events_of_lot(session, chain.pack.code)[-1]
    assert (event.biz_step, event.action, len(event.body["epcList"])) == ("shipping", "OBSERVE", 2)
    serialising.receive_items(session, lot_id=chain.pack.id, serials=chain.serials[:1], at=at)
    with pytest.raises(Conflict, match="已签收"):
        balancing.dispatch_items(session, chain.pack.id, chain.serials[:1], at)


def test_dispatch_refuses_what_must_not_leave(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=5)
    other = make_pack_lot(session, boxes=1)
    strange = session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == other.id)).one()
    with pytest.raises(Invalid, match="不属于批次"):
        balancing.dispatch_items(session, chain.pack.id, [strange], at)
    with pytest.raises(Invalid, match="只扫一次"):
        balancing.dispatch_items(session, chain.pack.id, [chain.serials[0]] * 2, at)
    late = at + timedelta(days=366)
    with pytest.raises(Conflict, match="已过保质期"):
        balancing.dispatch_items(session, chain.pack.id, chain.serials[:1], late)
    mark = recalling.mark_lots(session, SYSTEM, chain.live.code, "检出兽药残留", at)
    with pytest.raises(Conflict, match="已召回"):
        balancing.dispatch_items(session, chain.pack.id, chain.serials[:1], at)
    recalling.lift(session, SYSTEM, mark.code, "复检合格", at)
    balancing.dispatch_items(session, chain.pack.id, chain.serials[:1], at)


def test_a_box_whose_label_is_not_activated_stays(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=1, activated=False)
    with pytest.raises(Conflict, match="已生成"):
        balancing.dispatch_items(session, chain.pack.id, chain.serials, at)
    with pytest.raises(Conflict, match="已生成"):
        serialising.activate_items(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials, at=at)
    serialising.mark_printed(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials, at=at)
    serialising.activate_items(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials, at=at)
    balancing.dispatch_items(session, chain.pack.id, chain.serials, at)


def test_meat_without_quarantine_or_inspection_stays(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=1, papers=False)
    with pytest.raises(Conflict, match=r"缺少动物检疫合格证明.*缺少肉品品质检验合格证"):
        balancing.dispatch_items(session, chain.pack.id, chain.serials, at)
    assert chain.pack.dispatched == 0


def test_a_paper_revoked_since_counts_no_more_and_one_run_out_since_does(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=2)
    later = at + timedelta(days=40)
    paper = session.scalars(select(Document).where(Document.subject_code == chain.live.code)).one()
    paper.valid_to = at.date()
    session.flush()
    balancing.dispatch_items(session, chain.pack.id, chain.serials[:1], later)
    issuing.revoke_document(session, SYSTEM, document_id=paper.id, reason="伪造", at=later)
    with pytest.raises(Conflict, match="缺少动物检疫合格证明"):
        balancing.dispatch_items(session, chain.pack.id, chain.serials[1:], later)


def test_the_search_for_papers_asks_no_household_by_itself(session: Session, at: datetime, count_queries: Any) -> None:
    asked = []
    for sheep in (2, 9):
        chain = make_chain(session, sheep=[1] * sheep, boxes=1, papers=False)
        session.expire_all()
        with count_queries() as queries:
            assert len(find_missing_papers(session, chain.pack, at.date())) == 2
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_a_fruit_lot_needs_its_own_promise_certificate(session: Session, at: datetime) -> None:
    product = make_product(session, needs=[DocumentKind.PROMISE_CERTIFICATE], name="静宁苹果", category="水果")
    lot = make_pack_lot(session, product, boxes=1, papers=False)
    serials = list(session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == lot.id)))
    with pytest.raises(Conflict, match="缺少承诺达标合格证"):
        balancing.dispatch_items(session, lot.id, serials, at)
    make_lot_papers(session, product, lot)
    balancing.dispatch_items(session, lot.id, serials, at)


def test_a_certificate_passes_on_to_boxes_of_one_lot_but_not_through_mixing(session: Session, at: datetime) -> None:
    product = make_product(session, needs=[DocumentKind.PROMISE_CERTIFICATE], name="静宁苹果", category="水果")
    single = make_pack_lot(session, product, boxes=1, papers=False)
    mixed = make_pack_lot(session, product, boxes=2, households=2, papers=False)
    for lot in (single, mixed):
        for edge in session.scalars(select(LotEdge).where(LotEdge.to_lot_id == lot.id)).all():
            parent = session.get_one(Lot, edge.from_lot_id)
            for upper in session.scalars(select(LotEdge.from_lot_id).where(LotEdge.to_lot_id == parent.id)).all() or [parent.id]:
                make_lot_papers(session, product, session.get_one(Lot, upper))
    serial = {
        lot.id: session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == lot.id)).first() for lot in (single, mixed)
    }
    balancing.dispatch_items(session, single.id, [str(serial[single.id])], at)
    with pytest.raises(Conflict, match="缺少承诺达标合格证"):
        balancing.dispatch_items(session, mixed.id, [str(serial[mixed.id])], at)


def test_with_the_paper_guard_off_a_lot_without_papers_leaves(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = make_chain(session, boxes=1, papers=False)
    monkeypatch.setattr(balancing, "find_missing_papers", lambda *_: [])
    balancing.dispatch_items(session, chain.pack.id, chain.serials, at)
    assert session.scalars(select(Document).where(Document.kind == DocumentKind.ANIMAL_QUARANTINE)).all() == []
    assert chain.pack.dispatched == 1


def test_loss_of_boxes_names_them(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=3)
    one = Quantity(Decimal(1), Unit.BOX)
    with pytest.raises(Invalid, match="请写明是哪几盒"):
        balancing.record_loss(session, SYSTEM, lot_id=chain.pack.id, quantity=one, reason="抽样送检", at=at)
    balancing.record_loss(session, SYSTEM, lot_id=chain.pack.id, quantity=one, reason="抽样送检", serials=chain.serials[:1], at=at)
    assert (chain.pack.lost, chain.items[0].state) == (Decimal(1), ItemState.VOID)
    with pytest.raises(Invalid, match="原因"):
        balancing.record_loss(session, SYSTEM, lot_id=chain.leg.id, quantity=kg(1), reason=" ", at=at)
    with pytest.raises(Invalid, match="按“千克”计量"):
        balancing.record_loss(session, SYSTEM, lot_id=chain.hides.id and chain.frozen.id, quantity=one, reason="x", at=at)
