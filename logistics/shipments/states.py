"""States of shipments, of carriers' track lines and of carrier requests, and which may follow which."""

from __future__ import annotations

from enum import StrEnum

from kernel.states import States


class MovementState(StrEnum):
    """What a track line says; one list for all carriers (``carriers/data/tracking_states.csv``)."""

    ORDERED = "ordered"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    ARRIVED_CITY = "arrived_city"
    OUT_FOR_DELIVERY = "out_for_delivery"
    IN_LOCKER = "in_locker"
    SIGNED = "signed"
    PROBLEM = "problem"
    REJECTED = "rejected"
    RETURNING = "returning"
    RETURNED = "returned"
    FORWARDED = "forwarded"
    CANCELLED = "cancelled"


class ShipmentState(StrEnum):
    """Where a shipment stands, as people are told."""

    PACKING = "packing"
    PACKED = "packed"
    DISPATCHED = "dispatched"
    OUT_FOR_DELIVERY = "out_for_delivery"
    PROBLEM = "problem"
    RETURNING = "returning"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class RequestKind(StrEnum):
    """What is asked of a carrier: come and fetch, or tell us about a waybill that was typed in."""

    PICKUP = "pickup"
    FOLLOW = "follow"


class RequestState(StrEnum):
    """Where the call to a carrier stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    FAILED = "failed"


_S = ShipmentState
_UNDERWAY = {_S.DISPATCHED, _S.OUT_FOR_DELIVERY, _S.PROBLEM, _S.RETURNING, _S.DELIVERED, _S.RETURNED}

# Carriers skip and repeat steps, so every state under way may follow every other; the ends are ends.
SHIPMENT_FLOW = States(
    {
        _S.PACKING: {_S.PACKED, _S.CANCELLED},
        _S.PACKED: _UNDERWAY,
        _S.DISPATCHED: _UNDERWAY - {_S.DISPATCHED},
        _S.OUT_FOR_DELIVERY: _UNDERWAY - {_S.OUT_FOR_DELIVERY},
        _S.PROBLEM: _UNDERWAY - {_S.PROBLEM},
        _S.RETURNING: _UNDERWAY - {_S.RETURNING},
        _S.DELIVERED: set(),
        _S.RETURNED: set(),
        _S.CANCELLED: set(),
    },
    labels={
        _S.PACKING: "待打包",
        _S.PACKED: "已封箱，等待揽收",
        _S.DISPATCHED: "运输中",
        _S.OUT_FOR_DELIVERY: "派送中",
        _S.PROBLEM: "运输异常",
        _S.RETURNING: "退回中",
        _S.DELIVERED: "已签收",
        _S.RETURNED: "已退回",
        _S.CANCELLED: "已取消",
    },
)

_R = RequestState
REQUEST_FLOW = States(
    {
        _R.WAITING: {_R.CLAIMED},
        _R.CLAIMED: {_R.WAITING, _R.ACCEPTED, _R.FAILED},
        _R.FAILED: {_R.WAITING},
        _R.ACCEPTED: set(),
    },
    ends=(_R.ACCEPTED, _R.FAILED),
    labels={_R.WAITING: "等待联系承运商", _R.CLAIMED: "正在联系承运商", _R.ACCEPTED: "承运商已接单", _R.FAILED: "承运商没有接单"},
)

# What a track line makes of the shipment; None leaves it as it is.
SHIPMENT_AFTER: dict[MovementState, ShipmentState | None] = {
    MovementState.ORDERED: None,
    MovementState.PICKED_UP: _S.DISPATCHED,
    MovementState.IN_TRANSIT: _S.DISPATCHED,
    MovementState.ARRIVED_CITY: _S.DISPATCHED,
    MovementState.OUT_FOR_DELIVERY: _S.OUT_FOR_DELIVERY,
    MovementState.IN_LOCKER: _S.OUT_FOR_DELIVERY,
    MovementState.SIGNED: _S.DELIVERED,
    MovementState.PROBLEM: _S.PROBLEM,
    MovementState.REJECTED: _S.RETURNING,
    MovementState.RETURNING: _S.RETURNING,
    MovementState.RETURNED: _S.RETURNED,
    MovementState.FORWARDED: _S.DISPATCHED,
    MovementState.CANCELLED: _S.PROBLEM,
}
