"""Loading the reference tables."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.areas.loading import load_reference, read_reference
from catalog.areas.models import Area, Pairing, SupportedCounty


def test_loading_again_adds_nothing(session: Session, at: datetime) -> None:
    before = session.scalar(select(func.count()).select_from(Area))
    assert before == len(read_reference().areas)
    assert load_reference(session, at) == 0


def test_loading_again_leaves_what_an_operator_ended(session: Session, at: datetime) -> None:
    row = session.scalars(select(Pairing).where(Pairing.west_code == "640000", Pairing.valid_to.is_(None))).one()
    row.valid_to = date(2026, 6, 30)
    session.flush()
    load_reference(session, at)
    assert session.scalars(select(Pairing).where(Pairing.west_code == "640000", Pairing.valid_to.is_(None))).all() == []


def test_everything_of_the_tables_arrives(session: Session) -> None:
    assert session.scalar(select(func.count()).select_from(Pairing)) == len(read_reference().pairings)
    assert session.scalar(select(func.count()).select_from(SupportedCounty)) == 832 + 160
