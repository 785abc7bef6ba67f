"""The demo loads once, goes on after a kill, and keeps its shelves filled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from catalog.parties.queries import list_claims
from catalog.products.models import Product
from kernel import clock
from kernel.db import reading
from logistics.stock.queries import available, list_presales_today
from shop.cli.fixing import fix_installation
from shop.config import Config
from shop.demo import loader
from shop.demo.catalogue import list_samples
from shop.demo.loader import fill_shelves, in_season, load_demo
from shop.demo.peopling import YANCHI
from shop.demo.preselling import find_next
from traceability.lots.models import Lot
from traceability.lots.queries import list_capacity_requests, list_step_requests

QUIET = lambda _line: None  # noqa: E731


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of products instead of 80: one of meat, fruit, oil and grain each."""
    next_month = (clock.today_shanghai(clock.now()).replace(day=1) + timedelta(days=32)).replace(day=1)
    ahead = find_next(list_samples(), next_month)
    assert ahead is not None
    wanted = {"P001", "P002", "P003", "P021", "P045", ahead.sku} | {s.sku for s in list_samples() if s.county == "静宁县"}
    samples = tuple(sample for sample in list_samples() if sample.sku in wanted)
    monkeypatch.setattr(loader, "list_samples", lambda: samples)


def load(config: Config) -> None:
    fix_installation(config)
    load_demo(config, say=QUIET)


def test_loading_twice_is_loading_once(config: Config, bound: None, few: None) -> None:
    load(config)
    with reading() as session:
        lots = session.scalar(select(func.count()).select_from(Lot))
    load(config)
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(Lot)) == lots
        on_sale = session.scalars(select(Product)).all()
        stock = available(session, [product.id for product in on_sale], clock.now())
        ahead = list_presales_today(session, clock.now())
        assert [presale.left for presale in ahead] == [100], "one product is on pre-sale"
        waiting = [
            list_capacity_requests(session, counties={YANCHI}, open_only=True),
            list_step_requests(session, counties={YANCHI}),
        ]
        waiting.append(list_claims(session, counties={YANCHI}, open_only=True))
    assert [len(rows) for rows in waiting] == [1, 1, 1], "the county officer has something to look at, once"
    assert on_sale
    for product in on_sale:
        assert stock.get(product.id, 0) > 0 or product.season_note


def test_an_empty_shelf_is_filled_again(config: Config, bound: None, few: None) -> None:
    load(config)
    later = clock.now() + timedelta(days=900)
    fill_shelves(say=QUIET, at=later)
    with reading() as session:
        ids = list(session.scalars(select(Product.id)))
        assert any(boxes > 0 for boxes in available(session, ids, later).values())


def test_all_80_products_are_read() -> None:
    assert len(list_samples()) == 80
    assert len({sample.sku for sample in list_samples()}) == 80
    assert sum(in_season(sample, 11) for sample in list_samples()) > 50
