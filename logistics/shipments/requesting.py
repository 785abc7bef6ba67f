"""What we ask of carriers, as rows: asked for in the closing transaction, claimed by compare-and-set, answered in a third.

The call itself is made by ``tasks.py``, outside of any transaction. A claim that nobody finished (a crash) is free again after
``ABANDONED``; the carrier knows the row's id and gives the same waybill to the same id, so a repeated call is harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, Place
from kernel.errors import Conflict, Invalid
from logistics.shipments.carriers import Access, Follow, Pickup, get_adapter
from logistics.shipments.models import CarrierAccount, CarrierRequest, PackingTask, Parcel, ParcelItem, Shipment
from logistics.shipments.moving import lock_waybill, refresh_shipment
from logistics.shipments.packing import close_shipment
from logistics.shipments.queries import list_stopped_lots
from logistics.shipments.scanning import lock_shipment
from logistics.shipments.states import REQUEST_FLOW, RequestKind, RequestState, ShipmentState
from traceability.lots.models import Lot, TradeItem
from traceability.lots.states import RecallState

ABANDONED = timedelta(seconds=60)
MOST_TRIES = 8


@dataclass(frozen=True)
class Call:
    """A claimed request with all that is needed to make it."""

    adapter: str
    access: Access
    content: Pickup | Follow


def send_off(session: Session, actor: Actor, shipment_code: str, carrier: str, waybill: str, at: datetime) -> CarrierRequest:
    """Close a shipment and give it to a carrier: by its own waybill when one was typed, else by asking it to come.

    Raises what ``close_shipment``, ``type_waybill`` and ``request_pickup`` raise; then nothing is closed.
    """
    shipment = close_shipment(session, actor, shipment_code, at)
    if waybill.strip():
        return type_waybill(session, actor, shipment_code, carrier, waybill, at)
    return request_pickup(session, shipment, carrier, at)


def request_pickup(session: Session, shipment: Shipment, carrier: str, at: datetime) -> CarrierRequest:
    """Ask a carrier that gives out waybills to fetch a closed shipment. Raises Invalid for a carrier that does not."""
    account = _account(session, carrier)
    if not get_adapter(account.adapter).fetches:
        raise Invalid("这家承运商不接受自动下单，请填写面单上的运单号。", field="waybill")
    return _ask(session, shipment, carrier, RequestKind.PICKUP, at)


def type_waybill(session: Session, actor: Actor, shipment_code: str, carrier: str, waybill: str, at: datetime) -> CarrierRequest:
    """The packer typed the waybill of a label; the carrier is asked to tell us about it. Raises Invalid, Conflict, NotFound, Forbidden."""
    waybill = waybill.strip().upper()
    if not 6 <= len(waybill) <= 32 or not waybill.isascii() or not waybill.isalnum():
        raise Invalid("运单号应为 6 至 32 位字母和数字，请核对面单。", field="waybill")
    _account(session, carrier)
    shipment = lock_shipment(session, actor, shipment_code)
    if shipment.state is not ShipmentState.PACKED or shipment.waybill is not None:
        raise Conflict("这一单还没有封箱，或已经有运单号了。")
    if stopped := list_stopped_lots(session, shipment.id):
        raise Conflict("这一单里有召回的批次 %(lots)s，不能交给快递。请放到一边，等运营通知。", params={"lots": "、".join(stopped)})
    _set_waybill(session, shipment, carrier, waybill, at)
    return _ask(session, shipment, carrier, RequestKind.FOLLOW, at)


def _ask(session: Session, shipment: Shipment, carrier: str, kind: RequestKind, at: datetime) -> CarrierRequest:
    request = CarrierRequest(shipment_id=shipment.id, carrier=carrier, kind=kind, not_before=at)
    session.add(request)
    session.flush()
    return request


def _account(session: Session, carrier: str) -> CarrierAccount:
    account = session.get(CarrierAccount, carrier)
    if account is None or not account.enabled:
        raise Invalid("请选择承运商。", field="carrier")
    return account


def list_due(session: Session, at: datetime, limit: int = 50) -> Sequence[UUID]:
    """Requests nobody is working on, oldest first."""
    query = select(CarrierRequest.id).where(_claimable(at)).order_by(CarrierRequest.not_before).limit(limit)
    return session.scalars(query).all()


def _claimable(at: datetime) -> ColumnElement[bool]:
    """Guard: waiting and due, or claimed by somebody who did not come back; no carrier is sent for boxes that a recall stops."""
    return and_(
        CarrierRequest.not_before <= at,
        or_(CarrierRequest.kind != RequestKind.PICKUP, not_stopped()),
        or_(
            CarrierRequest.state == RequestState.WAITING,
            and_(CarrierRequest.state == RequestState.CLAIMED, CarrierRequest.claimed_at < at - ABANDONED),
        ),
    )


def not_stopped() -> ColumnElement[bool]:
    """Whether no lot in the request's shipment and no box in its parcels is stopped by a recall; asked anew each time, so lifting it lets
    the parcel go.
    """
    lots = exists().where(PackingTask.shipment_id == CarrierRequest.shipment_id, PackingTask.lot_id == Lot.id)
    boxes = exists().where(Parcel.shipment_id == CarrierRequest.shipment_id, ParcelItem.parcel_id == Parcel.id)
    boxes = boxes.where(TradeItem.id == ParcelItem.trade_item_id, TradeItem.stopped.is_not(None))
    return ~lots.where(Lot.recall_state != RecallState.NONE) & ~boxes


def claim_request(session: Session, request_id: UUID, at: datetime) -> Call | None:
    """Claim a request by compare-and-set; None when somebody else has it or it is done."""
    claimed = session.scalar(
        update(CarrierRequest)
        .where(CarrierRequest.id == request_id, _claimable(at))
        .values(state=RequestState.CLAIMED, claimed_at=at, tries=CarrierRequest.tries + 1)
        .returning(CarrierRequest)
        .execution_options(populate_existing=True)
    )
    if claimed is None:
        return None
    account = session.get_one(CarrierAccount, claimed.carrier)
    access = Access(account.base_url, account.push_salt, account.key)
    shipment = session.get_one(Shipment, claimed.shipment_id)
    if claimed.kind is RequestKind.FOLLOW:
        assert shipment.waybill is not None
        phone = shipment.recipient_phone
        return Call(account.adapter, access, Follow(str(claimed.id), account.code, shipment.waybill, account.push_url, phone))
    return Call(account.adapter, access, _pickup(session, claimed, shipment))


def _pickup(session: Session, request: CarrierRequest, shipment: Shipment) -> Pickup:
    place = session.get_one(Place, shipment.from_place_id)
    sender = session.get_one(Organization, place.organization_id)
    return Pickup(
        request_id=str(request.id),
        shipment_code=shipment.code,
        parcels=session.scalar(select(func.count()).select_from(Parcel).where(Parcel.shipment_id == shipment.id)) or 1,
        sender_name=sender.name,
        sender_address=place.name,
        recipient_name=shipment.recipient_name,
        recipient_phone=shipment.recipient_phone,
        recipient_address=f"{shipment.city}{shipment.street}",
        temperature=shipment.temperature,
    )


def record_answer(session: Session, request_id: UUID, waybill: str | None, at: datetime) -> None:
    """The carrier accepted; a pickup brings the waybill. An answer that comes twice changes nothing."""
    request = session.get_one(CarrierRequest, request_id, with_for_update=True, populate_existing=True)
    if request.state is RequestState.ACCEPTED:
        return
    REQUEST_FLOW.check(request.state, RequestState.ACCEPTED)
    request.state, request.answer, request.last_error = RequestState.ACCEPTED, {"waybill": waybill}, None
    if waybill is not None:
        shipment = session.get_one(Shipment, request.shipment_id, with_for_update=True, populate_existing=True)
        _set_waybill(session, shipment, request.carrier, waybill, at)
    session.flush()


def _set_waybill(session: Session, shipment: Shipment, carrier: str, waybill: str, at: datetime) -> None:
    lock_waybill(session, carrier, waybill)
    taken = session.scalar(select(Shipment.code).where(Shipment.carrier == carrier, Shipment.waybill == waybill))
    if taken is not None:
        raise Conflict("运单号 %(waybill)s 已用在发货单 %(code)s 上，请核对。", params={"waybill": waybill, "code": taken})
    shipment.carrier, shipment.waybill = carrier, waybill
    session.flush()
    refresh_shipment(session, shipment, at)


def record_failure(session: Session, request_id: UUID, error: str, at: datetime) -> None:
    """The carrier did not accept: try again after a growing pause, or stop and show it to the packer."""
    request = session.get_one(CarrierRequest, request_id, with_for_update=True, populate_existing=True)
    if request.state is not RequestState.CLAIMED:
        return
    request.state = RequestState.WAITING if request.tries < MOST_TRIES else RequestState.FAILED
    request.last_error = error[:500]
    request.not_before = at + timedelta(seconds=min(5 * 2**request.tries, 1800))


def retry_request(session: Session, actor: Actor, shipment_code: str, at: datetime) -> CarrierRequest:
    """The packer wants the carrier asked again now. Raises Conflict when there is nothing to ask."""
    shipment = lock_shipment(session, actor, shipment_code)
    query = select(CarrierRequest).where(CarrierRequest.shipment_id == shipment.id).order_by(CarrierRequest.id.desc()).limit(1)
    request = session.scalar(query.with_for_update())
    if request is None or request.state not in (RequestState.WAITING, RequestState.FAILED):
        raise Conflict("现在没有需要重试的承运商请求。")
    request.state, request.tries, request.not_before = RequestState.WAITING, 0, at
    session.flush()
    return request
