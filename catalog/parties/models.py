"""Organisations and people, the households behind a cooperative, places, and keys for programs."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.parties.roles import ANONYMOUS, PLATFORM_ROLES, ROLE_LABELS, SYSTEM, Actor, Role
from kernel.db import Base, choice
from kernel.ids import uuid7

__all__ = [
    "ANONYMOUS",
    "ERASURE",
    "HOUSEHOLD",
    "PLATFORM_ROLES",
    "ROLE_LABELS",
    "SYSTEM",
    "Actor",
    "ApiKey",
    "CapacityClaim",
    "ClaimState",
    "Consent",
    "ConsentScope",
    "Household",
    "HouseholdCard",
    "Membership",
    "Organization",
    "OrganizationKind",
    "Person",
    "Place",
    "PlaceKind",
    "Role",
    "has_place_in",
]


class OrganizationKind(enum.StrEnum):
    """What an organisation is to the market."""

    COOPERATIVE = "cooperative"
    SLAUGHTERHOUSE = "slaughterhouse"
    PROCESSOR = "processor"
    HUB = "hub"
    BUYING_ORGANIZATION = "buying_organization"
    CERTIFIER = "certifier"
    COUNTY_OFFICE = "county_office"
    OPERATOR = "operator"


def has_place_in(role: Role, kind: OrganizationKind) -> bool:
    """Whether a member of such an organisation may hold the role: what opens the platform's back office, in the platform's own only.

    Asked when a role is given and again whenever an actor is made of the rows, so that a row that should not be there opens nothing.
    """
    return role is not Role.consumer and (role not in PLATFORM_ROLES or kind is OrganizationKind.OPERATOR)


class Organization(Base):
    """A legal body: cooperative, plant, buying organisation (采购单位), certifier, county office, or the operator itself."""

    __tablename__ = "parties_organization"
    __table_args__ = (
        Index("uq_parties_organization_uscc", "uscc", unique=True, postgresql_where="uscc IS NOT NULL"),
        Index("uq_parties_organization_gln", "gln", unique=True, postgresql_where="gln IS NOT NULL"),
        Index("ix_parties_organization_kind", "kind", "code"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_en: Mapped[str] = mapped_column(default="")
    kind: Mapped[OrganizationKind] = mapped_column(choice(OrganizationKind))
    uscc: Mapped[str | None]
    gln: Mapped[str | None]
    county_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    address: Mapped[str] = mapped_column(default="")
    contact_phone: Mapped[str] = mapped_column(default="")
    licence_note: Mapped[str] = mapped_column(default="")
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Person(Base):
    """Somebody who can sign in or be written to; credentials live in accounts."""

    __tablename__ = "parties_person"
    __table_args__ = (CheckConstraint("erased_at IS NULL OR (name = '' AND phone IS NULL AND email IS NULL)", name="erased"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    name: Mapped[str]
    phone: Mapped[str | None] = mapped_column(unique=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class Membership(Base):
    """One role of one person in one organisation."""

    __tablename__ = "parties_membership"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"), primary_key=True)
    role: Mapped[Role] = mapped_column(choice(Role), primary_key=True)
    since: Mapped[datetime]


class Household(Base):
    """A member household of a cooperative. Private: pages show ``visible_household_names``, never ``head_name``.

    ``capacity`` holds what land, herd or hives it has (keys of ``surveying.CAPACITY_LABELS``, decimals as text) as the county has
    confirmed it: a delivery may not exceed it. What a cooperative says and nobody has confirmed is a ``CapacityClaim``.
    """

    __tablename__ = "parties_household"
    __table_args__ = (
        UniqueConstraint("cooperative_id", "member_no"),
        CheckConstraint("member_no > 0", name="member_no_positive"),
        Index(
            "ix_parties_household_initials",
            "cooperative_id",
            "pinyin_initials",
            "member_no",
            postgresql_ops={"pinyin_initials": "text_pattern_ops"},
        ),
        Index("uq_parties_household_card_token", "card_token", unique=True, postgresql_where="card_token IS NOT NULL"),
        CheckConstraint("erased_at IS NULL OR head_name = ''", name="erased"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    cooperative_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    member_no: Mapped[int]
    head_name: Mapped[str]
    pinyin_initials: Mapped[str] = mapped_column(default="")
    card_token: Mapped[str | None]
    county_code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"))
    town: Mapped[str] = mapped_column(default="")
    village: Mapped[str] = mapped_column(default="")
    capacity: Mapped[dict[str, Any]] = mapped_column(default=dict)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]

    @property
    def masked_name(self) -> str:
        """The name as slips, tables and phones may show it even when they get lost: 王**."""
        return f"{self.head_name[:1]}**"


class ClaimState(enum.StrEnum):
    """What became of a figure a cooperative reported: a lower one counts at once, a higher one waits for the county (待核定)."""

    OPEN = "open"
    LOWERED = "lowered"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class CapacityClaim(Base):
    """What somebody said a household has of land, herd or hives, and what the county found. Kept for ever: each change has its row.

    ``was`` counted before, ``amount`` was claimed, ``found`` counts since. A county officer may also begin (``claimed_by`` is None).
    """

    __tablename__ = "parties_capacity_claim"
    __table_args__ = (
        CheckConstraint("amount >= 0 AND found >= 0", name="amounts"),
        CheckConstraint("(state IN ('confirmed', 'refused')) = (decided_by IS NOT NULL)", name="decided"),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_when"),
        CheckConstraint("state <> 'lowered' OR amount <= was", name="raising_needs_the_county"),
        CheckConstraint("decided_by <> claimed_by", name="two_people"),
        Index("uq_parties_capacity_claim_open", "household_id", "basis", unique=True, postgresql_where="state = 'open'"),
        Index("ix_parties_capacity_claim_open", "county_code", "id", postgresql_where="state = 'open'"),
        Index("ix_parties_capacity_claim_household_id", "household_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    household_id: Mapped[UUID] = mapped_column(ForeignKey("parties_household.id"))
    county_code: Mapped[str]
    basis: Mapped[str]
    was: Mapped[Decimal]
    amount: Mapped[Decimal]
    found: Mapped[Decimal | None]
    note: Mapped[str] = mapped_column(default="")
    state: Mapped[ClaimState] = mapped_column(choice(ClaimState))
    claimed_by: Mapped[str | None]
    claimed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str] = mapped_column(default="")


class ConsentScope(enum.StrEnum):
    """What a household allows to be shown: its name, a picture, its village, its share of a lot."""

    NAME = "name"
    PHOTO = "photo"
    VILLAGE = "village"
    SHARE = "share"


class Consent(Base):
    """One consent of one household (个人信息保护法 art. 14, 25), kept after withdrawal with its dates.

    ``text_version`` names the wording that was read out (``consent_texts``), ``typed_by`` who recorded it; ``withdrawn_by`` who recorded
    that it was taken back, ``HOUSEHOLD`` when the household did so itself with its card.
    """

    __tablename__ = "parties_consent"
    __table_args__ = (
        Index(
            "uq_parties_consent_standing",
            "household_id",
            "scope",
            unique=True,
            postgresql_where="withdrawn_at IS NULL",
        ),
        CheckConstraint("withdrawn_at IS NULL OR withdrawn_at >= given_at", name="withdrawn_later"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_by_somebody"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    household_id: Mapped[UUID] = mapped_column(ForeignKey("parties_household.id"))
    scope: Mapped[ConsentScope] = mapped_column(choice(ConsentScope))
    text_version: Mapped[str]
    given_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    typed_by: Mapped[str]
    withdrawn_by: Mapped[str | None]


HOUSEHOLD, ERASURE = "household", "erasure"


class HouseholdCard(Base):
    """A printed card or form with a link of its own, by which a household takes consent back without an account.

    Only the SHA-256 of the link's token is kept, so the table opens no door. Every card handed out holds until the household is erased.
    """

    __tablename__ = "parties_household_card"
    __table_args__ = (Index("ix_parties_household_card_household_id", "household_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    household_id: Mapped[UUID] = mapped_column(ForeignKey("parties_household.id"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    issued_at: Mapped[datetime]
    issued_by: Mapped[str]


class PlaceKind(enum.StrEnum):
    """What happens at a place."""

    BASE = "base"
    COLLECTION_POINT = "collection_point"
    SLAUGHTERHOUSE = "slaughterhouse"
    PLANT = "plant"
    COLD_STORE = "cold_store"
    HUB = "hub"
    OFFICE = "office"


class Place(Base):
    """A place of an organisation, with its GLN when it has one."""

    __tablename__ = "parties_place"
    __table_args__ = (Index("ix_parties_place_organization_id", "organization_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    name: Mapped[str]
    name_en: Mapped[str] = mapped_column(default="")
    kind: Mapped[PlaceKind] = mapped_column(choice(PlaceKind))
    gln: Mapped[str | None] = mapped_column(unique=True)
    county_code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    is_demo: Mapped[bool] = mapped_column(default=False)


class ApiKey(Base):
    """A program's key: only its SHA-256 is kept. ``scopes`` are words like ``epcis:write``; ``roles`` what its actor may do."""

    __tablename__ = "parties_api_key"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    name: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]
    scopes: Mapped[list[Any]]
    roles: Mapped[list[Any]]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
