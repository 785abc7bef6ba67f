"""In and out: by a one-time code, or by a password for those who have one."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor
from kernel import clock
from kernel.db import work
from kernel.errors import Invalid, Problem
from kernel.web import everyone, limiter, local_target, network_of_reader, once
from shop.accounts import confirming, signing
from shop.accounts.contact import is_phone, mask_contact, parse_contact
from shop.accounts.one_time_code import blur
from shop.accounts.queries import has_guests
from shop.accounts.views.actor import COOKIE_KEY, begin

bp = Blueprint("accounts", __name__, template_folder="../templates")
ASKED = "asked"
"""Cookie: the contact a code was asked for, where the person was going, and a mark of this browser that nobody else knows."""


def by_text() -> bool:
    """Whether text messages can be sent from here."""
    return bool(current_app.config["SHANHAI"].sms_url)


@bp.get("/sign-in")
@everyone
def sign_in_page() -> ResponseReturnValue:
    return _sign_in_page(local_target(request.args.get("next")), {}, {})


def _sign_in_page(target: str, errors: dict[str, str], coded: dict[str, str]) -> str:
    """``errors`` are those of the password's form, ``coded`` those of the code's."""
    return render_template("accounts/sign_in.html", next=target, form=request.form, errors=errors, coded=coded, by_text=by_text())


def _name_tried() -> str:
    """Guessing one account's password is slowed down wherever it comes from."""
    return f"sign-in:{signing.normalise_login(request.form.get('name', ''))[:80]}"


@bp.post("/sign-in")
@everyone
@limiter.limit("60 per minute")
@limiter.limit("10 per minute", key_func=_name_tried)
def sign_in() -> ResponseReturnValue:
    """By password (form: name, password, next)."""
    target = local_target(request.form.get("next"))
    try:
        with work() as open_session:
            token = signing.sign_in(
                open_session,
                name=request.form.get("name", "")[:200],
                password=request.form.get("password", "")[:200],
                at=clock.now(),
            )
    except Invalid as problem:
        return _sign_in_page(target, problem.by_field(_), {}), problem.status
    begin(token)
    return redirect(target)


@bp.post("/sign-in/code")
@everyone
@limiter.limit("20 per minute; 200 per hour")
def ask_code() -> ResponseReturnValue:
    """Have a code sent (form: contact, next); the same answer whether or not there is an account."""
    target = local_target(request.form.get("next"))
    try:
        contact = _read_contact()
        session[ASKED] = [contact, target, _mark_browser(contact)]
        return _ask_code(contact)
    except confirming.TooManyCodes as problem:
        return _code_page(problem.by_field(_)), problem.status
    except Problem as problem:
        return _sign_in_page(target, {}, problem.by_field(_)), problem.status


def _mark_browser(contact: str) -> str:
    """The mark it has for this contact, or one made of the form's own key, so that the same form sent twice gives the same."""
    earlier = _asked()
    if earlier is not None and earlier[0] == contact:
        return earlier[2]
    return blur(_secret(), f"form {request.form.get('idempotency_key', '')}")


def _asked() -> tuple[str, str, str] | None:
    """Contact, target and mark, if this browser asked for a code; a cookie from before there were marks has an empty one."""
    kept = session.get(ASKED)
    return (kept[0], kept[1], kept[2] if len(kept) > 2 else "") if kept else None


def _secret() -> str:
    return str(current_app.config["SHANHAI"].secret_key)


def _read_contact() -> str:
    contact = parse_contact(request.form.get("contact", "")[:200])
    if contact is None:
        sentence = "请填写 11 位手机号或邮箱地址。" if by_text() else "请填写邮箱地址。"
        raise Invalid(sentence, field="contact")
    if is_phone(contact) and not by_text():
        raise Invalid("这里暂时发不了短信，请填邮箱地址。", field="contact")
    return contact


@once
def _ask_code(open_session: Session, contact: str) -> ResponseReturnValue:
    asker = confirming.Asker(session[ASKED][2], blur(_secret(), network_of_reader()))
    confirming.ask_code(open_session, contact, asker, at=clock.now())
    return redirect(url_for(".code_page"))


@bp.get("/sign-in/code")
@everyone
def code_page() -> ResponseReturnValue:
    """Where the digits are typed in."""
    return _code_page({}) if ASKED in session else redirect(url_for(".sign_in_page"))


def _code_page(errors: dict[str, str]) -> str:
    asked = _asked()
    assert asked is not None
    contact, target, _mark = asked
    return render_template(
        "accounts/code.html",
        contact=contact,
        shown=mask_contact(contact),
        next=target,
        minutes=int(confirming.LASTS.total_seconds()) // 60,
        form=request.form,
        errors=errors,
    )


@bp.post("/sign-in/code/confirm")
@everyone
@limiter.limit("30 per minute")
def confirm_code() -> ResponseReturnValue:
    """The digits (form: code, agree): signs in, with a new account for a contact that has none."""
    asked = _asked()
    if asked is None:
        return _sign_in_page("/", {}, {"contact": _("请先获取验证码。")}), Invalid.status
    contact, target, browser = asked
    if request.form.get("agree") != "1":
        return _code_page({"agree": _("请先看过用户协议和隐私政策，同意后勾选。")}), Invalid.status
    with work() as open_session:
        actor, at = current_actor(), clock.now()
        right = confirming.use_code(open_session, _secret(), contact, browser, request.form.get("code", "")[:20], at=at)
        if right:
            claimed = has_guests(open_session, contact)
            person = confirming.enter_account(open_session, contact, actor.person_id if actor.guest else None, at=at)
            token = signing.open_session(open_session, person.id, at=at)
    if not right:
        return _code_page({"code": _("验证码不对或过期了。请核对后再试，或重新获取。")}), Invalid.status
    begin(token)
    if claimed:
        flash(_("没登录时用这个号码买的，正在存进账号，几秒后刷新就能看到。"), "ok")
    return redirect(local_target(target))


@bp.post("/sign-out")
@everyone
def sign_out() -> ResponseReturnValue:
    token = session.get(COOKIE_KEY)
    if token:
        with work() as open_session:
            signing.sign_out(open_session, token)
    session.clear()
    return redirect("/")
