"""After erasing a person nothing of theirs can be read again, and the log says that it happened."""

import threading
import uuid
from datetime import datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kernel.db import work
from tests.traceability.ledger.test_appending import HOUSEHOLD, append
from traceability.ledger import erasing
from traceability.ledger.appending import Private
from traceability.ledger.canonical import decode_entry
from traceability.ledger.erasing import ERASURE_KIND, erase_subject
from traceability.ledger.models import Intake, LogEntry, Scrub, SealedField, SubjectKey
from traceability.ledger.queries import find_disclosures, list_erasures


def test_key_salts_and_values_go_and_other_people_s_stay(session: Session, at: datetime) -> None:
    mine = append(session, at, household=Private(HOUSEHOLD, "甲"), serial=Private(None, "S-1"))
    other = append(session, at, household=Private(uuid.UUID(int=8), "乙"))
    body = session.get_one(LogEntry, mine).body
    assert erase_subject(session, HOUSEHOLD, at) == [mine]
    assert set(find_disclosures(session, mine)) == {"serial"}
    assert set(find_disclosures(session, other)) == {"household"}
    assert session.get(SubjectKey, HOUSEHOLD) is None
    assert session.scalar(select(func.count()).where(SealedField.subject_id == HOUSEHOLD)) == 0
    session.expire_all()
    assert session.get_one(LogEntry, mine).body == body


def test_the_log_says_what_went_without_tying_the_events_together(session: Session, at: datetime) -> None:
    events = [append(session, at, household=Private(HOUSEHOLD, "甲")) for _ in range(3)]
    erase_subject(session, HOUSEHOLD, at, reason="consent_withdrawn")
    session.flush()
    entry = decode_entry(session.scalars(select(LogEntry.body).where(LogEntry.kind == ERASURE_KIND)).one())
    assert entry.public == {"events": 3, "reason": "consent_withdrawn"}
    assert not any(str(event) in repr(entry) for event in events)
    assert session.scalar(select(func.count()).where(Intake.event_id == entry.event_id)) == 1
    for event in events:
        [erasure] = list_erasures(session, event)
        assert (erasure.erased_by, erasure.fields) == (entry.event_id, ["household"])


def test_many_events_are_split_over_entries_that_fit(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "_PER_ENTRY", 2)
    for _ in range(5):
        append(session, at, household=Private(HOUSEHOLD, "甲"))
    erase_subject(session, HOUSEHOLD, at)
    assert session.scalar(select(func.count()).where(LogEntry.kind == ERASURE_KIND)) == 3


def test_two_hundred_erased_events_fit_into_one_entry(session: Session, at: datetime) -> None:
    for _ in range(200):
        append(session, at, household=Private(HOUSEHOLD, "甲"))
    erase_subject(session, HOUSEHOLD, at)
    assert session.scalar(select(func.count()).where(LogEntry.kind == ERASURE_KIND)) == 1


def test_a_person_without_entries_leaves_no_trace(session: Session, at: datetime) -> None:
    assert erase_subject(session, HOUSEHOLD, at) == []
    assert session.scalar(select(func.count()).select_from(LogEntry)) == 0


def test_the_reason_is_a_code_since_it_is_public(session: Session, at: datetime) -> None:
    with pytest.raises(ValueError, match="reason"):
        erase_subject(session, HOUSEHOLD, at, reason="张三 asked by phone")


def test_erasing_asks_for_the_bytes_to_be_scrubbed_and_only_then(session: Session, at: datetime) -> None:
    erase_subject(session, HOUSEHOLD, at)
    session.flush()
    assert session.scalar(select(func.count()).select_from(Scrub)) == 0
    append(session, at, household=Private(HOUSEHOLD, "甲"))
    erase_subject(session, HOUSEHOLD, at)
    session.flush()
    assert session.scalars(select(Scrub.done_at)).all() == [None]


def key_and_fields() -> tuple[int, int]:
    """How many keys and sealed fields of the person there are."""
    with work() as session:
        keys = select(func.count()).where(SubjectKey.subject_id == HOUSEHOLD)
        fields = select(func.count()).where(SealedField.subject_id == HOUSEHOLD)
        return session.scalar(keys) or 0, session.scalar(fields) or 0


def append_while_erasing(at: datetime) -> list[uuid.UUID]:
    """Two real transactions: an act that names the person has not committed yet when the erasing begins; then it commits."""
    erased: list[uuid.UUID] = []

    def erase() -> None:
        with work() as session:
            erased.extend(erase_subject(session, HOUSEHOLD, at))

    eraser = threading.Thread(target=erase)
    with work() as session:
        append(session, at, household=Private(HOUSEHOLD, "甲"))
        session.flush()
        eraser.start()
        eraser.join(0.5)
    eraser.join(10)
    assert not eraser.is_alive()
    return erased


@pytest.mark.parametrize("known", [False, True], ids=["first act of this person", "a later one"])
def test_an_act_under_way_is_waited_for_and_erased_with_the_rest(database: str, at: datetime, known: bool) -> None:
    if known:
        with work() as session:
            append(session, at, household=Private(HOUSEHOLD, "甲"))
    assert len(append_while_erasing(at)) == 1 + known
    assert key_and_fields() == (0, 0)


def test_without_the_empty_row_a_first_key_outlives_the_erasing(
    database: str, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("traceability.ledger.sealing._hold_place", lambda session, subject_id: None)
    assert append_while_erasing(at) == []
    assert key_and_fields() == (1, 1)


def test_an_act_that_comes_while_a_person_is_erased_waits_and_opens_under_a_new_key(database: str, at: datetime) -> None:
    with work() as session:
        old = append(session, at, household=Private(HOUSEHOLD, "甲"))
        before = session.get_one(SubjectKey, HOUSEHOLD).sealed
    made: list[uuid.UUID] = []

    def act() -> None:
        with work() as session:
            made.append(append(session, at, household=Private(HOUSEHOLD, "乙")))

    actor = threading.Thread(target=act)
    with work() as session:
        erase_subject(session, HOUSEHOLD, at)
        actor.start()
        actor.join(0.5)
        assert made == []
    actor.join(10)
    with work() as session:
        assert session.get_one(SubjectKey, HOUSEHOLD).sealed != before
        assert find_disclosures(session, old) == {}
        assert find_disclosures(session, made[0])["household"].value == "乙"


def test_a_person_erased_by_two_at_once_is_erased_once(database: str, at: datetime) -> None:
    with work() as session:
        append(session, at, household=Private(HOUSEHOLD, "甲"))
    counts: list[int] = []

    def erase() -> None:
        with work() as session:
            counts.append(len(erase_subject(session, HOUSEHOLD, at)))

    erasers = [threading.Thread(target=erase) for _ in range(4)]
    for eraser in erasers:
        eraser.start()
    for eraser in erasers:
        eraser.join(10)
    assert sorted(counts) == [0, 0, 0, 1]
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Scrub)) == 1
