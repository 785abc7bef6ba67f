"""Doors of reviews: the buyer's form for one order line, and the public list of a product."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import asking, current_actor, require
from catalog.parties.models import Role
from catalog.products.queries import get_product
from kernel import clock
from kernel.db import reading
from kernel.web import everyone, kept, limiter, once
from shop.reviews import reviewing
from shop.reviews.models import LONGEST, ReviewState
from shop.reviews.queries import find_review, list_reviews, summarise

bp = Blueprint("reviews", __name__, url_prefix="/reviews", template_folder="templates")
PAGE = 20


@bp.get("/products/<sku>")
@everyone
def of_product(sku: str) -> ResponseReturnValue:
    """What buyers say about a product."""
    after = request.args.get("after", type=UUID)
    with reading() as session:
        product = get_product(session, sku)
        rows = list_reviews(session, product.id, after=after, limit=PAGE + 1)
        summary = summarise(session, product.id)
    more = url_for(".of_product", sku=sku, after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    return render_template("reviews/product.html", product=product, rows=rows[:PAGE], summary=summary, more=more, after=after)


@bp.get("/<code>")
@require(Role.consumer)
def show(code: str) -> ResponseReturnValue:
    """The form for one's own order line, or the review once it is written."""
    return _page(code, {}), 200


def _page(code: str, errors: dict[str, str]) -> str:
    with reading() as session:
        order, line = reviewing.find_bought_line(session, current_actor(), code)
        return render_template(
            "reviews/review.html",
            order=order,
            line=line,
            review=find_review(session, code),
            received=reviewing.is_received(order),
            hidden=ReviewState.HIDDEN,
            longest=LONGEST,
            form=request.form,
            errors=errors,
        )


@bp.post("/<code>")
@limiter.limit("20 per minute; 200 per day", key_func=asking)
@require(Role.consumer)
def write(code: str) -> ResponseReturnValue:
    """Write it (form: stars, text)."""
    return kept(_write, lambda errors: _page(code, errors), code)


@once
def _write(session: Session, code: str) -> ResponseReturnValue:
    stars, text = request.form.get("stars", type=int), request.form.get("text", "")
    reviewing.write_review(session, current_actor(), code, stars=stars, text=text, at=clock.now())
    flash(_("谢谢您的评价。"), "ok")
    return redirect(url_for(".show", code=code))
