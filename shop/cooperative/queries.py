"""What a clerk's pages show: members, deliveries of the day, lots with something left, boxes waiting for labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Select, and_, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from catalog.parties.models import Actor, Household, Membership, Organization, Person, Role, has_place_in
from catalog.parties.queries import name_actors
from catalog.products.models import Product
from kernel.quantity import Dimension, Quantity, Unit, plain
from shop.cooperative.models import CountyQuestion, DaySheet, Device
from traceability.lots.models import ActPhoto, HouseholdDelivery, Lot, SlipWord, TradeItem
from traceability.lots.queries import get_delivery
from traceability.lots.states import ItemState, LotKind, SlipState

T = TypeVar("T")


@dataclass(frozen=True)
class DeliveryRow:
    """One delivery with its lot and household."""

    delivery: HouseholdDelivery
    lot: Lot
    household: Household


@dataclass(frozen=True)
class Slip:
    """Everything a slip (交货凭证) says: the delivery, whose it is, who typed it, and what the household and others said to it.

    A corrected slip may be replaced by another (its code), of the same household or of another one.
    """

    delivery: HouseholdDelivery
    lot: Lot
    household: Household
    organization: Organization
    typed_by: str
    words: Sequence[SlipWord]
    names: Mapping[str, str]
    replaced_by: str | None
    replaced_for: UUID | None
    has_photo: bool

    @property
    def holder(self) -> str:
        """The household as the slip may name it: the family name alone, even where the paper is lost."""
        return self.household.masked_name

    @property
    def amounts(self) -> list[Quantity]:
        """What was brought as it was typed, and where it is a weight in 公斤 and 斤 both."""
        typed = Quantity(self.delivery.quantity, self.delivery.unit)
        others = (Unit.KG, Unit.JIN) if typed.dimension is Dimension.MASS else ()
        return [typed, *(typed.to(unit) for unit in others if unit is not typed.unit)]


def get_slip(session: Session, code: str) -> Slip:
    """The slip with this code. Raises NotFound."""
    delivery = get_delivery(session, code)
    (slip,) = _slips(session, [delivery])
    return slip


def list_disputes(
    session: Session,
    *,
    organization_id: UUID | None = None,
    counties: Collection[str] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> list[Slip]:
    """Slips that households dispute and nobody has answered yet, of a cooperative or of some counties, the oldest first, those behind the
    delivery with key ``after``.
    """
    query = _disputed(select(HouseholdDelivery), organization_id, counties).order_by(HouseholdDelivery.id).limit(limit)
    if after is not None:
        query = query.where(HouseholdDelivery.id > after)
    return _slips(session, session.scalars(query).all())


def count_disputes(session: Session, *, organization_id: UUID | None = None, counties: Collection[str] = ()) -> int:
    """How many slips wait for an answer, of a cooperative or of some counties."""
    query = _disputed(select(func.count()).select_from(HouseholdDelivery), organization_id, counties)
    return session.scalar(query) or 0


def _disputed(query: Select[T], organization_id: UUID | None, counties: Collection[str]) -> Select[T]:
    query = query.join(Lot, Lot.id == HouseholdDelivery.lot_id).where(HouseholdDelivery.slip_state == SlipState.DISPUTED)
    return query.where(Lot.county_code.in_(counties) if organization_id is None else Lot.organization_id == organization_id)


def _slips(session: Session, deliveries: Sequence[HouseholdDelivery]) -> list[Slip]:
    """Five queries for any number of slips."""
    new = aliased(HouseholdDelivery)
    rows = session.execute(
        select(HouseholdDelivery.id, Lot, Household, Organization, new.slip_code, new.household_id)
        .outerjoin(new, new.id == HouseholdDelivery.replaced_by_id)
        .join(Lot, Lot.id == HouseholdDelivery.lot_id)
        .join(Household, Household.id == HouseholdDelivery.household_id)
        .join(Organization, Organization.id == Lot.organization_id)
        .where(HouseholdDelivery.id.in_([delivery.id for delivery in deliveries]))
    )
    behind = {row[0]: row[1:] for row in rows}
    words: dict[UUID, list[SlipWord]] = defaultdict(list)
    for word in session.scalars(select(SlipWord).where(SlipWord.delivery_id.in_(behind)).order_by(SlipWord.id)):
        words[word.delivery_id].append(word)
    said = [word.said_by for found in words.values() for word in found if word.said_by]
    names = name_actors(session, [*said, *(delivery.typed_by for delivery in deliveries)])
    photographed = select(ActPhoto.delivery_id).where(ActPhoto.delivery_id.in_(behind), ActPhoto.erased_at.is_(None))
    photos = set(session.scalars(photographed))
    return [
        Slip(each, *behind[each.id][:3], names[each.typed_by], words[each.id], names, *behind[each.id][3:], each.id in photos)
        for each in deliveries
    ]


def list_deliveries(
    session: Session, organization_id: UUID, *, on: date | None = None, after: UUID | None = None, limit: int = 30
) -> list[DeliveryRow]:
    """Deliveries to a cooperative, newest first, of one day (Shanghai) or all, before the delivery with key ``after``.

    The lot of a delivery is made with it and knows cooperative and day: its indexes are walked.
    """
    query = (
        select(HouseholdDelivery, Lot, Household)
        .join(Lot, Lot.id == HouseholdDelivery.lot_id)
        .join(Household, Household.id == HouseholdDelivery.household_id)
        .where(Lot.organization_id == organization_id, Lot.kind == LotKind.DELIVERY)
        .order_by(Lot.id.desc())
        .limit(limit)
    )
    if on is not None:
        query = query.where(Lot.produced_on == on)
    if after is not None:
        query = query.where(Lot.id < select(HouseholdDelivery.lot_id).where(HouseholdDelivery.id == after).scalar_subquery())
    return [DeliveryRow(*row) for row in session.execute(query)]


def list_open_lots(
    session: Session, organization_id: UUID, kinds: Collection[LotKind], *, after: UUID | None = None, limit: int = 60
) -> list[Lot]:
    """Lots of these kinds with something left in them, newest first, before the lot with key ``after``.

    A seek for each kind in the index of open lots: how many were used up before does not matter.
    """
    left = Lot.made - Lot.used - Lot.lost - Lot.dispatched > literal_column("0")  # as the index says it
    query = select(Lot).where(Lot.organization_id == organization_id, left).order_by(Lot.id.desc()).limit(limit)
    if after is not None:
        query = query.where(Lot.id < after)
    found = [lot for kind in kinds for lot in session.scalars(query.where(Lot.kind == kind))]
    return sorted(found, key=lambda lot: lot.id, reverse=True)[:limit]


def list_lots_for_phone(
    session: Session, organization_id: UUID, kinds: Collection[LotKind]
) -> list[tuple[str, str, str, str, int]]:
    """The newest open lots as a phone keeps them: number, material, what is left, its unit, whose by member number (0: several)."""
    lots = list_open_lots(session, organization_id, kinds, limit=200)
    delivered = select(HouseholdDelivery.lot_id, Household.member_no).join(
        Household, Household.id == HouseholdDelivery.household_id
    )
    rows = session.execute(delivered.where(HouseholdDelivery.lot_id.in_([lot.id for lot in lots])))
    members = {row.lot_id: row.member_no for row in rows}
    return [(lot.code, lot.material, plain(lot.left.amount), lot.unit.value, members.get(lot.id, 0)) for lot in lots]


def list_own_products(session: Session, organization_id: UUID, *, sku: str | None = None) -> Sequence[Product]:
    """The products of a cooperative by SKU, or only the one of that SKU."""
    query = select(Product).where(Product.cooperative_id == organization_id).order_by(Product.sku).limit(200)
    return session.scalars(query.where(Product.sku == sku) if sku else query).all()


def count_items(session: Session, lot_id: UUID) -> dict[ItemState, int]:
    """Boxes of a pack lot by state."""
    rows = session.execute(select(TradeItem.state, func.count()).where(TradeItem.lot_id == lot_id).group_by(TradeItem.state))
    return {state: int(count) for state, count in rows}


def list_printed_serials(session: Session, lot_id: UUID) -> list[str]:
    """Serials whose labels are printed and not yet activated."""
    return list(session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == lot_id, TradeItem.state == ItemState.PRINTED)))


def list_questions(
    session: Session,
    *,
    organization_id: UUID | None = None,
    counties: Collection[str] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[CountyQuestion]:
    """Questions of a cooperative, or those put to some counties, open ones first, then the newest; those behind the one with key ``after``.

    Two lists one behind the other, each with an index of its own.
    """
    query = select(CountyQuestion).order_by(CountyQuestion.id.desc())
    if organization_id is not None:
        query = query.where(CountyQuestion.organization_id == organization_id)
    else:
        query = query.where(CountyQuestion.county_code.in_(counties))
    last = session.get(CountyQuestion, after) if after is not None else None
    found: list[CountyQuestion] = []
    for is_answered in (False, True):
        part = query.where(CountyQuestion.answered_at.is_not(None) if is_answered else CountyQuestion.answered_at.is_(None))
        if last is not None and (last.answered_at is not None) is is_answered:
            part = part.where(CountyQuestion.id < last.id)
        elif last is not None and not is_answered:
            continue
        found += session.scalars(part.limit(limit - len(found)))
    return found


def list_sheets(session: Session, organization_id: UUID, *, after: UUID | None = None, limit: int = 10) -> Sequence[DaySheet]:
    """Uploaded tables of a cooperative, newest first, before the one with key ``after``."""
    query = select(DaySheet).where(DaySheet.organization_id == organization_id).order_by(DaySheet.id.desc()).limit(limit)
    return session.scalars(query.where(DaySheet.id < after) if after else query).all()


def list_kept_sheets(session: Session) -> set[str]:
    """Digests of uploaded tables whose files are still needed: under way, or to be mended."""
    return {digest for digest in session.scalars(select(DaySheet.digest).where(DaySheet.digest.is_not(None))) if digest}


class Register:
    """Members and products of one cooperative by the numbers people type, each read once; erased members are not there."""

    def __init__(self, session: Session, organization_id: UUID) -> None:
        self.session, self.organization_id = session, organization_id
        self.members: dict[int, Household] = {}
        self.products: dict[str, Product] = {}

    def load(self, member_nos: Collection[int], skus: Collection[str]) -> None:
        """Read what a whole table asks for in two queries. What is held here stays in the session: nobody reads it again."""
        own = select(Household).where(Household.cooperative_id == self.organization_id, Household.erased_at.is_(None))
        found = self.session.scalars(own.where(Household.member_no.in_(member_nos)))
        self.members |= {household.member_no: household for household in found}
        goods = select(Product).where(Product.cooperative_id == self.organization_id, Product.sku.in_(skus))
        self.products |= {product.sku: product for product in self.session.scalars(goods)}


def find_clerk(session: Session, token: str, *, at: datetime) -> tuple[Device, Actor] | None:
    """The phone this token opens the door for, and its clerk, as a clerk of that cooperative only; None when it may not come in (any more).

    The membership is asked for each time: who is no clerk today does not come in with yesterday's phone.
    """
    row = session.execute(
        select(Device, Person.name, Organization.kind)
        .join(Person, Person.id == Device.person_id)
        .join(Organization, Organization.id == Device.organization_id)
        .join(Membership, and_(Membership.person_id == Person.id, Membership.organization_id == Organization.id))
        .where(Device.token_hash == sha256(token.encode()).hexdigest(), Device.ended_at.is_(None), Device.expires_at > at)
        .where(Membership.role == Role.clerk)
    ).first()
    if row is None or not has_place_in(Role.clerk, row.kind):
        return None
    device: Device = row.Device
    roles = {device.organization_id: frozenset({Role.clerk})}
    return device, Actor(person_id=device.person_id, name=row.name, roles=roles, label=f"person:{device.person_id}")


def list_devices(
    session: Session, organization_id: UUID, *, after: UUID | None = None, limit: int = 30
) -> Sequence[tuple[Device, str]]:
    """Phones of a cooperative with their clerks' names, newest first."""
    query = select(Device, Person.name).join(Person, Person.id == Device.person_id).order_by(Device.id.desc()).limit(limit)
    query = query.where(Device.organization_id == organization_id)
    rows = session.execute(query.where(Device.id < after) if after else query)
    return [(device, name) for device, name in rows]
