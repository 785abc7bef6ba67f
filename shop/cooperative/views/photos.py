"""A photograph of an act: taken with its form or not at all, shown to those the act is shown to, deleted when somebody asks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.files import FileStore
from kernel.pictures import shrink
from kernel.web import BESIDE_A_FILE, everyone, limiter, once
from shop.cooperative import links
from shop.cooperative.views.slips import GUESSES, is_clerk_of, own_slip
from traceability.lots.erasing import erase_photo
from traceability.lots.models import ActPhoto
from traceability.lots.photographing import Photo
from traceability.lots.queries import find_photo, get_delivery, get_lot, list_photos

bp = Blueprint("photos", __name__, template_folder="../templates")
FACES = {"none": False, "agreed": True}
MOST_SENT = 32 * 1024 * 1024  # what the best cameras of today write; a phone with JavaScript sends a hundredth of it


@dataclass
class Taken:
    """The photograph that came with a form, in the store already; ``used`` once an act was recorded with it."""

    photo: Photo | None
    used: bool = False


def allow_photo(_endpoint: str | None, _values: dict[str, object] | None) -> None:
    """For blueprints whose forms take photographs: a large one is made small here, so it may come in, and the form with it."""
    request.max_content_length = MOST_SENT + BESIDE_A_FILE


@contextmanager
def taken_photo(field: str = "photo") -> Iterator[Taken]:
    """Read, shrink and keep what came in this field, before any transaction; without an act its file goes again.

    Raises Invalid (no picture, too large, or nobody said whether people can be recognised).
    """
    given = request.files.get(field)
    taken = Taken(None)
    try:
        taken.photo = _read(given, field) if given is not None else None
        yield taken
    except BaseException:
        taken.used = False
        raise
    finally:
        if taken.photo is not None and not taken.used:
            _store().delete(taken.photo.digest)
        if given is not None:
            given.close()


def _read(given: FileStorage, field: str) -> Photo | None:
    content = given.stream.read(MOST_SENT + 1)
    if not content and not given.filename:
        return None
    given.stream.seek(0)
    if len(content) > MOST_SENT:
        most = MOST_SENT // (1024 * 1024)
        raise Invalid("这张照片太大了，最大 %(most)s MB。请在相机里选小一点的尺寸再拍。", params={"most": most}, field=field)
    small = shrink(content, field)
    faces_field = field.replace("photo", "faces", 1)
    faces = request.form.get(faces_field, "")
    if faces not in FACES:
        raise Invalid("请选一项：照片里有没有能认出来的人。", field=faces_field)
    return Photo(_store().keep(small).digest, FACES[faces])


def _store() -> FileStore:
    return FileStore(current_app.config["SHANHAI"].photos_dir)


def send_photo(digest: str | None) -> ResponseReturnValue:
    """A photograph for the one reader who may see it. Raises NotFound for none."""
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
        photo = find_photo(session, own_slip(session, code).delivery.id)
        digest = photo.digest if photo else None
    return send_photo(digest)


@bp.get("/slips/<code>/<token>/photo.jpg")
@limiter.limit(GUESSES, deduct_when=lambda response: response.status_code == 404)
@everyone
def show_own(code: str, token: str) -> ResponseReturnValue:
    """For the household that holds the slip."""
    links.check(current_app.config["SHANHAI"].secret_key, code, token)
    with reading() as session:
        photo = find_photo(session, get_delivery(session, code).id)
        digest = photo.digest if photo else None
    return send_photo(digest)


@bp.post("/cooperative/deliveries/<code>/photo/erased")
@require(Role.clerk)
@once
def erase(session: Session, code: str) -> ResponseReturnValue:
    """Delete it because somebody who is on it, or the household, asks."""
    slip = own_slip(session, code)
    if not is_clerk_of(slip):
        raise Forbidden("只有这个合作社的经办可以删除照片。")
    if photo := find_photo(session, slip.delivery.id):
        erase_photo(session, photo, clock.now())
        flash(_("照片已删除。"), "ok")
    return redirect(url_for("cooperative.slip", code=code))


def _own_photo(session: Session, code: str, photo_id: UUID) -> ActPhoto:
    """A photograph of an act on a lot of the clerk's own cooperative. Raises NotFound."""
    lot = get_lot(session, code)
    found = list_photos(session, lot, photo_id=photo_id) if current_actor().has(Role.clerk, lot.organization_id) else ()
    if not found:
        raise NotFound("没有这张照片，或者已经删除。")
    return found[0][0]


@bp.get("/cooperative/lots/<lot_code>/photos/<uuid:photo_id>.jpg")
@require(Role.clerk)
def show_of_lot(lot_code: str, photo_id: UUID) -> ResponseReturnValue:
    """For the clerks of the lot's cooperative."""
    with reading() as session:
        digest = _own_photo(session, lot_code, photo_id).digest
    return send_photo(digest)


@bp.post("/cooperative/lots/<lot_code>/photos/<uuid:photo_id>/erased")
@require(Role.clerk)
@once
def erase_of_lot(session: Session, lot_code: str, photo_id: UUID) -> ResponseReturnValue:
    """Delete it because somebody who is on it asks."""
    erase_photo(session, _own_photo(session, lot_code, photo_id), clock.now())
    flash(_("照片已删除。"), "ok")
    return redirect(url_for("cooperative_lots.work", code=lot_code))
