"""The rules of a county, through the door (shop.cooperative.views.rules)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel import clock
from tests.factories.catalog import JINGNING, YANCHI, act_as, form, make_actor
from traceability.lots import ruling
from traceability.lots.models import CapacityRule, YieldRule

CAPACITY = {"material": "苹果", "basis": "land_mu", "per_basis": "2500", "unit": "kg", "county_code": YANCHI}
YIELD = {
    "step": "drying",
    "material": "苹果干",
    "low": "0.1",
    "high": "0.25",
    "unit": "kg",
    "per_unit": "kg",
    "county_code": YANCHI,
}


def test_an_officer_sets_and_changes_the_rules_of_the_county(app: Flask, client: FlaskClient, session: Session) -> None:
    act_as(app, make_actor(session, Role.county_officer))
    today = clock.today_shanghai(clock.now())
    for values in (CAPACITY, CAPACITY | {"per_basis": "3000", "valid_from": f"{today + timedelta(days=1)}"}):
        answer = client.post("/county/rules/capacity", data=form(**values))
        assert answer.status_code == 302, answer.text
    assert client.post("/county/rules/yield", data=form(**YIELD)).status_code == 302
    first, second = session.scalars(select(CapacityRule).order_by(CapacityRule.valid_from))
    assert (first.valid_to, second.per_basis) == (today, 3000)
    page = client.get("/county/rules").text
    for seen in ("每亩 2500 千克", "每亩 3000 千克", "每千克 0.1–0.25 千克", "盐池县"):
        assert seen in page, seen


def test_wrong_fields_stay_on_the_page(app: Flask, client: FlaskClient, session: Session) -> None:
    act_as(app, make_actor(session, Role.county_officer))
    for path, values, said in (
        ("capacity", CAPACITY | {"per_basis": "0"}, "大于 0"),
        ("capacity", CAPACITY | {"basis": "cars"}, "检查这一项"),
        ("capacity", CAPACITY | {"per_basis": ""}, "请填写"),
        ("yield", YIELD | {"low": "2"}, "下限不能大于上限"),
        ("yield", YIELD | {"valid_from": "明天"}, "日期请写成"),
    ):
        answer = client.post(f"/county/rules/{path}", data=form(**values))
        assert answer.status_code == 422
        assert said in answer.text
        assert values["material"] in answer.text
    client.post("/county/rules/capacity", data=form(**CAPACITY))
    again = client.post("/county/rules/capacity", data=form(**CAPACITY))
    assert again.status_code == 409
    assert "更晚的一天" in again.text
    assert session.scalar(select(func.count()).select_from(YieldRule)) == 0


def test_the_own_county_only_and_with_that_guard_off_any(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(app, make_actor(session, Role.clerk))
    assert client.get("/county/rules").status_code == 403
    act_as(app, make_actor(session, Role.county_officer))
    assert client.post("/county/rules/capacity", data=form(**(CAPACITY | {"county_code": JINGNING}))).status_code == 403
    assert client.post("/county/rules/capacity", data=form(**(CAPACITY | {"county_code": ""}))).status_code == 403
    monkeypatch.setattr(ruling, "_county", lambda _session, _actor, county: county)
    assert client.post("/county/rules/capacity", data=form(**(CAPACITY | {"county_code": JINGNING}))).status_code == 302
    act_as(app, make_actor(session, Role.operator))
    page = client.get("/county/rules").text
    assert "静宁县" in page
    assert client.post("/county/rules/yield", data=form(**(YIELD | {"county_code": ""}))).status_code == 302
