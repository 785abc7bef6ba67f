"""The doors of the log. Checkpoint, tiles, bundles, key and policy come from the published files and never touch the database;
any tlog-tiles client can read them. They carry CORS headers, so that a verifier page of somebody else can read them too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from kernel.db import reading
from kernel.errors import NotFound
from kernel.web import everyone, limiter
from traceability.ledger import queries
from traceability.ledger.note import BadNote
from traceability.ledger.publisher import POLICY_FILE, VKEY_FILE
from traceability.ledger.tiles import BadTile, parse_tile

bp = Blueprint("ledger", __name__, url_prefix="/log", template_folder="templates")

STAGE_LABELS = {
    queries.Stage.recorded: _l("已记录"),
    queries.Stage.sequenced: _l("已编号"),
    queries.Stage.published: _l("已公布，待见证"),
    queries.Stage.witnessed: _l("已见证"),
}
_FOR_EVER = "public, max-age=31536000, immutable"
_SECONDS = "public, max-age=2"
_PAGE = 10


def _folder() -> Path:
    folder: Path = current_app.config["SHANHAI"].log_dir
    return folder.absolute()


@bp.after_request
def open_to_all(response: Response) -> Response:
    """Let pages of other sites read what is public here; no cookie ever takes part."""
    if not (response.content_type or "").startswith("text/html"):
        response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@bp.get("/checkpoint")
@limiter.exempt
@everyone
def show_checkpoint() -> ResponseReturnValue:
    """The newest signed checkpoint, with its cosignatures (tlog-tiles)."""
    return _text_file(queries.CHECKPOINT_FILE)


@bp.get("/checkpoint.witnessed")
@limiter.exempt
@everyone
def show_witnessed() -> ResponseReturnValue:
    """The newest checkpoint that a quorum of the witnesses has cosigned."""
    return _text_file(queries.WITNESSED_FILE)


@bp.get("/vkey")
@limiter.exempt
@everyone
def show_vkey() -> ResponseReturnValue:
    """The log's verifier key (signed-note)."""
    return _text_file(VKEY_FILE)


@bp.get("/policy")
@limiter.exempt
@everyone
def show_policy() -> ResponseReturnValue:
    """Log key, witnesses and quorum (tlog-policy). Keep a copy: it is what you check against next time."""
    return _text_file(POLICY_FILE)


@bp.get("/tile/<path:path>")
@limiter.exempt  # published files are read by the thousand, like static ones
@everyone
def show_tile(path: str) -> ResponseReturnValue:
    """A tile or an entry bundle (tlog-tiles); partial ones only where a checkpoint implied them, or cut from the full one."""
    try:
        data = queries.find_tile(_folder(), parse_tile(path))
    except BadTile:
        data = None
    if data is None:
        raise NotFound("账本里没有这一片。")
    response = make_response(data)
    response.content_type = "application/octet-stream"
    response.headers["Cache-Control"] = _FOR_EVER
    return response


@bp.get("/proof/<uuid:event_id>")
@everyone
def show_proof(event_id: UUID) -> ResponseReturnValue:
    """A .tlog-proof of this event's entry; 202 with its state while it is not published. Private fields stay closed here."""
    with reading() as session:
        proof = queries.get_proof_file(session, _folder(), event_id)
    if proof is None:
        waiting = make_response(show_state(event_id), 202)
        waiting.headers["Retry-After"] = "2"
        return waiting
    response = make_response(proof.encode())
    response.content_type = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{event_id}.tlog-proof"'
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/state/<uuid:event_id>")
@everyone
def show_state(event_id: UUID) -> ResponseReturnValue:
    """How far the entry has come: recorded, sequenced, published, witnessed; and what was lawfully erased from it."""
    with reading() as session:
        state = queries.find_entry_state(session, event_id)
        erasures = queries.list_erasures(session, event_id)
    if state is None:
        raise NotFound("账本里没有这条记录。请检查编号是否完整。")
    erased = [{"by": str(erasure.erased_by), "fields": erasure.fields, "at": erasure.at} for erasure in erasures]
    response = jsonify({"event": str(event_id), "state": state.stage.value, "index": state.index, "erased": erased})
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/")
@everyone
def show_log() -> ResponseReturnValue:
    """What this log is, how far it has come, and how a stranger checks it."""
    before = request.args.get("before", "")
    with reading() as session:
        progress = queries.find_progress(session)
        entries = queries.list_entries(session, before=int(before) if before.isascii() and before.isdigit() else None, limit=_PAGE)
    older = entries[-1].state.index if len(entries) == _PAGE else None
    page = {"progress": progress, "entries": entries, "older": older, "before": before, "labels": STAGE_LABELS}
    return render_template("ledger/index.html", **page, **_published())


def _published() -> dict[str, Any]:
    """What the page shows of the published files."""
    folder = _folder()
    texts = {name: (folder / name).read_text("utf-8") if (folder / name).exists() else "" for name in (VKEY_FILE, POLICY_FILE)}
    try:
        found = queries.find_published(folder)
    except BadNote:
        found = None
    witnesses = [line.removeprefix("#").strip() for line in texts[POLICY_FILE].splitlines() if line.startswith("#")]
    base = f"{current_app.config['SHANHAI'].public_url}{bp.url_prefix}"
    return {"vkey": texts[VKEY_FILE].strip(), "checkpoint": found and found[1].decode(), "witnesses": witnesses, "base": base}


def _text_file(name: str) -> ResponseReturnValue:
    """A small file that changes: cached for seconds, answered with 304 when unchanged."""
    try:
        response = make_response((_folder() / name).read_bytes())
    except FileNotFoundError:
        raise NotFound("账本还没有公布任何内容，请过几秒再试。") from None
    response.content_type = "text/plain; charset=utf-8"
    response.headers["Cache-Control"] = _SECONDS
    response.add_etag()
    return response.make_conditional(request)
