"""A household's consent: given for a purpose, withdrawn at any time as easily as given (个人信息保护法 art. 14, 15, 25).

A clerk of its cooperative types what the household decides; with the link on its printed form the household takes it back by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.consent_texts import CURRENT, get_text
from catalog.parties.models import HOUSEHOLD, Consent, ConsentScope, Household, HouseholdCard, Role
from catalog.parties.queries import get_card, get_household, hash_key
from catalog.parties.roles import Actor
from kernel.errors import NotFound
from kernel.ids import new_token
from kernel.outbox import Event, publish


@dataclass(frozen=True)
class ConsentChanged(Event):
    """A household allowed ``scope`` or took it back; pages that show it must look again."""

    household_id: UUID
    scope: ConsentScope
    given: bool


def give_consent(
    session: Session, actor: Actor, *, household_id: UUID, scope: ConsentScope, at: datetime, text_version: str = CURRENT
) -> Consent:
    """Record that the household agreed to ``scope`` after the wording ``text_version`` was read out. Twice changes nothing.

    Raises NotFound (household, or no such wording), Forbidden unless ``actor`` is a clerk of the household's cooperative or the operator.
    """
    get_text(text_version)
    household = _locked(session, actor, household_id)
    for consent in _standing(session, household.id, [scope]):
        return consent
    consent = Consent(household_id=household.id, scope=scope, text_version=text_version, given_at=at, typed_by=actor.label)
    session.add(consent)
    session.flush()
    publish(session, ConsentChanged(household.id, scope, True), at=at)
    return consent


def withdraw_consent(
    session: Session, actor: Actor, *, household_id: UUID, scopes: Collection[ConsentScope], at: datetime
) -> Sequence[Consent]:
    """Record that the household takes its consent to ``scopes`` back; from now on nothing of them is shown.

    Raises NotFound when there is none of them, Forbidden unless ``actor`` is a clerk of the household's cooperative or the operator.
    """
    household = _locked(session, actor, household_id)
    return _withdraw(session, household.id, scopes, actor.label, at)


def issue_card(session: Session, actor: Actor, *, household_id: UUID, at: datetime) -> str:
    """The token of a new card or form of the household; it is told this once and only its hash is kept. Raises NotFound, Forbidden."""
    household = _locked(session, actor, household_id)
    token = new_token()
    session.add(HouseholdCard(household_id=household.id, token_hash=hash_key(token), issued_at=at, issued_by=actor.label))
    session.flush()
    return token


def withdraw_by_card(session: Session, token: str, *, scopes: Collection[ConsentScope], at: datetime) -> Sequence[Consent]:
    """The household itself takes back, with the link on its card. Raises NotFound for a link nobody was given, or nothing to take back."""
    household = session.get_one(Household, get_card(session, token).household_id, with_for_update=True)
    return _withdraw(session, household.id, scopes, HOUSEHOLD, at)


def _withdraw(session: Session, household_id: UUID, scopes: Collection[ConsentScope], by: str, at: datetime) -> Sequence[Consent]:
    standing = _standing(session, household_id, scopes)
    if not standing:
        raise NotFound("这一户没有这项同意，无需撤回。")
    for consent in standing:
        consent.withdrawn_at, consent.withdrawn_by = at, by
        publish(session, ConsentChanged(household_id, consent.scope, False), at=at)
    session.flush()
    return standing


def _locked(session: Session, actor: Actor, household_id: UUID) -> Household:
    household = get_household(session, household_id)
    actor.must_any({Role.clerk: household.cooperative_id, Role.operator: None})
    session.refresh(household, with_for_update=True)
    if household.erased_at is not None:
        raise NotFound("没有这户。")
    return household


def _standing(session: Session, household_id: UUID, scopes: Collection[ConsentScope]) -> Sequence[Consent]:
    query = select(Consent).where(Consent.household_id == household_id, Consent.scope.in_(scopes), Consent.withdrawn_at.is_(None))
    return session.scalars(query.order_by(Consent.id)).all()
