"""Events as the standard's documents, identifiers in the form asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from kernel.clock import format_iso
from traceability.epcis.formats import translate
from traceability.epcis.states import EpcFormat
from traceability.events.models import TraceEvent

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"


def written(event: TraceEvent, format_: EpcFormat) -> dict[str, Any]:
    """One event as it is shown to the outside."""
    return translate(event.body, format_) | {"recordTime": format_iso(event.record_time)}


def build_query_document(
    events: Iterable[TraceEvent], format_: EpcFormat, name: str, *, created_at: datetime, subscription_id: UUID | None = None
) -> dict[str, Any]:
    """An EPCISQueryDocument with these events, in this order."""
    results: dict[str, Any] = {"queryName": name}
    if subscription_id is not None:
        results["subscriptionID"] = str(subscription_id)
    results["resultsBody"] = {"eventList": [written(event, format_) for event in events]}
    return {
        "@context": [CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": format_iso(created_at),
        "epcisBody": {"queryResults": results},
    }
