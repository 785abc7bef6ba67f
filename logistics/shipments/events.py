"""News from shipments: codes and moments, nothing about the recipient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kernel.outbox import Event


@dataclass(frozen=True)
class PackedBox:
    """One box that left: which order line, which lot, which serial."""

    line_code: str
    lot_code: str
    serial: str


@dataclass(frozen=True)
class ItemsDispatched(Event):
    """These boxes were packed and counted out of stock."""

    order_code: str
    shipment_code: str
    boxes: tuple[PackedBox, ...]
    at: datetime


@dataclass(frozen=True)
class ShipmentDispatched(Event):
    """The carrier has the shipment."""

    order_code: str
    shipment_code: str
    at: datetime


@dataclass(frozen=True)
class ShipmentDelivered(Event):
    """The recipient signed for the shipment."""

    order_code: str
    shipment_code: str
    signed_at: datetime


@dataclass(frozen=True)
class ShipmentTroubled(Event):
    """The carrier reports a problem: not deliverable, damaged, lost."""

    order_code: str
    shipment_code: str
    at: datetime


@dataclass(frozen=True)
class ShipmentReturned(Event):
    """The shipment came back to its sender."""

    order_code: str
    shipment_code: str
    at: datetime
