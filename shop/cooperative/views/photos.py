"""A photograph of a delivery: taken with the form or not at all, shown to those the slip is shown to, deleted when somebody asks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Blueprint, current_app, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from catalog.parties.access import require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.files import MAX_BYTES, FileStore
from kernel.pictures import shrink
from kernel.web import everyone, limiter, once
from shop.cooperative import links
from shop.cooperative.views.slips import GUESSES, is_clerk_of, own_slip
from traceability.lots.erasing import erase_photo
from traceability.lots.harvesting import Photo
from traceability.lots.queries import find_photo, get_delivery

bp = Blueprint("photos", __name__, template_folder="../templates")
FACES = {"none": False, "agreed": True}


@dataclass
class Taken:
    """The photograph that came with a form, in the store already; ``used`` once a delivery was recorded with it."""

    photo: Photo | None
    used: bool = False


@contextmanager
def taken_photo() -> Iterator[Taken]:
    """Read, shrink and keep what came with the form, before any transaction; without a delivery its file goes again.

    Raises Invalid (no picture, or nobody said whether people can be recognised).
    """
    given = request.files.get("photo")
    taken = Taken(None)
    try:
        taken.photo = _read(given) if given is not None else None
        yield taken
    except BaseException:
        taken.used = False
        raise
    finally:
        if taken.photo is not None and not taken.used:
            _store().delete(taken.photo.digest)
        if given is not None:
            given.close()


def _read(given: FileStorage) -> Photo | None:
    content = given.stream.read(MAX_BYTES + 1)
    if not content and not given.filename:
        return None
    given.stream.seek(0)
    small = shrink(content)
    faces = request.form.get("faces", "")
    if faces not in FACES:
        raise Invalid("请选一项：照片里有没有能认出来的人。", field="faces")
    return Photo(_store().keep(small).digest, FACES[faces])


def _store() -> FileStore:
    return FileStore(current_app.config["SHANHAI"].photos_dir)


def _send(digest: str | None) -> ResponseReturnValue:
    if digest is None:
        raise NotFound("没有这张照片，或者已经删除。")
    with _store().open(digest) as stored:
        response = send_file(io.BytesIO(stored.read()), mimetype="image/jpeg")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@bp.get("/cooperative/deliveries/<code>/photo.jpg")
@require(Role.clerk, Role.county_officer)
def show(code: str) -> ResponseReturnValue:
    """For the clerks of the cooperative and the officers of the county."""
    with reading() as session:
        digest = find_photo(session, own_slip(session, code).delivery.id)
    return _send(digest)


@bp.get("/slips/<code>/<token>/photo.jpg")
@limiter.limit(GUESSES, deduct_when=lambda response: response.status_code == 404)
@everyone
def show_own(code: str, token: str) -> ResponseReturnValue:
    """For the household that holds the slip."""
    links.check(current_app.config["SHANHAI"].secret_key, code, token)
    with reading() as session:
        digest = find_photo(session, get_delivery(session, code).id)
    return _send(digest)


@bp.post("/cooperative/deliveries/<code>/photo/erased")
@require(Role.clerk)
@once
def erase(session: Session, code: str) -> ResponseReturnValue:
    """Delete it because somebody who is on it, or the household, asks."""
    slip = own_slip(session, code)
    if not is_clerk_of(slip):
        raise Forbidden("只有这个合作社的经办可以删除照片。")
    if erase_photo(session, slip.delivery.id, clock.now()):
        flash(_("照片已删除。"), "ok")
    return redirect(url_for("cooperative.slip", code=code))
