"""The operators' way: a code → what goes and what stays → proposed → the other one types the code → progress; nobody else comes in."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel import outbox
from shop.backoffice.models import ErasureRequest
from shop.backoffice.views import erasures
from tests.factories.catalog import act_as, form, make_actor
from tests.shop.backoffice.known import FARMER, Known, found_in


def test_find_look_propose_type_done(session: Session, app: Flask, client: FlaskClient) -> None:
    known = Known(session)
    act_as(app, known.first)
    where = client.get(f"/backoffice/erasures/?q={known.delivery.slip_code.lower()}").location
    assert where == f"/backoffice/erasures/household/{known.household.id}"
    page = client.get(where).text
    for words in (FARMER, "会删除", "依法留下", "农产品质量安全法第二十七条", "交货记录"):
        assert words in page, words
    assert "Law on Quality and Safety" in client.get(f"{where}?lang=en").text
    assert client.post(where, data=form(reason="because")).status_code == 422
    done = client.post(where, data=form(reason="request"))
    row = session.scalars(select(ErasureRequest)).one()
    assert done.location == f"/backoffice/erasures/{row.code}"
    assert "要由另一位运营人员复核" in client.get(done.location + "?lang=zh").text
    assert client.post(f"{done.location}/agree", data=form(typed=row.subject_code)).status_code == 403
    act_as(app, known.second)
    refused = client.post(f"{done.location}/agree", data=form(typed="留着的编号"))
    assert (refused.status_code, "留着的编号" in refused.text) == (422, True)
    sent = form(typed=row.subject_code)
    assert client.post(f"{done.location}/agree", data=sent).status_code == 302
    assert client.post(f"{done.location}/agree", data=sent).status_code == 302, "the same form again is the same act"
    assert "正在处理" in client.get(done.location).text
    outbox.deliver_all()
    assert "透明日志的密钥" in client.get(done.location).text
    assert found_in(session, FARMER) == set()
    assert client.get(where).status_code == 404
    assert "没有找到" in client.get(f"/backoffice/erasures/?q={known.delivery.slip_code}").text
    assert row.subject_code in client.get("/backoffice/erasures/").text


def test_only_operators_and_the_auditor_sees_no_name(session: Session, app: Flask, client: FlaskClient) -> None:
    known = Known(session)
    where = f"/backoffice/erasures/household/{known.household.id}"
    assert client.get(where).status_code == 302, "sign in first"
    act_as(app, known.first)
    row = client.post(where, data=form(reason="request")).location
    for role in (Role.clerk, Role.county_officer, Role.consumer):
        act_as(app, make_actor(session, role))
        session.flush()
        assert client.get("/backoffice/erasures/").status_code == 403
        assert client.get(where).status_code == 403
    act_as(app, make_actor(session, Role.auditor))
    session.flush()
    assert client.get(where).status_code == 403
    assert client.post(where, data=form()).status_code == 403
    assert "会删除" not in client.get(row).text
    assert "会删除" not in client.get(f"/backoffice/erasures/?q={known.delivery.slip_code}").text


def test_every_reaction_has_words() -> None:
    names = {name.split(":")[1] for name in outbox.reactions()["SubjectErased"]}
    assert names == set(erasures.REACTION_LABELS)
