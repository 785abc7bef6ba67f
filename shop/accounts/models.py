"""Logins, one-time codes, sign-in sessions and addresses of a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base
from kernel.ids import uuid7


class Login(Base):
    """A name (phone, e-mail or user name, casefolded) a person signs in with; ``password_hash`` is argon2id."""

    __tablename__ = "accounts_login"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), index=True)
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    created_at: Mapped[datetime]


class SignInCode(Base):
    """One code that was asked for. Its digits stand nowhere: ``one_time_code`` works them out of the row and a secret.

    ``browser`` and ``asked_from`` (an address) are keyed hashes: they tell one asker from another, and go with the row after a day.
    """

    __tablename__ = "accounts_code"
    __table_args__ = (Index("ix_accounts_code_contact", "contact", "id"), CheckConstraint("tries >= 0", name="tries"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    contact: Mapped[str]
    browser: Mapped[str]
    asked_from: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(index=True)
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


class Passkey(Base):
    """A passkey of a person: the public half of a key pair on a device of theirs (``credential``: attested credential data, COSE key)."""

    __tablename__ = "accounts_passkey"
    __table_args__ = (CheckConstraint("used_count >= 0", name="used_count"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), index=True)
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    credential: Mapped[bytes]
    used_count: Mapped[int]
    label: Mapped[str]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Agreement(Base):
    """That a person agreed to terms and privacy policy, as those pages stood at ``agreed_at``: each version of them is kept."""

    __tablename__ = "accounts_agreement"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), index=True)
    agreed_at: Mapped[datetime]


class Guest(Base):
    """A person who buys without an account: known by nothing but a browser's session and the ``phone`` their orders are asked after by.

    The row goes when somebody confirms the phone and takes the orders into an account, or when the person is erased.
    """

    __tablename__ = "accounts_guest"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), primary_key=True)
    phone: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)


class SignInSession(Base):
    """One signed-in browser. Only the SHA-256 of its token is kept, so the table opens no door."""

    __tablename__ = "accounts_session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Address(Base):
    """Where a person wants parcels sent; ``province_code`` is GB/T 2260, and ``area_code`` the lowest area that was picked, if one was."""

    __tablename__ = "accounts_address"
    __table_args__ = (
        CheckConstraint("province_code ~ '^[1-8][0-9]0000$'", name="province_code"),
        CheckConstraint("left(area_code, 2) = left(province_code, 2)", name="area_in_province"),
        Index("uq_accounts_address_default", "person_id", unique=True, postgresql_where="is_default AND removed_at IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), index=True)
    recipient: Mapped[str]
    phone: Mapped[str]
    province_code: Mapped[str]
    city: Mapped[str]
    district: Mapped[str]
    street: Mapped[str]
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
