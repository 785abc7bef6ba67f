"""The public pages of areas: provinces, prefectures and counties; which lists name a county and who is paired with it today."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from catalog.areas.models import Area
from catalog.areas.queries import (
    find_eastern_partners,
    find_reserve_share,
    find_supported,
    get_area,
    list_areas,
    list_children,
    list_provinces,
    list_supported,
    list_supported_lists,
    name_path,
    resolve_area,
)
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid
from kernel.web import everyone, language, wants_json

bp = Blueprint("areas", __name__, url_prefix="/areas", template_folder="templates")


def asked_day() -> date:
    """The day of the ``?on=2026-11-22`` of a request, else today in China. Raises Invalid."""
    text = request.args.get("on", "")
    try:
        return date.fromisoformat(text) if text else clock.today_shanghai(clock.now())
    except ValueError:
        raise Invalid("日期“%(text)s”不正确，请写成 2026-01-31 的形式。", params={"text": text[:20]}, field="on") from None


@bp.get("/")
@everyone
def provinces() -> ResponseReturnValue:
    """All provinces on the schematic grid, with how many supported counties each has."""
    on = asked_day()
    with reading() as session:
        counts: dict[str, set[str]] = {}
        for row in list_supported(session, on):
            counts.setdefault(row.province_code, set()).add(row.county_code or row.county_name)
        rows = list_provinces(session)
        numbers = {code: len(counties) for code, counties in counts.items()}
        if wants_json():
            return jsonify([{"code": area.code, "name": area.name, "supported": numbers.get(area.code, 0)} for area, _ in rows])
        return render_template(
            "areas/provinces.html",
            rows=rows,
            numbers=numbers,
            on=on,
            lists=list_supported_lists(session),
            total=sum(numbers.values()),
        )


@bp.get("/<code>")
@everyone
def area(code: str) -> ResponseReturnValue:
    """One area: where it lies, what is below it, its lists and partners on the day asked."""
    on = asked_day()
    with reading() as session:
        found = get_area(session, code)
        current = resolve_area(session, code)
        partners = list_areas(session, find_eastern_partners(session, code, on))
        supported = find_supported(session, code, on)
        titles = {row.name: row for row in list_supported_lists(session)}
        share = find_reserve_share(session, code, on)
        if wants_json():
            return jsonify(
                {
                    **_shown(found),
                    "path": name_path(session, code),
                    "current_code": current.code,
                    "lists": [row.list_name for row in supported],
                    "eastern_partners": [_shown(partner) for partner in partners.values()],
                    "on": on.isoformat(),
                }
            )
        return render_template(
            "areas/area.html",
            area=found,
            current=current,
            path=name_path(session, code, english=language() == "en"),
            children=list_children(session, code, on),
            supported=supported,
            titles=titles,
            partners=list(partners.values()),
            share=share,
            on=on,
        )


def _shown(area: Area) -> dict[str, str]:
    return {"code": area.code, "name": area.name, "level": area.level.value}
