"""Rows become what the page says of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Row

from catalog.areas.codes import province_of
from catalog.documents.gating import holds_on
from catalog.documents.models import Document, SubjectKind
from catalog.parties.models import Organization, Place
from catalog.products.models import Product, Temperature
from kernel.quantity import Quantity
from traceability.events.vocabulary import EventType
from traceability.lots.claims import CERTIFICATES
from traceability.lots.models import Lot, TradeItem
from traceability.lots.states import ItemState, RecallState
from traceability.scan.states import PartState, Payee
from traceability.scan.steps import Happened, Made
from traceability.scan.story import FEW_HOUSEHOLDS, Dispatch, Goods, Name, Paper, Part, Stage, Status, Temperatures

_RECALLS = {RecallState.RECALLED: Status.RECALLED, RecallState.HELD: Status.HELD}
_ITEMS = {ItemState.VOID: Status.VOID, ItemState.MADE: Status.INACTIVE, ItemState.PRINTED: Status.INACTIVE}


def name_of(row: Organization | Place) -> Name:
    """Both names of an organisation or a place."""
    return Name(row.name, row.name_en)


def status_of(lot: Lot, item: TradeItem | None, on: date) -> Status:
    """What the holder must know first: a recall before anything about the label, the label before the date."""
    stopped = max((lot.recall_state, (item.stopped if item else None) or RecallState.NONE), key=list(RecallState).index)
    if stopped in _RECALLS:
        return _RECALLS[stopped]
    if item is not None and item.state in _ITEMS:
        return _ITEMS[item.state]
    return Status.EXPIRED if lot.expires_on is not None and lot.expires_on < on else Status.NORMAL


def goods_of(product: Product) -> Goods:
    """The product, as far as the page speaks of it."""
    return Goods(
        sku=product.sku,
        name=Name(product.name, product.name_en),
        picture=product.picture,
        net_content=product.net_content,
        storage=product.storage,
        category=product.category,
        cold=product.temperature is not Temperature.AMBIENT,
    )


def made_of(lot: Lot, place: Place | None, households: int, areas: Mapping[str, Name], *, signed: bool = False) -> Made:
    """A lot of the lineage."""
    county = place.county_code if place else lot.county_code
    return Made(
        id=lot.id,
        code=lot.code,
        kind=lot.kind,
        material=lot.material,
        amount=Quantity(lot.made, lot.unit),
        households=households,
        place=name_of(place) if place else None,
        county=areas.get(county, Name(county)),
        signed=signed,
    )


def happened_of(row: Row[*tuple[Any, ...]], organizations: Mapping[Any, Organization], areas: Mapping[str, Name]) -> Happened:
    """An event with its place in the log."""
    by = organizations.get(row.organization_id)
    return Happened(
        id=row.id,
        uri=row.event_uri,
        is_declaration=row.is_declaration,
        aggregates=row.event_type is EventType.AGGREGATION,
        biz_step=row.biz_step or "",
        disposition=row.disposition or "",
        at=row.event_time,
        lot_code=row.lot_code,
        by=name_of(by) if by else Name(""),
        origin=row.origin,
        county=areas.get(row.county_code or ""),
        stage=_stage(row.idx, row.published_size, row.witnessed_size),
        index=row.idx,
    )


def _stage(index: int | None, published: int | None, witnessed: int | None) -> Stage:
    if index is None:
        return Stage.RECORDED
    if index < (witnessed or 0):
        return Stage.WITNESSED
    return Stage.PUBLISHED if index < (published or 0) else Stage.SEQUENCED


def paper_of(document: Document, subjects: Mapping[tuple[SubjectKind, str], tuple[Name, date]], on: date) -> Paper:
    """A paper, judged on the day it was needed and today."""
    name, day = subjects[(document.subject_kind, document.subject_code)]
    return Paper(
        kind=document.kind,
        number=document.number,
        subject=name,
        issuer=document.issuer,
        state=document.check_state,
        checked_by=document.checked_by,
        checked_on=document.checked_on,
        valid_from=document.valid_from,
        valid_to=document.valid_to,
        day=day,
        then=holds_on(document, day),
        now=holds_on(document, on),
        revoked=document.revoked_at is not None,
        lot_code=document.subject_code if document.subject_kind is SubjectKind.LOT else None,
    )


def claimed(papers: Sequence[Paper], *, certifiable: bool) -> list[Paper]:
    """The papers that speak of this lot: certificates of what was grown do not, once it was poured together with something else."""
    return [paper for paper in papers if certifiable or paper.kind not in CERTIFICATES]


def shares_of(facts: Mapping[str, Any] | None, households: int) -> Sequence[Part]:
    """The parts of 100 yuan, the largest first; nothing for fewer than five households, whose price it would tell."""
    if facts is None or households < FEW_HOUSEHOLDS:
        return ()
    parts = [
        Part(Payee(p["payee"]), p["fen"], PartState(p["state"]), date.fromisoformat(p["on"]) if p.get("on") else None)
        for p in facts["parts"]
        if p["fen"]
    ]
    return sorted(parts, key=lambda part: (part.payee is not Payee.HOUSEHOLD, -part.fen))


def temperatures_of(facts: Mapping[str, Any] | None) -> Temperatures | None:
    """The journey's temperatures, or None when none were told."""
    if facts is None:
        return None
    words = ("cold_class", "coldest", "warmest", "limit")
    texts = {word: str(facts.get(word, "")) for word in words}
    return Temperatures(**texts, readings=int(facts.get("readings", 0)), excursions=int(facts.get("excursions", 0)))


def dispatch_of(facts: Mapping[str, Any] | None) -> Dispatch | None:
    """Hub and destination province, or None when the box has not left."""
    if facts is None:
        return None
    county = facts.get("hub_county_code")
    return Dispatch(
        hub=Name(facts.get("hub", ""), facts.get("hub_en", "")),
        hub_province=province_of(county) if county else None,
        province=Name(facts.get("province", ""), facts.get("province_en", "")),
        province_code=facts.get("province_code", ""),
    )
