"""Looking up organisations, people, households and places, and what a household lets be seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from catalog.parties.models import (
    Actor,
    ApiKey,
    CapacityClaim,
    ClaimState,
    Consent,
    ConsentScope,
    Household,
    HouseholdCard,
    Membership,
    Organization,
    OrganizationKind,
    Person,
    Place,
    Role,
    has_place_in,
)
from kernel.errors import NotFound
from kernel.rows import among, fetch


def get_organization(session: Session, organization_id: UUID) -> Organization:
    """The organisation with this key. Raises NotFound."""
    organization = session.get(Organization, organization_id)
    if organization is None:
        raise NotFound("没有这个单位。")
    return organization


def find_organization(session: Session, code: str) -> Organization | None:
    """The organisation with this code, or None."""
    return session.scalar(select(Organization).where(Organization.code == code))


def get_organization_by_code(session: Session, code: str) -> Organization:
    """The organisation with this code. Raises NotFound."""
    organization = find_organization(session, code)
    if organization is None:
        raise NotFound("没有编号为“%(code)s”的单位。", params={"code": code[:40]})
    return organization


def list_organizations(
    session: Session,
    *,
    kind: OrganizationKind | None = None,
    search: str = "",
    after: str | None = None,
    limit: int = 50,
) -> Sequence[Organization]:
    """Organisations by code, after ``after``; ``search`` is part of the name, or the whole code or USCC."""
    query = select(Organization).order_by(Organization.code).limit(limit)
    if kind is not None:
        query = query.where(Organization.kind == kind)
    if search.strip():
        word = search.strip()
        query = query.where(
            or_(Organization.name.contains(word, autoescape=True), Organization.code == word.upper(), Organization.uscc == word)
        )
    if after:
        query = query.where(Organization.code > after)
    return session.scalars(query).all()


def map_organizations(session: Session, ids: Iterable[UUID]) -> dict[UUID, Organization]:
    """Organisations by key, for lists that name many."""
    return fetch(session, Organization, ids)


def get_person(session: Session, person_id: UUID) -> Person:
    """The person with this key. Raises NotFound."""
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("没有这个人。")
    return person


def find_person(session: Session, *, phone: str | None = None, email: str | None = None) -> Person | None:
    """The person with this phone number or mail address, or None."""
    if phone is not None:
        return session.scalar(select(Person).where(Person.phone == phone))
    return session.scalar(select(Person).where(Person.email == email)) if email is not None else None


def name_actors(session: Session, labels: Iterable[str]) -> dict[str, str]:
    """What people read for the labels acts are recorded under: ``person:<key>`` becomes the person's name, others stay as they are."""
    found = {label: label for label in labels}
    keys = {label: label.removeprefix("person:") for label in found if label.startswith("person:")}
    people = session.execute(select(Person.id, Person.name).where(Person.id.in_(keys.values())))
    names = {str(key): name for key, name in people}
    return found | {label: names.get(key, label) for label, key in keys.items()}


def find_actor(session: Session, label: str) -> Actor | None:
    """The person acts are recorded under this label of, with the roles held now; None for what is no person: the system, a program."""
    key = label.removeprefix("person:")
    if key == label:
        return None
    person = session.get(Person, UUID(key))
    return get_actor(session, person.id) if person else None


def list_members(session: Session, organization_id: UUID) -> list[tuple[Person, list[Role]]]:
    """The people of an organisation with their roles, by name."""
    rows = session.execute(
        select(Person, Membership.role)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.organization_id == organization_id)
        .order_by(Person.name, Person.id, Membership.role)
    ).all()
    found: dict[UUID, tuple[Person, list[Role]]] = {}
    for person, role in rows:
        found.setdefault(person.id, (person, []))[1].append(role)
    return list(found.values())


def get_actor(session: Session, person_id: UUID) -> Actor:
    """The actor a signed-in person is, with all roles. Raises NotFound."""
    person = get_person(session, person_id)
    rows = session.execute(
        select(Membership.organization_id, Membership.role, Organization.kind, Organization.name)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.person_id == person_id)
        .order_by(Membership.since, Membership.organization_id)
    ).all()
    roles: dict[UUID, set[Role]] = defaultdict(set)
    for organization_id, role, kind, _ in rows:
        if has_place_in(role, kind):
            roles[organization_id].add(role)
    where = rows[0][3] if rows else ""
    return Actor(
        person_id=person.id,
        name=person.name,
        roles={organization_id: frozenset(held) for organization_id, held in roles.items()},
        operator=any(Role.operator in held for held in roles.values()),
        label=f"{person.name}({where})" if where else person.name,
    )


def list_counties_of(session: Session, actor: Actor) -> set[str]:
    """The counties a county officer speaks for."""
    ids = actor.organizations_with(Role.county_officer)
    query = select(Organization.county_code).where(Organization.id.in_(ids), Organization.county_code.is_not(None))
    return {code for code in session.scalars(query) if code}


def hash_key(token: str) -> str:
    """What is kept of an API key: its SHA-256, hex. The token has 256 random bits, so no slow hash is needed."""
    return sha256(token.encode()).hexdigest()


def find_key(session: Session, token: str, at: datetime) -> ApiKey | None:
    """The standing API key with this token, or None (unknown, expired, revoked)."""
    return session.scalar(
        select(ApiKey).where(
            ApiKey.hash == hash_key(token),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at),
        )
    )


def find_key_actor(session: Session, token: str, scope: str, at: datetime) -> Actor | None:
    """The actor behind a standing key that carries ``scope``, or None."""
    key = find_key(session, token, at)
    if key is None or scope not in key.scopes:
        return None
    kind = session.get_one(Organization, key.organization_id).kind
    roles = frozenset(role for role in map(Role, key.roles) if has_place_in(role, kind))
    return Actor(None, key.name, {key.organization_id: roles}, label=f"key:{key.hint}")


def list_keys(session: Session, organization_id: UUID) -> Sequence[ApiKey]:
    """An organisation's keys, newest first, revoked ones too."""
    return session.scalars(
        select(ApiKey).where(ApiKey.organization_id == organization_id).order_by(ApiKey.created_at.desc(), ApiKey.id)
    ).all()


def get_household(session: Session, household_id: UUID) -> Household:
    """The household with this key. Raises NotFound."""
    household = session.get(Household, household_id)
    if household is None:
        raise NotFound("没有这户。")
    return household


def list_households(
    session: Session, cooperative_id: UUID, *, after: int | None = None, limit: int = 50, search: str = ""
) -> Sequence[Household]:
    """Members of a cooperative by number, after number ``after``; ``search``: number, initials, part of name or village. Without erased."""
    query = select(Household).where(Household.cooperative_id == cooperative_id, Household.erased_at.is_(None))
    query = query.order_by(Household.member_no).limit(limit)
    if after is not None:
        query = query.where(Household.member_no > after)
    word = search.strip()
    if word.isascii() and word.isdigit():
        query = query.where(Household.member_no == int(word[:9]))
    elif word.isascii() and word.isalpha():
        query = query.where(Household.pinyin_initials.startswith(word.lower()))
    elif word:
        parts = (Household.head_name, Household.village)
        query = query.where(or_(*(part.contains(word, autoescape=True) for part in parts)))
    return session.scalars(query).all()


def find_card_holder(session: Session, token: str) -> Household | None:
    """The household whose card (社员卡) carries this token, or None: mistyped, or replaced."""
    return session.scalar(select(Household).where(Household.card_token == token)) if token else None


def list_households_by_id(session: Session, ids: Iterable[UUID]) -> Sequence[Household]:
    """Households by their keys, in no order, for lists that name many."""
    return session.scalars(select(Household).where(Household.id.in_(set(ids)))).all()


def count_households(session: Session, cooperative_id: UUID) -> int:
    """How many member households a cooperative has."""
    return session.scalar(select(func.count()).select_from(Household).where(Household.cooperative_id == cooperative_id)) or 0


def get_claim(session: Session, claim_id: UUID) -> CapacityClaim:
    """What was reported of a household. Raises NotFound."""
    claim = session.get(CapacityClaim, claim_id)
    if claim is None:
        raise NotFound("没有这条核定申请。")
    return claim


def list_claims(
    session: Session,
    *,
    counties: Collection[str] = (),
    organization_id: UUID | None = None,
    household_id: UUID | None = None,
    open_only: bool = False,
    after: UUID | None = None,
    limit: int = 30,
) -> Sequence[tuple[CapacityClaim, Household]]:
    """What was reported of land, herd or hives of a household, of a cooperative's, or of some counties'; newest first, before ``after``."""
    query = select(CapacityClaim, Household).join(Household, Household.id == CapacityClaim.household_id)
    if household_id is not None:
        query = query.where(CapacityClaim.household_id == household_id)
    elif organization_id is not None:
        query = query.where(Household.cooperative_id == organization_id)
    else:
        query = query.where(CapacityClaim.county_code.in_(counties))
    if open_only:
        query = query.where(CapacityClaim.state == ClaimState.OPEN)
    if after is not None:
        query = query.where(CapacityClaim.id < after)
    return [(claim, household) for claim, household in session.execute(query.order_by(CapacityClaim.id.desc()).limit(limit))]


def standing_consents(session: Session, household_ids: Iterable[UUID]) -> dict[UUID, frozenset[ConsentScope]]:
    """What each household allows now; households without any consent are left out."""
    found: dict[UUID, set[ConsentScope]] = defaultdict(set)
    rows = session.execute(
        select(Consent.household_id, Consent.scope).where(
            among(Consent.household_id, household_ids), Consent.withdrawn_at.is_(None)
        )
    )
    for household_id, scope in rows:
        found[household_id].add(scope)
    return {household_id: frozenset(scopes) for household_id, scopes in found.items()}


def list_consents(session: Session, household_id: UUID) -> Sequence[Consent]:
    """All consents of a household, withdrawn ones too, newest first."""
    return session.scalars(
        select(Consent).where(Consent.household_id == household_id).order_by(Consent.given_at.desc(), Consent.id)
    ).all()


def find_standing(session: Session, household_id: UUID) -> dict[ConsentScope, Consent]:
    """What a household allows now, each with the consent that stands for it."""
    query = select(Consent).where(Consent.household_id == household_id, Consent.withdrawn_at.is_(None))
    return {consent.scope: consent for consent in session.scalars(query)}


def get_card(session: Session, token: str) -> HouseholdCard:
    """The card with this link. Raises NotFound."""
    card = session.scalar(select(HouseholdCard).where(HouseholdCard.token_hash == hash_key(token)))
    if card is None:
        raise NotFound("没有这个链接。请对照纸上的二维码再扫一次，或者找合作社的经办帮忙。")
    return card


def count_cards(session: Session, household_id: UUID) -> int:
    """How many cards and forms with a link a household was given."""
    query = select(func.count()).select_from(HouseholdCard).where(HouseholdCard.household_id == household_id)
    return session.scalar(query) or 0


def visible_household_names(session: Session, households: Sequence[Household]) -> dict[UUID, str]:
    """What anybody may read for each household: its name with consent, else 第7号农户."""
    allowed = standing_consents(session, [household.id for household in households])
    return {
        household.id: household.head_name
        if ConsentScope.NAME in allowed.get(household.id, frozenset())
        else f"第{household.member_no}号农户"
        for household in households
    }


def get_place(session: Session, place_id: UUID) -> Place:
    """The place with this key. Raises NotFound."""
    place = session.get(Place, place_id)
    if place is None:
        raise NotFound("没有这个地点。")
    return place


def find_place_by_gln(session: Session, gln: str) -> Place | None:
    """The place with this GLN, or None."""
    return session.scalar(select(Place).where(Place.gln == gln))


def list_places(session: Session, organization_id: UUID | None = None) -> Sequence[Place]:
    """Places of one organisation, or all, by name."""
    query = select(Place).order_by(Place.name, Place.id)
    return session.scalars(query.where(Place.organization_id == organization_id) if organization_id else query).all()
