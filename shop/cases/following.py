"""What happens below opens a case where somebody has to look into it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from logistics.stock.events import PresaleFailed
from shop.cases.handling import open_case
from shop.cases.states import CaseKind


def open_failed(session: Session, event: PresaleFailed) -> None:
    """Reaction: a pre-sale ended short. The orders are cancelled and paid back by themselves; why it fell short is for a person to ask."""
    text = f"预售 {event.presale_code} 结束时有 {event.orders} 张订单、{event.boxes} 盒没有兑现，正在取消并全额退款。原因：{event.reason}"
    open_case(session, SYSTEM, CaseKind.PRESALE, subjects=[event.presale_code], text=text, at=event.at)
