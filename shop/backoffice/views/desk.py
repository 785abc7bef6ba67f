"""The first page, the search by any code, parked news, reviews, the record."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Person, Role
from kernel import clock
from kernel.db import reading
from kernel.outbox import list_parked
from kernel.web import once
from shop.backoffice import tending
from shop.backoffice.queries import HIT_LABELS, list_audit, list_waiting_proposals, overview, search
from shop.backoffice.timeline import WHAT_LABELS
from shop.cases.views import OPENED
from shop.reviews.models import ReviewState
from shop.reviews.queries import list_all_reviews

bp = Blueprint("backoffice", __name__, url_prefix="/backoffice", template_folder="../templates")
PAGE = 50
STAFF = (Role.operator, Role.auditor)


@bp.get("/")
@require(*STAFF)
def index() -> ResponseReturnValue:
    """Today's figures."""
    with reading() as session:
        found = overview(session, clock.now())
        waiting = list_waiting_proposals(session, limit=20)
    return render_template("backoffice/desk.html", found=found, waiting=waiting)


@bp.get("/search")
@require(*STAFF)
def find() -> ResponseReturnValue:
    """Whatever has the code ``?q=``."""
    text = request.args.get("q", "")
    with reading() as session:
        hits = search(session, text)
    return render_template("backoffice/search.html", text=text[:80], hits=hits, labels=HIT_LABELS)


@bp.get("/outbox")
@require(*STAFF)
def parked() -> ResponseReturnValue:
    """News whose reaction failed too often and waits for a person."""
    after = request.args.get("after", type=UUID)
    with reading() as session:
        rows = list_parked(session, after=after, limit=PAGE + 1)
    more = url_for(".parked", after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    may_retry = current_actor().has(Role.operator)
    return render_template("backoffice/outbox.html", rows=rows[:PAGE], more=more, after=after, may_retry=may_retry)


@bp.post("/outbox/<uuid:row_id>/retry")
@require(Role.operator)
@once
def retry(session: Session, row_id: UUID) -> ResponseReturnValue:
    """Try it again."""
    tending.retry_parked(session, current_actor(), row_id, at=clock.now())
    flash(_("已重新排队，几秒后会再试。"), "ok")
    return redirect(url_for(".parked"))


@bp.get("/reviews")
@require(*STAFF)
def reviews() -> ResponseReturnValue:
    """Every review, hidden ones too."""
    after = request.args.get("after", type=UUID)
    with reading() as session:
        rows = list_all_reviews(session, after=after, limit=PAGE + 1)
    more = url_for(".reviews", after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    may_hide = current_actor().has(Role.operator)
    return render_template(
        "backoffice/reviews.html", rows=rows[:PAGE], more=more, after=after, may_hide=may_hide, hidden=ReviewState.HIDDEN
    )


@bp.post("/reviews/<uuid:review_id>/hide")
@require(Role.operator)
@once
def hide_review(session: Session, review_id: UUID) -> ResponseReturnValue:
    """Hide it (form: reason)."""
    tending.moderate_review(session, current_actor(), review_id, reason=request.form.get("reason", ""), at=clock.now())
    return redirect(url_for(".reviews"))


@bp.post("/reviews/<uuid:review_id>/show")
@require(Role.operator)
@once
def show_review(session: Session, review_id: UUID) -> ResponseReturnValue:
    """Show it again."""
    tending.moderate_review(session, current_actor(), review_id, reason=None, at=clock.now())
    return redirect(url_for(".reviews"))


@bp.post("/cases/<code>/contact")
@require(Role.operator)
@once
def case_contact(session: Session, code: str) -> ResponseReturnValue:
    """Look at how the reporter of a case is reached for five minutes (form: reason); recorded."""
    now = clock.now()
    tending.open_case_contact(session, current_actor(), code, request.form.get("reason", ""), at=now)
    cookie[OPENED] = {code: now.timestamp()}
    return redirect(url_for("cases.show", code=code))


@bp.get("/audit")
@require(*STAFF)
def audit() -> ResponseReturnValue:
    """Who did what; ``?subject=`` one thing's record."""
    after, subject = request.args.get("after", type=UUID), request.args.get("subject", "").strip()[:80]
    with reading() as session:
        rows = list_audit(session, subjects=[subject] if subject else None, after=after, limit=PAGE + 1)
        people = session.scalars(select(Person).where(Person.id.in_({row.person_id for row in rows if row.person_id})))
        names = {person.id: person.name for person in people}
    more = url_for(".audit", subject=subject or None, after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    return render_template(
        "backoffice/audit.html", rows=rows[:PAGE], more=more, after=after, subject=subject, names=names, labels=WHAT_LABELS
    )
