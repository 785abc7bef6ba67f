"""Tells every request who is asking (``g.actor``), and keeps the token that says so in the browser's cookie."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, request, session

from catalog.parties.access import current_actor
from catalog.parties.models import ANONYMOUS
from kernel import clock
from kernel.db import reading, work
from kernel.web import is_same_for_all
from shop.accounts import signing
from shop.accounts.queries import find_actor
from shop.accounts.workplaces import list_workplaces

COOKIE_KEY = "sid"
GUEST = "guest_before"
"""Cookie: the guest this browser was until somebody signed in, whose basket goes along."""


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
    """Put a fresh token into a cleared cookie (no session fixation), keeping the chosen language and the basket.

    The session this browser had before ends on the server too.
    """
    before, actor = session.get(COOKIE_KEY), current_actor()
    if before:
        with work() as open_session:
            signing.sign_out(open_session, before)
    kept = {name: session[name] for name in ("lang", "basket") if name in session}
    session.clear()
    session.update(kept)
    if actor.guest:
        session[GUEST] = str(actor.person_id)
    session[COOKIE_KEY] = token
    session.permanent = True
