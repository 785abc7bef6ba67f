"""The shelf page through its door."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from catalog.parties.models import Place, Role
from kernel.files import FileStore
from kernel.ids import uuid7
from logistics.stock.dispatching import dispatch
from logistics.stock.models import StockLot
from logistics.stock.queries import get_shelf_row
from tests.factories.catalog import AT, act_as, form, make_actor, make_product
from tests.factories.logistics import lot_of, make_allocations, make_hub, make_packer, make_serials, make_stock
from tests.factories.lots import make_pack_lot
from traceability.scan.models import LabelJob
from traceability.scan.tasks import draw_labels, use_store


def test_take_in_and_write_off(session: Session, app: Flask, client: FlaskClient) -> None:
    hub = make_hub(session)
    lot = make_pack_lot(session, boxes=5)
    act_as(app, make_packer(session, hub))
    data = form(lot=str(lot.id), place=str(hub.id), boxes="5")
    assert client.post("/stock/receipts", data=data).status_code == 302
    row = session.scalars(select(StockLot)).one()
    assert lot.code in client.get("/stock/").text
    serials = "\n".join(make_serials(session, row, 2))
    assert client.post(f"/stock/{row.id}/discards", data=form(serials=serials, reason="破损")).status_code == 302
    session.refresh(row)
    assert (row.on_hand, lot_of(session, row).lost) == (3, 2)
    page = client.get(f"/stock/{row.id}").text
    assert "破损" in page
    assert "+5" in page


def test_boxes_are_opened_and_come_back(session: Session, app: Flask, client: FlaskClient) -> None:
    hub = make_hub(session)
    stock = make_stock(session, boxes=5, place=hub)
    allocation = make_allocations(session, stock.product_id, 1)[0]
    packer = make_packer(session, hub)
    act_as(app, packer)
    serials = make_serials(session, stock, 3)
    opened = client.post(f"/stock/{stock.id}/openings", data=form(serials=serials[0], reason="标签印错"))
    assert opened.status_code == 302, opened.text
    dispatch(session, packer, hub.id, {allocation.line_code: [serials[1]]}, AT)
    assert "登记退回" in client.get(f"/stock/{stock.id}").text
    returned = client.post(f"/stock/{stock.id}/returns", data=form(serials=serials[1], reason="拒收"))
    assert returned.status_code == 302, returned.text
    assert client.post(f"/stock/{stock.id}/returns", data=form(serials=serials[1], reason="拒收")).status_code == 409
    assert client.post(f"/stock/{stock.id}/openings", data=form(serials="", reason="标签印错")).status_code == 422
    session.refresh(stock)
    lot = lot_of(session, stock)
    assert (stock.on_hand, stock.dispatched, lot.used, lot.dispatched, lot.left.amount) == (3, 1, 1, 1, 3)
    act_as(app, make_packer(session, make_hub(session)))
    for door in ("openings", "returns"):
        assert client.post(f"/stock/{stock.id}/{door}", data=form(serials=serials[2], reason="标签印错")).status_code == 403


def test_other_peoples_shelves(session: Session, app: Flask, client: FlaskClient) -> None:
    stock = make_stock(session)
    code = lot_of(session, stock).code
    act_as(app, make_packer(session, make_hub(session)))
    assert code not in client.get("/stock/").text
    assert client.get(f"/stock/{stock.id}").status_code == 404
    serials = make_serials(session, stock, 1)[0]
    assert client.post(f"/stock/{stock.id}/discards", data=form(serials=serials, reason="破损")).status_code == 403
    act_as(app, make_actor(session, Role.operator))
    assert code in client.get("/stock/").text
    act_as(app, make_actor(session))
    assert client.get("/stock/").status_code == 403


def test_whoever_keeps_the_shelf_prints_the_labels(session: Session, app: Flask, client: FlaskClient) -> None:
    hub = make_hub(session)
    stock = make_stock(session, boxes=3, place=hub, activated=False)
    act_as(app, make_packer(session, hub))
    url = f"/stock/{stock.id}/labels"
    assert client.post(url, data=form(sheet="a4", count="3")).status_code == 302
    job = session.scalars(select(LabelJob)).one()
    assert client.get(f"{url}/{job.id}.pdf").status_code == 404
    use_store(FileStore(app.config["SHANHAI"].files_dir))
    draw_labels(str(job.id))
    with client.get(f"{url}/{job.id}.pdf") as sheet:
        assert sheet.data.startswith(b"%PDF")
    assert client.post(url, data=form(sheet="a4", count="1")).status_code == 409
    for wrong in ({"sheet": "x", "count": "1"}, {"sheet": "a4", "count": "x"}):
        assert client.post(url, data=form(**wrong)).status_code == 422
    assert "a4" in client.get(url).text
    act_as(app, make_packer(session, make_hub(session)))
    for refused in (client.get(url), client.get(f"{url}/{job.id}.pdf"), client.post(url, data=form(sheet="a4", count="1"))):
        assert refused.status_code == 404


def test_the_role_is_the_guard(session: Session, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, a packer of one hub empties the shelf of another."""
    from catalog.parties.models import Actor

    stock = make_stock(session)
    act_as(app, make_packer(session, make_hub(session)))
    monkeypatch.setattr(Actor, "must_any", lambda *_: None)
    data = form(serials=make_serials(session, stock, 1)[0], reason="破损")
    assert client.post(f"/stock/{stock.id}/discards", data=data).status_code == 302
    session.refresh(stock)
    assert stock.on_hand == 9


@pytest.mark.parametrize(
    "wrong",
    [{"boxes": "0"}, {"boxes": "-1"}, {"boxes": "1.5"}, {"boxes": "五"}, {"boxes": "99999999"}, {"lot": ""}, {"place": "x"}],
)
def test_bad_forms(session: Session, app: Flask, client: FlaskClient, wrong: dict[str, str]) -> None:
    hub = make_hub(session)
    lot = make_pack_lot(session, boxes=5)
    act_as(app, make_packer(session, hub))
    data = form(**({"lot": str(lot.id), "place": str(hub.id), "boxes": "5"} | wrong))
    assert client.post("/stock/receipts", data=data).status_code == 422
    assert session.scalars(select(StockLot)).all() == []


def test_unknown_rows(session: Session, app: Flask, client: FlaskClient) -> None:
    act_as(app, make_actor(session, Role.operator))
    assert client.get(f"/stock/{uuid7()}").status_code == 404
    assert client.get("/stock/?after=x").status_code == 422


def test_the_page_asks_as_often_for_many_rows_as_for_one(session: Session, app: Flask, client: FlaskClient) -> None:
    act_as(app, make_actor(session, Role.operator))
    product = make_product(session)
    make_stock(session, product)
    counts = []
    for _ in range(2):
        seen: list[str] = []
        listener = lambda *args, seen=seen: seen.append(args[2])  # noqa: E731
        event.listen(session.get_bind(), "before_cursor_execute", listener)
        assert client.get("/stock/").status_code == 200
        event.remove(session.get_bind(), "before_cursor_execute", listener)
        counts.append(len(seen))
        for _ in range(3):
            make_stock(session, product)
    assert counts[0] == counts[1]


def test_a_row_knows_its_place(session: Session) -> None:
    stock = make_stock(session)
    row = get_shelf_row(session, stock.id, None)
    assert row.place_name == session.get_one(Place, stock.place_id).name
