"""The household's own page of a slip (shop.cooperative.views.slips): read and answered by its link alone; the picture (slip_sheet)."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
import typst
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session

from catalog.parties.models import ANONYMOUS, Actor, Organization, OrganizationKind, Role
from shop.config import Config
from shop.cooperative import links
from shop.cooperative.slip_sheet import SlipSheet, draw
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization
from tests.factories.lots import kg, make_delivery
from traceability.lots.models import HouseholdDelivery, Lot
from traceability.lots.states import SlipState


class Brought:
    """A delivery of a household with a name, its link, and the people around it."""

    def __init__(self, session: Session, app: Flask, config: Config) -> None:
        self.app, self.session = app, session
        self.household = make_household(session, head_name="马秀英")
        self.delivery: HouseholdDelivery = make_delivery(session, self.household, kg("62.5"), grade="一级")
        self.code = self.delivery.slip_code
        self.path = links.slip_path(config.secret_key, self.code)
        where = session.get_one(Organization, session.get_one(Lot, self.delivery.lot_id).organization_id)
        self.clerk: Actor = make_actor(session, Role.clerk, where)
        self.officer: Actor = make_actor(session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE))
        session.flush()
        act_as(app, ANONYMOUS)

    @property
    def state(self) -> SlipState:
        self.session.expire_all()
        return self.delivery.slip_state


@pytest.fixture
def brought(session: Session, app: Flask, config: Config) -> Brought:
    return Brought(session, app, config)


def test_the_slip_opens_without_an_account_and_names_no_one(client: FlaskClient, brought: Brought) -> None:
    answer = client.get(brought.path)
    assert answer.status_code == 200
    for word in ("62.5 公斤 = 125 斤", "一级", "¥1,000.00", "未付款", "待农户确认", "马**", brought.code):
        assert word in answer.text
    assert "秀英" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"].startswith("noindex")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert 'content="noindex"' in answer.text


def test_without_its_token_there_is_no_slip(
    client: FlaskClient, brought: Brought, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = links.sign("another secret key", brought.code)
    for token in (other, "x", other[:-1] + "é"):
        assert client.get(f"/slips/{brought.code}/{token}").status_code == 404
        assert client.get(f"/slips/{brought.code}/{token}/picture.png").status_code == 404
        assert client.post(f"/slips/{brought.code}/{token}/confirmed", data=form()).status_code == 404
        assert client.post(f"/slips/{brought.code}/{token}/disputed", data=form(about="price")).status_code == 404
    assert brought.state is SlipState.WAITING
    monkeypatch.setattr(links, "check", lambda *_: None)
    client.post(f"/slips/{brought.code}/x/confirmed", data=form())
    assert brought.state is SlipState.CONFIRMED, "without the look at the token anybody confirms"


def test_confirming(client: FlaskClient, brought: Brought) -> None:
    sent = form()
    answers = [client.post(f"{brought.path}/confirmed", data=sent) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {302}
    page = client.get(answers[0].location).text
    assert "农户已确认" in page
    assert "都对，确认" not in page
    act_as(brought.app, brought.clerk)
    assert "农户已确认" in client.get(f"/cooperative/deliveries/{brought.code}").text


def test_a_clerk_with_the_link_only_reads(client: FlaskClient, brought: Brought) -> None:
    act_as(brought.app, brought.clerk)
    page = client.get(brought.path).text
    assert "只能看" in page
    assert "都对，确认" not in page
    assert client.post(f"{brought.path}/confirmed", data=form()).status_code == 403
    assert client.post(f"{brought.path}/disputed", data=form(about="price")).status_code == 403
    assert brought.state is SlipState.WAITING


def test_a_dispute_reaches_the_desk_and_the_county_and_is_answered(client: FlaskClient, brought: Brought) -> None:
    assert client.post(f"{brought.path}/disputed", data=form(about="weight", words="是 95 公斤")).status_code == 302
    assert "正等" in client.post(f"{brought.path}/disputed", data=form(about="price")).text
    act_as(brought.app, brought.clerk)
    assert "1 张凭证农户有异议" in client.get("/cooperative/").text
    for reader in (brought.clerk, brought.officer):
        act_as(brought.app, reader)
        page = client.get("/cooperative/questions").text
        assert "重量或数量不对：是 95 公斤" in page
        assert "1 张凭证农户有异议" in client.get("/county/").text
        assert "秀英" not in page
    act_as(brought.app, make_actor(brought.session, Role.clerk))
    assert "是 95 公斤" not in client.get("/cooperative/questions").text
    assert client.post(f"/cooperative/deliveries/{brought.code}/answer", data=form(words="不对")).status_code == 403
    act_as(brought.app, brought.officer)
    assert client.post(f"/cooperative/deliveries/{brought.code}/answer", data=form(words="已复秤")).status_code == 302
    assert "是 95 公斤" not in client.get("/cooperative/questions").text
    act_as(brought.app, ANONYMOUS)
    page = client.get(brought.path).text
    assert "已复秤" in page
    assert "都对，确认" in page


@pytest.mark.parametrize("over", [{}, {"about": "x"}, {"about": "other", "words": ""}])
def test_a_dispute_says_in_what(client: FlaskClient, brought: Brought, over: dict[str, str]) -> None:
    answer = client.post(f"{brought.path}/disputed", data=form(words="写过的话", **over) if "words" not in over else form(**over))
    assert answer.status_code == 422
    assert "请先改正" in answer.text
    assert brought.state is SlipState.WAITING


def test_the_picture_carries_the_link(client: FlaskClient, brought: Brought, config: Config) -> None:
    import zxingcpp

    answer = client.get(f"{brought.path}/picture.png")
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(answer.data) < 200_000
    with Image.open(io.BytesIO(answer.data)) as picture:
        found = zxingcpp.read_barcodes(picture)
        assert picture.width > 600
    assert [code.text for code in found] == [config.public_url + brought.path]


def test_the_picture_is_drawn_once_until_something_on_it_changes(
    client: FlaskClient, brought: Brought, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[bytes] = []

    def compile_(*args: Any, **words: Any) -> bytes:
        drawn.append(draw_with(*args, **words))
        return drawn[-1]

    draw_with = typst.compile
    monkeypatch.setattr(typst, "compile", compile_)
    first, again = (client.get(f"{brought.path}/picture.png").data for _ in range(2))
    assert (first, len(drawn)) == (again, 1)
    client.post(f"{brought.path}/confirmed", data=form())
    assert (client.get(f"{brought.path}/picture.png").data != first, len(drawn)) == (True, 2)


def test_the_page_and_the_picture_in_english(client: FlaskClient, brought: Brought) -> None:
    page = client.get(f"{brought.path}?lang=en").text
    assert re.search(r"62\.5 kg = 125 jin\b(?! \()", page)
    assert client.get(f"{brought.path}/picture.png?lang=en").status_code == 200


def test_what_is_typed_stays_text_in_the_picture() -> None:
    sheet = SlipSheet(
        "t", "#panic()", "DLV-1", "*s*", [("$x$", '#read("/etc/passwd")')], "s", "n", "", "https://x.example/slips/a/b"
    )
    assert draw(sheet).startswith(b"\x89PNG")


def test_links_differ_by_slip_and_key() -> None:
    assert len({links.sign(key, code) for key in ("a", "b") for code in ("DLV-1", "DLV-2")}) == 4
