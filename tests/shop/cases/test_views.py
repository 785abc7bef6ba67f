"""Doors of cases: anybody's report with its limit, a claim with a photo, who sees what."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel import clock
from kernel.web import limiter
from shop.cases.models import Case
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.shop import deliver, make_order

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


def report(**over: Any) -> dict[str, Any]:
    return form(**({"serial": "ABCD1234", "kind": "suspected_copy", "text": "字印歪了。"} | over))


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Case)) or 0


def test_anybody_reports_from_the_scan_page(session: Session, client: FlaskClient) -> None:
    assert 'value="ABCD1234"' in client.get("/cases/report?serial=ABCD1234").text
    refused = client.post("/cases/report", data=report(text="", contact="留着"))
    assert (refused.status_code, "留着" in refused.text) == (422, True)
    sent = report()
    answers = [client.post("/cases/report", data=sent) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 201]
    assert count(session) == 1, "sent twice, opened once"
    assert client.get("/cases/").status_code == 302


def test_reports_are_limited(session: Session, app: Flask, client: FlaskClient, monkeypatch: Any) -> None:
    limiter.reset()
    answers = [client.post("/cases/report", data=report()).status_code for _ in range(6)]
    assert answers == [201] * 5 + [429]
    monkeypatch.setattr(limiter, "enabled", False)
    assert client.post("/cases/report", data=report()).status_code == 201, "without the guard the sixth comes through"


def test_a_claim_with_a_photo_is_seen_by_its_two_sides_only(session: Session, app: Flask, client: FlaskClient) -> None:
    limiter.reset()
    buyer = make_actor(session)
    order = deliver(session, make_order(session, actor=buyer), at=clock.now())
    url = f"/cases/damage/{order.code}/{order.lines[0].code}"
    act_as(app, buyer)
    assert "坏损照片" in client.get(url).text
    bad = client.post(url, data=form(text="坏了", photo=(BytesIO(b"GIF89a..."), "a.png")), content_type="multipart/form-data")
    assert (bad.status_code, count(session)) == (422, 0)
    assert client.post(url, data=form(text="坏了")).status_code == 422
    done = client.post(url, data=form(text="坏了", photo=(BytesIO(PNG), "../../x.png")), content_type="multipart/form-data")
    assert done.status_code == 302
    page = client.get(done.location)
    photo = page.text.split('<img class="pic wide" src="')[1].split('"')[0]
    assert client.get(photo).data == PNG
    assert client.get(photo).mimetype == "image/png"
    act_as(app, make_actor(session))
    assert [client.get(u).status_code for u in (url, done.location, photo)] == [404, 404, 404]
    assert client.post(f"{done.location}/reply", data=form(text="?")).status_code == 404
    act_as(app, make_actor(session, Role.auditor))
    assert client.get(done.location).status_code == 200
    assert client.post(f"{done.location}/reply", data=form(text="审计不答复")).status_code == 404
    assert client.post(f"{done.location}/take", data=form()).status_code == 403
    act_as(app, make_actor(session, Role.operator))
    assert client.post(f"{done.location}/take", data=form()).status_code == 302
    assert client.post(f"{done.location}/reply", data=form(text="")).status_code == 422
    assert client.post(f"{done.location}/reply", data=form(text="马上赔付。")).status_code == 302
    assert client.post(f"{done.location}/close", data=form(text="已赔付。")).status_code == 302
    assert "已结案" in client.get(done.location).text
    assert done.location.rsplit("/", 1)[1] in client.get("/cases/?state=closed&lang=en").text


def test_a_buyer_asks_about_an_order(session: Session, app: Flask, client: FlaskClient) -> None:
    limiter.reset()
    buyer = make_actor(session)
    order = make_order(session, actor=buyer)
    act_as(app, buyer)
    assert order.code in client.get(f"/cases/new?order={order.code}").text
    assert client.post("/cases/new", data=form(order=order.code, kind="nonsense", text="?")).status_code == 422
    done = client.post("/cases/new", data=form(order=order.code, kind="parcel", text="到哪了?"))
    assert done.status_code == 302
    assert done.location.rsplit("/", 1)[1] in client.get("/cases/").text
