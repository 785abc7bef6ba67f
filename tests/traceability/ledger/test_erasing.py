"""After erasing a person nothing of theirs can be read again, and the log says that it happened."""

import uuid
from datetime import datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.traceability.ledger.test_appending import HOUSEHOLD, append
from traceability.ledger import erasing
from traceability.ledger.appending import Private
from traceability.ledger.canonical import decode_entry
from traceability.ledger.erasing import ERASURE_KIND, erase_subject
from traceability.ledger.models import Intake, LogEntry, SealedField, SubjectKey
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
