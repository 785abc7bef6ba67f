"""A requester writes a request: what for, what, where to. Any change takes back what was submitted or approved before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import Actor, OrganizationKind, Role
from catalog.parties.queries import get_organization
from kernel.clock import today_shanghai
from kernel.errors import Conflict, FieldError, Invalid
from kernel.ids import new_code
from shop.orders.models import Purpose
from shop.orders.placing import MAX_BOXES, MAX_LINES
from shop.procurement import budgeting
from shop.procurement.guarding import content_of, lock_own, note_act
from shop.procurement.models.budgets import PURPOSE_LABELS
from shop.procurement.models.requests import PurchaseRequest, RequestDelivery
from shop.procurement.queries import list_steps
from shop.procurement.quoting import WantedDelivery, quote_request, wants_of
from shop.procurement.spreadsheet import MAX_ROWS
from shop.procurement.states import STEP_STATES, RequestState, StepState

RESERVING = (RequestState.SUBMITTED, RequestState.APPROVED)
EDITABLE = (RequestState.DRAFT, RequestState.REFUSED, *RESERVING)


def create_request(
    session: Session, actor: Actor, *, organization_id: UUID, purpose: Purpose, title: str, note: str = "", at: datetime
) -> PurchaseRequest:
    """Begin a request for a buying organisation the actor is requester of. Raises Forbidden, Invalid."""
    actor.must(Role.requester, organization_id)
    if get_organization(session, organization_id).kind is not OrganizationKind.BUYING_ORGANIZATION or purpose not in PURPOSE_LABELS:
        raise Invalid("只有采购单位可以建立采购申请，请选择食堂、职工福利或工会慰问。", field="purpose")
    assert actor.person_id is not None
    request = PurchaseRequest(
        code=new_code("PRQ"),
        organization_id=organization_id,
        requester_id=actor.person_id,
        purpose=purpose,
        title=_title(title),
        note=note.strip()[:500],
        year=today_shanghai(at).year,
        created_at=at,
        deliveries=[],
    )
    session.add(request)
    session.flush()
    request.content_hash = content_of(request)
    note_act(session, request, "created", actor, at=at)
    return request


def change_request(
    session: Session,
    actor: Actor,
    code: str,
    wanted: Sequence[WantedDelivery],
    *,
    title: str | None = None,
    note: str | None = None,
    at: datetime,
    act: str = "changed",
) -> PurchaseRequest:
    """Put other deliveries into a request; approvals given before are void, its reservation is let go.

    Raises NotFound (not one's own), Conflict (ordered already), Invalid naming each wrong delivery.
    """
    request = lock_own(session, actor, code)
    if request.state not in EDITABLE:
        raise Conflict("已经下单或结束的申请不能再修改。要再买，请新建一份申请。")
    _check(wanted)
    take_back(session, request, actor, at=at)
    if title is not None:
        request.title = _title(title)
    if note is not None:
        request.note = note.strip()[:500]
    store_quote(session, request, quote_request(session, request, wanted, at=at))
    request.trouble = None
    note_act(session, request, act, actor, at=at)
    return request


def store_quote(session: Session, request: PurchaseRequest, deliveries: list[RequestDelivery]) -> None:
    """Replace the deliveries of a draft and work out total and hash anew."""
    request.deliveries.clear()
    session.flush()  # the old rows go first: positions are unique
    request.deliveries.extend(deliveries)
    request.total_fen = sum(delivery.total_fen for delivery in deliveries)
    session.flush()
    request.content_hash = content_of(request)


def refresh_quote(session: Session, request: PurchaseRequest, *, at: datetime) -> bool:
    """Bring a draft to today's prices; True when anything changed. Raises Invalid when something can no longer be had."""
    before = request.content_hash
    fresh = quote_request(session, request, wants_of(request), at=at)
    if _terms(fresh) != _terms(request.deliveries):
        store_quote(session, request, fresh)
    return request.content_hash != before


def _terms(deliveries: Sequence[RequestDelivery]) -> list[object]:
    """What may have moved since a quote was stored: prices, freight, sellers."""
    return [
        (
            delivery.total_fen,
            delivery.freight_fen,
            sorted((line.sku, line.unit_price_fen, line.seller_id) for line in delivery.lines),
        )
        for delivery in deliveries
    ]


def take_back(session: Session, request: PurchaseRequest, actor: Actor, *, at: datetime, act: str = "voided") -> None:
    """Make a submitted, approved or refused request a draft again: void its approvals, let go of its reservation."""
    if request.state is RequestState.DRAFT:
        return
    if request.state in RESERVING:
        budgeting.release(session, request, at=at)
        void_steps(session, request)
        note_act(session, request, act, actor, at=at)
    request.move(RequestState.DRAFT)


def void_steps(session: Session, request: PurchaseRequest) -> None:
    """No approval of the present round counts any more."""
    for step in list_steps(session, request):
        if STEP_STATES.can(step.state, StepState.VOID):
            step.state = StepState.VOID
    session.flush()


def withdraw_request(session: Session, actor: Actor, code: str, *, at: datetime) -> PurchaseRequest:
    """The requester takes a submitted or approved request back into draft. Raises NotFound, Conflict."""
    request = lock_own(session, actor, code)
    if request.state not in RESERVING:
        raise Conflict("只有审批中或已批准、还没下单的申请可以撤回。")
    take_back(session, request, actor, at=at, act="withdrawn")
    return request


def cancel_request(session: Session, actor: Actor, code: str, *, at: datetime) -> PurchaseRequest:
    """The requester gives a request up before it is ordered. Raises NotFound, Conflict."""
    request = lock_own(session, actor, code)
    if request.state not in EDITABLE:
        raise Conflict("已经下单的申请不能取消，请到订单里取消还没发货的订单。")
    if request.state in RESERVING:
        budgeting.release(session, request, at=at)
        void_steps(session, request)
    request.move(RequestState.CANCELLED)
    note_act(session, request, "cancelled", actor, at=at)
    return request


def _title(title: str) -> str:
    tidy = " ".join(title.split())
    if not 1 <= len(tidy) <= 80:
        raise Invalid("请用一句话写明采购事由，最多 80 个字。", field="title")
    return tidy


def _check(wanted: Sequence[WantedDelivery]) -> None:
    if not wanted or any(not delivery.lines for delivery in wanted):
        raise Invalid("请至少选一种商品，并填写盒数。", field="lines")
    if len(wanted) > MAX_ROWS or any(len(delivery.lines) > MAX_LINES for delivery in wanted):
        params = {"deliveries": MAX_ROWS, "lines": MAX_LINES}
        raise Invalid("一份申请最多 %(deliveries)s 个收货地址，每个地址最多 %(lines)s 种商品。", params=params, field="lines")
    for delivery in wanted:
        for sku, boxes in delivery.lines.items():
            if not 1 <= boxes <= MAX_BOXES:
                raise Invalid(
                    "数量要在 1 到 %(most)s 之间。",
                    params={"most": MAX_BOXES},
                    errors=[FieldError(sku, "数量要在 1 到 %(most)s 之间。", {"most": MAX_BOXES})],
                )
