"""Sealed values open only with DATA_KEY, the subject's key, and in their own row."""

import uuid
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tests.conftest import DATA_KEY
from tests.traceability.ledger.test_appending import HOUSEHOLD, append
from traceability.ledger import sealing
from traceability.ledger.appending import Private
from traceability.ledger.canonical import NotCanonical, encode_base64
from traceability.ledger.models import SealedField, SubjectKey
from traceability.ledger.queries import find_disclosures


@pytest.fixture(autouse=True)
def data_key() -> Iterator[None]:
    yield
    sealing.use_data_key(DATA_KEY)


@pytest.fixture
def event_id(session: Session, at: datetime) -> uuid.UUID:
    return append(session, at, household=Private(HOUSEHOLD, "甲"), serial=Private(None, "S-1"))


def test_one_subject_has_one_key(session: Session, at: datetime, event_id: uuid.UUID) -> None:
    append(session, at, household=Private(HOUSEHOLD, "甲"))
    assert len(session.scalars(select(SubjectKey)).all()) == 1


@pytest.mark.parametrize("field", ["household", "serial"])
def test_another_data_key_opens_nothing(session: Session, event_id: uuid.UUID, field: str) -> None:
    sealing.use_data_key(encode_base64(bytes(32)))
    with pytest.raises(sealing.SealBroken):
        find_disclosures(session, event_id, [field])


def test_without_the_subject_s_key_only_other_fields_open(session: Session, event_id: uuid.UUID) -> None:
    session.execute(delete(SubjectKey))
    with pytest.raises(sealing.SealBroken, match="gone"):
        find_disclosures(session, event_id, ["household"])
    assert set(find_disclosures(session, event_id, ["serial"])) == {"serial"}


def test_a_value_moved_to_another_row_does_not_open(session: Session, at: datetime, event_id: uuid.UUID) -> None:
    other = append(session, at, serial=Private(None, "S-2"))
    sealed = session.scalar(select(SealedField.sealed).where(SealedField.event_id == event_id, SealedField.field == "serial"))
    session.execute(update(SealedField).where(SealedField.event_id == other).values(sealed=sealed))
    session.expire_all()
    with pytest.raises(sealing.SealBroken):
        find_disclosures(session, other)


@pytest.mark.parametrize("key", ["", "short", encode_base64(bytes(31))])
def test_a_data_key_is_32_bytes(key: str) -> None:
    with pytest.raises(NotCanonical):
        sealing.use_data_key(key)
