"""The operator's doors of API keys: issue one (its token is shown this once) and revoke it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties import keying
from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization_by_code
from kernel import clock
from kernel.web import once

bp = Blueprint("keys", __name__, url_prefix="/parties/organizations/<code>/keys", template_folder="../templates")


@bp.post("/")
@require(Role.operator)
def issue(code: str) -> ResponseReturnValue:
    """Answer with the token: it is in this one page and never in the database or in the store of repeated answers."""
    done = _issue(code)
    token = g.get("issued_token")
    if token is None:
        return done
    return render_template("parties/key.html", code=code, token=token)


@once
def _issue(session: Session, code: str) -> ResponseReturnValue:
    organization = get_organization_by_code(session, code)
    _key, g.issued_token = keying.issue_key(
        session,
        current_actor(),
        organization_id=organization.id,
        name=request.form.get("key_name", ""),
        scopes=request.form.getlist("scopes"),
        roles=[Role.clerk],
        at=clock.now(),
    )
    return redirect(url_for("organizations.show", code=code))


@bp.post("/<uuid:key_id>/revoke")
@require(Role.operator)
@once
def revoke(session: Session, code: str, key_id: UUID) -> ResponseReturnValue:
    keying.revoke_key(session, current_actor(), key_id=key_id, at=clock.now())
    flash(_("密钥已停用。"), "ok")
    return redirect(url_for("organizations.show", code=code))
