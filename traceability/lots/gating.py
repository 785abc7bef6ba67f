"""Which papers a lot still needs before it may leave.

A paper of the lot itself must be valid on the day it leaves. A paper of a lot it was made from counts when it was valid on the day
that lot went on, and only when all parents have one: animals are quarantined before slaughter, not the frozen leg. A commitment
certificate (承诺达标合格证) does not pass on through mixing: a mixed lot needs a new one (2025 no. 4).
"""

from __future__ import annotations

from datetime import date
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.documents.gating import MissingPaper, find_missing
from catalog.documents.models import DocumentKind, SubjectKind
from catalog.products import listing
from catalog.products.needs import LOT_KINDS
from catalog.products.queries import get_product
from traceability.lots.models import Lot
from traceability.lots.queries import list_edges_into

Known: TypeAlias = dict[tuple[UUID, date], MissingPaper | None]


def find_missing_papers(session: Session, lot: Lot, on: date) -> list[MissingPaper]:
    """The papers of the lot, its product, maker and seller that do not hold on ``on``; empty when the lot may leave."""
    if lot.product_sku is None:
        return []
    product = get_product(session, lot.product_sku)
    of_lot = (_missing(session, lot, kind, on, {}) for kind in sorted(LOT_KINDS) if kind.value in product.needs)
    of_shelf = listing.find_missing_papers(session, [product], on)[product.id]
    return [*of_shelf, *(paper for paper in of_lot if paper is not None)]


def _missing(session: Session, lot: Lot, kind: DocumentKind, on: date, known: Known) -> MissingPaper | None:
    """The paper of ``kind`` that ``lot`` misses on ``on``; ``known`` keeps verdicts, since ways through a genealogy meet again."""
    if (lot.id, on) in known:
        return known[lot.id, on]
    own = find_missing(session, [(kind, SubjectKind.LOT, lot.code)], on)
    known[lot.id, on] = own[0] if own else None  # said before looking further: a circle of edges, were there one, ends as missing
    if own and _inherits(session, lot, kind, known):
        known[lot.id, on] = None
    return known[lot.id, on]


def _inherits(session: Session, lot: Lot, kind: DocumentKind, known: Known) -> bool:
    parents = [session.get_one(Lot, edge.from_lot_id) for edge in list_edges_into(session, lot.id)]
    if kind is DocumentKind.PROMISE_CERTIFICATE and len(parents) > 1:
        return False
    return bool(parents) and all(_missing(session, parent, kind, lot.produced_on, known) is None for parent in parents)
