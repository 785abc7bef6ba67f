"""The story of a box: a fixed number of queries, whatever the length of its history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from catalog.areas.codes import province_of
from catalog.areas.models import Area
from catalog.areas.queries import list_provinces
from catalog.documents.models import Document, SubjectKind
from catalog.parties.models import ConsentScope, Household, Organization, Place
from catalog.parties.queries import standing_consents
from catalog.parties.roles import Actor
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import NotFound, Term
from kernel.installation import find_fact
from kernel.rows import among, fetch
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.vocabulary import EventType
from traceability.ledger.models import Leaf, Publication
from traceability.lots.claims import Claim, models_of
from traceability.lots.describing import epc_of, epc_of_item
from traceability.lots.models import (
    HouseholdDelivery,
    Lot,
    LotEdge,
    LotShare,
    LotYield,
    RecallItem,
    RecallLot,
    RecallMark,
    TradeItem,
)
from traceability.lots.states import ItemState, LotKind, SlipState
from traceability.scan import composition, growers, steps, tilemap
from traceability.scan.models import Fact, LabelJob, ScanTally
from traceability.scan.states import FactKind
from traceability.scan.story import Growers, Name, Paper, Story, Tally, Tile

ANIMAL_CATEGORIES = frozenset({"肉类", "肉制品", "蛋类", "水产", "蜂产品", "乳制品"})
GONE = (ItemState.SOLD, ItemState.RECEIVED)
LOT_PREFIX = "LOT-"
OPENED_FIELDS = ("event_hash", "lot_code")  # fields of an entry that are about no person and name no other box


class NoSuchBox(NotFound):
    """The code names no box and no lot that was ever made: perhaps mistyped, perhaps invented."""

    title = "没有生产过这样一盒"

    def __init__(self, code: str) -> None:
        self.code = code[:40]
        super().__init__(
            Term("没有生产过编号为“%(code)s”的盒子。请核对盒上的编号；如果是扫码打开的，这枚码可能是仿造的，请不要购买。"),
            params={"code": self.code},
        )


@dataclass(frozen=True)
class Subject:
    """What a code stands for: a lot of boxes, and one of them unless the code is the lot's."""

    lot: Lot
    item: TradeItem | None
    product: Product
    cooperative: Organization
    maker: Organization | None


@dataclass(frozen=True)
class Lineage:
    """The lots a story goes back to (its own included), where they were made, what came out of which event, whose they are.

    ``signed``: those that came of a step outside its yield range, which a second person signed.
    """

    lots: Mapping[UUID, Lot]
    places: Mapping[UUID, Place]
    outputs: Mapping[UUID, Sequence[str]]
    households: Mapping[UUID, int]
    signed: Collection[UUID]


def tell_story(session: Session, code: str, on: date) -> Story:
    """The story of the box with serial ``code``, or of the pack lot with that code, as anybody may read it on the day ``on``.

    Raises NoSuchBox.
    """
    subject = get_subject(session, code)
    lot, item, product = subject.lot, subject.item, subject.product
    lineage = _find_lineage(session, lot)
    events = _list_events(session, subject, lineage)
    organizations = _map_organizations(session, events, lineage)
    facts = _map_facts(session, subject)
    areas = _map_areas(session, lineage, events)
    made = [
        composition.made_of(
            each,
            lineage.places.get(each.place_id) if each.place_id else None,
            lineage.households[each.id],
            areas,
            signed=each.id in lineage.signed,
        )
        for each in lineage.lots.values()
    ]
    happened = [composition.happened_of(row, organizations, areas) for row in events]
    papers = composition.claimed(_list_papers(session, on, subject, lineage, organizations), certifiable=lot.certifiable)
    people = _count_slips(session, _find_growers(session, subject), lineage)
    dispatch = composition.dispatch_of(facts.get(FactKind.DISPATCHED))
    temperatures = composition.temperatures_of(facts.get(FactKind.TEMPERATURE))
    goods = composition.goods_of(product)
    gaps = steps.find_gaps(
        delivered=any(each.kind is LotKind.DELIVERY for each in lineage.lots.values()),
        needs=product.needs,
        papers=papers,
        gone=item is not None and item.state in GONE,
        dispatched=dispatch is not None,
        cold=goods.cold,
        measured=temperatures is not None,
    )
    way = {"origin": province_of(lot.county_code)}
    if dispatch is not None:
        way |= {"hub": dispatch.hub_province or "", "destination": dispatch.province_code}
    return Story(
        code=code,
        serial=item.serial if item else None,
        lot_code=lot.code,
        gtin=lot.gtin,
        on=on,
        status=composition.status_of(lot, item, on),
        reason=_find_reason(session, lot, subject.item),
        goods=goods,
        cooperative=composition.name_of(subject.cooperative),
        county=areas.get(lot.county_code, Name(lot.county_code)),
        county_code=lot.county_code,
        key=steps.find_key(happened, made),
        produced_on=lot.produced_on,
        expires_on=lot.expires_on,
        growers=people,
        steps=[*steps.tell_steps(happened, made, lineage.outputs, papers, people.count, dispatched=dispatch is not None), *gaps],
        papers=papers,
        certifiable=lot.certifiable,
        proofs=steps.list_proofs(happened, made),
        shares=composition.shares_of(facts.get(FactKind.SHARES), people.count),
        temperatures=temperatures,
        dispatch=dispatch,
        tiles=tilemap.mark(_list_tiles(session), way),
        tally=find_tally(session, code),
    )


def get_subject(session: Session, code: str) -> Subject:
    """The box or the pack lot that ``code`` names, with its product. Raises NoSuchBox: delivery and bulk lots have no page."""
    maker = aliased(Organization)
    query = (
        select(Lot, TradeItem, Product, Organization, maker)
        .join(Product, Product.sku == Lot.product_sku)
        .join(Organization, Organization.id == Product.cooperative_id)
        .outerjoin(maker, maker.id == Product.processor_id)
    )
    if code.startswith(LOT_PREFIX):
        query = query.outerjoin(TradeItem, and_(TradeItem.lot_id == Lot.id, TradeItem.id.is_(None)))
        query = query.where(Lot.code == code, Lot.kind == LotKind.PACK)
    else:
        query = query.join(TradeItem, TradeItem.lot_id == Lot.id).where(TradeItem.serial == code)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NoSuchBox(code)
    return Subject(*row)


def open_fields(session: Session, _actor: Actor, event_id: UUID, code: str) -> Collection[str]:
    """Rule of disclosing: who names a box (or a lot) may open, in the entries of its story, what ties them to it. Raises NoSuchBox."""
    if not code:
        return ()
    subject = get_subject(session, code)
    told = {row.id for row in _list_events(session, subject, _find_lineage(session, subject.lot))}
    return OPENED_FIELDS if event_id in told else ()


def find_tally(session: Session, code: str) -> Tally | None:
    """How often a code was looked at so far; None when never."""
    row = session.execute(select(ScanTally.scans, ScanTally.first_at).where(ScanTally.subject == code)).one_or_none()
    return Tally(*row) if row else None


def list_tallies(session: Session, codes: Collection[str]) -> Sequence[ScanTally]:
    """How often each of these boxes was looked at; those nobody looked at are left out."""
    return session.scalars(select(ScanTally).where(ScanTally.subject.in_(codes)).order_by(ScanTally.subject)).all()


def _find_lineage(session: Session, lot: Lot) -> Lineage:
    start = select(Lot.id).where(Lot.id == lot.id).cte("reached", recursive=True)
    reached = start.union(select(LotEdge.from_lot_id).join(start, LotEdge.to_lot_id == start.c.id))
    rows = session.execute(
        select(Lot, Place).outerjoin(Place, Place.id == Lot.place_id).where(Lot.id.in_(select(reached.c.id))).order_by(Lot.id)
    ).all()
    lots = {each.id: each for each, _ in rows}
    edges = session.execute(select(LotEdge.event_id, LotEdge.to_lot_id).where(among(LotEdge.to_lot_id, lots)).distinct()).all()
    outputs: dict[UUID, list[str]] = defaultdict(list)
    for event_id, lot_id in sorted(edges, key=lambda edge: edge.to_lot_id):
        outputs[event_id].append(lots[lot_id].code)
    counted = session.execute(
        select(LotShare.lot_id, func.count()).where(among(LotShare.lot_id, lots)).group_by(LotShare.lot_id)
    ).all()
    households = defaultdict(int, [(lot_id, count) for lot_id, count in counted])
    signed = select(LotYield.lot_id).where(among(LotYield.lot_id, lots), LotYield.signed_by.is_not(None))
    places = {place.id: place for _, place in rows if place is not None}
    return Lineage(lots, places, outputs, households, set(session.scalars(signed)))


def _list_events(session: Session, subject: Subject, lineage: Lineage) -> Sequence[Row[*tuple[Any, ...]]]:
    """Events of the steps between these lots, and events that name the lots or this very box; not those of other boxes."""
    epcs = [epc_of(lot) for lot in lineage.lots.values()]
    if subject.item is not None:
        epcs.append(epc_of_item(subject.item))
    naming = select(EventEpc.event_id).where(among(EventEpc.epc, epcs))
    columns = (
        TraceEvent.id,
        TraceEvent.event_uri,
        TraceEvent.is_declaration,
        TraceEvent.event_type,
        TraceEvent.biz_step,
        TraceEvent.disposition,
        TraceEvent.event_time,
        TraceEvent.lot_code,
        TraceEvent.county_code,
        TraceEvent.organization_id,
        TraceEvent.origin,
        Leaf.idx,
        Publication.published_size,
        Publication.witnessed_size,
    )
    query = (
        select(*columns)
        .outerjoin(Leaf, Leaf.event_id == TraceEvent.id)
        .outerjoin(Publication, Publication.id == 1)
        .where(
            or_(
                among(TraceEvent.id, lineage.outputs),
                and_(TraceEvent.event_type != EventType.TRANSFORMATION, TraceEvent.id.in_(naming)),
            )
        )
        .order_by(TraceEvent.event_time, TraceEvent.id)
    )
    return session.execute(query).all()


def _map_organizations(session: Session, events: Iterable[Row[*tuple[Any, ...]]], lineage: Lineage) -> dict[UUID, Organization]:
    ids = {row.organization_id for row in events} | {place.organization_id for place in lineage.places.values()}
    return fetch(session, Organization, ids - {None})


def _map_facts(session: Session, subject: Subject) -> dict[FactKind, dict[str, Any]]:
    """What was told, the box before its lot."""
    codes = [subject.lot.code] + ([subject.item.serial] if subject.item else [])
    rows = session.scalars(select(Fact).where(Fact.subject.in_(codes), Fact.key == "")).all()
    ordered = sorted(rows, key=lambda fact: fact.subject != subject.lot.code)
    return {fact.kind: fact.facts for fact in ordered}


def _map_areas(session: Session, lineage: Lineage, events: Iterable[Row[*tuple[Any, ...]]]) -> dict[str, Name]:
    codes = {lot.county_code for lot in lineage.lots.values()} | {place.county_code for place in lineage.places.values()}
    codes |= {row.county_code for row in events if row.county_code}
    rows = session.execute(select(Area.code, Area.name, Area.name_en).where(Area.code.in_(codes)))
    return {code: Name(name, name_en) for code, name, name_en in rows}


def _list_papers(
    session: Session, on: date, subject: Subject, lineage: Lineage, organizations: Mapping[UUID, Organization]
) -> list[Paper]:
    """Papers of the organisations and the product, needed on the day of packing, and of each lot, needed on its own day."""
    packed = subject.lot.produced_on
    subjects: dict[tuple[SubjectKind, str], tuple[Name, date]] = {
        (SubjectKind.PRODUCT, subject.product.sku): (Name(subject.product.name, subject.product.name_en), packed)
    }
    for organization in (subject.cooperative, subject.maker, *organizations.values()):
        if organization is not None:
            subjects[(SubjectKind.ORGANIZATION, organization.code)] = (composition.name_of(organization), packed)
    for lot in lineage.lots.values():
        subjects[(SubjectKind.LOT, lot.code)] = (Name(lot.material), today_shanghai(lot.created_at))
    wanted = [
        and_(Document.subject_kind == kind, among(Document.subject_code, [code for each, code in subjects if each is kind]))
        for kind in SubjectKind
    ]
    documents = session.scalars(select(Document).where(or_(*wanted)).order_by(Document.kind, Document.valid_from, Document.id))
    return [composition.paper_of(document, subjects, on) for document in documents]


def _find_growers(session: Session, subject: Subject) -> Growers:
    """The households of the lot. A name is read from the database only if its household allows that today."""
    columns = (Household.id, Household.member_no, Household.town, Household.village, LotShare.share)
    query = select(*columns).join(LotShare, LotShare.household_id == Household.id).where(LotShare.lot_id == subject.lot.id)
    members = [growers.Member(*row) for row in session.execute(query.order_by(LotShare.share.desc(), Household.member_no))]
    allowed = standing_consents(session, [member.id for member in members])
    open_ = [member_id for member_id, scopes in allowed.items() if ConsentScope.NAME in scopes]
    rows = session.execute(select(Household.id, Household.head_name).where(among(Household.id, open_)))
    names = {row.id: row.head_name for row in rows}
    animals = subject.product.category in ANIMAL_CATEGORIES
    custody = models_of(subject.lot, len(members), carries=subject.lot.certifiable)[Claim.HOUSEHOLDS]
    assert custody is not None
    return growers.describe(members, allowed, names, custody, animals=animals)


def _count_slips(session: Session, people: Growers, lineage: Lineage) -> Growers:
    """How many deliveries are behind it, and how many of them the household itself confirmed on its slip."""
    confirmed = func.count().filter(HouseholdDelivery.slip_state == SlipState.CONFIRMED)
    query = select(func.count(), confirmed).where(among(HouseholdDelivery.lot_id, lineage.lots))
    whole, said = session.execute(query).one()
    return replace(people, deliveries=int(whole), confirmed=int(said))


def _find_reason(session: Session, lot: Lot, item: TradeItem | None) -> str:
    """Why the lot, or this very box, is stopped, in the words of whoever stopped it; empty when nothing stops it."""
    of_lot = RecallMark.id.in_(select(RecallLot.mark_id).where(RecallLot.lot_id == lot.id))
    of_box = RecallMark.id.in_(select(RecallItem.mark_id).where(RecallItem.item_id == (item.id if item else None)))
    query = select(RecallMark.reason).where(of_lot | of_box, RecallMark.lifted_at.is_(None))
    return session.scalar(query.order_by(RecallMark.marked_at.desc()).limit(1)) or ""


def _list_tiles(session: Session) -> list[Tile]:
    return [
        Tile(area.code, province.tile_x, province.tile_y, province.short_name, Name(area.name, province.label_en))
        for area, province in list_provinces(session)
    ]


def list_label_jobs(session: Session, lot_id: UUID, limit: int = 20) -> Sequence[LabelJob]:
    """Print jobs of a lot, newest first."""
    return session.scalars(select(LabelJob).where(LabelJob.lot_id == lot_id).order_by(LabelJob.id.desc()).limit(limit)).all()


def count_items(session: Session, lot_id: UUID) -> dict[ItemState, int]:
    """How many boxes of a lot are in which state; states without a box are left out."""
    query = select(TradeItem.state, func.count()).where(TradeItem.lot_id == lot_id).group_by(TradeItem.state)
    found = {row.state: int(row[1]) for row in session.execute(query)}
    return {state: found[state] for state in ItemState if state in found}


def find_public_url(session: Session, configured: str) -> str:
    """The address people see, as fixed at the first start; ``configured`` before that."""
    return (find_fact(session, "public_url") or configured).rstrip("/")
