"""The doors of the log. Checkpoint, tiles, bundles, key and policy come from the published files and never touch the database;
any tlog-tiles client can read them. They carry CORS headers, so that a verifier page of somebody else can read them too.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor
from kernel.db import reading
from kernel.errors import Invalid, NotFound
from kernel.web import everyone, language, limiter, same_for_all
from traceability.ledger import awaiter, disclosing, queries
from traceability.ledger.note import BadNote
from traceability.ledger.pinning import digest_files, verifier_id
from traceability.ledger.publisher import POLICY_FILE, VKEY_FILE
from traceability.ledger.stages import STAGE_LABELS, STAGE_TEXTS, Stage
from traceability.ledger.tiles import ENTRIES, BadTile, parse_tile
from traceability.ledger.verifier import FILES, FOLDER
from traceability.ledger.verify import ProofFile, Refused, parse_policy

bp = Blueprint("ledger", __name__, url_prefix="/log", template_folder="templates")

GUESSES = "60 per minute"  # misses of one address, as on the pages of boxes: serials are not to be found by trying
_FOR_EVER = "public, max-age=31536000, immutable"
_SECONDS = "public, max-age=2"
_RETRY = "2"  # seconds
_PAGE = 10


def _folder() -> Path:
    folder: Path = current_app.config["SHANHAI"].log_dir
    return folder.absolute()


@bp.after_request
def open_to_all(response: Response) -> Response:
    """Let pages of other sites read what is public here; no cookie of theirs ever takes part."""
    if request.endpoint != "ledger.show_log":
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After"
        response.headers["Referrer-Policy"] = "no-referrer"  # a serial may stand in the address
    return response


@bp.get("/checkpoint")
@limiter.exempt
@same_for_all
def show_checkpoint() -> ResponseReturnValue:
    """The newest signed checkpoint, with its cosignatures (tlog-tiles)."""
    return _text_file(queries.CHECKPOINT_FILE)


@bp.get("/checkpoint.witnessed")
@limiter.exempt
@same_for_all
def show_witnessed() -> ResponseReturnValue:
    """The newest checkpoint that a quorum of the witnesses has cosigned."""
    return _text_file(queries.WITNESSED_FILE)


@bp.get("/vkey")
@limiter.exempt
@same_for_all
def show_vkey() -> ResponseReturnValue:
    """The log's verifier key (signed-note)."""
    return _text_file(VKEY_FILE)


@bp.get("/policy")
@limiter.exempt
@same_for_all
def show_policy() -> ResponseReturnValue:
    """Log key, witnesses and quorum (tlog-policy). Keep a copy: it is what you check against next time."""
    return _text_file(POLICY_FILE)


@bp.get("/tile/<path:path>")
@limiter.exempt  # published files are read by the thousand, like static ones
@same_for_all
def show_tile(path: str) -> ResponseReturnValue:
    """A tile or an entry bundle (tlog-tiles). A partial one is there if a checkpoint implied it, until the full one is."""
    try:
        tile = parse_tile(path)
        data = queries.find_tile(_folder(), tile)
    except BadTile:
        data = None
    if data is None:
        raise NotFound("账本里没有这一片。")
    response = make_response(data)
    response.content_type = "application/octet-stream"
    response.headers["Cache-Control"] = _FOR_EVER
    response.add_etag()
    if tile.level == ENTRIES:  # hashes do not get smaller, entries do
        _compress(response, data)
    return response.make_conditional(request)


def _compress(response: Response, data: bytes) -> None:
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"]:
        response.set_data(gzip.compress(data, 6, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        response.set_etag(f"{response.get_etag()[0]}-gzip")


@bp.get("/verifier/")
@bp.get("/verifier/<name>")
@limiter.exempt
@same_for_all
def show_verifier(name: str = "index.html") -> ResponseReturnValue:
    """The verifier for browsers, as the publisher made it ready: static files that work from any host, with the policy pinned in them."""
    if name not in FILES:
        raise NotFound("没有找到这个页面。请检查网址，或从首页重新进入。")
    response = _published_file(f"{FOLDER}/{name}", FILES[name])
    response.headers["Cache-Control"] = "public, no-cache"  # the files belong together; each is asked for anew
    if name == "offline.html":
        response.headers["Content-Disposition"] = 'attachment; filename="shanhai-verifier.html"'
    return response


@bp.get("/proof/<uuid:event_id>")
@limiter.limit(GUESSES, deduct_when=lambda response: response.status_code == 404)
@everyone
def show_proof(event_id: UUID) -> ResponseReturnValue:
    """A .tlog-proof of this event's entry, with what this reader may see now opened; 202 and its state while it is not that far.

    `?wait=published` (or `witnessed`) waits for it a little; `?serial=` names the box the reader holds.
    """
    stage = _wait_for(event_id)
    with reading() as session:
        state = queries.find_entry_state(session, event_id)
        proof = _make_proof(session, event_id) if state is None or stage is None or state.stage.includes(stage) else None
    if proof is None:
        waiting = make_response(_tell_state(event_id), 202)
        waiting.headers["Retry-After"] = _RETRY
        return waiting
    response = make_response(proof.encode())
    response.content_type = "text/plain; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{event_id}.tlog-proof"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _make_proof(session: Session, event_id: UUID) -> ProofFile | None:
    opened = disclosing.disclose(session, current_actor(), event_id, request.args.get("serial", ""))
    return queries.get_proof_file(session, _folder(), event_id, disclosed=opened)


@bp.get("/state/<uuid:event_id>")
@everyone
def show_state(event_id: UUID) -> ResponseReturnValue:
    """How far the entry has come: recorded, sequenced, published, witnessed; and what was lawfully erased. `?wait=` as for a proof."""
    _wait_for(event_id)
    return _tell_state(event_id)


def _tell_state(event_id: UUID) -> Response:
    with reading() as session:
        state = queries.find_entry_state(session, event_id)
        erasures = queries.list_erasures(session, event_id)
        times = queries.find_times(session)
    if state is None:
        raise NotFound("账本里没有这条记录。请检查编号是否完整。")
    erased = [{"by": str(erasure.erased_by), "fields": erasure.fields, "at": erasure.at} for erasure in erasures]
    words = {"label": _(STAGE_LABELS[state.stage]), "says": _(STAGE_TEXTS[state.stage])}
    response = jsonify({"event": str(event_id), "state": state.stage.value, "index": state.index, "erased": erased} | words | times)
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept-Language")
    return response


def _wait_for(event_id: UUID) -> Stage | None:
    """Wait if the reader asks for it; the stage they ask for. Raises Invalid for another word."""
    wanted = request.args.get("wait")
    if wanted is None:
        return None
    if wanted not in (Stage.published, Stage.witnessed):
        raise Invalid("wait 只能是 published 或 witnessed。", field="wait")
    stage = Stage(wanted)
    if request.method == "GET" and not _has_reached(event_id, stage):
        awaiter.wait(current_app.config["SHANHAI"].database_url, lambda: _has_reached(event_id, stage))
    return stage


def _has_reached(event_id: UUID, stage: Stage) -> bool:
    """Whether there is nothing to wait for: the entry is that far, or there is none."""
    with reading() as session:
        state = queries.find_entry_state(session, event_id)
    return state is None or state.stage.includes(stage)


@bp.get("/")
@everyone
def show_log() -> ResponseReturnValue:
    """What this log is, how far it has come, and how a stranger checks it."""
    before = request.args.get("before", "")
    with reading() as session:
        progress = queries.find_progress(session)
        first = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        entries = queries.list_entries(session, before=first, limit=_PAGE)
        verifier = _find_verifier(session, progress.origin if progress else "")
    older = entries[-1].state.index if len(entries) == _PAGE else None
    page = {
        "progress": progress,
        "entries": entries,
        "older": older,
        "before": before,
        "verifier": verifier,
        "language": language(),
    }
    return render_template("ledger/index.html", **page, labels=STAGE_LABELS, **_published())


def _find_verifier(session: Session, origin: str) -> dict[str, Any] | None:
    """The verifier's files with their hashes, and the entry of the log that holds the same hashes."""
    try:
        digests = digest_files({name: (_folder() / FOLDER / name).read_bytes() for name in FILES})
    except OSError:
        return None
    event_id = verifier_id(origin, digests)
    return {"digests": digests, "event_id": event_id, "state": queries.find_entry_state(session, event_id)}


def _published() -> dict[str, Any]:
    """What the page shows of the published files."""
    folder = _folder()
    texts = {name: (folder / name).read_text("utf-8") if (folder / name).exists() else "" for name in (VKEY_FILE, POLICY_FILE)}
    try:
        found = queries.find_published(folder)
        policy = parse_policy(texts[POLICY_FILE].encode()) if texts[POLICY_FILE] else None
    except (BadNote, Refused):
        found, policy = None, None
    base = f"{current_app.config['SHANHAI'].public_url}{bp.url_prefix}"
    return {"vkey": texts[VKEY_FILE].strip(), "checkpoint": found and found[1].decode(), "policy": policy, "base": base}


def _text_file(name: str) -> ResponseReturnValue:
    """A small text that changes: cached for seconds, answered with 304 when unchanged."""
    response = _published_file(name, "text/plain; charset=utf-8")
    response.headers["Cache-Control"] = _SECONDS
    return response


def _published_file(name: str, content_type: str) -> Response:
    try:
        response = make_response((_folder() / name).read_bytes())
    except FileNotFoundError:
        raise NotFound("账本还没有公布任何内容，请过几秒再试。") from None
    response.content_type = content_type
    response.add_etag()
    response.make_conditional(request)
    return response
