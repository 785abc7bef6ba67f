"""Pages the operator writes: privacy, terms, seller's licences, ICP line. Every version stays, since people agreed to one of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only
from kernel.ids import uuid7


class Page(Base):
    """One version of one page; the highest version is the one shown. ``body`` is plain text (see ``markup.py``)."""

    __tablename__ = "storefront_page"
    __table_args__ = (UniqueConstraint("slug", "version"), CheckConstraint("version > 0", name="version_positive"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    slug: Mapped[str]
    version: Mapped[int]
    body: Mapped[str]
    body_en: Mapped[str] = mapped_column(default="")
    saved_at: Mapped[datetime]
    saved_by: Mapped[str]


append_only(Page.__table__)
