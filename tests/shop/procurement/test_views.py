"""The portal's doors: which role may come in where, and what bad input gets.

They are shop.procurement.views.portal, shop.procurement.views.requests, shop.procurement.views.acceptance,
shop.procurement.views.settlements and shop.procurement.views.money.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from shop.procurement import forms, policy, queries, showing
from shop.procurement.models.requests import ImportFile, PurchaseRequest
from shop.procurement.states import RequestState
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.procurement import Office, deliver_orders, make_draft_request, make_office, make_ordered, make_submitted
from tests.factories.shop import SHANGHAI
from tests.factories.spreadsheets import gift_row, make_sheet

REQUESTER, APPROVER, FINANCE, INSPECTOR = Role.requester, Role.approver, Role.finance, Role.inspector
ALL = {REQUESTER, APPROVER, FINANCE, INSPECTOR}
PAGES: dict[str, set[Role]] = {
    "/procurement/": ALL,
    "/procurement/requests": ALL,
    "/procurement/requests/new": {REQUESTER},
    "/procurement/template.xlsx": {REQUESTER},
    "/procurement/budgets": ALL,
    "/procurement/acceptance": {INSPECTOR},
    "/procurement/settlements": {FINANCE},
    "/procurement/channels": {Role.operator, Role.auditor},
}
ACTS: dict[str, set[Role]] = {
    "/procurement/requests": {REQUESTER},
    "/procurement/requests/{code}/lines": {REQUESTER},
    "/procurement/requests/{code}/file": {REQUESTER},
    "/procurement/requests/{code}/submit": {REQUESTER},
    "/procurement/requests/{code}/withdraw": {REQUESTER},
    "/procurement/requests/{code}/cancel": {REQUESTER},
    "/procurement/requests/{code}/orders": {REQUESTER},
    "/procurement/requests/{code}/decision": {APPROVER, FINANCE},
    "/procurement/requests/{code}/acceptance": {INSPECTOR},
    "/procurement/requests/{code}/acceptance/ORD-X": {INSPECTOR},
    "/procurement/settlements/STL-X/invoice": {REQUESTER, FINANCE},
    "/procurement/settlements/STL-X/transfer": {FINANCE},
    "/procurement/budgets": {FINANCE},
    "/procurement/quota": {FINANCE},
    "/procurement/rules": {FINANCE},
    "/procurement/channels": {Role.operator},
}
ROLES = [
    REQUESTER,
    APPROVER,
    FINANCE,
    INSPECTOR,
    Role.operator,
    Role.auditor,
    Role.clerk,
    Role.packer,
    Role.certifier,
    Role.consumer,
]


@pytest.fixture
def office(session: Session) -> Office:
    return make_office(session)


def person(session: Session, office: Office, role: Role) -> Actor:
    known = {REQUESTER: office.requester, APPROVER: office.approver, FINANCE: office.finance, INSPECTOR: office.inspector}
    return known.get(role) or make_actor(session, role)


def test_each_role_reads_its_pages_only(app: Flask, client: FlaskClient, session: Session, office: Office) -> None:
    for role in ROLES:
        act_as(app, person(session, office, role))
        session.commit()
        found = {path: client.get(path).status_code for path in PAGES}
        assert found == {path: 200 if role in roles else 403 for path, roles in PAGES.items()}, role


def test_each_role_does_its_acts_only(app: Flask, client: FlaskClient, session: Session, office: Office) -> None:
    code = make_submitted(session, office).code
    for role in ROLES:
        act_as(app, person(session, office, role))
        session.commit()
        for path, roles in ACTS.items():
            status = client.post(path.format(code=code), data=form(organization=office.organization.code)).status_code
            if role not in roles:
                assert status == 403, (role, path)
            else:
                assert status in (302, 404, 409, 422), (role, path)


def test_strangers_are_sent_to_sign_in(app: Flask, client: FlaskClient) -> None:
    for path in PAGES:
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/sign-in")
        assert client.get(path, headers={"Accept": "application/json"}).status_code == 401


def test_without_the_guard_other_offices_would_read_it(
    app: Flask, client: FlaskClient, session: Session, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = make_submitted(session, office).code
    act_as(app, make_actor(session, APPROVER))
    session.commit()
    assert client.get(f"/procurement/requests/{code}").status_code == 404
    monkeypatch.setattr(policy, "may_see", lambda *_, **__: True)
    assert client.get(f"/procurement/requests/{code}").status_code == 200


def test_what_the_page_offers_is_what_the_acts_allow(session: Session, office: Office) -> None:
    request = make_submitted(session, office)
    shown = {
        actor.person_id: showing.show_request(session, request, actor, request.created_at)
        for actor in (office.requester, office.approver, office.finance)
    }
    assert [shown[actor.person_id].may_decide for actor in (office.requester, office.approver, office.finance)] == [
        False,
        True,
        False,
    ]
    assert shown[office.requester.person_id].may_withdraw
    assert not shown[office.approver.person_id].may_withdraw
    assert forms.STATE_KINDS.keys() == set(RequestState)


@pytest.fixture
def draft(app: Flask, session: Session, office: Office) -> PurchaseRequest:
    request = make_draft_request(session, office)
    act_as(app, office.requester)
    session.commit()
    return request


BAD_FILES = {
    "空.xlsx": b"",
    "文字.xlsx": b"x" * 2000,
    "名单.csv": "收货人\n王".encode("gbk"),
    "表头.xlsx": make_sheet([gift_row(1)], ["甲", "乙"]),
    "": b"nobody chose a file",
}


def test_bad_files_get_a_sentence(client: FlaskClient, session: Session, draft: PurchaseRequest) -> None:
    for name, content in BAD_FILES.items():
        data = form(file=(io.BytesIO(content), name))
        answer = client.post(f"/procurement/requests/{draft.code}/file", data=data)
        assert answer.status_code == 422, name
        assert 'id="f-file-error"' in answer.get_data(as_text=True)
    assert session.scalar(select(func.count()).select_from(ImportFile)) == 0


def test_20_megabytes_are_refused_unread(client: FlaskClient, session: Session, draft: PurchaseRequest) -> None:
    path, kind = f"/procurement/requests/{draft.code}/file", "multipart/form-data; boundary=x"
    answer = client.post(path, data=b"\0" * (20 * 1024 * 1024), content_type=kind)
    assert answer.status_code == 413
    assert "MB" in answer.get_data(as_text=True)


LINES = f"/procurement/requests/{'{code}'}/lines"


WRONG: tuple[tuple[dict[str, str], str], ...] = (
    ({"boxes-1": "0"}, "boxes-1"),
    ({"boxes-1": "1e3"}, "boxes-1"),
    ({"boxes-1": "-1"}, "boxes-1"),
    ({"sku-1": ""}, "sku-1"),
    ({"sku-1": "", "boxes-1": ""}, "sku-1"),
    ({"phone": "abc"}, "phone"),
    ({"province_code": "999999"}, "province_code"),
    ({"street": ""}, "street"),
)


def test_wrong_fields_are_named_and_kept(client: FlaskClient, office: Office, draft: PurchaseRequest) -> None:
    for over, field in WRONG:
        values: dict[str, Any] = SHANGHAI | {"sku-1": office.product.sku, "boxes-1": "7"} | over
        answer = client.post(LINES.format(code=draft.code), data=form(**values))
        page = answer.get_data(as_text=True)
        assert answer.status_code == 422, over
        assert f'id="f-{field}-error"' in page
        assert values["city"] in page


def test_a_product_that_is_none_is_refused(client: FlaskClient, session: Session, draft: PurchaseRequest) -> None:
    answer = client.post(LINES.format(code=draft.code), data=form(**SHANGHAI, **{"sku-1": "SKU-NONE", "boxes-1": "1"}))
    assert answer.status_code == 422
    session.expire_all()
    assert len(draft.deliveries) == 1


def test_forms_need_their_key_and_happen_once(client: FlaskClient, session: Session, draft: PurchaseRequest) -> None:
    assert client.post(f"/procurement/requests/{draft.code}/cancel", data={}).status_code == 422
    data = form(purpose="canteen", title="一次")
    codes = {client.post("/procurement/requests", data=data).headers["Location"] for _ in range(3)}
    assert len(codes) == 1
    assert client.post("/procurement/requests", data=data | {"title": "别的"}).status_code == 422


def test_a_total_nobody_saw_is_not_submitted(client: FlaskClient, session: Session, draft: PurchaseRequest) -> None:
    for typed in ({"total_fen": "x"}, {"total_fen": ""}, {"total_fen": "99999999999999999999"}, {}):
        assert client.post(f"/procurement/requests/{draft.code}/submit", data=form(**typed)).status_code == 302
    session.expire_all()
    assert draft.state is RequestState.DRAFT


def test_money_and_rules_are_checked_at_the_door(app: Flask, client: FlaskClient, session: Session, office: Office) -> None:
    act_as(app, office.finance)
    session.commit()
    for path, values in (
        ("/procurement/budgets", {"purpose": "canteen", "amount": "many", "year": "2026"}),
        ("/procurement/budgets", {"purpose": "personal", "amount": "1", "year": "2026"}),
        ("/procurement/budgets", {"purpose": "canteen", "amount": "1", "year": "20 26"}),
        ("/procurement/quota", {"canteen_total": "", "year": "2026"}),
        ("/procurement/rules", {"level": "x", "amount": "1", "role": "approver"}),
        ("/procurement/rules", {"level": "1", "amount": "1", "role": "king"}),
    ):
        assert client.post(path, data=form(**values)).status_code == 422, (path, values)
    quota = form(canteen_total="1,000,000.00", year="2026", organization=office.organization.code)
    assert client.post("/procurement/quota", data=quota).status_code == 302
    page = client.get("/procurement/budgets?year=2026").get_data(as_text=True)
    assert "¥100,000.00" in page, "a tenth of the declared total"
    assert "不计入832平台统计" in page
    assert client.post("/procurement/quota", data=form(no_canteen="1", year="2026")).status_code == 302
    assert "无食堂" in client.get("/procurement/").get_data(as_text=True)
    budget = queries.list_budgets(session, [office.organization.id], 2026)[0]
    assert client.get(f"/procurement/budgets/{budget.id}").status_code == 200
    act_as(app, make_actor(session, FINANCE))
    session.commit()
    assert client.get(f"/procurement/budgets/{budget.id}").status_code == 404


def test_the_label_changes_only_with_a_recorded_channel(app: Flask, client: FlaskClient, session: Session, office: Office) -> None:
    operator = make_actor(session, Role.operator)
    session.commit()
    act_as(app, operator)
    values = {
        "name": "示例渠道",
        "source": "示例文件〔2026〕1 号",
        "valid_from": "2026-01-01",
        "organization": office.organization.code,
    }
    assert client.post("/procurement/channels", data=form(**(values | {"source": ""}))).status_code == 422
    assert client.post("/procurement/channels", data=form(**(values | {"valid_from": "soon"}))).status_code == 422
    act_as(app, office.finance)
    assert "不计入832平台统计" in client.get("/procurement/").get_data(as_text=True)
    act_as(app, operator)
    assert client.post("/procurement/channels", data=form(**values)).status_code == 302
    act_as(app, office.finance)
    page = client.get("/procurement/").get_data(as_text=True)
    assert "示例文件〔2026〕1 号" in page
    assert "不计入" not in page


def test_an_inspector_sees_weights_to_fill_in(app: Flask, client: FlaskClient, session: Session, office: Office) -> None:
    request = make_ordered(session, office)
    (order,) = deliver_orders(session, request)
    act_as(app, office.inspector)
    session.commit()
    line = order.lines[0].code
    where = f"/procurement/requests/{request.code}/acceptance/{order.code}"
    for wrong in (
        {},
        {f"boxes-{line}": "10"},
        {f"boxes-{line}": "10", f"weight-{line}": "viel"},
        {f"boxes-{line}": "99", f"weight-{line}": "1"},
    ):
        assert client.post(where, data=form(**wrong)).status_code == 422
    assert client.get(where).status_code == 200
    assert client.get(f"/procurement/requests/{request.code}/acceptance/ORD-OTHER").status_code == 404


def test_every_page_is_there_in_both_languages(app: Flask, client: FlaskClient, session: Session, office: Office) -> None:
    request = make_ordered(session, office, 2, people=2)
    session.commit()
    for actor in (office.requester, office.approver, office.finance, office.inspector):
        act_as(app, actor)
        for path in (
            "/procurement/?",
            f"/procurement/requests/{request.code}?",
            "/procurement/budgets?",
            "/procurement/requests?state=ordered&",
        ):
            for lang in ("zh", "en"):
                assert client.get(f"{path}lang={lang}").status_code == 200


@pytest.mark.parametrize("year", ["02026999", "0002026", "99999", "-1", "２０２６"])
def test_a_year_that_is_none_gets_a_sentence(app: Flask, client: FlaskClient, session: Session, office: Office, year: str) -> None:
    act_as(app, office.finance)
    for page in ("/procurement/", "/procurement/budgets"):
        assert client.get(page, query_string={"year": year}).status_code == 422


def test_a_number_longer_than_any_is_refused(client: FlaskClient, session: Session, office: Office, draft: PurchaseRequest) -> None:
    typed = {"sku-1": office.product.sku, "boxes-1": "000001" + "9" * 5000} | SHANGHAI
    assert client.post(f"/procurement/requests/{draft.code}/lines", data=form(**typed)).status_code == 422
