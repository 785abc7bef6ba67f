"""A household's own door: the link on its form or card shows what it allows and takes it back, without an account.

The address is the key, so no cache, no search engine and no other site gets to know it, and the page names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties import consenting
from catalog.parties.consent_texts import CONSENT_TEXTS, CURRENT, get_text
from catalog.parties.models import ConsentScope, Household
from catalog.parties.queries import find_standing, get_card, get_organization
from catalog.parties.views.households import SCOPE_LABELS
from catalog.parties.views.organizations import picked
from kernel import clock
from kernel.db import reading
from kernel.web import everyone, limiter, once

bp = Blueprint("withdrawals", __name__, template_folder="../templates")
GUESSES = "30 per minute"  # misses of one address; who holds a card misses nothing


def is_miss(response: Response) -> bool:
    """Whether an answer was a miss."""
    return response.status_code == 404


@bp.after_request
def keep_secret(response: Response) -> Response:
    """The address opens the page: nobody keeps it, lists it, or hears where the reader came from."""
    if request.endpoint != "withdrawals.text":
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@bp.get("/my-consent/<token>")
@limiter.limit(GUESSES, deduct_when=is_miss)
@everyone
def show(token: str) -> ResponseReturnValue:
    """What the household with this link allows now."""
    return _page("parties/own_consent.html", token)


@bp.get("/my-consent/<token>/withdraw")
@limiter.limit(GUESSES, deduct_when=is_miss)
@everyone
def ask(token: str) -> ResponseReturnValue:
    """The second page: really? (``?scope=`` one of them; all without)"""
    return _page("parties/own_withdrawal.html", token, chosen=_scopes(request.args.get("scope")))


@bp.post("/my-consent/<token>/withdraw")
@limiter.limit(GUESSES, deduct_when=is_miss)
@everyone
@once
def withdraw(session: Session, token: str) -> ResponseReturnValue:
    """Take it back (form: ``scope``, or all without)."""
    consenting.withdraw_by_card(session, token, scopes=_scopes(request.form.get("scope")), at=clock.now())
    flash(_("已撤回。从现在起，打开的溯源页都不再显示。"), "ok")
    return redirect(url_for(".show", token=token))


@bp.get("/consent-texts/")
@bp.get("/consent-texts/<version>")
@everyone
def text(version: str = CURRENT) -> ResponseReturnValue:
    """The wording households agree to, in every version there was."""
    return render_template(
        "parties/consent_text.html",
        version=version,
        text=get_text(version),
        scopes=SCOPE_LABELS,
        versions=sorted(CONSENT_TEXTS, reverse=True),
    )


def _scopes(typed: str | None) -> Sequence[ConsentScope]:
    return [picked(ConsentScope, typed, "scope")] if typed else list(ConsentScope)


def _page(template: str, token: str, *, chosen: Sequence[ConsentScope] = ()) -> str:
    with reading() as session:
        household = session.get_one(Household, get_card(session, token).household_id)
        standing = find_standing(session, household.id)
        return render_template(
            template,
            token=token,
            household=household,
            cooperative=get_organization(session, household.cooperative_id),
            standing=standing,
            chosen=[scope for scope in chosen if scope in standing],
            one=request.args.get("scope"),
            scopes=SCOPE_LABELS,
            texts=CONSENT_TEXTS,
        )
