"""What one installation fixed at its first start, and the signs of life of its background processes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from kernel.db import Base


class InstallationFact(Base):
    """A value set once and never changed again: public address, the log's origin, "demo loaded"."""

    __tablename__ = "kernel_installation_fact"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    set_at: Mapped[datetime]


class Heartbeat(Base):
    """When a background process was last seen working."""

    __tablename__ = "kernel_heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]


def fix(session: Session, name: str, value: str, *, at: datetime) -> str:
    """Set ``name`` to ``value`` unless it was set before; returns what stands."""
    session.execute(
        insert(InstallationFact).values(name=name, value=value, set_at=at).on_conflict_do_nothing(index_elements=["name"])
    )
    return session.scalars(select(InstallationFact.value).where(InstallationFact.name == name)).one()


def find_fact(session: Session, name: str) -> str | None:
    """What was fixed under ``name``, or None."""
    return session.scalar(select(InstallationFact.value).where(InstallationFact.name == name))


def beat(session: Session, name: str, *, at: datetime) -> None:
    """Note that ``name`` works."""
    statement = insert(Heartbeat).values(name=name, seen_at=at)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"seen_at": statement.excluded.seen_at}))


def forget_beats(session: Session) -> None:
    """Forget who was seen working: nobody works at the start of a run, whatever a former one left behind."""
    session.execute(delete(Heartbeat))


def last_beat(session: Session, name: str) -> datetime | None:
    """When ``name`` last worked, or None."""
    return session.scalar(select(Heartbeat.seen_at).where(Heartbeat.name == name))
