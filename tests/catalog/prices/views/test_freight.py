"""The freight page, through the door."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, Role
from catalog.prices.models import FreightTemplate
from kernel import clock
from tests.factories.catalog import act_as, form, make_actor, make_draft, make_organization

TODAY = clock.today_shanghai(clock.now())
FILLED = {
    "provinces": ["elsewhere"], "deliverable": "1", "first_kg": "1", "first": "8.00", "step_kg": "0.5", "step": "1.50", "cold": "10",
    "free_over": "", "handling_days": "1", "days_from": "2", "days_to": "4", "valid_from": TODAY.isoformat(),
}  # fmt: skip


@pytest.fixture
def seller(session: Session) -> Organization:
    seller = make_organization(session)
    make_draft(session, seller)
    session.flush()
    return seller


@pytest.fixture
def clerk(app: Flask, session: Session, seller: Organization) -> Actor:
    actor = make_actor(session, Role.clerk, seller)
    session.flush()
    act_as(app, actor)
    return actor


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(FreightTemplate)) or 0


@pytest.mark.usefixtures("clerk")
def test_a_clerk_sets_zones_and_ends_one(client: FlaskClient, session: Session, seller: Organization) -> None:
    page = f"/freight/{seller.code}"
    assert client.get("/freight/").location == page
    assert "包邮" in client.get(page).text
    sent = form(**FILLED)
    assert client.post(page, data=sent).status_code == 302
    assert client.post(page, data=sent).status_code == 302, "sent twice"
    assert count(session) == 1
    far = FILLED | {"provinces": ["540000", "650000"], "first": "18", "days_to": "9"}
    assert client.post(page, data=form(**far)).status_code == 302
    assert client.post(page, data=form(**(FILLED | {"provinces": ["150000"], "deliverable": "0"}))).status_code == 302
    shown = client.get(page).text
    for told in ("首重 1 千克 ¥8.00，每加 0.5 千克 ¥1.50", "路上 2–9 天", "西藏", "不送", "冷链每个包裹加 ¥10.00"):
        assert told in shown
    assert "包邮" not in shown
    assert client.post(f"{page}/end", data=form(provinces=["540000", "650000"])).status_code == 302
    ended = session.scalars(select(FreightTemplate).where(FreightTemplate.province_code == "540000")).one()
    assert ended.valid_to == TODAY


@pytest.mark.usefixtures("clerk")
@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"first": "8,5"}, "金额"),
        ({"step": "-1"}, "金额要在 0 到"),
        ({"first_kg": "一"}, "千克数"),
        ({"first_kg": "1e9"}, "最多 1000 千克"),
        ({"step_kg": "0.0001"}, "千克数"),
        ({"days_from": "²"}, "整数"),
        ({"days_to": ""}, "整数"),
        ({"days_to": "1"}, "最慢的天数"),
        ({"valid_from": "2020-01-01"}, "不能改过去"),
        ({"valid_from": "明天"}, "开始日期"),
        ({"provinces": []}, "至少选一个"),
        ({"provinces": ["310115"]}, "请选省"),
    ],
)
def test_wrong_fields_are_told_and_what_was_typed_stays(
    client: FlaskClient, session: Session, seller: Organization, over: dict[str, str], told: str
) -> None:
    answer = client.post(f"/freight/{seller.code}", data=form(**(FILLED | {"free_over": "199.00"} | over)))
    assert answer.status_code == 422
    assert told in answer.text
    assert "199.00" in answer.text
    assert count(session) == 0


def test_others_do_not_see_or_set_it(
    app: Flask, client: FlaskClient, session: Session, seller: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = make_actor(session, Role.clerk)
    session.flush()
    act_as(app, stranger)
    page = f"/freight/{seller.code}"
    assert client.get(page).status_code == 403
    assert seller.name not in client.get("/freight/").text
    assert client.post(page, data=form(**FILLED)).status_code == 403
    assert client.post(f"{page}/end", data=form(provinces=["540000"])).status_code == 403
    assert count(session) == 0
    # The act's guard switched off: the rule goes in.
    monkeypatch.setattr(Actor, "must_any", lambda *_: None)
    assert client.post(page, data=form(**FILLED)).status_code == 302
    assert count(session) == 1


def test_operator_and_auditor_see_every_seller(app: Flask, client: FlaskClient, session: Session, seller: Organization) -> None:
    operator, auditor = make_actor(session, Role.operator), make_actor(session, Role.auditor)
    session.flush()
    act_as(app, operator)
    assert "没有设运费" in client.get("/freight/").text
    assert client.post(f"/freight/{seller.code}", data=form(**FILLED)).status_code == 302
    act_as(app, auditor)
    assert "1 个分区" in client.get("/freight/").text
    read = client.get(f"/freight/{seller.code}").text
    assert "¥8.00" in read
    assert "定新规则" not in read
    later = FILLED | {"valid_from": (TODAY + timedelta(days=1)).isoformat()}
    assert client.post(f"/freight/{seller.code}", data=form(**later)).status_code == 403


def test_nobody_is_sent_to_sign_in(client: FlaskClient, seller: Organization) -> None:
    assert client.get("/freight/").status_code == 302
    assert client.get(f"/freight/{seller.code}").status_code == 302
