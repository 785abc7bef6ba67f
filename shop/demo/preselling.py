"""One product of the demo on pre-sale: of what is not in season today, what is harvested next. By the real acts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Role
from catalog.products.queries import find_product
from kernel.clock import today_shanghai
from logistics.stock.announcing import PresaleDraft, announce, decide
from logistics.stock.models import Presale
from shop.demo.catalogue import SampleProduct
from shop.storefront.arrangement import months_until

ASKED, ALLOWED = 120, 100
FROM_DAY_TO_DAY = timedelta(days=20)
TO_SHIP = timedelta(days=10)


def open_presale(session: Session, samples: Sequence[SampleProduct], *, at: datetime) -> Presale | None:
    """The demo clerk announces the next harvest and the county lets most of it be promised; None where everything is in season."""
    today = today_shanghai(at)
    waits = {sample.sku: months_until(sample.months, today.month) for sample in samples if sample.category in ("水果", "蔬菜")}
    later = [sample for sample in samples if 1 < waits.get(sample.sku, 0) < 11]
    if not later:
        return None
    sample = min(later, key=lambda sample: (waits[sample.sku], sample.sku))
    product = find_product(session, sample.sku)
    assert product is not None
    begin = _first_of(today, waits[sample.sku])
    until = begin + FROM_DAY_TO_DAY
    draft = PresaleDraft(begin, until, until + TO_SHIP, until, ASKED, 5)
    roles = {product.cooperative_id: frozenset({Role.clerk})}
    clerk = Actor(person_id=None, name="示例经办", roles=roles, label="示例经办")
    presale = announce(session, clerk, product, draft, at=at)
    return decide(session, SYSTEM, presale.code, boxes=ALLOWED, note="演示：按往年收成核定", at=at)


def _first_of(today: date, months: int) -> date:
    """The first day of the month so many months from now."""
    years, month = divmod(today.month - 1 + months, 12)
    return date(today.year + years, month + 1, 1)
