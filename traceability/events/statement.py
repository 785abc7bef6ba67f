"""What the ledger entry of an event states: openly, for everybody for ever, and closed, as commitments. Pure.

The auditor states it anew from the row and compares, so a row that was changed later is found whichever column it was.
"""

from __future__ import annotations

from traceability.events.eventhash import digest_body
from traceability.events.models import TraceEvent
from traceability.events.vocabulary import BIZ_STEPS, STEP_LABELS

STATED = (
    "event_type", "action", "biz_step", "county", "organization", "product_class", "origin", "declares_error",
    "event_hash", "body_sha256", "lot_code",
)  # fmt: skip


def state_openly(row: TraceEvent, organization_code: str) -> dict[str, str]:
    """A legal body did a kind of thing at a time in a county. A partner's own word for a step stays closed: it may say anything."""
    step = row.biz_step or ""
    stated = {
        "event_type": row.event_type.value,
        "action": row.action.value if row.action else None,
        "biz_step": step if step in BIZ_STEPS or step in STEP_LABELS else None,
        "county": row.county_code,
        "organization": organization_code,
        "product_class": row.product_class,
        "origin": row.origin.value,
        "declares_error": "yes" if row.is_declaration else None,
    }
    return {key: value for key, value in stated.items() if value is not None}


def state_closed(row: TraceEvent) -> dict[str, str]:
    """The hash of a small event can be guessed at, so it enters as a commitment; the digest covers every byte of the body (RFC 8785)."""
    stated = {"event_hash": row.event_hash, "body_sha256": digest_body(row.body), "lot_code": row.lot_code}
    return {key: value for key, value in stated.items() if value}
