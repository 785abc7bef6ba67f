"""The operator's way: lot code → dry run → typed confirmation → the recall's page → lifting; and the workbook."""

from __future__ import annotations

import io
import re

import pytest
import python_calamine
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from shop.recalls import views
from shop.recalls.queries import trace_reach
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.shop import make_order
from tests.shop.recalls.test_deciding import Sold, two_packs


def test_look_type_recall_lift(session: Session, app: Flask, client: FlaskClient) -> None:
    sold = Sold(session)
    url = f"/recalls/lots/{sold.lot.code}"
    assert client.get(url).status_code == 302, "sign in first"
    act_as(app, make_actor(session))
    assert client.get(url).status_code == 403
    assert client.get("/recalls/").status_code == 403
    act_as(app, make_actor(session, Role.auditor))
    assert client.get("/recalls/").status_code == 200
    assert client.post(url, data=form()).status_code == 403
    act_as(app, sold.operator)
    assert client.get(f"/recalls/?lot={sold.lot.code.lower()}").location == url
    page = client.get(url)
    assert sold.order.code in page.text
    scope = trace_reach(session, sold.lot).scope
    assert scope in page.text
    refused = client.post(url, data=form(scope=scope, typed="LOT", reason="留着的原因"))
    assert (refused.status_code, "留着的原因" in refused.text) == (422, True)
    assert "抽检不合格" not in client.get(f"/t/{sold.lot.code}").text
    sent = form(scope=scope, typed=sold.lot.code, reason="抽检不合格。")
    done = client.post(url, data=sent)
    assert done.status_code == 302, done.text
    assert "抽检不合格" in client.get(f"/t/{sold.lot.code}").text, "the story page says so from the next request"
    assert client.post(url, data=sent).location == done.location
    assert "抽检不合格。" in client.get(done.location + "?lang=en").text
    assert "停止流通" in client.get(url).text
    act_as(app, make_actor(session, Role.county_officer))
    assert client.get(done.location).status_code in (200, 403)
    act_as(app, sold.operator)
    assert client.post(f"{done.location}/lift", data=form(reason="")).status_code == 422
    assert client.post(f"{done.location}/lift", data=form(reason="复检合格。")).status_code == 302
    assert "已解除" in client.get("/recalls/?lang=zh").text


def test_the_workbook_has_no_personal_data(session: Session, app: Flask, client: FlaskClient) -> None:
    sold = Sold(session)
    act_as(app, sold.operator)
    answer = client.get(f"/recalls/lots/{sold.lot.code}/sheet.xlsx")
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(answer.data))
    cells = {str(cell) for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python() for cell in row}
    assert sold.order.code in cells
    assert sold.lot.code in cells
    assert not any("13900000000" in cell or "示例收货人" in cell for cell in cells)


def test_choosing_some_of_the_lots_on_the_page(session: Session, app: Flask, client: FlaskClient) -> None:
    sold = Sold(session)
    act_as(app, sold.operator)
    raw, one, other = two_packs(session, sold)
    url = f"/recalls/lots/{raw.code}"
    assert client.get(url).text.count('type="checkbox" name="lots"') == 3
    page = client.get(f"{url}?lots={one.code}").text
    assert "其余 2 个批次为什么不用召回" in page
    assert "不是用这一批做成的" in client.get(f"{url}?lots={sold.lot.code}").text
    scope = trace_reach(session, raw, [one.code]).scope
    assert scope in page
    values = {"scope": scope, "typed": raw.code, "reason": "封口不良。", "lots": one.code}
    refused = client.post(url, data=form(**values, left_out_reason=" "))
    assert (refused.status_code, "请写明其余批次为什么不用召回" in refused.text) == (422, True)
    assert client.post(url, data=form(**values | {"lots": ""})).status_code == 409, "all is not what was looked at"
    done = client.post(url, data=form(**values, left_out_reason="另一条线包装。"))
    assert done.status_code == 302, done.text
    told = client.get(done.location).text
    assert "另一条线包装。" in told
    assert other.code in told
    assert f"lots={one.code}" in told, "the sheet is of what was recalled"


def test_orders_are_paged(session: Session, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    sold = Sold(session)
    act_as(app, sold.operator)
    for _ in range(3):
        make_order(session, {sold.product.sku: 1})
    session.flush()
    monkeypatch.setattr(views, "SHOWN", 2)
    url, seen = f"/recalls/lots/{sold.lot.code}", set()
    for _ in range(2):
        page = client.get(url).text
        seen |= set(re.findall(r"/backoffice/orders/(ORD-[\w-]+)", page))
        following = re.search(r'href="([^"]+after=[^"]+)" rel="next"', page)
        url = following[1].replace("&amp;", "&") if following else url
    assert len(seen) == 4
    assert 'rel="next"' not in page
