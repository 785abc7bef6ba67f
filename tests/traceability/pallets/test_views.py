"""What the code on a case leads to."""

from __future__ import annotations

from datetime import datetime

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel.gs1 import make_gln, make_sscc
from tests.factories.catalog import make_place
from tests.factories.lots import make_chain
from traceability.lots.recalling import lift, mark_boxes, mark_lots
from traceability.pallets.aggregating import close_case, open_container, stack_pallet
from traceability.pallets.states import KIND_LABELS


def test_a_scanned_case_tells_its_lots_and_no_serial(session: Session, client: FlaskClient, at: datetime) -> None:
    chain = make_chain(session, boxes=3)
    place = make_place(session, chain.cooperative, gln=str(make_gln("952", 4716)))
    case = close_case(session, chain.clerk, place_id=place.id, serials=chain.serials[:2], at=at)
    link = client.get(f"/00/{case.sscc}")
    assert (link.status_code, link.location) == (307, f"http://127.0.0.1:8000/t/case/{case.sscc}")
    page = client.get(link.location)
    assert page.status_code == 200
    assert f"/t/{chain.pack.code}" in page.text
    assert "2 盒" in page.text
    assert KIND_LABELS[case.kind] in page.text
    assert [serial for serial in chain.serials if serial in page.text] == []
    assert "停止流通" not in page.text
    levels = client.get(f"/00/{case.sscc}?linkType=linkset").get_json(force=True)["linkset"]
    assert levels[0]["anchor"].endswith(f"/00/{case.sscc}")
    mark_lots(session, SYSTEM, chain.pack.code, "抽检不合格", at)
    open_container(session, chain.clerk, case.name, at)
    page = client.get(link.location)
    assert "停止流通" in page.text
    assert "已经拆开" in page.text


def test_a_scanned_pallet_tells_of_single_boxes_that_are_stopped(session: Session, client: FlaskClient, at: datetime) -> None:
    chain = make_chain(session, boxes=3)
    place = make_place(session, chain.cooperative, gln=str(make_gln("952", 4717)))
    case = close_case(session, chain.clerk, place_id=place.id, serials=chain.serials, at=at)
    pallet = stack_pallet(session, chain.clerk, place_id=place.id, codes=[case.name], at=at)
    mark = mark_boxes(session, SYSTEM, chain.pack.code, chain.serials[:2], "封口破了", at, left_out_reason="其余没事")
    for container in (case, pallet):
        assert "里面有 2 盒停止流通" in client.get(f"/t/case/{container.name}").text
    open_container(session, chain.clerk, pallet.name, at)
    open_container(session, chain.clerk, case.name, at)
    assert "里面有 2 盒停止流通" in client.get(f"/t/case/{case.name}").text
    mark_lots(session, SYSTEM, chain.pack.code, "抽检不合格", at)
    page = client.get(f"/t/case/{case.name}").text
    assert (chain.pack.code in page, "里面有 2 盒" in page) == (True, False), "the lot says it all"
    lift(session, SYSTEM, mark.code, "看错了", at)
    assert "停止流通" in client.get(f"/t/case/{case.name}").text


def test_a_number_nobody_gave_out(client: FlaskClient) -> None:
    unknown = make_sscc("952", 77)
    assert client.get(f"/00/{unknown}").status_code == 404
    assert client.get(f"/t/case/{unknown}").status_code == 404
    assert client.get(f"/00/{unknown[:-1]}{(int(unknown[-1]) + 1) % 10}").status_code == 400


def test_the_story_of_a_box_tells_its_case_apart_from_its_packing(session: Session, client: FlaskClient, at: datetime) -> None:
    chain = make_chain(session, boxes=2)
    place = make_place(session, chain.cooperative)
    before = client.get(f"/t/{chain.serials[0]}").text
    close_case(session, chain.clerk, place_id=place.id, serials=chain.serials[:1], at=at)
    after = client.get(f"/t/{chain.serials[0]}").text
    assert ("装入外箱" in before, "装入外箱" in after) == (False, True)
    assert after.count("装盒") == before.count("装盒")
    assert "装入外箱" not in client.get(f"/t/{chain.serials[1]}").text
