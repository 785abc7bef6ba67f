"""Tables of cases and pallets. That a box is in one case at most, and a case on one pallet at most, two unique indexes hold."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7
from traceability.pallets.states import ContainerKind


class Container(Base):
    """A case (箱) of boxes or a pallet (托盘) of cases, closed by an organisation; whoever keeps the place where it lies keeps it.

    ``sscc`` is None where neither the place nor its organisation has a GLN to make one of; then the code stands on the label. Once it
    was opened or has left it stays, for whoever asks what was in it.
    """

    __tablename__ = "pallets_container"
    __table_args__ = (
        CheckConstraint("opened_at IS NULL OR left_at IS NULL", name="one_end"),
        CheckConstraint("(opened_at IS NULL) = (opened_by IS NULL)", name="opened"),
        Index("ix_pallets_container_place", "place_id", "id"),
        Index("ix_pallets_container_standing", "place_id", "id", postgresql_where="opened_at IS NULL AND left_at IS NULL"),
        Index("ix_pallets_container_closed", "organization_id", "id", postgresql_where="opened_at IS NULL AND left_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    sscc: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[ContainerKind] = mapped_column(choice(ContainerKind))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    place_id: Mapped[UUID] = mapped_column(ForeignKey("parties_place.id"))
    closed_by: Mapped[str]
    closed_at: Mapped[datetime]
    opened_by: Mapped[str | None]
    opened_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]

    @property
    def name(self) -> str:
        """What stands on its label in large letters."""
        return self.sscc or self.code

    @property
    def standing(self) -> bool:
        """Whether it is closed and still here."""
        return self.opened_at is None and self.left_at is None


class Content(Base):
    """A box in a case, or a case on a pallet, until ``taken_out_at``."""

    __tablename__ = "pallets_content"
    __table_args__ = (
        CheckConstraint("(item_id IS NULL) <> (container_id IS NULL)", name="one_thing"),
        CheckConstraint("container_id <> parent_id", name="not_itself"),
        Index("uq_pallets_content_item", "item_id", unique=True, postgresql_where="taken_out_at IS NULL"),
        Index("uq_pallets_content_container", "container_id", unique=True, postgresql_where="taken_out_at IS NULL"),
        Index("ix_pallets_content_parent", "parent_id", "id"),
        Index("ix_pallets_content_item", "item_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    parent_id: Mapped[UUID] = mapped_column(ForeignKey("pallets_container.id"))
    item_id: Mapped[UUID | None] = mapped_column(ForeignKey("lots_trade_item.id"))
    container_id: Mapped[UUID | None] = mapped_column(ForeignKey("pallets_container.id"))
    taken_out_at: Mapped[datetime | None]


class SsccCounter(Base):
    """The last number used of those a GLN gives: ``body`` is its twelve digits before the check digit."""

    __tablename__ = "pallets_sscc_counter"
    __table_args__ = (CheckConstraint("last >= 0 AND last < 100000", name="fits"),)

    body: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]
