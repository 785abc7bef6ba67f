"""Doors of cases: anybody's report with its limit, a claim with a photo, who sees what."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel import clock
from kernel.files import FileStore
from kernel.web import limiter
from shop.backoffice.models import AuditEntry
from shop.cases import claiming, tasks, views
from shop.cases.models import Case, CaseMessage
from shop.config import Config
from shop.orders.models import Order
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.pictures import make_photo
from tests.factories.shop import deliver, make_order

PHOTO = make_photo(640, 480, noisy=False)


def claim(order: Order, **over: Any) -> dict[str, Any]:
    """A claim about the order's first line, as the form sends it."""
    data = form(**({"text": "坏了三个。", "photo": (BytesIO(PHOTO), "../../x.jpg")} | over))
    path = f"/cases/damage/{order.code}/{order.lines[0].code}"
    return {"path": path, "data": data, "content_type": "multipart/form-data"}


def files(config: Config) -> list[str]:
    return FileStore(config.case_photos_dir).list_older(clock.now() + timedelta(days=1))


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
    done = client.post(**claim(order))
    assert done.status_code == 302
    page = client.get(done.location)
    photo = page.text.split('<img class="pic wide" src="')[1].split('"')[0]
    shown = client.get(photo)
    assert (shown.mimetype, shown.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    assert b"Exif" in PHOTO
    assert b"Exif" not in shown.data, "where it was taken and with what is left out"
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


def test_nothing_is_kept_for_who_may_not_claim(
    session: Session, app: Flask, client: FlaskClient, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter.reset()
    buyer, at = make_actor(session), clock.now()
    order = deliver(session, make_order(session, actor=buyer), at=at)
    late = deliver(session, make_order(session, actor=buyer), at=at - timedelta(hours=49))
    act_as(app, make_actor(session))
    assert client.post(**claim(order)).status_code == 404
    assert client.post("/cases/damage/ORD-NONE/X", data={"photo": (BytesIO(PHOTO), "a.jpg")}).status_code == 404
    act_as(app, buyer)
    assert client.post(**claim(late)).status_code == 409
    assert client.post(**claim(order, text=" ")).status_code == 422
    assert files(config) == [], "a claim that was refused leaves no file"
    sent = claim(order)
    assert client.post(**sent).status_code == 302
    kept = files(config)
    assert len(kept) == 1
    again = claim(order) | {"data": sent["data"] | {"photo": (BytesIO(PHOTO), "../../x.jpg")}}
    assert [client.post(**again).status_code, client.post(**claim(order)).status_code] == [302, 409]
    assert files(config) == kept, "the same form again and a second claim add none"
    act_as(app, make_actor(session))
    monkeypatch.setattr(claiming, "may_claim", lambda *_, **__: True)
    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "delete", lambda *_: None)
        assert client.post(**claim(order)).status_code == 404
    assert len(files(config)) == 2, "with both guards off a stranger's file stays"


def test_a_file_of_no_case_goes_in_a_day(session: Session, app: Flask, client: FlaskClient, config: Config) -> None:
    limiter.reset()
    buyer = make_actor(session)
    order = deliver(session, make_order(session, actor=buyer), at=clock.now())
    act_as(app, buyer)
    assert client.post(**claim(order)).status_code == 302
    store, own = FileStore(config.case_photos_dir), set(files(config))
    lost, fresh = store.keep(b"no case was opened").digest, store.keep(b"its case is being opened").digest
    yesterday = (clock.now() - timedelta(hours=25)).timestamp()
    for digest in (lost, *own):
        os.utime(config.case_photos_dir / digest[:2] / digest, (yesterday, yesterday))
    tasks.use_store(store)
    tasks.clear_photos()
    assert set(files(config)) == own | {fresh}


def test_claims_and_replies_are_limited_for_each_person(session: Session, app: Flask, client: FlaskClient) -> None:
    """Two people behind one address have their own; a claim that is refused counts too."""
    limiter.reset()
    first, second = make_actor(session), make_actor(session)
    order = make_order(session, actor=first)
    doors: list[tuple[Callable[[], int], int]] = [
        (lambda: client.post(**claim(order)).status_code, 10),
        (lambda: client.post("/cases/CAS-NONE/reply", data=form(text="!")).status_code, 20),
    ]
    for post, allowed in doors:
        act_as(app, first)
        answers = [post() for _ in range(allowed + 1)]
        assert 429 not in answers[:-1]
        assert answers[-1] == 429
        act_as(app, second)
        assert post() == 404


def test_staff_see_whose_it_is_what_is_late_and_a_masked_contact(session: Session, app: Flask, client: FlaskClient) -> None:
    client.post("/cases/report", data=report(contact="13800138000"))
    case, operator = session.scalars(select(Case)).one(), make_actor(session, Role.operator)
    case.due_at = clock.now() - timedelta(hours=1)
    session.flush()
    act_as(app, operator)
    assert case.code in client.get("/cases/?late=1").text
    assert case.code not in client.get("/cases/?mine=1").text
    client.post(f"/cases/{case.code}/take", data=form())
    mine = client.get("/cases/?mine=1").text
    assert case.code in mine
    assert operator.name in mine
    assert "ABCD1234" in mine, "what it is about"
    page = client.get(f"/cases/{case.code}").text
    assert "138****8000" in page
    assert "13800138000" not in page
    assert client.post(f"/backoffice/cases/{case.code}/contact", data=form(reason="")).status_code == 422
    assert client.post(f"/backoffice/cases/{case.code}/contact", data=form(reason="要回电")).status_code == 302
    assert "13800138000" in client.get(f"/cases/{case.code}").text
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.what, entry.subject, entry.after) == ("contact.opened", case.code, {"reason": "要回电"})
    act_as(app, make_actor(session, Role.auditor))
    assert "13800138000" not in client.get(f"/cases/{case.code}").text, "the auditor never sees it, whatever the cookie says"


def test_without_the_mask_it_stands_there(session: Session, app: Flask, client: FlaskClient, monkeypatch: Any) -> None:
    """The guard switched off."""
    client.post("/cases/report", data=report(contact="13800138000"))
    monkeypatch.setattr(views, "_masked", lambda contact: contact)
    act_as(app, make_actor(session, Role.auditor))
    assert "13800138000" in client.get(f"/cases/{session.scalars(select(Case.code)).one()}").text


def test_a_photo_from_before_the_folder_is_seen(session: Session, app: Flask, client: FlaskClient, config: Config) -> None:
    buyer = make_actor(session)
    one = deliver(session, make_order(session, actor=buyer), at=clock.now())
    act_as(app, buyer)
    page = client.get(client.post(**claim(one)).location).text
    (digest,) = session.scalars(select(CaseMessage.photo_digest).where(CaseMessage.photo_digest.is_not(None)))
    assert digest is not None
    now, before = (folder / digest[:2] / digest for folder in (config.case_photos_dir, config.files_dir))
    before.parent.mkdir(parents=True, exist_ok=True)
    now.rename(before)
    assert client.get(page.split('<img class="pic wide" src="')[1].split('"')[0]).status_code == 200
