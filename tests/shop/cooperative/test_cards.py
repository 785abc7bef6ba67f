"""Cards of households, and how the form of a delivery finds one (shop.cooperative.views.cards)."""

from __future__ import annotations

import re

import pytest
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from catalog.parties.carding import issue_card
from catalog.parties.models import ANONYMOUS, SYSTEM, Household, Role
from shop.cooperative.views import drafts
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization


class Members:
    """A cooperative with three members and its clerk at the door."""

    def __init__(self, session: Session, app: Flask) -> None:
        self.session, self.app = session, app
        self.cooperative = make_organization(session)
        names = ("马秀英", "曾志强", "马小龙")
        self.households: list[Household] = [make_household(session, self.cooperative, head_name=name) for name in names]
        self.clerk = make_actor(session, Role.clerk, self.cooperative)
        act_as(app, self.clerk)

    def card(self, number: int) -> str:
        token = issue_card(self.session, SYSTEM, self.households[number].id).card_token
        assert token is not None
        return token


@pytest.fixture
def members(session: Session, app: Flask) -> Members:
    return Members(session, app)


def offered(page: str) -> list[str]:
    """The keys of the households a form offers."""
    chosen = re.search(r'<select[^>]*name="household_id".*?</select>', page, re.DOTALL)
    assert chosen
    return re.findall(r'value="([0-9a-f-]{36})"', chosen[0])


def test_households_are_found_by_number_letters_and_card(client: FlaskClient, members: Members) -> None:
    keys = [str(household.id) for household in members.households]
    assert offered(client.get("/cooperative/deliveries/new").text) == keys
    for text, found in (("3", [keys[2]]), ("m", [keys[0], keys[2]]), ("ZZ", [keys[1]]), ("秀英", [keys[0]]), ("没有", [])):
        page = client.get("/cooperative/deliveries/new", query_string={"code": text}).text
        assert offered(page) == found
        assert "秀英" not in page.replace('value="秀英"', ""), "names stay masked"
        assert ("没有找到这户" in page) == (not found)
    scanned = {"code": f"http://127.0.0.1:8000/cards/{members.card(1)}"}
    assert offered(client.get("/cooperative/deliveries/new", query_string=scanned).text) == [keys[1]]


def test_the_code_on_a_card_leads_to_the_form(client: FlaskClient, members: Members) -> None:
    token = members.card(2)
    answer = client.get(f"/cards/{token}", follow_redirects=True)
    assert offered(answer.text) == [str(members.households[2].id)]
    act_as(members.app, ANONYMOUS)
    assert client.get(f"/cards/{token}").location.startswith("/sign-in?next=/cards/")
    act_as(members.app, make_actor(members.session, Role.clerk))
    assert client.get(f"/cards/{token}").status_code == 404
    away = client.get("/cooperative/deliveries/new", query_string={"code": f"x/cards/{token}"})
    assert offered(away.text) == [], "with the card of another cooperative nobody is found"
    assert offered(client.get(f"/cooperative/deliveries/new?household={members.households[2].id}").text) == []


def test_a_card_is_printed_and_replaced(client: FlaskClient, members: Members, session: Session) -> None:
    path = f"/cooperative/households/{members.households[0].id}/card"
    assert "还没有卡" in client.get(path).text
    assert client.post(path, data=form()).status_code == 302
    page = client.get(path).text
    assert "秀英" not in page
    session.refresh(members.households[0])
    first = members.households[0].card_token
    assert _scan(page).endswith(f"/cards/{first}")
    client.post(path, data=form())
    assert client.get(f"/cards/{first}").status_code == 404


def _scan(page: str) -> str:
    """The text of the QR code on a page, drawn from its own path."""
    size = int(re.search(r'viewBox="0 0 (\d+) ', page)[1])  # type: ignore[index]
    picture = Image.new("L", (size * 4, size * 4), 255)
    draw = ImageDraw.Draw(picture)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", page):
        draw.rectangle([int(x) * 4, int(y) * 4, (int(x) + int(width)) * 4 - 1, int(y) * 4 + 3], fill=0)
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


def test_another_cooperatives_member_has_no_card_here(client: FlaskClient, members: Members, session: Session) -> None:
    path = f"/cooperative/households/{make_household(session).id}/card"
    assert client.get(path).status_code == 404
    assert client.post(path, data=form()).status_code == 404


def test_a_long_list_says_that_there_are_more(client: FlaskClient, members: Members, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MEMBERS", 2)
    page = client.get("/cooperative/deliveries/new").text
    assert len(offered(page)) == 2
    assert "只列出前 2 户" in page
    refused = client.post("/cooperative/deliveries", data=form(household_id=str(members.households[2].id), quantity="x"))
    assert str(members.households[2].id) in offered(refused.text), "what was chosen stays"
    assert refused.status_code == 422
