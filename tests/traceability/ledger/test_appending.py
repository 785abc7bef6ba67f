"""Appending happens in the business transaction: all of it or nothing, and nothing private in clear."""

import uuid
from datetime import datetime

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from kernel.db import work
from traceability.ledger.appending import NewEntry, Private, append_entries, append_entry
from traceability.ledger.canonical import NotCanonical, commit, decode_entry
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import Intake, LogEntry, SealedField, SubjectKey
from traceability.ledger.queries import Stage, find_disclosures, find_entry_state

HOUSEHOLD = uuid.UUID(int=7)


def append(session: Session, at: datetime, *, event_id: uuid.UUID | None = None, **private: Private) -> uuid.UUID:
    event_id = event_id or uuid.uuid4()
    append_entry(session, event_id=event_id, kind="lots.harvested", at=at, public={"county": "640323"}, private=private)
    session.flush()
    return event_id


def test_entry_intake_and_sealed_fields_are_written_together(session: Session, at: datetime) -> None:
    event_id = append(session, at, household=Private(HOUSEHOLD, "示例第7号农户"), serial=Private(None, "S-1"))
    stored = session.get_one(LogEntry, event_id)
    entry = decode_entry(stored.body)
    assert (entry.event_id, entry.kind, entry.at) == (event_id, "lots.harvested", at)
    assert stored.leaf_hash == hash_leaf(stored.body) == session.scalars(select(Intake.leaf_hash)).one()
    opened = find_disclosures(session, event_id)
    assert {name: item.value for name, item in opened.items()} == {"household": "示例第7号农户", "serial": "S-1"}
    for name, item in opened.items():
        assert entry.commitments[name] == commit(item.salt, name, item.value)
    assert str(find_entry_state(session, event_id)) == Stage.recorded
    assert find_entry_state(session, uuid.uuid4()) is None


def test_only_the_fields_asked_for_are_opened(session: Session, at: datetime) -> None:
    event_id = append(session, at, household=Private(HOUSEHOLD, "甲"), serial=Private(None, "S-1"))
    assert set(find_disclosures(session, event_id, ["serial"])) == {"serial"}
    assert find_disclosures(session, event_id, []) == {}


def test_private_values_stand_nowhere_in_clear(session: Session, at: datetime) -> None:
    append(session, at, household=Private(HOUSEHOLD, "SECRET-NAME"), serial=Private(None, "SECRET-SERIAL"))
    dump = b"".join([*session.scalars(select(LogEntry.body)), *session.scalars(select(SealedField.sealed))])
    assert b"SECRET" not in dump


def test_two_entries_about_one_household_cannot_be_linked(session: Session, at: datetime) -> None:
    events = [append(session, at, household=Private(HOUSEHOLD, "甲")) for _ in range(2)]
    one, two = (decode_entry(session.get_one(LogEntry, event).body).commitments["household"] for event in events)
    assert one != two


def test_a_rolled_back_transaction_leaves_nothing(database: str, at: datetime) -> None:
    def change_our_mind() -> None:
        with work() as session:
            append(session, at, household=Private(HOUSEHOLD, "甲"))
            raise RuntimeError("changed our mind")

    with pytest.raises(RuntimeError, match="changed our mind"):
        change_our_mind()
    with work() as session:
        assert [session.scalar(select(func.count()).select_from(model)) for model in (LogEntry, Intake, SealedField)] == [0, 0, 0]


def test_one_event_has_one_entry(session: Session, at: datetime) -> None:
    event_id = append(session, at)
    with pytest.raises(IntegrityError), session.begin_nested():
        append(session, at, event_id=event_id)


def test_many_entries_at_once_are_each_as_if_alone(session: Session, at: datetime) -> None:
    entries = [
        NewEntry(
            uuid.uuid4(), "lots.harvested", at, {"n": number}, {"household": Private(HOUSEHOLD, "甲"), "serial": Private(None, "S")}
        )
        for number in range(20)
    ]
    append_entries(session, entries)
    assert len(session.scalars(select(SubjectKey)).all()) == 1
    assert list(session.scalars(select(Intake.event_id).order_by(Intake.id))) == [entry.event_id for entry in entries]
    for entry in entries:
        stored = decode_entry(session.get_one(LogEntry, entry.event_id).body)
        assert (stored.kind, stored.at, stored.public) == ("lots.harvested", at, entry.public)
        opened = find_disclosures(session, entry.event_id)
        assert {field: item.value for field, item in opened.items()} == {"household": "甲", "serial": "S"}
        assert stored.commitments == {field: commit(item.salt, field, item.value) for field, item in opened.items()}


def test_appending_locks_the_key_of_its_subject_and_nothing_else(session: Session, at: datetime) -> None:
    """So business transactions neither wait for one another nor for the sequencer."""
    append(session, at, household=Private(HOUSEHOLD, "甲"), serial=Private(None, "S-1"))
    held = session.execute(
        text(
            "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
            " WHERE l.pid = pg_backend_pid() AND c.relname LIKE 'ledger_%' AND c.relkind = 'r'"
        )
    )
    assert {(table, mode) for table, mode in held if mode != "AccessShareLock"} == {
        ("ledger_entry", "RowExclusiveLock"),
        ("ledger_intake", "RowExclusiveLock"),
        ("ledger_disclosure", "RowExclusiveLock"),
        ("ledger_subject_key", "RowExclusiveLock"),
        ("ledger_subject_key", "RowShareLock"),
    }
    assert session.scalar(text("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'")) == 0


@pytest.mark.parametrize("statement", ["UPDATE ledger_entry SET body = 'x'", "DELETE FROM ledger_entry"])
def test_an_entry_cannot_be_changed_by_accident(session: Session, at: datetime, statement: str) -> None:
    append(session, at)
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text(statement))
    session.execute(text("ALTER TABLE ledger_entry DISABLE TRIGGER USER"))  # the guard off: only the auditor would notice
    session.execute(text(statement))


def test_a_float_or_a_naive_name_is_refused(session: Session, at: datetime) -> None:
    with pytest.raises(NotCanonical):
        append_entry(session, event_id=uuid.uuid4(), kind="lots.harvested", at=at, public={"weight": 1.5})  # type: ignore[dict-item]
    with pytest.raises(NotCanonical):
        append_entry(session, event_id=uuid.uuid4(), kind="Lots Harvested", at=at, public={})
