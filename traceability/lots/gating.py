"""Which papers a lot still needs before it may leave.

A paper of the lot itself must be valid on the day it leaves. A paper of a lot it was made from counts when it was valid on the day
that lot went on, and only when all parents have one: animals are quarantined before slaughter, not the frozen leg. A commitment
certificate (承诺达标合格证) does not pass on through mixing: a mixed lot needs a new one (2025 no. 4).
"""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from catalog.documents.gating import MissingPaper, find_missing
from catalog.documents.models import DocumentKind, SubjectKind
from catalog.products import listing
from catalog.products.needs import LOT_KINDS
from catalog.products.queries import get_product
from traceability.lots.models import Lot
from traceability.lots.queries import list_edges_into


def find_missing_papers(session: Session, lot: Lot, on: date) -> list[MissingPaper]:
    """The papers of the lot, its product, maker and seller that do not hold on ``on``; empty when the lot may leave."""
    if lot.product_sku is None:
        return []
    product = get_product(session, lot.product_sku)
    of_lot = (_missing(session, lot, kind, on) for kind in sorted(LOT_KINDS) if kind.value in product.needs)
    of_shelf = listing.find_missing_papers(session, [product], on)[product.id]
    return [*of_shelf, *(paper for paper in of_lot if paper is not None)]


def _missing(session: Session, lot: Lot, kind: DocumentKind, on: date) -> MissingPaper | None:
    own = find_missing(session, [(kind, SubjectKind.LOT, lot.code)], on)
    if not own:
        return None
    parents = [session.get_one(Lot, edge.from_lot_id) for edge in list_edges_into(session, lot.id)]
    if kind is DocumentKind.PROMISE_CERTIFICATE and len(parents) > 1:
        return own[0]
    inherited = bool(parents) and all(_missing(session, parent, kind, lot.produced_on) is None for parent in parents)
    return None if inherited else own[0]
