"""Holds are short, small and given back."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.errors import Conflict
from logistics.stock import holding
from logistics.stock.holding import LONGEST, MOST_BOXES, hold, limit_for, release, release_expired
from logistics.stock.models import Hold
from logistics.stock.queries import available
from tests.factories.logistics import make_allocations, make_stock

SOON = timedelta(minutes=10)


def test_a_hold_takes_boxes_off_the_shelf_and_gives_them_back(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=10)
    assert hold(session, "b1", {stock.product_id: 3}, at + SOON, at) == {stock.product_id: 3}
    assert available(session, [stock.product_id], at)[stock.product_id] == 7
    release(session, "b1")
    assert available(session, [stock.product_id], at)[stock.product_id] == 10


def test_holding_again_replaces(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=10)
    hold(session, "b1", {stock.product_id: 3}, at + SOON, at)
    hold(session, "b1", {stock.product_id: 5}, at + SOON, at)
    assert available(session, [stock.product_id], at)[stock.product_id] == 5
    hold(session, "b1", {stock.product_id: 0}, at + SOON, at)
    assert available(session, [stock.product_id], at)[stock.product_id] == 10


def test_one_holder_cannot_take_the_shelf(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    stock = make_stock(session, boxes=10)
    with pytest.raises(Conflict, match="5"), session.begin_nested():
        hold(session, "b1", {stock.product_id: 6}, at + SOON, at)
    assert limit_for(1000) == MOST_BOXES
    assert limit_for(1) == 1
    monkeypatch.setattr(holding, "limit_for", lambda free: free)
    hold(session, "b1", {stock.product_id: 10}, at + SOON, at)
    assert available(session, [stock.product_id], at)[stock.product_id] == 0


def test_an_abandoned_hold_is_free_for_the_next_buyer_before_the_clock_came_by(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=4)
    hold(session, "b1", {stock.product_id: 2}, at + SOON, at)
    later = at + SOON + timedelta(seconds=1)
    assert available(session, [stock.product_id], later)[stock.product_id] == 4
    make_allocations(session, stock.product_id, 4, at=later)
    session.refresh(stock)
    assert (stock.held, stock.allocated) == (0, 4)
    assert session.scalars(select(Hold)).all() == []


def test_the_clock_gives_back_what_has_run_out(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=10)
    hold(session, "b1", {stock.product_id: 2}, at + SOON, at)
    hold(session, "b2", {stock.product_id: 2}, at + 2 * SOON, at)
    release_expired(session, at + SOON)
    session.refresh(stock)
    assert stock.held == 2


def test_nobody_holds_for_longer_than_allowed(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=10)
    hold(session, "b1", {stock.product_id: 1}, at + timedelta(days=30), at)
    assert session.scalars(select(Hold.until)).one() == at + LONGEST
