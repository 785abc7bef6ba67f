"""Areas by their GB/T 2260 codes, and what a policy says of them for a time.

A list of supported counties, a pairing or a reserve share is data with a period, never a constant: policies change, old reports must not.
"""

from __future__ import annotations

import enum
from datetime import date
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7
from kernel.periods import Period, no_overlap


class Level(enum.StrEnum):
    """How high an area stands: province (省级), prefecture (地级), county (县级)."""

    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"


class Area(Base):
    """One administrative area and its six-digit code (GB/T 2260).

    A code that was given up stays, with ``successor_code`` naming the area that took over.
    """

    __tablename__ = "areas_area"
    __table_args__ = (
        CheckConstraint("code ~ '^[1-9][0-9]{5}$'", name="code_format"),
        Index("ix_areas_area_parent_code", "parent_code"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_en: Mapped[str] = mapped_column(default="")
    level: Mapped[Level] = mapped_column(choice(Level))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    successor_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))


class Province(Base):
    """A province-level unit's short names and its place on the schematic grid (x from the west, y from the north)."""

    __tablename__ = "areas_province"
    __table_args__ = (UniqueConstraint("tile_x", "tile_y"),)

    code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"), primary_key=True)
    short_name: Mapped[str]
    label_en: Mapped[str]
    kind: Mapped[str]
    tile_x: Mapped[int]
    tile_y: Mapped[int]


class SupportedList(Period, Base):
    """A dated list of supported areas, with the title people know it by."""

    __tablename__ = "areas_supported_list"

    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    title_en: Mapped[str]
    basis: Mapped[str] = mapped_column(default="")


class SupportedCounty(Period, Base):
    """One county on one dated list of supported areas.

    ``list_name`` is the list, ``county_name`` what the list calls the county; two units of the list never had a code.
    ``partner_code`` is the eastern province that a province with two partners assigned to this county.
    """

    __tablename__ = "areas_supported_county"
    __table_args__ = (Index("ix_areas_supported_county_county_code", "county_code"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    list_name: Mapped[str] = mapped_column(ForeignKey("areas_supported_list.name"))
    county_name: Mapped[str]
    county_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    province_code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"))
    partner_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    key_county: Mapped[bool] = mapped_column(default=False)
    exit_year: Mapped[int | None]
    basis: Mapped[str] = mapped_column(default="")


no_overlap(SupportedCounty.__table__, ["list_name", "province_code", "coalesce(county_code, county_name)"])


class Pairing(Period, Base):
    """One eastern area paired with one western area (结对) under one relation, for a period."""

    __tablename__ = "areas_pairing"
    __table_args__ = (
        CheckConstraint("east_code <> west_code", name="two_areas"),
        Index("ix_areas_pairing_west_code", "west_code"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    relation: Mapped[str]
    level: Mapped[Level] = mapped_column(choice(Level))
    east_code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"))
    west_code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"))
    basis: Mapped[str] = mapped_column(default="")
    source: Mapped[str]


no_overlap(Pairing.__table__, ["relation", "east_code", "west_code"])


class ReserveShare(Period, Base):
    """The share of a year's canteen food that budget units of an area reserve (预留份额), in percent, with its source."""

    __tablename__ = "areas_reserve_share"
    __table_args__ = (CheckConstraint("percent BETWEEN 0 AND 100", name="percent_range"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    percent: Mapped[int]
    source: Mapped[str]


no_overlap(ReserveShare.__table__, ["coalesce(area_code, '')"])
