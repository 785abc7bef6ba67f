"""The last day of sale follows what the seller promises."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from catalog.prices.carrying import FreightTerms, set_freight
from catalog.prices.models import FreightChanged
from logistics.stock.dating import redate_stock
from logistics.stock.freshness import TRANSIT_DAYS
from tests.factories.catalog import make_product
from tests.factories.logistics import make_stock


def test_a_quicker_way_sells_longer_and_a_slower_one_less_long(session: Session, at: datetime) -> None:
    product = make_product(session, shelf_life_days=30)
    end = at.date() + timedelta(days=25)
    before = make_stock(session, product, expires_on=end)
    assert before.sell_until == end - timedelta(days=10 + TRANSIT_DAYS), "nobody has said how long it takes"
    for days_to, province in ((5, None), (4, "310000"), (9, "540000")):
        terms = FreightTerms(handling_days=1, days_from=1, days_to=days_to)
        set_freight(session, SYSTEM, seller_id=product.seller_id, provinces=[province], terms=terms, valid_from=at.date(), at=at)
    redate_stock(session, FreightChanged(product.seller_id, at))
    assert before.sell_until == end - timedelta(days=10 + 5), "as long as somewhere it still arrives fresh"
    assert make_stock(session, product, expires_on=end).sell_until == before.sell_until
