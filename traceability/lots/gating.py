"""Which papers a lot still needs before it may leave.

A paper of the lot itself must be valid on the day it leaves. A paper of a lot it was made from counts when it was valid on the day
that lot went on, and only when all parents have one: animals are quarantined before slaughter, not the frozen leg. One that was revoked
since, on whatever day, counts no more. A commitment certificate (承诺达标合格证) does not pass on through mixing: a mixed lot needs a new
one (2025 no. 4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.documents.gating import MissingPaper, find_missing
from catalog.documents.models import KIND_LABELS, DocumentKind, SubjectKind
from catalog.products import listing
from catalog.products.models import Product
from catalog.products.needs import LOT_KINDS, MEAT_KINDS, PROMISED_CATEGORIES
from catalog.products.queries import get_product
from kernel.errors import Term
from traceability.lots.claims import CERTIFICATES
from traceability.lots.models import Lot
from traceability.lots.queries import list_certified, list_parents, was_slaughtered

LOST_TEXTS = {
    "tank": "原料倒进过装有其他货的大罐或大仓，不再带有“%(paper)s”，不能算“%(name)s”。",
    "other": "原料里有按“%(other)s”收的货，不带有“%(paper)s”，不能算“%(name)s”。",
}
MOST_GENERATIONS = 100  # a circle of edges, were there one, ends as missing


def find_missing_papers(session: Session, lot: Lot, on: date) -> list[MissingPaper]:
    """The papers of the lot, its product, maker and seller that do not hold on ``on``; empty when the lot may leave."""
    if lot.product_sku is None:
        return []
    product = get_product(session, lot.product_sku)
    of_lot = (_missing(session, lot, kind, on) for kind in sorted(_kinds_for(session, lot, product)))
    of_shelf = listing.find_missing_papers(session, [product], on)[product.id]
    return [*of_shelf, *find_lost_certificates(session, product, [lot]), *(paper for paper in of_lot if paper is not None)]


def find_lost_certificates(session: Session, product: Product, lots: Sequence[Lot], *, tank: bool = False) -> list[MissingPaper]:
    """Certificates of what was grown that the product needs and these lots together (poured into a ``tank`` of other goods) do not carry.

    A lot carries those of its deliveries: each was brought for a product, and a certificate holds where all those products need it. A
    delivery that names no product (no page takes one in) takes nothing away.
    """
    kinds = [kind for kind in sorted(CERTIFICATES) if kind.value in product.needs]
    if not kinds:
        return []
    words = {"name": product.name}
    if tank or not all(lot.certifiable for lot in lots):
        return [_lost(kind, lots[0], "tank", words) for kind in kinds]
    lost = []
    brought = list_certified(session, [lot.id for lot in lots])
    for kind in kinds:
        others = [name for name, needs in brought if kind.value not in needs]
        if others:
            lost.append(_lost(kind, lots[0], "other", words | {"other": others[0]}))
    return lost


def carries_certificates(session: Session, lot: Lot) -> bool:
    """Whether certificates hold of a lot: those its product needs; while it is for none, those that anything in it was brought with."""
    if not lot.certifiable:
        return False
    if lot.product_sku is not None:
        return not find_lost_certificates(session, get_product(session, lot.product_sku), [lot])
    brought = {frozenset(CERTIFICATES & set(needs)) for _, needs in list_certified(session, [lot.id])}
    return len(brought) <= 1


def _lost(kind: DocumentKind, lot: Lot, why: str, words: Mapping[str, object]) -> MissingPaper:
    params = {**words, "paper": Term(KIND_LABELS[kind])}
    return MissingPaper(kind, SubjectKind.LOT, lot.code, LOST_TEXTS[why], params)


def _kinds_for(session: Session, lot: Lot, product: Product) -> set[DocumentKind]:
    """What a lot needs for itself, whatever was ticked when the product was described: slaughtered meat its quarantine and inspection
    papers and no certificate of commitment; fruit, vegetables, mushrooms and eggs that certificate (2025 no. 4).
    """
    ticked = {kind for kind in LOT_KINDS if kind.value in product.needs}
    if was_slaughtered(session, lot):
        return (ticked | MEAT_KINDS) - {DocumentKind.PROMISE_CERTIFICATE}
    return ticked | ({DocumentKind.PROMISE_CERTIFICATE} if product.category in PROMISED_CATEGORIES else set())


def _missing(session: Session, lot: Lot, kind: DocumentKind, on: date) -> MissingPaper | None:
    """The paper of ``kind`` that ``lot`` misses on ``on``. Whoever has none asks all its parents, generation by generation."""
    own = find_missing(session, [(kind, SubjectKind.LOT, lot.code)], on)
    lacking = [lot] if own else []
    for _ in range(MOST_GENERATIONS):
        if not lacking:
            return None
        parents = list_parents(session, [each.id for each in lacking])
        if any(not _may_inherit(kind, parents[each.id]) for each in lacking):
            break
        needed = [(parent, each.produced_on) for each in lacking for parent in parents[each.id]]
        lacking = _list_lacking(session, needed, kind, on)
    return own[0]


def _may_inherit(kind: DocumentKind, parents: list[Lot]) -> bool:
    return len(parents) == 1 or (bool(parents) and kind is not DocumentKind.PROMISE_CERTIFICATE)


def _list_lacking(session: Session, needed: Iterable[tuple[Lot, date]], kind: DocumentKind, known: date) -> list[Lot]:
    """Those lots that had no such paper on the day they went on, each once."""
    by_day: defaultdict[date, dict[str, Lot]] = defaultdict(dict)
    for lot, day in needed:
        by_day[day][lot.code] = lot
    lacking: dict[UUID, Lot] = {}
    for day, lots in by_day.items():
        for paper in find_missing(session, [(kind, SubjectKind.LOT, code) for code in lots], day, known):
            lacking[lots[paper.subject_code].id] = lots[paper.subject_code]
    return list(lacking.values())
