"""The printed consent form: its code leads to the household's own page, and is nowhere to be found afterwards."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.parties.models import Household, HouseholdCard, Organization, Role
from shop.cooperative.views import consents
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization
from traceability.scan.qrcodes import svg


@pytest.fixture
def household(app: Flask, session: Session) -> Household:
    cooperative = make_organization(session)
    act_as(app, make_actor(session, Role.clerk, cooperative))
    household = make_household(session, cooperative, head_name="欧阳示例", member_no=7)
    session.flush()
    return household


def path_of(household: Household) -> str:
    return f"/cooperative/households/{household.id}/consent-form"


def test_the_form_carries_the_wording_and_a_code_that_works(client: FlaskClient, session: Session, household: Household) -> None:
    sent = form()
    assert client.get(path_of(household)).location == f"/parties/households/{household.id}", "no form was asked for"
    assert client.post(path_of(household), data=sent).location == path_of(household)
    page = client.get(path_of(household))
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "private, no-store"
    for words in ("欧阳示例", "价钱一样", "公开姓名", "公开照片", "公开到村", "公开这一批所占份额", "农户签字"):
        assert words in page.text, words
    found = re.search(r"https?://[^/<]+(/my-consent/[\w-]+)", page.text)
    assert found
    assert svg(found[0]) in page.text, "the code says what stands beside it"
    assert "第 7 号农户" in client.get(found[1]).text
    token = found[1].rpartition("/")[2]
    for table in ("kernel_claimed_key", "parties_household_card", "kernel_outbox"):
        assert token not in str(session.execute(text(f"SELECT * FROM {table}")).all()), table
    assert client.post(path_of(household), data=sent).location == path_of(household)
    assert found[0] in client.get(path_of(household)).text, "still the same form"
    assert len(session.scalars(select(HouseholdCard)).all()) == 1


def test_only_for_households_of_ones_own(
    app: Flask, client: FlaskClient, session: Session, household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(app, make_actor(session, Role.clerk))
    session.flush()
    assert client.post(path_of(household), data=form()).status_code == 404
    assert client.get(path_of(household)).status_code == 404
    assert session.scalars(select(HouseholdCard)).all() == []
    monkeypatch.setattr(consents, "own_household", lambda open_session, key: open_session.get(Household, key))
    assert client.post(path_of(household), data=form()).status_code == 403, "the act looks by itself"
    monkeypatch.setattr(consents.consenting, "_locked", lambda open_session, _actor, key: open_session.get(Household, key))
    assert client.post(path_of(household), data=form()).status_code == 302
    assert "欧阳示例" in client.get(path_of(household)).text
    act_as(app, make_actor(session))
    assert client.post(path_of(household), data=form()).status_code == 403
    assert session.get_one(Organization, household.cooperative_id).contact_phone not in client.get("/consent-texts/").text
