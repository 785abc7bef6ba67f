"""Entry without a network: the page a phone keeps with its service worker, and the list of the cooperative's phones.

The page and its files are the same for all; what is about somebody comes through the doors of ``phone.py``.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from uuid import UUID

import orjson
from flask import Blueprint, current_app, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.web import LANGUAGES, language, limiter, once, same_for_all
from shop.cooperative import enrolling, forms, queries
from shop.cooperative.views import own_cooperative

bp = Blueprint(
    "offline",
    __name__,
    url_prefix="/cooperative/offline",
    template_folder="../templates",
    static_folder="../static",
    static_url_path="/files",
)
FILES = Path(__file__).parent.parent / "static"
_KEPT = re.compile(r'(?:src|href)="(/[^"]+\.(?:css|js|svg)(?:\?[^"]*)?)"')


@bp.get("/")
@limiter.exempt
@same_for_all
def show_app() -> ResponseReturnValue:
    """The page for entries without a network. Nothing in it is about anybody: what is, the phone keeps sealed."""
    response = make_response(_page())
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Language"] = language().replace("_", "-")
    response.add_etag()
    return response.make_conditional(request)


def _page() -> str:
    in_wechat = "MicroMessenger" in request.headers.get("User-Agent", "")
    link = current_app.config["SHANHAI"].public_url + url_for("offline.show_app")
    units = [(unit.value, _(unit.label)) for unit in forms.DELIVERY_UNITS]
    return render_template("cooperative/offline.html", in_wechat=in_wechat, link=link, units=units)


@bp.get("/sw.js")
@limiter.exempt
@same_for_all
def show_worker() -> ResponseReturnValue:
    """The service worker with the list of what it keeps; it changes when any of that does, and then the phone fetches all of it anew."""
    pages = {}
    for address in [url_for("offline.show_app", lang=lang) for lang in LANGUAGES]:
        with current_app.test_request_context(address):  # the page exactly as the phone will fetch it
            pages[address] = _page()
    scripts = {url_for("offline.static", filename=path.name): path.read_bytes() for path in sorted(FILES.glob("*.js"))}
    worker = scripts.pop(url_for("offline.static", filename="sw.js"))
    shown = {name for page in pages.values() for name in _KEPT.findall(page)}
    digest = hashlib.sha256(orjson.dumps([pages, sorted(shown)]) + b"".join(scripts.values()) + worker).hexdigest()
    head = f"const VERSION = {orjson.dumps('offline-' + digest[:16]).decode()};\n"
    kept = f"const FILES = {orjson.dumps(sorted({*pages, *shown, *scripts})).decode()};\n"
    response = make_response(head.encode() + kept.encode() + worker)
    response.content_type = "text/javascript; charset=utf-8"
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@bp.get("/devices")
@require(Role.clerk)
def devices() -> ResponseReturnValue:
    """The cooperative's phones, and the way to let this one in."""
    after = forms.read_uuid(request.args["after"]) if request.args.get("after") else None
    with reading() as session:
        rows = queries.list_devices(session, own_cooperative(), after=after)
    following = rows[-1][0].id if len(rows) == 30 else None
    return render_template("cooperative/devices.html", rows=rows, following=following, now=clock.now())


@bp.post("/devices")
@require(Role.clerk)
@once
def enrol(session: Session) -> ResponseReturnValue:
    """Let this phone in; its script has made the token and sends the hash."""
    device = enrolling.enrol_device(
        session,
        current_actor(),
        own_cooperative(),
        name=request.form.get("name", ""),
        token_hash=request.form.get("token_hash", ""),
        at=clock.now(),
    )
    return jsonify(device=str(device.id), expires=clock.format_iso(device.expires_at))


@bp.post("/devices/<uuid:device_id>/end")
@require(Role.clerk)
@once
def end(session: Session, device_id: UUID) -> ResponseReturnValue:
    """Shut a phone out."""
    enrolling.end_device(session, current_actor(), device_id, at=clock.now())
    flash(_("已停用。这部手机从现在起不能再同步。"))
    return redirect(url_for("offline.devices"))
