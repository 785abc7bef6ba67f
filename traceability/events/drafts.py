"""What an act says happened, and its EPCIS 2.0 JSON (EPCIS 2.0, section 10: the JSON binding). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel import clock
from kernel.quantity import Quantity, plain
from traceability.events.vocabulary import NAMESPACE, Action, EpcRole, EventType

OFFSET = "+08:00"  # the events of our own acts happen in China, which has one time zone

_LISTS = {
    EpcRole.EPC: "epcList",
    EpcRole.CHILD: "childEPCs",
    EpcRole.INPUT: "inputEPCList",
    EpcRole.OUTPUT: "outputEPCList",
}
_CLASS_LISTS = {
    EpcRole.CLASS: "quantityList",
    EpcRole.CHILD_CLASS: "childQuantityList",
    EpcRole.INPUT_CLASS: "inputQuantityList",
    EpcRole.OUTPUT_CLASS: "outputQuantityList",
}


@dataclass(frozen=True)
class Epc:
    """One identifier and its role; class-level identifiers carry a quantity."""

    role: EpcRole
    epc: str
    quantity: Quantity | None = None


@dataclass(frozen=True)
class EventDraft:
    """An event of our own acts.

    ``public`` and ``private`` are what the ledger entry says beside the fields every event has: private values enter as commitments,
    each with the person it is about (or None). Nothing personal, and no weight of a single household, may stand in ``public``.
    ``recorded_at`` is when we heard of it, where that is later than ``at``, when it happened.
    """

    event_type: EventType
    at: datetime
    organization_id: UUID
    county_code: str
    epcs: Sequence[Epc]
    biz_step: str
    disposition: str | None = None
    action: Action | None = None
    read_point: str | None = None
    biz_location: str | None = None
    ilmd: Mapping[str, Any] = field(default_factory=dict)
    extensions: Mapping[str, Any] = field(default_factory=dict)
    transactions: Sequence[tuple[str, str]] = ()
    lot_code: str | None = None
    product_class: str | None = None
    public: Mapping[str, str | int] = field(default_factory=dict)
    private: Mapping[str, tuple[UUID | None, str]] = field(default_factory=dict)
    recorded_at: datetime | None = None


def build_body(draft: EventDraft, event_uri: str) -> dict[str, Any]:
    """The event in the JSON binding, with the context its extension keys need. Quantities travel in UN/ECE units."""
    body: dict[str, Any] = {
        "@context": [{"shanhai": NAMESPACE}],
        "type": draft.event_type.value,
        "eventID": event_uri,
        "eventTime": clock.to_shanghai(draft.at).isoformat(timespec="milliseconds"),
        "eventTimeZoneOffset": OFFSET,
    }
    if draft.action is not None:
        body["action"] = draft.action.value
    for role, name in _LISTS.items():
        if found := [line.epc for line in draft.epcs if line.role is role]:
            body[name] = found
    for role, name in _CLASS_LISTS.items():
        if lines := [line for line in draft.epcs if line.role is role]:
            body[name] = [_element(line) for line in lines]
    for line in draft.epcs:
        if line.role is EpcRole.PARENT:
            body["parentID"] = line.epc
    body["bizStep"] = draft.biz_step
    optional: dict[str, Any] = {
        "disposition": draft.disposition,
        "readPoint": {"id": draft.read_point} if draft.read_point else None,
        "bizLocation": {"id": draft.biz_location} if draft.biz_location else None,
        "bizTransactionList": [{"type": kind, "bizTransaction": value} for kind, value in draft.transactions],
        "ilmd": dict(draft.ilmd),
    }
    body.update({key: value for key, value in optional.items() if value})
    body.update({f"shanhai:{key}": value for key, value in draft.extensions.items() if value not in (None, "")})
    return body


def _element(line: Epc) -> dict[str, Any]:
    if line.quantity is None:
        return {"epcClass": line.epc}
    amount, unit = _outward(line.quantity)
    # EPCIS wants a JSON number. Amounts have at most six decimals and twelve digits, which a double keeps exactly enough to print back.
    number: int | float = int(amount) if amount == amount.to_integral_value() else float(plain(amount))
    return {"epcClass": line.epc, "quantity": number} | ({"uom": unit} if unit else {})


def _outward(quantity: Quantity) -> tuple[Any, str | None]:
    try:
        return quantity.outward()
    except ValueError:  # 群: countable, but no list of units knows it
        return quantity.amount, None
