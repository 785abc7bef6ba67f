"""The guards of a request: its lock, its content hash, its history, and the messages its people get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.parties.queries import list_members
from kernel.errors import NotFound
from kernel.outbox import publish
from shop.procurement.content import ContentDelivery, ContentLine, hash_content
from shop.procurement.models.requests import HistoryEntry, PersonTold, PurchaseRequest
from shop.procurement.queries import is_visible


def lock_request(session: Session, code: str) -> PurchaseRequest:
    """The request, locked until the transaction ends and as it is now. Raises NotFound.

    Taken first in every act, before budget and stock rows, so that two people at one request follow each other.
    """
    request = session.scalar(
        select(PurchaseRequest).where(PurchaseRequest.code == code).with_for_update().execution_options(populate_existing=True)
    )
    if request is None:
        raise NotFound("没有这份采购申请，请检查编号。")
    return request


def lock_visible(session: Session, actor: Actor, code: str) -> PurchaseRequest:
    """The locked request when it is the actor's to see. Raises NotFound."""
    request = lock_request(session, code)
    if not is_visible(request, actor):
        raise NotFound("没有这份采购申请，请检查编号。")
    return request


def lock_own(session: Session, actor: Actor, code: str) -> PurchaseRequest:
    """The locked request when the actor made it and still is a requester there. Raises NotFound."""
    request = lock_request(session, code)
    if request.requester_id != actor.person_id or not actor.has(Role.requester, request.organization_id):
        raise NotFound("没有这份采购申请，请检查编号。")
    return request


def content_of(request: PurchaseRequest) -> str:
    """The hash of what the rows of a request say now."""
    return hash_content(
        organization=str(request.organization_id),
        purpose=request.purpose.value,
        title=request.title,
        note=request.note,
        year=request.year,
        total_fen=request.total_fen,
        deliveries=[
            ContentDelivery(
                address={key: str(value) for key, value in delivery.address.items()},
                lines=[ContentLine(line.sku, line.boxes, line.unit_price_fen, str(line.seller_id)) for line in delivery.lines],
                freight_fen=delivery.freight_fen,
                total_fen=delivery.total_fen,
            )
            for delivery in request.deliveries
        ],
    )


def note_act(
    session: Session, request: PurchaseRequest, act: str, actor: Actor, *, at: datetime, note: str = "", by: str | None = None
) -> None:
    """Write a line of the request's history; ``act`` is a key of ``wording.ACT_LABELS``."""
    session.add(
        HistoryEntry(
            request_id=request.id,
            act=act,
            person_id=actor.person_id,
            by=actor.name if by is None else by,
            note=note,
            content_hash=request.content_hash,
            at=at,
        )
    )


def tell(
    session: Session,
    people: Iterable[UUID],
    kind: str,
    key: str,
    params: Mapping[str, str],
    *,
    at: datetime,
    order_code: str | None = None,
) -> None:
    """Let people be told; once for each person and ``key``."""
    for person_id in people:
        publish(session, PersonTold(person_id, kind, f"{key}:{person_id}", dict(params), order_code, at), at=at)


def people_with(session: Session, request: PurchaseRequest, role: Role) -> list[UUID]:
    """Who has a role in the buying organisation, its requester left out."""
    members = list_members(session, request.organization_id)
    return [person.id for person, roles in members if role in roles and person.id != request.requester_id]
