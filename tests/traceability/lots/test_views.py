"""The lot page: for its keepers, with masked households; its form cannot overdraw a lot."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, true
from sqlalchemy.orm import Session

from catalog.parties.models import ConsentScope, Role
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.lots import make_chain
from traceability.lots import accounting, balancing
from traceability.lots.models import Lot


def test_the_page_shows_balance_origin_and_masked_shares(app: Flask, client: FlaskClient, session: Session) -> None:
    chain = make_chain(session)
    session.flush()
    act_as(app, chain.clerk)
    page = client.get(f"/lots/{chain.frozen.code}")
    assert page.status_code == 200
    shown = page.get_data(as_text=True)
    for part in ("冷冻羊腿切块", chain.frozen.code, chain.leg.code, chain.pack.code, "第1号农户", "50.00 %"):
        assert part in shown
    assert "王示例" not in shown
    facts = client.get(f"/lots/{chain.frozen.code}", headers={"Accept": "application/json"}).get_json()
    assert (facts["made"], facts["used"], facts["left"]) == ("50", "10", "40")
    assert [edge["lot"] for edge in facts["wentInto"]] == [chain.pack.code]
    assert sum(float(line["share"]) for line in facts["shares"]) == 1


def test_the_page_asks_as_often_for_many_households_as_for_few(
    app: Flask, client: FlaskClient, session: Session, count_queries: Any
) -> None:
    act_as(app, make_actor(session, Role.operator))
    asked = []
    for households in (2, 8):
        chain = make_chain(session, sheep=[1] * households, boxes=1)
        session.flush()
        session.expire_all()
        with count_queries() as queries:
            assert client.get(f"/lots/{chain.live.code}").status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1]


def test_a_name_shows_by_consent_only(app: Flask, client: FlaskClient, session: Session) -> None:
    from catalog.parties.consenting import give_consent
    from tests.factories.catalog import AT

    chain = make_chain(session)
    act_as(app, chain.clerk)
    give_consent(session, chain.clerk, household_id=chain.households[0].id, scope=ConsentScope.NAME, at=AT)
    session.flush()
    assert "王示例" in client.get(f"/lots/{chain.live.code}").get_data(as_text=True)


def test_who_may_look(app: Flask, client: FlaskClient, session: Session) -> None:
    chain = make_chain(session)
    session.flush()
    assert client.get(f"/lots/{chain.live.code}").status_code == 302
    for role, status in (
        (Role.clerk, 403),
        (Role.consumer, 403),
        (Role.auditor, 200),
        (Role.operator, 200),
        (Role.county_officer, 200),
    ):
        act_as(app, make_actor(session, role))
        assert client.get(f"/lots/{chain.live.code}").status_code == status, role
    assert client.get("/lots/LOT-0000-0000-00").status_code == 404


def lose(client: FlaskClient, lot: Lot, quantity: str) -> int:
    return client.post(f"/lots/{lot.code}/losses", data=form(quantity=quantity, reason="腐烂")).status_code


def test_a_loss_cannot_be_more_than_what_is_left(app: Flask, client: FlaskClient, session: Session) -> None:
    chain = make_chain(session)
    session.flush()
    act_as(app, chain.clerk)
    assert lose(client, chain.frozen, "40.5") == 409
    assert lose(client, chain.frozen, "-1") == 422
    assert lose(client, chain.frozen, "1e9") == 422
    assert lose(client, chain.frozen, "39.5") == 303
    session.expire_all()
    assert session.get_one(Lot, chain.frozen.id).left.amount == 0.5


def test_boxes_are_written_off_where_they_lie(app: Flask, client: FlaskClient, session: Session) -> None:
    """On the shelf page of the floor above: else shelf and lot would part."""
    chain = make_chain(session)
    session.flush()
    act_as(app, chain.clerk)
    assert lose(client, chain.pack, "1") == 422


def test_with_its_guards_off_the_same_form_overdraws(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = make_chain(session)
    session.execute(text("ALTER TABLE lots_lot DROP CONSTRAINT ck_lots_lot_balance"))
    session.execute(text("ALTER TABLE lots_site_lot DROP CONSTRAINT ck_lots_site_lot_balance"))
    monkeypatch.setattr(balancing, "_enough", lambda quantity: true())
    monkeypatch.setattr(accounting, "_is_there", lambda amount, at: true())
    act_as(app, chain.clerk)
    assert lose(client, chain.frozen, "1000") == 303
    session.expire_all()
    assert session.get_one(Lot, chain.frozen.id).left.amount == -960
