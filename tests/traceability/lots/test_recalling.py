"""A recall stops what is there and what is just being made."""

from __future__ import annotations

import threading
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from tests.factories.catalog import make_actor
from tests.factories.lots import kg, make_chain, make_lot
from traceability.events.queries import list_events_of_lot
from traceability.lots import balancing, processing, recalling
from traceability.lots.models import Lot
from traceability.lots.queries import is_blocked, list_marked_lots
from traceability.lots.states import RecallState, Step

AT = datetime.fromisoformat("2026-11-22T02:00:00+00:00")
DRY = processing.OutputDraft("苹果干", kg("0.2"), Decimal("0.1"), Decimal("0.25"))


def test_marking_stops_everything_downstream_and_nothing_else(session: Session, at: datetime) -> None:
    chain = make_chain(session)
    mark = recalling.mark_lots(session, SYSTEM, chain.carcass.code, "检出兽药残留", at)
    stopped = {lot.id for lot in list_marked_lots(session, mark.id)}
    assert stopped == {lot.id for lot in (chain.carcass, chain.leg, chain.trimmings, chain.frozen, chain.pack)}
    assert is_blocked(session, chain.pack.id)
    assert is_blocked(session, chain.hides.id) is None
    with pytest.raises(Conflict, match="不能投入"):
        processing.process_lot(
            session, SYSTEM, step=Step.FREEZING, inputs=[(chain.trimmings.id, kg(1))], outputs=[DRY], place_id=None, at=at
        )
    event = list_events_of_lot(session, chain.carcass.code)[-1]
    assert (event.biz_step, event.disposition) == ("holding", "recalled")


def test_a_lot_under_two_marks_moves_again_after_both_are_lifted(session: Session, at: datetime) -> None:
    chain = make_chain(session)
    first = recalling.mark_lots(session, SYSTEM, chain.live.code, "疫区核查", at, RecallState.HELD)
    second = recalling.mark_lots(session, SYSTEM, chain.frozen.code, "冷链断链", at)
    assert chain.pack.recall_state is RecallState.RECALLED
    recalling.lift(session, SYSTEM, second.code, "复检合格", at)
    assert chain.pack.recall_state is RecallState.HELD
    recalling.lift(session, SYSTEM, first.code, "核查无误", at)
    assert chain.pack.recall_state is RecallState.NONE
    with pytest.raises(Conflict, match="已经解除"):
        recalling.lift(session, SYSTEM, first.code, "再来一次", at)


def test_who_may(session: Session, at: datetime) -> None:
    chain = make_chain(session)
    with pytest.raises(Forbidden):
        recalling.mark_lots(session, make_actor(session, Role.clerk), chain.live.code, "别人的批次", at)
    with pytest.raises(Invalid):
        recalling.mark_lots(session, chain.clerk, chain.live.code, "  ", at)
    mark = recalling.mark_lots(session, chain.clerk, chain.live.code, "自查发现问题", at)
    with pytest.raises(Forbidden):
        recalling.lift(session, chain.clerk, mark.code, "没事了", at)
    recalling.lift(session, make_actor(session, Role.county_officer), mark.code, "复检合格", at)


def race(lot_id: UUID, lot_code: str) -> list[str]:
    """Start a recall, let somebody process the lot before it commits, and tell what became of that."""
    marked, done = threading.Event(), []

    def process() -> None:
        marked.wait(10)
        try:
            with work() as session:
                processing.process_lot(
                    session, SYSTEM, step=Step.DRYING, inputs=[(lot_id, kg(1))], outputs=[DRY], place_id=None, at=AT
                )
            done.append("slipped")
        except Conflict:
            done.append("refused")

    worker = threading.Thread(target=process)
    worker.start()
    with work() as session:
        recalling.mark_lots(session, SYSTEM, lot_code, "检出农药残留", AT)
        marked.set()
        worker.join(1.0)
        assert done == [], "the worker must wait for the recall"
    worker.join(10)
    return done


def make_committed() -> tuple[UUID, str]:
    with work() as session:
        lot = make_lot(session, kg(20))
        return lot.id, lot.code


def test_nothing_slips_between_a_recall_and_its_commit(database: str) -> None:
    assert race(*make_committed()) == ["refused"]


def test_without_the_lock_it_slips(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lot = make_committed()
    unlocked: Any = lambda session, ids: session.scalars(select(Lot).where(Lot.id.in_(ids))).all()  # noqa: E731
    monkeypatch.setattr(balancing, "_locked", unlocked)
    assert race(*lot) == ["slipped"]


def test_a_lot_that_is_just_being_made_is_stopped_too(database: str) -> None:
    lot_id, code = make_committed()
    made: list[UUID] = []
    marking = threading.Event()

    def recall() -> None:
        with work() as session:
            marking.set()
            recalling.mark_lots(session, SYSTEM, code, "检出农药残留", AT)

    worker = threading.Thread(target=recall)
    with work() as session:
        (child,) = processing.process_lot(
            session, SYSTEM, step=Step.DRYING, inputs=[(lot_id, kg(1))], outputs=[DRY], place_id=None, at=AT
        )
        made.append(child.id)
        worker.start()
        marking.wait(10)
        worker.join(0.5)
        assert worker.is_alive(), "the recall waits for the lot's row"
    worker.join(10)
    with work() as session:
        assert session.get_one(Lot, made[0]).recall_state is RecallState.RECALLED
