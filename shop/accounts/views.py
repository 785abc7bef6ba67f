"""Doors of accounts; also tells every request who is asking (``g.actor``)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Flask, flash, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import list_children
from catalog.parties.access import current_actor, require
from catalog.parties.models import ANONYMOUS, Role
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Invalid
from kernel.web import everyone, is_same_for_all, limiter, local_target, once
from shop.accounts import addressing, signing
from shop.accounts.queries import find_actor, list_addresses
from shop.accounts.workplaces import list_workplaces

bp = Blueprint("accounts", __name__, template_folder="templates")
COOKIE_KEY = "sid"


def know_the_actor(app: Flask) -> None:
    """Before each request: set ``g.actor`` and the key its once-only forms are scoped by; pages may ask for their workplaces."""

    @app.context_processor
    def show_workplaces() -> dict[str, Any]:
        return {"workplaces": lambda: list_workplaces(g.get("actor", ANONYMOUS))}

    @app.before_request
    def load() -> None:
        g.actor, g.actor_key = ANONYMOUS, "guest:"
        if is_same_for_all():
            return
        g.actor_key = f"guest:{session.get('guest', '')}"
        if request.endpoint and request.endpoint.endswith("static"):
            return
        token = session.get(COOKIE_KEY)
        if token:
            with reading() as open_session:
                actor = find_actor(open_session, token, at=clock.now())
            if actor is None:
                session.pop(COOKIE_KEY, None)
            else:
                g.actor, g.actor_key = actor, f"person:{actor.person_id}"


def begin(token: str) -> None:
    """Put a fresh token into a cleared cookie (no session fixation), keeping the chosen language and the basket."""
    kept = {name: session[name] for name in ("lang", "basket") if name in session}
    session.clear()
    session.update(kept)
    session[COOKIE_KEY] = token
    session.permanent = True


@bp.get("/sign-in")
@everyone
def sign_in_page() -> ResponseReturnValue:
    return render_template("accounts/sign_in.html", next=local_target(request.args.get("next")), form={}, errors={})


def _name_tried() -> str:
    """Guessing one account's password is slowed down wherever it comes from."""
    return f"sign-in:{signing.normalise_login(request.form.get('name', ''))[:80]}"


@bp.post("/sign-in")
@everyone
@limiter.limit("60 per minute")
@limiter.limit("10 per minute", key_func=_name_tried)
def sign_in() -> ResponseReturnValue:
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
        page = render_template("accounts/sign_in.html", next=target, form=request.form, errors=problem.by_field(_))
        return page, problem.status
    begin(token)
    return redirect(target)


@bp.get("/sign-up")
@everyone
def sign_up_page() -> ResponseReturnValue:
    return render_template("accounts/sign_up.html", next=local_target(request.args.get("next")), form={}, errors={})


@bp.post("/sign-up")
@everyone
@limiter.limit("20 per minute")
def sign_up() -> ResponseReturnValue:
    target, form, at = local_target(request.form.get("next")), request.form, clock.now()
    try:
        with work() as open_session:
            person = signing.sign_up(
                open_session,
                name=form.get("name", "")[:200],
                password=form.get("password", "")[:200],
                called=form.get("called", "")[:40],
                at=at,
            )
            token = signing.open_session(open_session, person.id, at=at)
    except Invalid as problem:
        return render_template("accounts/sign_up.html", next=target, form=form, errors=problem.by_field(_)), problem.status
    begin(token)
    return redirect(target)


@bp.post("/sign-out")
@everyone
def sign_out() -> ResponseReturnValue:
    token = session.get(COOKIE_KEY)
    if token:
        with work() as open_session:
            signing.sign_out(open_session, token)
    session.clear()
    return redirect("/")


@bp.get("/account/addresses")
@require(Role.consumer)
def addresses() -> ResponseReturnValue:
    return _addresses_page({}, {}), 200


def _addresses_page(form: object, errors: object) -> str:
    actor = current_actor()
    assert actor.person_id is not None
    with reading() as open_session:
        return render_template(
            "accounts/addresses.html",
            addresses=list_addresses(open_session, actor.person_id),
            provinces=list_children(open_session, None, clock.today_shanghai(clock.now())),
            form=form,
            errors=errors,
        )


@bp.post("/account/addresses")
@require(Role.consumer)
def add_address() -> ResponseReturnValue:
    try:
        return _add_address()
    except Invalid as problem:
        return _addresses_page(request.form, problem.by_field(_)), problem.status


@once
def _add_address(open_session: Session) -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    addressing.add_address(open_session, person_id, request.form, at=clock.now())
    flash(_("地址已保存。"))
    return redirect(local_target(request.form.get("next"), "/account/addresses"))


@bp.post("/account/addresses/<uuid:address_id>/remove")
@require(Role.consumer)
@once
def remove_address(open_session: Session, address_id: UUID) -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    addressing.remove_address(open_session, person_id, address_id, at=clock.now())
    return redirect("/account/addresses")
