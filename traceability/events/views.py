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
from kernel.web import everyone, language, wants_json
from traceability.events import queries
from traceability.events.models import TraceEvent
from traceability.events.vocabulary import EVENT_LABELS, STEP_LABELS
from traceability.ledger.queries import EntryState, find_entry_state, list_erasures
from traceability.ledger.stages import STAGE_LABELS, STAGE_TEXTS, Stage
from traceability.ledger.stages import STEP_LABELS as LOG_STEPS

bp = Blueprint("events", __name__, template_folder="templates")

FIELD_LABELS = {
    "household": "农户",
    "ear_tags": "耳标",
    "photo_sha256": "照片",
    "quantity": "数量",
    "taken": "用量",
    "serials": "盒子编号",
    "lot_code": "批次",
}


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
        "stages": [_(label) for label in LOG_STEPS.values()],
        "reached": _reached(facts),
    }
    return render_template(
        "events/event.html", event=event, facts=facts, labels=labels, whole=_pretty(event) if whole else "", language=language()
    )


def _reached(facts: dict[str, Any]) -> int:
    """The place of the stage the entry is in, past the last one when all is done."""
    if facts["ledger"] is None:
        return 0
    return list(Stage).index(facts["ledger"]["state"]) + 1


def _pretty(event: TraceEvent) -> str:
    return json.dumps(event.body, ensure_ascii=False, indent=2, sort_keys=True)


def _ledger_facts(session: Session, event: TraceEvent, state: EntryState) -> dict[str, Any]:
    """How far the log has come with the event, in words too, and which fields were lawfully erased by which entry of the log."""
    erased = []
    for erasure in list_erasures(session, event.id):
        by = find_entry_state(session, erasure.erased_by)
        labels = [_(FIELD_LABELS.get(field, field)) for field in erasure.fields]
        told = {"fields": erasure.fields, "labels": labels, "at": erasure.at, "by": str(erasure.erased_by)}
        erased.append(told | {"index": by.index if by else None})
    words = {"label": _(STAGE_LABELS[state.stage]), "says": _(STAGE_TEXTS[state.stage])}
    return {"state": state.stage.value, "index": state.index, "erased": erased} | words


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
        "ledger": _ledger_facts(session, event, state) if state else None,
        "proof": f"/log/proof/{event.id}",
    }
