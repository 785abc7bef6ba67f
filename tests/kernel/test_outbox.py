"""News is written with the business rows, delivered once, tried again, parked at last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from kernel import clock, outbox
from kernel.db import reading, work
from kernel.outbox import Delivery, Event, OutboxRow, deliver_all, deliver_one, list_due, publish, react, retry_parked


@dataclass(frozen=True)
class Rang(Event):
    bell: str
    at: datetime


heard: list[str] = []
broken: list[bool] = []


def listen(session: Session, event: Rang) -> None:
    if broken:
        raise RuntimeError("ear ache")
    assert event.at.tzinfo is not None
    heard.append(event.bell)


@pytest.fixture(autouse=True)
def one_reaction(bound: None) -> Iterator[None]:
    react(Rang, listen)
    heard.clear()
    broken.clear()
    yield
    outbox._reactions.pop("Rang", None)


def ring(bell: str = "east") -> None:
    with work() as session:
        publish(session, Rang(bell, clock.now()))


def rows() -> list[OutboxRow]:
    with reading() as session:
        return list(session.scalars(select(OutboxRow)))


def test_a_reaction_runs_once() -> None:
    ring()
    assert deliver_all() == 1
    assert deliver_all() == 0
    assert heard == ["east"]
    assert deliver_one(rows()[0].id)
    assert heard == ["east"]


def test_rolled_back_news_never_was() -> None:
    with pytest.raises(ZeroDivisionError), work() as session:
        publish(session, Rang("east", clock.now()))
        1 / 0  # noqa: B018
    assert rows() == []


def test_a_failing_reaction_waits_and_is_parked_at_last() -> None:
    ring()
    broken.append(True)
    row_id = rows()[0].id
    assert not deliver_one(row_id)
    row = rows()[0]
    assert (row.tries, row.state) == (1, Delivery.PENDING)
    assert "ear ache" in (row.last_error or "")
    with reading() as session:
        assert list_due(session, at=clock.now()) == []
        assert list_due(session, at=clock.now() + timedelta(seconds=3)) == [row_id]
    for _ in range(outbox.MAX_TRIES - 1):
        deliver_one(row_id)
    assert rows()[0].state is Delivery.PARKED
    broken.clear()
    with work() as session:
        retry_parked(session, row_id)
    deliver_one(row_id)
    assert heard == ["east"]


def test_without_the_state_check_a_reaction_would_run_twice() -> None:
    """The guard switched off: a row put back to pending is delivered again."""
    ring()
    deliver_all()
    with work() as session:
        session.execute(update(OutboxRow).values(state=Delivery.PENDING))
    deliver_all()
    assert heard == ["east", "east"]


def test_hints_are_sent_after_the_commit_only() -> None:
    hints: list[object] = []
    outbox.wake_with(hints.append)
    try:
        with work() as session:
            publish(session, Rang("west", clock.now()))
            assert hints == []
        assert len(hints) == 1
    finally:
        outbox.wake_with(None)


def test_a_failure_is_told_without_what_people_typed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database refused may carry names and phones; log and back office keep the rule that was broken."""
    session.execute(text("CREATE TEMPORARY TABLE seats (who text CONSTRAINT uq_seats_who UNIQUE)"))

    def sit(open_session: Session, _event: Rang) -> None:
        open_session.execute(text("INSERT INTO seats VALUES (:a), (:a)"), {"a": "13800138000"})

    monkeypatch.setitem(outbox._by_name, next(name for name in outbox._by_name if name.startswith("Rang>")), (Rang, sit))
    ring()
    deliver_one(rows()[0].id)
    told = rows()[0].last_error or ""
    assert "uq_seats_who" in told
    assert "13800138000" not in told


def test_news_long_done_is_let_go_and_parked_news_is_not(session: Session) -> None:
    ring()
    deliver_all()
    ring("west")
    session.execute(update(OutboxRow).where(OutboxRow.state == Delivery.PENDING).values(state=Delivery.PARKED))
    outbox.forget_done(session, before=clock.now() + timedelta(days=1))
    assert [(row.state, row.body["bell"]) for row in rows()] == [(Delivery.PARKED, "west")]
