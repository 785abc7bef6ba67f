"""One's own data: take it away, or ask for it to be deleted. Up here, since every room has some of it."""

from __future__ import annotations

from uuid import UUID

import orjson
from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.erasing import SubjectKind
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.web import kept, limiter, once
from shop.accounts import signing
from shop.accounts.views.actor import COOKIE_KEY
from shop.backoffice import erasing
from shop.backoffice.exporting import export_person
from shop.backoffice.queries import find_waiting_erasure
from shop.backoffice.tracing import find_footprint

bp = Blueprint("own_data", __name__, template_folder="../templates")


def _me() -> UUID:
    person_id = current_actor().person_id
    assert person_id is not None
    return person_id


def _check_owner(open_session: Session) -> None:
    current = request.form.get("current", "")[:200]
    signing.check_owner(open_session, _me(), token=session.get(COOKIE_KEY, ""), current=current, at=clock.now())


@bp.get("/account/data")
@require(Role.consumer)
def show() -> ResponseReturnValue:
    """What there is, what would go and what the law keeps."""
    return _page({})


def _page(errors: dict[str, str]) -> str:
    with reading() as open_session:
        return render_template(
            "backoffice/own_data.html",
            footprint=find_footprint(open_session, SubjectKind.PERSON, _me()),
            waiting=find_waiting_erasure(open_session, _me()),
            fresh=signing.is_fresh(open_session, session.get(COOKIE_KEY, ""), at=clock.now()),
            has_password=signing.has_password(open_session, _me()),
            errors=errors,
        )


@bp.post("/account/data/file")
@require(Role.consumer)
@limiter.limit("10 per hour")
def take() -> ResponseReturnValue:
    """The file (form: current)."""
    return kept(_take, _page)


def _take() -> ResponseReturnValue:
    at = clock.now()
    with reading() as open_session:
        _check_owner(open_session)
        body = orjson.dumps(export_person(open_session, _me(), at=at, gettext=_), option=orjson.OPT_INDENT_2, default=str)
    name = f"shanhai-{clock.today_shanghai(at):%Y%m%d}.json"
    return Response(body, mimetype="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'})


@bp.post("/account/data/delete")
@require(Role.consumer)
@limiter.limit("10 per hour")
def ask_deletion() -> ResponseReturnValue:
    """Ask for the account to be deleted (form: current, sure); an operator looks at it and decides."""
    return kept(_ask_deletion, _page)


@once
def _ask_deletion(open_session: Session) -> ResponseReturnValue:
    _check_owner(open_session)
    asked = erasing.ask_own_erasure(open_session, current_actor(), sure=request.form.get("sure") == "1", at=clock.now())
    flash(_("已收到删除申请 %(code)s。", code=asked.code), "ok")
    return redirect(url_for(".show"))
