"""The pages of cases and pallets through their doors."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Place, Role
from kernel.gs1 import make_gln
from logistics.stock.models import StockLot
from logistics.stock.receiving import receive_pack_lot
from logistics.stock.views import containers
from tests.factories.catalog import AT, act_as, form, make_actor, make_place
from tests.factories.logistics import lot_of, make_hub, make_packer, make_serials, make_stock
from tests.factories.lots import make_chain
from traceability.lots.recalling import mark_boxes, mark_lots
from traceability.pallets.models import Container
from traceability.pallets.states import ContainerKind

GLN = str(make_gln("952", 4715))


@pytest.fixture
def hub(session: Session) -> Place:
    """A hub with numbers of its own."""
    return make_hub(session, gln=GLN)


@pytest.fixture
def stock(session: Session, app: Flask, hub: Place) -> StockLot:
    """Boxes there, and their packer signed in."""
    act_as(app, make_packer(session, hub))
    return make_stock(session, boxes=6, place=hub)


def close(client: FlaskClient, place: Place, *codes: str) -> str:
    """Close a case or stack a pallet; its address."""
    answer = client.post("/containers/", data=form(place=str(place.id), codes="\n".join(codes)))
    assert answer.status_code == 302, answer.text
    return answer.location


def test_the_page_says_which_boxes_are_stopped(session: Session, client: FlaskClient, hub: Place, stock: StockLot) -> None:
    serials = make_serials(session, stock, 3)
    case = close(client, hub, *serials[:2])
    pallet = close(client, hub, case.rsplit("/", 1)[1])
    assert "停止流通" not in client.get(case).text
    mark_boxes(session, SYSTEM, lot_of(session, stock).code, serials[1:3], "封口破了", AT, left_out_reason="其余没事")
    for page in (case, pallet):
        assert "里面有 1 盒停止流通，不要发出" in client.get(page).text
    assert client.get(case).text.count(">停止流通<") == 1


def test_boxes_to_case_to_pallet_and_open_again(session: Session, client: FlaskClient, hub: Place, stock: StockLot) -> None:
    serials = make_serials(session, stock, 6)
    assert "还没有装好的箱子" in client.get("/containers/").text
    assert str(hub.id) in client.get("/containers/new").text
    first = close(client, hub, serials[0], f"https://shop.example.cn/t/{serials[1]}", serials[0].lower(), "")
    second = close(client, hub, serials[2])
    page = client.get(first).text
    assert serials[0] in page
    assert serials[1] in page
    assert lot_of(session, stock).code in page
    names = [path.rsplit("/", 1)[1] for path in (first, second)]
    pallet = close(client, hub, f"(00){names[0]}", names[1])
    assert names[0] in client.get(pallet).text
    assert pallet.rsplit("/", 1)[1] in client.get(first).text
    label = client.get(f"{first}/label").text
    assert f"(00) {names[0]}" in label
    assert label.count("<svg") == 2, "a QR code and a GS1-128"
    assert "<svg" in label
    listed = client.get("/containers/").text
    assert all(path in listed for path in (first, second, pallet))
    assert listed.count(f">{lot_of(session, stock).material}</a>") == 3
    assert client.post(f"{first}/openings", data=form()).status_code == 302
    assert "已拆开" in client.get(first).text
    assert first in client.get("/containers/?show=opened").text
    assert first not in client.get("/containers/").text
    assert client.get("/containers/?show=nothing").status_code == 422


def test_a_refusal_keeps_what_was_typed(session: Session, client: FlaskClient, hub: Place, stock: StockLot) -> None:
    serials = make_serials(session, stock, 3)
    case = close(client, hub, serials[0]).rsplit("/", 1)[1]
    for codes, status, sentence in (
        (["XYZ"], 422, "请再核对一遍"),
        (serials[:2], 409, "已经在另一箱里了"),
        ([case, serials[1]], 422, "请分开扫"),
        ([], 422, "请扫描每一盒"),
    ):
        answer = client.post("/containers/", data=form(place=str(hub.id), codes="\n".join(codes)))
        assert (answer.status_code, sentence in answer.text) == (status, True), answer.text
        assert all(code in answer.text for code in codes)
    assert client.post("/containers/", data=form(codes=serials[1])).status_code == 422
    assert len(session.scalars(select(Container)).all()) == 1


def test_a_stopped_lot_is_told(session: Session, client: FlaskClient, hub: Place, stock: StockLot) -> None:
    case = close(client, hub, *make_serials(session, stock, 1))
    mark_lots(session, SYSTEM, lot_of(session, stock).code, "抽检不合格", AT)
    assert "停止流通" in client.get(case).text


def test_pages_of_fifty(
    session: Session, client: FlaskClient, hub: Place, stock: StockLot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "PAGE", 2)
    made = [close(client, hub, serial) for serial in make_serials(session, stock, 3)]
    first = client.get("/containers/").text
    assert [path in first for path in made] == [False, True, True]
    older = session.scalars(select(Container).order_by(Container.id.desc()).offset(1).limit(1)).one()
    second = client.get(f"/containers/?after={older.id}").text
    assert [path in second for path in made] == [True, False, False]


def test_other_peoples_cases(
    session: Session, app: Flask, client: FlaskClient, hub: Place, stock: StockLot, monkeypatch: pytest.MonkeyPatch
) -> None:
    serials = make_serials(session, stock, 2)
    case = close(client, hub, serials[0])
    act_as(app, make_packer(session, make_hub(session)))
    assert case not in client.get("/containers/").text
    for path in (case, f"{case}/label"):
        assert client.get(path).status_code == 404
    assert client.post(f"{case}/openings", data=form()).status_code == 404
    assert client.post("/containers/", data=form(place=str(hub.id), codes=serials[1])).status_code == 403
    monkeypatch.setattr(containers, "organizations_of", lambda _: None)  # the guard of the page off: the act refuses
    assert client.get(case).status_code == 200
    assert client.post(f"{case}/openings", data=form()).status_code == 403
    act_as(app, make_actor(session, Role.consumer))
    assert client.get("/containers/").status_code == 403


def test_a_case_that_was_brought_is_handled_by_who_has_it(session: Session, app: Flask, client: FlaskClient, hub: Place) -> None:
    chain = make_chain(session, boxes=4)
    home = make_place(session, chain.cooperative)
    act_as(app, chain.clerk)
    case, part = (close(client, home, *chain.serials[n : n + 2]) for n in (0, 2))
    assert "/openings" in client.get(case).text
    packer = make_packer(session, hub)
    act_as(app, packer)
    assert client.get(case).status_code == 404
    receive_pack_lot(session, packer, chain.pack.id, hub.id, 3, AT)
    assert "/openings" in client.get(case).text
    assert client.post(f"{case}/openings", data=form()).status_code == 302
    assert part not in client.get("/containers/").text
    receive_pack_lot(session, packer, chain.pack.id, hub.id, 1, AT)
    assert part in client.get("/containers/").text
    act_as(app, chain.clerk)
    assert "/openings" not in client.get(case).text
    assert client.post(f"{case}/openings", data=form()).status_code == 403


def test_a_cooperative_sees_where_its_cases_went(
    session: Session, app: Flask, client: FlaskClient, hub: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "PAGE", 2)
    chain = make_chain(session, boxes=4)
    home = make_place(session, chain.cooperative)
    act_as(app, chain.clerk)
    cases = [close(client, home, chain.serials[number]) for number in range(4)]
    assert client.get("/containers/?show=elsewhere").text.count("现在在") == 0
    receive_pack_lot(session, SYSTEM, chain.pack.id, hub.id, 4, AT)
    here = client.get("/containers/").text
    assert [case in here for case in cases] == [False] * 4
    assert "箱子随货到了别处" in here
    away = client.get("/containers/?show=elsewhere").text
    assert ([case in away for case in cases], away.count(f"现在在{hub.name}")) == ([False, False, True, True], 2)
    older = session.scalars(select(Container).order_by(Container.id.desc()).offset(1).limit(1)).one()
    assert f"show=elsewhere&amp;after={older.id}" in away
    assert [case in client.get(f"/containers/?show=elsewhere&after={older.id}").text for case in cases] == [
        True,
        True,
        False,
        False,
    ]
    act_as(app, make_packer(session, hub))
    assert "现在在" not in client.get("/containers/?show=elsewhere").text, "they lie with who keeps them"
    act_as(app, make_actor(session, Role.operator))
    assert "在别处" not in client.get("/containers/").text


def test_a_place_without_numbers_labels_by_code(session: Session, app: Flask, client: FlaskClient) -> None:
    plain = make_hub(session)
    act_as(app, make_packer(session, plain))
    case = close(client, plain, *make_serials(session, make_stock(session, boxes=1, place=plain), 1))
    made = session.scalars(select(Container)).one()
    assert (made.sscc, made.kind, case.endswith(made.code)) == (None, ContainerKind.CASE, True)
    assert made.code in client.get(f"{case}/label").text
