"""Passkeys: made on the account's page, used on the sign-in page. Only where ``PUBLIC_URL`` has a host name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_person
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Conflict, Invalid, NotFound
from kernel.web import everyone, kept, limiter, local_target, once
from shop.accounts import passkey, signing, unlocking
from shop.accounts.passkey import Asked, Site
from shop.accounts.queries import list_passkeys
from shop.accounts.views.actor import COOKIE_KEY, begin

bp = Blueprint("passkeys", __name__, template_folder="../templates")
CHALLENGE = "challenge"
"""Cookie: what the browser was asked last, and until when its answer is taken."""
LASTS = 600  # seconds


def find_site() -> Site | None:
    """The site passkeys are for, or None where there are none."""
    return passkey.site_of(current_app.config["SHANHAI"].public_url)


def _site() -> Site:
    site = find_site()
    if site is None:
        raise NotFound("这个网址不能用通行密钥。")
    return site


def _remember(asked: Asked) -> str:
    session[CHALLENGE] = [asked.challenge, int(clock.now().timestamp()) + LASTS]
    return asked.options


def _take_challenge() -> str:
    """The challenge, for one answer."""
    challenge, until = session.pop(CHALLENGE, ("", 0))
    if until < clock.now().timestamp():
        raise Invalid("页面放得太久了，请刷新后再试一次。", field="credential")
    return str(challenge)


@bp.app_context_processor
def show_on_sign_in() -> dict[str, Any]:
    """``passkey_options()`` for the sign-in page: what to ask the browser for; None where there are no passkeys."""

    def options() -> str | None:
        site = find_site()
        return _remember(passkey.ask_to_use(site)) if site is not None else None

    return {"passkey_options": options, "passkey_site": find_site}


@bp.post("/sign-in/passkey")
@everyone
@limiter.limit("30 per minute")
def sign_in() -> ResponseReturnValue:
    """Sign in with a passkey (form: credential, the browser's answer as JSON; next)."""
    target = local_target(request.form.get("next"))
    try:
        site, challenge, at = _site(), _take_challenge(), clock.now()
        with work() as open_session:
            answer = request.form.get("credential", "")[:10_000]
            token = signing.open_session(open_session, unlocking.use_passkey(open_session, site, challenge, answer, at=at), at=at)
    except Invalid as problem:
        flash(problem.text(_), "bad")
        return redirect(url_for("accounts.sign_in_page", next=target))
    begin(token)
    return redirect(target)


def _me() -> UUID:
    person_id = current_actor().person_id
    assert person_id is not None
    return person_id


@bp.get("/account/passkeys")
@require(Role.consumer)
def show() -> ResponseReturnValue:
    """One's passkeys, and making another."""
    return _page({})


def _page(errors: dict[str, str]) -> str:
    site = _site()
    if current_actor().guest:
        raise Conflict("请先用手机号登录，再存通行密钥。")
    with reading() as open_session:
        rows = list_passkeys(open_session, _me())
        name = get_person(open_session, _me()).name
        return render_template(
            "accounts/passkeys.html",
            rows=rows,
            options=_remember(passkey.ask_to_make(site, _me(), name, [row.credential for row in rows])),
            fresh=signing.is_fresh(open_session, session.get(COOKIE_KEY, ""), at=clock.now()),
            has_password=signing.has_password(open_session, _me()),
            errors=errors,
        )


@bp.post("/account/passkeys")
@require(Role.consumer)
@limiter.limit("20 per hour")
def add() -> ResponseReturnValue:
    """Keep a passkey (form: credential, the browser's answer as JSON; label; current)."""
    return kept(_add, _page)


@once
def _add(open_session: Session) -> ResponseReturnValue:
    if current_actor().guest:
        raise Conflict("请先用手机号登录，再存通行密钥。")
    made = passkey.read_made(_site(), _take_challenge(), request.form.get("credential", "")[:20_000])
    unlocking.add_passkey(
        open_session, _me(), made, label=request.form.get("label", ""), token=session.get(COOKIE_KEY, ""),
        current=request.form.get("current", "")[:200], at=clock.now(),
    )  # fmt: skip
    flash(_("通行密钥已存好，下次可以用它登录。"), "ok")
    return redirect(url_for(".show"))


@bp.post("/account/passkeys/<uuid:passkey_id>/remove")
@require(Role.consumer)
@limiter.limit("20 per hour")
def remove(passkey_id: UUID) -> ResponseReturnValue:
    """Take one back (form: current)."""
    return kept(_remove, _page, passkey_id)


@once
def _remove(open_session: Session, passkey_id: UUID) -> ResponseReturnValue:
    unlocking.remove_passkey(
        open_session, _me(), passkey_id, token=session.get(COOKIE_KEY, ""), current=request.form.get("current", "")[:200],
        at=clock.now(),
    )  # fmt: skip
    flash(_("通行密钥已去掉。设备里的那一份也可以删掉。"), "ok")
    return redirect(url_for(".show"))
