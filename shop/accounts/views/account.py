"""One's account: what it is known by, the password, the browsers signed in."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_person
from kernel import clock
from kernel.db import reading
from kernel.web import kept, limiter, once
from shop.accounts import signing
from shop.accounts.views.actor import COOKIE_KEY

bp = Blueprint("account", __name__, template_folder="../templates")


@bp.get("/account")
@require(Role.consumer)
def show() -> ResponseReturnValue:
    """The page."""
    return _page({})


def _page(errors: dict[str, str]) -> str:
    person_id = current_actor().person_id
    assert person_id is not None
    with reading() as open_session:
        return render_template(
            "accounts/account.html",
            person=get_person(open_session, person_id),
            has_password=signing.has_password(open_session, person_id),
            fresh=signing.is_fresh(open_session, session.get(COOKIE_KEY, ""), at=clock.now()),
            least=signing.MIN_PASSWORD,
            errors=errors,
        )


@bp.post("/account/password")
@require(Role.consumer)
@limiter.limit("10 per minute")
def set_password() -> ResponseReturnValue:
    """Set or change it (form: password, current)."""
    return kept(_set_password, _page)


@once
def _set_password(open_session: Session) -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    signing.set_password(
        open_session, person_id, token=session.get(COOKIE_KEY, ""), current=request.form.get("current", "")[:200],
        new=request.form.get("password", "")[:200], at=clock.now(),
    )  # fmt: skip
    flash(_("密码已保存。别的手机和电脑上已退出登录。"), "ok")
    return redirect(url_for(".show"))


@bp.post("/account/password/remove")
@require(Role.consumer)
@limiter.limit("10 per minute")
def remove_password() -> ResponseReturnValue:
    """Sign in by code only from now on (form: current)."""
    return kept(_remove_password, _page)


@once
def _remove_password(open_session: Session) -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    current = request.form.get("current", "")[:200]
    signing.remove_password(open_session, person_id, token=session.get(COOKIE_KEY, ""), current=current, at=clock.now())
    flash(_("密码已去掉，以后用验证码登录。"), "ok")
    return redirect(url_for(".show"))


@bp.post("/account/sessions/end")
@require(Role.consumer)
@once
def end_sessions(open_session: Session) -> ResponseReturnValue:
    """Sign out everywhere but here."""
    person_id = current_actor().person_id
    assert person_id is not None
    signing.end_sessions(open_session, person_id, but=session.get(COOKIE_KEY))
    flash(_("别的手机和电脑上已退出登录。"), "ok")
    return redirect(url_for(".show"))
