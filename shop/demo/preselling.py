"""One product of the demo on pre-sale, of what is harvested next month. By the real acts."""

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

ASKED, ALLOWED, PER_PERSON = 120, 100, 5
HARVEST, TO_SHIP = timedelta(days=20), timedelta(days=10)


def open_presale(session: Session, samples: Sequence[SampleProduct], *, at: datetime) -> Presale | None:
    """The demo clerk announces a harvest of next month and the county lets most of it be promised; None where there is none."""
    begin = _next_month(today_shanghai(at))
    sample = find_next(samples, begin)
    product = find_product(session, sample.sku) if sample is not None else None
    if product is None:
        return None
    until = begin + HARVEST
    draft = PresaleDraft(begin, until, until + TO_SHIP, until, ASKED, PER_PERSON)
    roles = {product.cooperative_id: frozenset({Role.clerk})}
    clerk = Actor(person_id=None, name="示例经办", roles=roles, label="示例经办")
    presale = announce(session, clerk, product, draft, at=at)
    return decide(session, SYSTEM, presale.code, boxes=ALLOWED, note="演示：按往年收成核定", at=at)


def find_next(samples: Sequence[SampleProduct], begin: date) -> SampleProduct | None:
    """Fruit or vegetables harvested in the month that begins then, rather what is not harvested in the month before, too."""
    due = [sample for sample in samples if sample.category in ("水果", "蔬菜") and begin.month in sample.months]
    before = (begin - timedelta(days=1)).month
    return min(due, key=lambda sample: (before in sample.months, sample.sku), default=None)


def _next_month(today: date) -> date:
    """The first day of the month after this one."""
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
