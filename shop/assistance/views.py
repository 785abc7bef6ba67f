"""The report page; each figure opens to its orders."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from catalog.parties.access import require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid
from shop.assistance.models import CHANNEL_LABELS
from shop.assistance.reporting import OTHER, list_credits, sum_by_channel, sum_credits, work_out_report

bp = Blueprint("assistance", __name__, url_prefix="/reports", template_folder="templates")
PAGE = 50


@bp.get("/assistance")
@require(Role.operator, Role.auditor, Role.county_officer)
def report() -> ResponseReturnValue:
    start, end = _period()
    with reading() as session:
        found = work_out_report(session, start, end)
        channels = sum_by_channel(session, start, end)
    labels = [(CHANNEL_LABELS[channel], amount) for channel, amount in sorted(channels.items())]
    return render_template("assistance/report.html", report=found, channels=labels, other=OTHER)


@bp.get("/assistance/credits")
@require(Role.operator, Role.auditor, Role.county_officer)
def credits_() -> ResponseReturnValue:
    start, end = _period()
    county, partner = request.args.get("county") or None, request.args.get("partner") or None
    with reading() as session:
        found = list_credits(
            session, start, end, county=county, partner=partner, after=request.args.get("after", type=UUID), limit=PAGE
        )
        total = sum_credits(session, start, end, county=county, partner=partner)
    following = found[-1].id if len(found) == PAGE else None
    return render_template(
        "assistance/credits.html",
        credits=found,
        total=total,
        start=start,
        end=end,
        county=county,
        partner=partner,
        following=following,
        labels=CHANNEL_LABELS,
    )


def _period() -> tuple[date, date]:
    """Start and end of the query, the current year by default. Raises Invalid for what is no date."""
    today = clock.today_shanghai(clock.now())
    return _day("start", today.replace(month=1, day=1)), _day("end", today)


def _day(name: str, default: date) -> date:
    text = request.args.get(name, "")
    if not text:
        return default
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("日期请写成 2026-11-22 这样。", field=name) from error
    if not date(2000, 1, 1) <= found <= clock.today_shanghai(clock.now()) + timedelta(days=366):
        raise Invalid("日期超出范围，请重新选择。", field=name)
    return found
