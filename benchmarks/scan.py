"""The page behind the QR code at c = 16, for a stranger, with the scan recorded, beside one-row."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from benchmarks import load
from benchmarks.figures import Figure, Pace, interleave, medians, ratio, warm_up
from benchmarks.house import House, connect
from catalog.products.models import Product
from shop.config import Config
from traceability.events.models import TraceEvent
from traceability.lots.models import Lot, TradeItem

IDS = ("story-page",)
FULL_SIZE = 1_000_000
LOTS = 20


def measure(house: House, config: Config, pace: Pace, wanted: Sequence[str] = IDS) -> list[Figure]:
    """The figures of the scan."""
    del wanted  # there is one
    house.serve(config)
    paths, keys, events = _list_boxes(config)
    pages = [load.get(path) for path in paths]
    rows = [load.get(f"/one-row/{key}") for key in keys]
    parts = {
        "one-row": lambda seconds: load.burst(house.yardstick_port, rows, seconds).rate,
        "story-page": lambda seconds: load.burst(config.port, pages, seconds).rate,
    }
    warm_up(parts)
    rates = interleave(parts, pace)
    return [
        Figure(
            id="story-page",
            what="story page of a box for a stranger at c = 16, scan recorded, beside one-row (requests/s)",
            unit="x one-row",
            better="higher",
            size=events,
            full_size=FULL_SIZE,
            goal=0.60,
            figure=ratio(rates, "story-page", "one-row"),
            yardstick=medians(rates),
        )
    ]


def _list_boxes(config: Config) -> tuple[list[str], list[str], int]:
    """Story pages of boxes with full histories, keys of all products, and how many events there are."""
    engine = connect(config)
    with Session(engine) as session:
        one_a_lot = select(func.min(TradeItem.serial)).join(Lot, Lot.id == TradeItem.lot_id).group_by(Lot.product_sku)
        serials = session.scalars(one_a_lot.order_by(Lot.product_sku).limit(LOTS)).all()
        keys = [str(key) for key in session.scalars(select(Product.id))]
        events = session.scalar(select(func.count()).select_from(TraceEvent)) or 0
    engine.dispose()
    return [f"/t/{serial}" for serial in serials], keys, events
