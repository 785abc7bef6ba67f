"""Many buyers at once on a real, committed database: never more sold than there was, and what each of the three guards is worth.

Guards are switched off from here only: the lock and the condition by replacing the two functions of ``logistics/stock/guarding.py``,
the CHECK by dropping it in this test's own database. No setting and no route can do that.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import ColumnElement, select, text, true
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel import db
from kernel.db import work
from logistics.stock import guarding, receiving
from logistics.stock.dispatching import dispatch
from logistics.stock.guarding import change
from logistics.stock.holding import hold, release
from logistics.stock.models import Allocation, StockLot
from logistics.stock.queries import count_dispatched, list_moves
from logistics.stock.receiving import discard_boxes, open_boxes, receive_pack_lot, take_back_boxes
from logistics.stock.reserving import OutOfStock, allocate, deallocate
from tests.factories.catalog import AT, make_product
from tests.factories.logistics import lot_of, make_hub, make_serials, make_stock
from tests.factories.lots import make_pack_lot

BUYERS = 200
NOT_OVERSOLD = "ALTER TABLE stock_lot DROP CONSTRAINT ck_stock_lot_not_oversold"


def prepare(*boxes: int) -> list[UUID]:
    """Products with so many boxes each; returns their keys."""
    with work() as session:
        return [make_stock(session, make_product(session), boxes=count).product_id for count in boxes]


def counters() -> list[tuple[int, int, int]]:
    """(on hand, held, allocated) of every stock row, beside what allocations say."""
    with work() as session:
        rows = session.scalars(select(StockLot).order_by(StockLot.id)).all()
        for row in rows:
            promised = session.scalars(select(Allocation.quantity).where(Allocation.stock_lot_id == row.id)).all()
            assert sum(promised) == row.allocated
        return [(row.on_hand, row.held, row.allocated) for row in rows]


def buy(number: int, *products: UUID) -> str:
    """One checkout: what it ended with."""
    try:
        with work() as session:
            lines = [(f"L-{number}-{place}", product, 1) for place, product in enumerate(products)]
            allocate(session, f"ORD-{number}", lines, AT)
        return "sold"
    except OutOfStock:
        return "refused"
    except Exception as error:
        return repr(error)


def all_at_once(count: int, act: Callable[[int], str], threads: int = 40) -> Counter[str]:
    """Run ``act`` for 0 … count - 1 on many connections, starting together."""
    barrier = threading.Barrier(threads)

    def started(number: int) -> str:
        if number < threads:
            barrier.wait(30)
        return act(number)

    with ThreadPoolExecutor(threads) as pool:
        return Counter(pool.map(started, range(count)))


def test_200_buyers_for_50_boxes(database: str) -> None:
    (product,) = prepare(50)
    assert all_at_once(BUYERS, lambda number: buy(number, product)) == {"sold": 50, "refused": 150}
    assert counters() == [(50, 0, 50)]


def _buy_in_a_process(url: str, first: int, count: int, product: UUID, results: multiprocessing.Queue[Counter[str]]) -> None:
    db.connect(url, pool_size=25)
    results.put(all_at_once(count, lambda number: buy(first + number, product), threads=25))


def test_four_processes_with_100_connections(database: str) -> None:
    (product,) = prepare(50)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_buy_in_a_process, args=(database, 1000 * n, 50, product, results)) for n in range(4)]
    for process in processes:
        process.start()
    outcome = sum((results.get(timeout=90) for _ in processes), Counter())
    for process in processes:
        process.join(30)
    assert outcome == {"sold": 50, "refused": 150}
    assert counters() == [(50, 0, 50)]


def rounds(request: pytest.FixtureRequest) -> int:
    """50 under --faults, 2 otherwise."""
    return 50 if request.config.getoption("--faults") else 2


def test_two_products_in_opposite_order_do_not_deadlock(database: str, request: pytest.FixtureRequest) -> None:
    for _ in range(rounds(request)):
        one, two = prepare(100, 100)
        outcome = all_at_once(500, lambda number, one=one, two=two: buy(number, *((one, two) if number % 2 else (two, one))))
        assert outcome == {"sold": 100, "refused": 400}
        assert counters()[-2:] == [(100, 0, 100), (100, 0, 100)]
        with work() as session:
            for number in range(500):
                deallocate(session, f"ORD-{number}")


@pytest.fixture
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock forgotten."""
    monkeypatch.setattr(guarding, "in_key_order", lambda query: query.order_by(StockLot.id))


@pytest.fixture
def unconditional(monkeypatch: pytest.MonkeyPatch) -> None:
    """The condition of the UPDATE forgotten."""
    monkeypatch.setattr(guarding, "covers", lambda *_: true())


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two buyers both read the shelf before either writes: the worst moment, made certain."""
    both = threading.Barrier(2)
    plain = guarding.list_movable

    def waiting(*args: object) -> set[UUID]:
        both.wait(20)
        return plain(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("logistics.stock.reserving.list_movable", waiting)


@pytest.mark.usefixtures("unconditional")
def test_the_lock_alone_holds_too(database: str) -> None:
    (product,) = prepare(20)
    with work() as session:
        session.execute(text(NOT_OVERSOLD))
    assert all_at_once(60, lambda number: buy(number, product)) == {"sold": 20, "refused": 40}


@pytest.mark.usefixtures("unlocked", "together")
def test_without_the_lock_the_condition_still_holds(database: str) -> None:
    (product,) = prepare(1)
    assert all_at_once(2, lambda number: buy(number, product), threads=2) == {"sold": 1, "refused": 1}
    assert counters() == [(1, 0, 1)]


@pytest.mark.usefixtures("unlocked", "unconditional", "together")
def test_without_lock_and_condition_the_check_refuses(database: str) -> None:
    (product,) = prepare(1)
    outcome = all_at_once(2, lambda number: buy(number, product), threads=2)
    assert outcome.pop("sold") == 1
    (error,) = outcome
    assert "ck_stock_lot_not_oversold" in error
    assert counters() == [(1, 0, 1)]


@pytest.mark.usefixtures("unlocked", "unconditional", "together")
def test_without_all_three_the_shelf_is_oversold(database: str) -> None:
    (product,) = prepare(1)
    with work() as session:
        session.execute(text(NOT_OVERSOLD))
    assert all_at_once(2, lambda number: buy(number, product), threads=2) == {"sold": 2}
    assert counters() == [(1, 0, 2)]


@pytest.mark.usefixtures("unconditional")
def test_the_check_alone_also_refuses_negative_counters(database: str) -> None:
    prepare(1)
    with pytest.raises(IntegrityError), work() as session:
        change(session, session.scalars(select(StockLot.id)).one(), allocated=-1)


def test_holds_and_orders_race(database: str) -> None:
    (product,) = prepare(40)

    def act(number: int) -> str:
        if number % 2:
            return buy(number, product)
        try:
            with work() as session:
                hold(session, f"b-{number}", {product: 1}, AT + timedelta(minutes=5), AT)
            return "held"
        except Exception as error:
            return type(error).__name__

    outcome = all_at_once(120, act)
    ((on_hand, held, allocated),) = counters()
    assert (on_hand, held + allocated) == (40, 40)
    assert (outcome["held"], outcome["sold"]) == (held, allocated)
    assert set(outcome) <= {"held", "sold", "refused", "Conflict", "OutOfStock"}


def test_the_same_order_cancelled_many_times_frees_once(database: str) -> None:
    (product,) = prepare(10)
    buy(1, product)

    def cancel(_: int) -> str:
        with work() as session:
            return str(deallocate(session, "ORD-1"))

    assert all_at_once(20, cancel, threads=20) == {"1": 1, "0": 19}
    assert counters() == [(10, 0, 0)]


def test_one_lot_arrives_at_two_places_at_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have written a shelf row that refers to the lot before either locks the lot: neither may wait for the other for ever."""
    with work() as session:
        lot_id, places = make_pack_lot(session, boxes=10).id, [make_hub(session).id for _ in range(2)]
    both, lock = threading.Barrier(2), receiving.lock_stock

    def lock_together(session: Session, condition: ColumnElement[bool]) -> Sequence[StockLot]:
        both.wait(20)
        return lock(session, condition)

    def receive(number: int) -> str:
        try:
            with work() as session:
                receive_pack_lot(session, SYSTEM, lot_id, places[number], 5, AT)
            return "received"
        except OperationalError as error:
            return type(error.orig).__name__

    monkeypatch.setattr(receiving, "lock_stock", lock_together)
    assert all_at_once(2, receive, threads=2) == {"received": 2}


def test_after_random_histories_shelf_plus_dispatched_is_the_lot(database: str) -> None:
    with work() as session:
        lot = make_pack_lot(session, boxes=60)
        places = [make_hub(session).id for _ in range(2)]
        stocks = [receive_pack_lot(session, SYSTEM, lot.id, place, 30, AT).id for place in places]
        product, serials = (
            session.get_one(StockLot, stocks[0]).product_id,
            iter(make_serials(session, session.get_one(StockLot, stocks[0]), 60)),
        )
    taking = threading.Lock()

    def act(number: int) -> str:
        dice = Random(number)
        try:
            with work() as session:
                if number % 5 == 0:
                    with taking:
                        serial = next(serials)
                    if number % 10 == 0:
                        discard_boxes(session, SYSTEM, dice.choice(stocks), [serial], "抽检", AT)
                        return "discarded"
                    open_boxes(session, SYSTEM, dice.choice(stocks), [serial], "标签印错", AT)
                    return "opened"
                if number % 5 == 1:
                    hold(session, f"b-{dice.randrange(3)}", {product: dice.randrange(3)}, AT + timedelta(minutes=1), AT)
                    return "held"
                if number % 5 == 2:
                    release(session, f"b-{dice.randrange(3)}")
                    return "released"
                (allocation, *_) = allocate(session, f"ORD-{number}", [(f"L-{number}", product, 1)], AT)
                if number % 5 == 3:
                    deallocate(session, f"ORD-{number}")
                    return "cancelled"
            with taking:
                serial = next(serials)
            with work() as session:
                place = session.get_one(StockLot, allocation.stock_lot_id).place_id
                dispatch(session, SYSTEM, place, {f"L-{number}": [serial]}, AT)
            if number % 2:
                with work() as session:
                    take_back_boxes(session, SYSTEM, allocation.stock_lot_id, [serial], "拒收", AT)
            return "dispatched"
        except Exception as error:
            return type(error).__name__

    outcome = all_at_once(100, act, threads=10)
    assert outcome["dispatched"] > 5
    with work() as session:
        rows = [session.get_one(StockLot, key) for key in stocks]
        lot_now = lot_of(session, rows[0])
        assert sum(row.on_hand for row in rows) == lot_now.left.amount
        assert (
            sum(row.dispatched for row in rows)
            == lot_now.dispatched
            == count_dispatched(session, lot_now.id)
            == outcome["dispatched"]
        )
        assert (lot_now.lost, lot_now.used) == (outcome["discarded"], outcome["opened"])
        for row in rows:
            assert sum(move.quantity for move in list_moves(session, row.id)) == row.on_hand
        assert set(outcome) <= {"discarded", "opened", "held", "released", "cancelled", "dispatched", "Conflict", "OutOfStock"}
