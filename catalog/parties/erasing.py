"""Erase a household or a person (个人信息保护法 art. 47): what is personal goes here at once, and every other room hears of it.

The row stays, without a name, since deliveries, shares and orders point at it: they are kept by law and name nobody any more.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import ERASURE, CapacityClaim, ClaimState, Consent, Household, HouseholdCard, Membership, Person
from kernel.errors import Conflict, NotFound
from kernel.outbox import Event, publish


class SubjectKind(enum.StrEnum):
    """Who is erased."""

    HOUSEHOLD = "household"
    PERSON = "person"


@dataclass(frozen=True)
class SubjectErased(Event):
    """Somebody is to be forgotten: whoever keeps something personal about them lets go of it. ``reason`` is a code of the log's."""

    kind: SubjectKind
    subject_id: UUID
    reason: str
    at: datetime


def erase_household(session: Session, household_id: UUID, *, reason: str, at: datetime) -> Household:
    """Take name, town, village, capacity and cards away and end every consent. Raises NotFound, also for one that was erased."""
    household = session.get(Household, household_id, with_for_update=True, populate_existing=True)
    if household is None or household.erased_at is not None:
        raise NotFound("没有这户。")
    household.head_name = household.pinyin_initials = household.town = household.village = ""
    household.capacity, household.card_token, household.erased_at = {}, None, at
    reported = CapacityClaim.household_id == household.id
    session.execute(delete(CapacityClaim).where(reported, CapacityClaim.state == ClaimState.OPEN))
    session.execute(update(CapacityClaim).where(reported).values(note="", decision=""))
    session.execute(delete(HouseholdCard).where(HouseholdCard.household_id == household.id))
    for consent in session.scalars(select(Consent).where(Consent.household_id == household.id, Consent.withdrawn_at.is_(None))):
        consent.withdrawn_at, consent.withdrawn_by = at, ERASURE
    session.flush()
    publish(session, SubjectErased(SubjectKind.HOUSEHOLD, household.id, reason, at), at=at)
    return household


def erase_person(session: Session, person_id: UUID, *, reason: str, at: datetime) -> Person:
    """Take name, telephone and address away. Raises NotFound, also for one that was erased, Conflict while they work for somebody here."""
    person = session.get(Person, person_id, with_for_update=True, populate_existing=True)
    if person is None or person.erased_at is not None:
        raise NotFound("没有这个人。")
    if session.scalar(select(Membership.person_id).where(Membership.person_id == person.id).limit(1)) is not None:
        raise Conflict("这个人还在单位里担任角色。请先在单位名录里去掉，再删除。")
    person.name, person.phone, person.email, person.erased_at = "", None, None, at
    session.flush()
    publish(session, SubjectErased(SubjectKind.PERSON, person.id, reason, at), at=at)
    return person
