"""A household takes consent back with the link on its form: no account, a second page that asks, once; and nobody else can."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties import consenting
from catalog.parties.models import HOUSEHOLD, SYSTEM, Consent, ConsentScope, Household, HouseholdCard
from kernel.errors import NotFound
from tests.factories.catalog import AT, form, make_household


@pytest.fixture
def household(session: Session) -> Household:
    household = make_household(session, head_name="欧阳示例", member_no=7)
    for scope in (ConsentScope.NAME, ConsentScope.VILLAGE):
        consenting.give_consent(session, SYSTEM, household_id=household.id, scope=scope, at=AT)
    return household


@pytest.fixture
def link(session: Session, household: Household) -> str:
    token = consenting.issue_card(session, SYSTEM, household_id=household.id, at=AT)
    session.flush()
    return f"/my-consent/{token}"


def standing(session: Session, household: Household) -> set[ConsentScope]:
    session.expire_all()
    query = select(Consent).where(Consent.household_id == household.id, Consent.withdrawn_at.is_(None))
    return {consent.scope for consent in session.scalars(query)}


def test_look_really_withdraw_one_then_all(client: FlaskClient, session: Session, household: Household, link: str) -> None:
    page = client.get(link)
    assert "第 7 号农户" in page.text
    assert "欧阳示例" not in page.text, "a lost paper names nobody"
    asked = client.get(f"{link}/withdraw?scope=name")
    assert "真的要撤回吗" in asked.text
    assert standing(session, household) == {ConsentScope.NAME, ConsentScope.VILLAGE}, "looking changes nothing"
    sent = form(scope="name")
    done = client.post(f"{link}/withdraw", data=sent)
    assert (done.status_code, done.location) == (302, link)
    assert client.post(f"{link}/withdraw", data=sent).location == link, "the same form again is the same act"
    assert standing(session, household) == {ConsentScope.VILLAGE}
    assert client.post(f"{link}/withdraw", data=form()).status_code == 302
    assert standing(session, household) == set()
    assert "什么都没有公开" in client.get(link).text
    assert client.post(f"{link}/withdraw", data=form()).status_code == 404, "nothing is left to take back"
    assert set(session.scalars(select(Consent.withdrawn_by))) == {HOUSEHOLD}


def test_the_page_is_kept_and_listed_by_nobody(client: FlaskClient, link: str) -> None:
    for path in (link, f"{link}/withdraw", "/my-consent/invented"):
        answer = client.get(path)
        assert answer.headers["Cache-Control"] == "private, no-store", path
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert 'name="robots" content="noindex"' in client.get(link).text


def test_a_link_that_nobody_was_given(
    client: FlaskClient, session: Session, household: Household, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}"
    for path in (wrong, f"{wrong}/withdraw"):
        assert client.get(path).status_code == 404
    assert client.post(f"{wrong}/withdraw", data=form()).status_code == 404
    assert standing(session, household)
    card = session.scalars(select(HouseholdCard)).one()
    assert card.token_hash not in link, "only a hash is kept"
    monkeypatch.setattr(consenting, "get_card", lambda *_: card)  # the guard off: any link would do
    assert client.post(f"{wrong}/withdraw", data=form()).status_code == 302
    assert standing(session, household) == set()


def test_guesses_are_limited(app: Flask, client: FlaskClient, link: str) -> None:
    codes = [client.get("/my-consent/guess").status_code for _ in range(31)]
    assert codes == [404] * 30 + [429]


def test_a_wrong_scope_and_a_missing_card(client: FlaskClient, session: Session, link: str) -> None:
    assert client.get(f"{link}/withdraw?scope=everything").status_code == 422
    assert client.post(f"{link}/withdraw", data=form(scope="everything")).status_code == 422
    assert "不用撤回" in client.get(f"{link}/withdraw?scope=photo").text
    with pytest.raises(NotFound):
        consenting.withdraw_by_card(session, "nobody", scopes=[ConsentScope.NAME], at=AT)


def test_every_version_of_the_wording_is_there_to_read(client: FlaskClient) -> None:
    assert "价钱一样" in client.get("/consent-texts/").text
    english = client.get("/consent-texts/2026-11?lang=en").text
    assert "at the same price" in english
    assert "Chinese text is the binding one" in english
    assert client.get("/consent-texts/1999-01").status_code == 404
