"""The operator's pages of organisations, through the door."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, ApiKey, Membership, Organization, OrganizationKind, Person, Place, Role
from tests.factories.catalog import YANCHI, act_as, form, make_actor, make_organization


@pytest.fixture
def operator(app: Flask, session: Session) -> None:
    act_as(app, make_actor(session, Role.operator))
    session.flush()


NEW = {"kind": "cooperative", "name": "盐池县示例合作社", "uscc": "91110000600037341L", "county_code": YANCHI}


@pytest.mark.usefixtures("operator")
def test_the_operator_enters_an_organisation_once(client: FlaskClient, session: Session) -> None:
    sent = form(**NEW)
    answer = client.post("/parties/organizations/", data=sent)
    assert answer.status_code == 302
    again = client.post("/parties/organizations/", data=sent)
    assert again.location == answer.location
    assert session.query(Organization).filter_by(name="盐池县示例合作社").count() == 1
    assert "盐池县示例合作社" in client.get(answer.location).text


@pytest.mark.usefixtures("operator")
def test_a_wrong_field_stands_beside_its_input_and_keeps_what_was_typed(client: FlaskClient, session: Session) -> None:
    answer = client.post("/parties/organizations/", data=form(**(NEW | {"uscc": "91110000600037341A"})))
    assert answer.status_code == 422
    assert "校验码不对" in answer.text
    assert 'value="91110000600037341A"' in answer.text
    assert session.query(Organization).filter_by(name="盐池县示例合作社").count() == 0


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("over", "status"), [({"kind": "bank"}, 422), ({"county_code": "999999"}, 404), ({"idempotency_key": ""}, 422)]
)
def test_bad_input_writes_nothing(client: FlaskClient, session: Session, over: dict[str, str], status: int) -> None:
    answer = client.post("/parties/organizations/", data=form(**NEW) | over)
    assert answer.status_code == status
    assert session.query(Organization).filter_by(name="盐池县示例合作社").count() == 0


def test_a_clerk_is_refused_at_the_door(app: Flask, client: FlaskClient, session: Session) -> None:
    act_as(app, make_actor(session, Role.clerk))
    session.flush()
    assert client.get("/parties/organizations/").status_code == 403
    assert client.post("/parties/organizations/", data=form(**NEW)).status_code == 403
    assert session.query(Organization).filter_by(name="盐池县示例合作社").count() == 0


def test_with_the_doors_guard_off_the_act_refuses_and_with_both_off_it_goes_through(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(app, make_actor(session, Role.clerk))
    session.flush()
    view = app.view_functions["organizations.create"]
    app.view_functions["organizations.create"] = view.__wrapped__  # type: ignore[attr-defined]
    assert client.post("/parties/organizations/", data=form(**NEW)).status_code == 403
    monkeypatch.setattr(Actor, "must", lambda *_: None)
    assert client.post("/parties/organizations/", data=form(**NEW)).status_code == 302
    assert session.query(Organization).filter_by(name="盐池县示例合作社").count() == 1


def test_nobody_is_sent_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/parties/organizations/").status_code == 302


@pytest.mark.usefixtures("operator")
def test_people_and_places_are_added(client: FlaskClient, session: Session) -> None:
    organization = make_organization(session)
    session.flush()
    base = f"/parties/organizations/{organization.code}"
    assert client.post(f"{base}/members", data=form(name="李示例", phone="13812345678", role="clerk")).status_code == 302
    person = session.scalars(select(Person).where(Person.phone == "13812345678")).one()
    twice = client.post(f"{base}/members", data=form(name="李示例", phone="13812345678", role="clerk"))
    assert twice.status_code == 409
    assert "已被别的账号使用" in twice.text
    answer = client.post(f"{base}/places", data=form(place_name="示例冷库", kind="cold_store", county_code=YANCHI))
    assert answer.status_code == 302
    assert session.query(Place).filter_by(organization_id=organization.id).one().name == "示例冷库"
    assert client.post(f"{base}/members/{person.id}/remove", data=form(role="clerk")).status_code == 302
    assert session.query(Membership).filter_by(person_id=person.id).count() == 0


@pytest.mark.usefixtures("operator")
def test_a_key_is_shown_once(client: FlaskClient, session: Session) -> None:
    organization = make_organization(session)
    session.flush()
    sent = form(key_name="示例系统", scopes="epcis:write")
    first = client.post(f"/parties/organizations/{organization.code}/keys/", data=sent)
    key = session.query(ApiKey).filter_by(organization_id=organization.id).one()
    assert f'data-copy="{key.hint}' in first.text
    again = client.post(f"/parties/organizations/{organization.code}/keys/", data=sent)
    assert again.status_code == 302
    assert key.hint not in again.text
    page = client.get(f"/parties/organizations/{organization.code}")
    token = first.text.split('data-copy="')[1].split('"')[0]
    assert token not in page.text
    assert client.post(f"/parties/organizations/{organization.code}/keys/{key.id}/revoke", data=form()).status_code == 302
    session.refresh(key)
    assert key.revoked_at is not None


@pytest.mark.usefixtures("operator")
def test_the_list_is_json_for_programs_and_pages(client: FlaskClient, session: Session) -> None:
    make_organization(session, name="示例甲")
    session.flush()
    body = client.get("/parties/organizations/?q=示例甲", headers={"Accept": "application/json"}).json
    assert body is not None
    assert [row["name"] for row in body["organizations"]] == ["示例甲"]
    assert body["next"] is None


@pytest.mark.usefixtures("operator")
def test_only_the_platforms_own_organisation_is_offered_the_platforms_roles(client: FlaskClient, session: Session) -> None:
    office, own = (make_organization(session, kind) for kind in (OrganizationKind.BUYING_ORGANIZATION, OrganizationKind.OPERATOR))
    session.flush()
    for organization, offered in ((office, False), (own, True)):
        page = client.get(f"/parties/organizations/{organization.code}").text
        assert ('<option value="auditor"' in page) is offered
        assert '<option value="inspector"' in page
    base = f"/parties/organizations/{office.code}"
    refused = client.post(f"{base}/members", data=form(name="李示例", phone="13812345678", role="auditor"))
    assert refused.status_code == 422
    assert session.query(Person).filter_by(phone="13812345678").count() == 0
