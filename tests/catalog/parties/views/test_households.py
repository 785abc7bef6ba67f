"""The clerk's pages of households, through the door."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import CapacityClaim, Consent, Household, Organization, Role
from catalog.parties.views import households
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization


@pytest.fixture
def mine(app: Flask, session: Session) -> Organization:
    cooperative = make_organization(session)
    act_as(app, make_actor(session, Role.clerk, cooperative))
    session.flush()
    return cooperative


def test_a_clerk_enters_a_household(mine: Organization, client: FlaskClient, session: Session) -> None:
    answer = client.post("/parties/households/", data=form(head_name="马示例", town="花马池镇", land_mu="12.5"))
    assert answer.status_code == 302
    household = session.query(Household).filter_by(cooperative_id=mine.id).one()
    assert household.capacity == {}, "what the cooperative types counts when the county has looked"
    assert [(claim.basis, claim.amount) for claim in session.scalars(select(CapacityClaim))] == [("land_mu", Decimal("12.5"))]
    page = client.get("/parties/households/?q=msl")
    assert "马示例" in page.text
    assert "马示例" in client.get(answer.location).text


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize("over", [{"head_name": " "}, {"land_mu": "许多"}, {"hives": "-3"}])
def test_a_wrong_field_stands_beside_its_input(client: FlaskClient, session: Session, over: dict[str, str]) -> None:
    answer = client.post("/parties/households/", data=form(**({"head_name": "马示例"} | over)))
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert session.query(Household).count() == 0


def test_consent_is_given_and_withdrawn_on_the_page(mine: Organization, client: FlaskClient, session: Session) -> None:
    household = make_household(session, mine)
    session.flush()
    address = f"/parties/households/{household.id}/consents"
    assert client.post(address, data=form(scope="name", do="give")).status_code == 302
    assert session.query(Consent).filter_by(household_id=household.id, withdrawn_at=None).count() == 1
    assert client.post(address, data=form(scope="name", do="withdraw")).status_code == 302
    assert session.query(Consent).filter_by(household_id=household.id, withdrawn_at=None).count() == 0
    assert client.post(address, data=form(scope="everything", do="give")).status_code == 422


@pytest.mark.usefixtures("mine")
def test_households_of_other_cooperatives_are_nobodys_business(client: FlaskClient, session: Session) -> None:
    other = make_household(session, head_name="别人示例")
    session.flush()
    assert client.get(f"/parties/households/{other.id}").status_code == 404
    assert client.post(f"/parties/households/{other.id}/consents", data=form(scope="name")).status_code == 404
    code = session.get_one(Organization, other.cooperative_id).code
    page = client.get(f"/parties/households/?cooperative={code}")
    assert page.status_code == 403
    assert "别人示例" not in page.text
    assert client.post("/parties/households/", data=form(head_name="马示例", cooperative=code)).status_code == 403


@pytest.mark.usefixtures("mine")
def test_with_the_guard_switched_off_the_name_would_show(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_household(session, head_name="别人示例")
    session.flush()
    monkeypatch.setattr(households, "own_household", lambda open_session, key: open_session.get(Household, key))
    assert "别人示例" in client.get(f"/parties/households/{other.id}").text


def test_others_do_not_come_in(app: Flask, client: FlaskClient, session: Session) -> None:
    assert client.get("/parties/households/").status_code == 302
    for role in (Role.consumer, Role.county_officer, Role.packer):
        act_as(app, make_actor(session, role))
        session.flush()
        assert client.get("/parties/households/").status_code == 403


def test_one_button_takes_all_back_and_the_history_says_who(mine: Organization, client: FlaskClient, session: Session) -> None:
    household = make_household(session, mine)
    session.flush()
    address = f"/parties/households/{household.id}"
    for scope in ("name", "photo", "share"):
        client.post(f"{address}/consents", data=form(scope=scope, do="give"))
    assert "全部撤回" in client.get(address).text
    assert client.post(f"{address}/consents", data=form(do="withdraw")).status_code == 302
    page = client.get(address).text
    assert "全部撤回" not in page
    assert page.count("2026-11") >= 4, "each consent names its wording"
    rows = session.query(Consent).filter_by(household_id=household.id).all()
    assert len(rows) == 3
    assert all(row.withdrawn_by == row.typed_by for row in rows)
