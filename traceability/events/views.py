"""The page of one event: what, when, where, who vouches, and how far the log has come with it. Details only for those it concerns."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import name_path
from catalog.parties.access import current_actor
from catalog.parties.queries import get_organization
from kernel.db import reading
from kernel.web import everyone, wants_json
from traceability.events import queries
from traceability.events.models import TraceEvent
from traceability.events.vocabulary import EVENT_LABELS, STEP_LABELS
from traceability.ledger.queries import find_entry_state

bp = Blueprint("events", __name__, template_folder="templates")

STAGE_LABELS = {"recorded": "已记录", "sequenced": "已编号", "published": "已公布", "witnessed": "已有见证"}


@bp.get("/events/<uuid:event_id>")
@everyone
def show_event(event_id: UUID) -> ResponseReturnValue:
    """What everybody may know of an event; the EPCIS event itself for those it concerns."""
    with reading() as session:
        event = queries.get_event(session, event_id)
        whole = queries.may_read_body(current_actor(), event)
        facts = _facts(session, event)
    if wants_json():
        return jsonify(facts | ({"event": event.body, "eventHash": event.event_hash} if whole else {}))
    labels = {
        "type": _(EVENT_LABELS[event.event_type]),
        "step": _(STEP_LABELS.get(event.biz_step or "", "其他环节")),
        "stages": [_(label) for label in STAGE_LABELS.values()],
        "reached": _reached(facts),
    }
    return render_template("events/event.html", event=event, facts=facts, labels=labels, whole=_pretty(event) if whole else "")


def _reached(facts: dict[str, Any]) -> int:
    """The place of the stage the entry is in, past the last one when all is done."""
    if facts["ledger"] is None:
        return 0
    place = list(STAGE_LABELS).index(facts["ledger"]["state"])
    return place if place + 1 < len(STAGE_LABELS) else place + 1


def _pretty(event: TraceEvent) -> str:
    return json.dumps(event.body, ensure_ascii=False, indent=2, sort_keys=True)


def _facts(session: Session, event: TraceEvent) -> dict[str, Any]:
    state = find_entry_state(session, event.id)
    organization = get_organization(session, event.organization_id) if event.organization_id else None
    return {
        "id": str(event.id),
        "type": event.event_type.value,
        "bizStep": event.biz_step,
        "action": event.action.value if event.action else None,
        "eventTime": event.event_time,
        "recordTime": event.record_time,
        "county": event.county_code,
        "countyName": " ".join(name_path(session, event.county_code)) if event.county_code else "",
        "organization": organization.name if organization else None,
        "origin": event.origin.value,
        "isErrorDeclaration": event.is_declaration,
        "ledger": {"state": str(state), "index": state.index} if state else None,
        "proof": f"/log/proof/{event.id}",
    }
