"""What the demo offers to try: one row a door with the login that opens it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base


class DemoDoor(Base):
    """A person one may be in the demo, and the page they start on. Passwords are derived, never stored."""

    __tablename__ = "demo_door"

    login: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), unique=True)
    what: Mapped[str]
    what_en: Mapped[str]
    path: Mapped[str]
    place: Mapped[int]
