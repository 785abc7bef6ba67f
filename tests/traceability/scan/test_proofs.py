"""The proof files a story offers satisfy a stranger, and tie each record to this very lot."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from kernel.db import reading, work
from shop.app import create_app
from tests.conftest import make_config
from tests.factories.lots import Chain, make_chain
from tests.traceability.ledger.running import RunningLog, running_log
from traceability.ledger.verify import Refused, verify_proof
from traceability.scan import queries
from traceability.scan.story import Stage, Story


@pytest.fixture
def log(database: str, tmp_path: Path) -> Iterator[RunningLog]:
    with running_log(tmp_path) as running:
        yield running


@pytest.fixture
def shop(log: RunningLog, database: str, tmp_path: Path) -> FlaskClient:
    (tmp_path / "log").symlink_to(log.directory)
    return create_app(make_config(tmp_path, database), connect=False, testing=True).test_client()


@pytest.fixture
def chain(log: RunningLog) -> Chain:
    with work() as session:
        return make_chain(session, sheep=(2, 3, 1), boxes=3)


def tell(chain: Chain, at: datetime) -> Story:
    with reading() as session:
        return queries.tell_story(session, chain.serials[0], at.date())


def test_each_record_of_the_story_is_proven_and_tied_to_its_lot(
    shop: FlaskClient, log: RunningLog, chain: Chain, at: datetime
) -> None:
    story = tell(chain, at)
    assert {proof.stage for proof in story.proofs} == {Stage.RECORDED}
    first = story.proofs[0].event_id
    assert shop.get(f"/t/{chain.serials[0]}/proofs/{first}").status_code == 404, "not published yet"
    log.sequence()
    assert {proof.stage for proof in tell(chain, at).proofs} == {Stage.SEQUENCED}
    log.publish()
    story = tell(chain, at)
    assert {proof.stage for proof in story.proofs} == {Stage.WITNESSED}
    assert "已见证" in shop.get(f"/t/{chain.serials[0]}").text
    policy = (log.directory / "policy").read_bytes()
    lots = set()
    for proof in story.proofs:
        answer = shop.get(f"/t/{chain.serials[0]}/proofs/{proof.event_id}")
        assert answer.status_code == 200
        verified = verify_proof(answer.data, policy)
        assert str(verified.decode().event_id) == str(proof.event_id)
        assert set(verified.disclosed) <= {"event_hash", "lot_code"}, "nothing personal, no other box"
        lots.add(verified.disclosed["lot_code"])
    assert chain.pack.code in lots
    changed = answer.data.replace(b"index ", b"index 1", 1)
    with pytest.raises(Refused):
        verify_proof(changed, policy)


def test_another_box_s_records_are_not_opened_here(shop: FlaskClient, log: RunningLog, chain: Chain, at: datetime) -> None:
    with work() as session:
        other = make_chain(session, sheep=(2, 3), boxes=2)
    log.sequence()
    log.publish()
    foreign = tell(other, at).proofs[0].event_id
    for event_id in (foreign, uuid4()):
        assert shop.get(f"/t/{chain.serials[0]}/proofs/{event_id}").status_code == 404
