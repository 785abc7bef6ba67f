"""A seller announces a harvest window, the county decides how many boxes of it may be promised, and it ends.

Two people, always: whoever asks does not decide (a CHECK holds it). Each act leaves a row that is only added (``PresaleStep``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.parties.queries import list_counties_of
from catalog.products import listing
from catalog.products.models import Product
from kernel.clock import day_shanghai, today_shanghai
from kernel.errors import Conflict, FieldError, Forbidden, Invalid
from kernel.ids import new_code
from kernel.outbox import publish
from logistics.stock import preselling
from logistics.stock.events import PresaleFailed, PromiseBroken
from logistics.stock.forecasting import hold_harvest, measure_forecast
from logistics.stock.models import Presale, PresaleStep
from logistics.stock.states import PRESALE_FLOW, PresaleState

LONGEST_WAIT = timedelta(days=80)
"""Between announcing and shipping. All money must be able to go back the way it came, and a wallet may take refunds for 90 days only."""
LONGEST_SINCE = timedelta(days=30)
MOST_PER_PERSON = 100
LONGEST = 200  # characters of a reason
OVER = "期限已到"
"""What the clock gives as its reason."""


@dataclass(frozen=True)
class PresaleDraft:
    """What a seller announces. Days are days in China; orders are taken until the end of ``closes_on``."""

    harvest_from: date
    harvest_until: date
    ship_by: date
    closes_on: date
    boxes: int
    per_person: int


def announce(session: Session, actor: Actor, product: Product, draft: PresaleDraft, *, at: datetime) -> Presale:
    """Ask the county for a pre-sale of a product on the shelf; a clerk of its seller or its cooperative may.

    Raises Forbidden, Invalid (days, numbers, more than the harvest can give), Conflict (papers, one stands already, no rule of the county).
    """
    _must_sell(actor, product)
    _check(draft, today_shanghai(at))
    listing.must_be_on_sale(session, [product], today_shanghai(at))
    hold_harvest(session, product)
    if find_standing(session, product) is not None:
        raise Conflict("“%(name)s”已经有一个预售，结束后才能再办。", params={"name": product.name})
    most = measure_forecast(session, product, draft.harvest_until, at)
    if draft.boxes > most:
        raise Invalid("按核定的产能，这一季最多还能预售 %(most)s 盒。", params={"most": most}, field="boxes")
    presale = Presale(
        code=new_code("PRE"),
        product_id=product.id,
        harvest_from=draft.harvest_from,
        harvest_until=draft.harvest_until,
        ship_by=draft.ship_by,
        closes_at=day_shanghai(draft.closes_on)[1],
        asked_boxes=draft.boxes,
        forecast=0,
        promised=0,
        served=0,
        per_person=draft.per_person,
        state=PresaleState.ASKED,
        asked_by=actor.label,
        asked_at=at,
    )
    session.add(presale)
    session.flush()
    _step(session, actor, presale, draft.boxes, "", at)
    return presale


def decide(session: Session, actor: Actor, code: str, *, boxes: int | None, note: str, at: datetime) -> Presale:
    """Let so many boxes be promised, at most those asked for; None refuses. An officer of the product's county or the operator may.

    Raises NotFound, Forbidden (another county, or whoever asked), Invalid (no reason to refuse, too many boxes), Conflict (decided before).
    """
    product = preselling.get_product_of(session, code)
    hold_harvest(session, product)
    presale = preselling.lock_presale(session, code)
    if not actor.operator and product.county_code not in list_counties_of(session, actor):
        raise Forbidden("只有本县的工作人员可以核定。")
    if actor.label == presale.asked_by:
        raise Forbidden("申请的人不能自己核定，请由另一位核定。")
    if boxes is None and not note.strip():
        raise Invalid("请写明不同意的原因。", field="note")
    if boxes is not None:
        most = min(presale.asked_boxes, measure_forecast(session, product, presale.harvest_until, at, but=presale.id))
        if not 1 <= boxes <= most:
            raise Invalid("核定的盒数要在 1 到 %(most)s 之间。", params={"most": most}, field="boxes")
    state = PresaleState.REFUSED if boxes is None else PresaleState.OPEN
    PRESALE_FLOW.check(presale.state, state)
    presale.state, presale.forecast, presale.decided_by = state, boxes or 0, actor.label
    _step(session, actor, presale, boxes or 0, note, at)
    return presale


def end(session: Session, actor: Actor, code: str, *, note: str, at: datetime) -> Presale:
    """End a pre-sale: nothing more comes of this harvest. Who has not got all boxes by now gets the money back, order by order.

    Boxes that only part of an order could be given go to those behind in the queue whose orders they fill.
    Raises NotFound, Forbidden, Invalid (no reason), Conflict (not open).
    """
    presale = preselling.lock_presale(session, code)
    product = preselling.get_product_of(session, code)
    if not actor.operator:
        _must_sell(actor, product)
    if not note.strip():
        raise Invalid("请写明原因，买家会看到预售没有兑现。", field="note")
    PRESALE_FLOW.check(presale.state, PresaleState.ENDED)
    preselling.serve_whole(session, presale, at)
    broken = preselling.list_waiting(session, presale)
    presale.state, presale.ended_at = PresaleState.ENDED, at
    _step(session, actor, presale, sum(promise.boxes for promise in broken), note, at)
    for promise in broken:
        publish(session, PromiseBroken(promise.order_code, at), at=at)
    if broken:
        boxes = sum(promise.boxes for promise in broken)
        publish(session, PresaleFailed(presale.code, len(broken), boxes, note.strip()[:LONGEST], at), at=at)
    return presale


def end_due(session: Session, actor: Actor, code: str, *, at: datetime) -> None:
    """End a pre-sale that ``list_due`` named, unless somebody has ended it meanwhile."""
    if preselling.lock_presale(session, code).state is PresaleState.OPEN:
        end(session, actor, code, note=OVER, at=at)


def list_due(session: Session, at: datetime, *, limit: int = 50) -> list[str]:
    """Codes of pre-sales past the day they were promised to ship by, and of those that take no orders and owe nothing."""
    over = (Presale.ship_by < today_shanghai(at)) | ((Presale.closes_at <= at) & (Presale.served == Presale.promised))
    query = select(Presale.code).where(Presale.state == PresaleState.OPEN, over)
    return list(session.scalars(query.order_by(Presale.ship_by).limit(limit)))


def find_standing(session: Session, product: Product) -> Presale | None:
    """The product's pre-sale that is asked for or open."""
    standing = Presale.state.in_((PresaleState.ASKED, PresaleState.OPEN))
    return session.scalar(select(Presale).where(Presale.product_id == product.id, standing))


def _must_sell(actor: Actor, product: Product) -> None:
    if not any(actor.has(Role.clerk, where) for where in (product.seller_id, product.cooperative_id)):
        raise Forbidden("只有销售方或产地合作社的经办人可以办预售。")


def _check(draft: PresaleDraft, today: date) -> None:
    errors = []
    if draft.harvest_until < draft.harvest_from:
        errors.append(FieldError("harvest_until", "采收结束的日子不能早于开始。"))
    if draft.harvest_from < today - LONGEST_SINCE:
        errors.append(FieldError("harvest_from", "采收最多从 %(days)s 天前算起。", {"days": LONGEST_SINCE.days}))
    if draft.harvest_until < today:
        errors.append(FieldError("harvest_until", "采收期已经过了。"))
    if draft.ship_by < draft.harvest_until:
        errors.append(FieldError("ship_by", "发货期限不能早于采收结束。"))
    if draft.ship_by > today + LONGEST_WAIT:
        errors.append(
            FieldError("ship_by", "发货期限最多在 %(days)s 天以内：再久，钱就不能原路退了。", {"days": LONGEST_WAIT.days})
        )
    if not today <= draft.closes_on <= draft.ship_by:
        errors.append(FieldError("closes_on", "截止预订的日子要在今天到发货期限之间。"))
    if draft.boxes < 1:
        errors.append(FieldError("boxes", "盒数至少是 1。"))
    if not 1 <= draft.per_person <= MOST_PER_PERSON:
        errors.append(FieldError("per_person", "每人限购要在 1 到 %(most)s 盒之间。", {"most": MOST_PER_PERSON}))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)


def _step(session: Session, actor: Actor, presale: Presale, boxes: int, note: str, at: datetime) -> None:
    session.add(
        PresaleStep(presale_id=presale.id, state=presale.state, boxes=boxes, note=note.strip()[:LONGEST], by=actor.label, at=at)
    )
    session.flush()
