"""A household's consent: given for a purpose, withdrawn at any time (个人信息保护法 art. 14, 15, 25)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Consent, ConsentScope, Household, Role
from catalog.parties.queries import get_household
from catalog.parties.roles import Actor
from kernel.errors import NotFound
from kernel.outbox import Event, publish

TEXT_VERSION = "2026-11"


@dataclass(frozen=True)
class ConsentChanged(Event):
    """A household allowed ``scope`` or took it back; pages that show it must look again."""

    household_id: UUID
    scope: ConsentScope
    given: bool


def give_consent(
    session: Session, actor: Actor, *, household_id: UUID, scope: ConsentScope, at: datetime, text_version: str = TEXT_VERSION
) -> Consent:
    """Record that the household agreed to ``scope`` after the wording ``text_version`` was read out. Twice changes nothing.

    Raises NotFound, Forbidden unless ``actor`` is a clerk of the household's cooperative.
    """
    household = _locked(session, actor, household_id)
    standing = _standing(session, household.id, scope)
    if standing is not None:
        return standing
    consent = Consent(household_id=household.id, scope=scope, text_version=text_version, given_at=at, typed_by=actor.label)
    session.add(consent)
    session.flush()
    publish(session, ConsentChanged(household.id, scope, True), at=at)
    return consent


def withdraw_consent(session: Session, actor: Actor, *, household_id: UUID, scope: ConsentScope, at: datetime) -> Consent:
    """Record that the household takes its consent back; from now on nothing of ``scope`` is shown.

    Raises NotFound when there is none, Forbidden unless ``actor`` is a clerk of the household's cooperative or the operator.
    """
    household = _locked(session, actor, household_id)
    standing = _standing(session, household.id, scope)
    if standing is None:
        raise NotFound("这一户没有这项同意，无需撤回。")
    standing.withdrawn_at = at
    session.flush()
    publish(session, ConsentChanged(household.id, scope, False), at=at)
    return standing


def _locked(session: Session, actor: Actor, household_id: UUID) -> Household:
    household = get_household(session, household_id)
    actor.must_any({Role.clerk: household.cooperative_id, Role.operator: None})
    session.refresh(household, with_for_update=True)
    return household


def _standing(session: Session, household_id: UUID, scope: ConsentScope) -> Consent | None:
    return session.scalar(
        select(Consent).where(Consent.household_id == household_id, Consent.scope == scope, Consent.withdrawn_at.is_(None))
    )
