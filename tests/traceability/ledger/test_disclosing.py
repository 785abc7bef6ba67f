"""Whose request opens which private fields: the rules of the rooms above, and one that nobody can lift."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from catalog.parties.roles import ANONYMOUS, Role
from kernel.db import work
from shop import wiring
from shop.app import create_app
from tests.conftest import make_config
from tests.factories.catalog import act_as, make_actor
from tests.factories.lots import Chain, make_chain
from tests.traceability.ledger.running import AT, RunningLog
from traceability.events.models import TraceEvent
from traceability.ledger import disclosing
from traceability.ledger.erasing import erase_subject
from traceability.ledger.models import SealedField
from traceability.ledger.verify import verify_proof


@pytest.fixture
def shop(log: RunningLog, database: str, tmp_path: Path) -> Iterator[tuple[Flask, Chain]]:
    """A real chain of acts in a published log."""
    (tmp_path / "log").symlink_to(log.directory)
    app = create_app(make_config(tmp_path, database), connect=False, testing=True)
    with work() as session:
        chain = make_chain(session)
    log.sequence()
    log.publish()
    yield app, chain
    wiring.register()


def event_with(field: str) -> UUID:
    with work() as session:
        query = (
            select(SealedField.event_id).join(TraceEvent, TraceEvent.id == SealedField.event_id).where(SealedField.field == field)
        )
        return session.scalars(query.order_by(TraceEvent.event_time).limit(1)).one()


def opened(client: FlaskClient, log: RunningLog, event_id: UUID, query: str = "") -> set[str]:
    """The private fields a reader gets, after checking them as a stranger would."""
    answer = client.get(f"/log/proof/{event_id}{query}")
    assert answer.headers["Cache-Control"] == "no-store"
    return set(verify_proof(answer.data, log.published_policy).disclosed)


def test_each_reader_gets_what_they_may_see_now(shop: tuple[Flask, Chain], log: RunningLog) -> None:
    app, chain = shop
    client = app.test_client()
    delivery, labelled = event_with("household"), event_with("serials")
    serial = chain.serials[0]
    act_as(app, ANONYMOUS)
    assert opened(client, log, delivery) == set()
    assert opened(client, log, labelled) == set()
    assert opened(client, log, delivery, f"?serial={serial}") == {"event_hash", "lot_code"}
    assert opened(client, log, labelled, f"?serial={serial}") == {"event_hash", "lot_code"}
    act_as(app, chain.clerk)
    assert opened(client, log, delivery) >= {"household", "event_hash", "lot_code", "body_sha256"}
    assert "serials" not in opened(client, log, labelled), "a serial opens only to a request that names it"
    assert "serials" in opened(client, log, labelled, f"?serial={serial}")
    with work() as session:
        stranger, auditor = make_actor(session, Role.clerk), make_actor(session, Role.auditor)
    act_as(app, stranger)
    assert opened(client, log, delivery) == set()
    act_as(app, auditor)
    assert "household" in opened(client, log, delivery)


def test_a_serial_opens_its_own_story_only_and_an_invented_one_nothing(shop: tuple[Flask, Chain], log: RunningLog) -> None:
    app, chain = shop
    act_as(app, ANONYMOUS)
    client = app.test_client()
    with work() as session:
        other = make_chain(session)
    log.sequence()
    log.publish()
    delivery = event_with("household")
    assert opened(client, log, delivery, f"?serial={chain.serials[0]}")
    assert opened(client, log, delivery, f"?serial={other.serials[0]}") == set()
    assert client.get(f"/log/proof/{delivery}?serial=INVENTED0000000000000").status_code == 404


def test_without_the_rules_nothing_opens_and_with_them_off_everything_would(shop: tuple[Flask, Chain], log: RunningLog) -> None:
    app, chain = shop
    client, labelled = app.test_client(), event_with("serials")
    act_as(app, chain.clerk)
    disclosing.use_rules()
    assert opened(client, log, labelled) == set()
    act_as(app, ANONYMOUS)
    disclosing.use_rules(lambda *_: None)
    assert "lot_code" in opened(client, log, labelled)
    assert "serials" not in opened(client, log, labelled), "whatever the rules say"


def test_what_was_erased_opens_to_nobody(shop: tuple[Flask, Chain], log: RunningLog) -> None:
    app, chain = shop
    act_as(app, chain.clerk)
    delivery = event_with("household")
    with work() as session:
        subject = session.scalars(
            select(SealedField.subject_id).where(SealedField.event_id == delivery, SealedField.field == "household")
        ).one()
        assert subject is not None
        erase_subject(session, subject, AT)
    log.sequence()
    log.publish()
    client = app.test_client()
    assert "household" not in opened(client, log, delivery)
    page = client.get(f"/events/{delivery}").text
    assert "依法删除" in page
    assert "农户" in page
    facts = client.get(f"/events/{delivery}", headers={"Accept": "application/json"}).get_json()["ledger"]
    assert "household" in facts["erased"][0]["fields"]
    assert facts["erased"][0]["index"] is not None
