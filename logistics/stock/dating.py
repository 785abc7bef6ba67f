"""The last days of sale follow what sellers promise: a shelf stops selling once nobody the seller delivers to would get fresh boxes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.prices.models import FreightChanged
from catalog.prices.queries import find_fewest_days
from catalog.products.models import Product
from kernel.clock import today_shanghai
from logistics.stock.freshness import TRANSIT_DAYS, sell_until
from logistics.stock.guarding import lock_stock
from logistics.stock.models import StockLot


def days_on_way(session: Session, seller_id: UUID, at: datetime) -> int:
    """Days from sale to arrival where this seller is quickest. Further away ``reserving.allocate`` looks at the buyer's province."""
    days = find_fewest_days(session, seller_id, today_shanghai(at))
    return TRANSIT_DAYS if days is None else days


def redate_stock(session: Session, event: FreightChanged) -> None:
    """Reaction: a seller says anew how long carrying takes, so the boxes of its products are sold for longer or less long."""
    life = dict(session.execute(select(Product.id, Product.shelf_life_days).where(Product.seller_id == event.seller_id)).all())
    days = days_on_way(session, event.seller_id, event.at)
    own = StockLot.product_id.in_(select(Product.id).where(Product.seller_id == event.seller_id))
    for row in lock_stock(session, own & (StockLot.on_hand > 0)):
        row.sell_until = sell_until(row.expires_on, life[row.product_id], days)
