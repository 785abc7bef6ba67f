"""Pour lots together: a cooperative's day of deliveries becomes one lot that holds exactly what went in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from catalog.products.queries import get_product
from kernel.quantity import Quantity
from traceability.lots.gating import find_lost_certificates
from traceability.lots.models import Lot
from traceability.lots.moments import check_moment
from traceability.lots.photographing import Photo
from traceability.lots.states import Custody, LotKind, Step
from traceability.lots.transforming import Input, OutputDraft, begin, finish


def mix_lots(
    session: Session,
    actor: Actor,
    *,
    inputs: Sequence[Input],
    material: str,
    at: datetime,
    product_sku: str | None = None,
    place_id: UUID | None = None,
    averaged: bool = False,
    certified: bool = False,
    happened_at: datetime | None = None,
    lot_code: str | None = None,
    photo: Photo | None = None,
) -> Lot:
    """Pour lots of one county together; the new lot holds exactly what went in. Raises as ``processing.process_lot``.

    ``averaged``: into a tank or silo that is never empty, so that what comes out is of these households on average only (mass balance,
    ISO 22095:2020); pages say so of all that is made from it. ``certified``: what was in it before carries the same certificates (organic,
    green food …); else nothing made from it carries them any more. A lot that does not carry what ``product_sku`` needs is for no product
    yet: it happened, whoever meant it otherwise, and can be packed as one without. ``happened_at`` and ``lot_code``: it was done, and its
    number written down, before we heard of it.
    """
    recorded_at, at = at, check_moment(happened_at, at)
    taken = begin(session, actor, inputs, at)
    whole = Quantity(sum((q.amount for _, q in taken), Decimal(0)), taken[0][1].unit)
    if product_sku and _breaks(session, product_sku, [lot for lot, _ in taken], tank=averaged and not certified):
        product_sku = None  # what it still may become is chosen when it is packed
    output = OutputDraft(material, whole, Decimal(1), Decimal(1), product_sku=product_sku, lot_code=lot_code)
    lot = finish(
        session, actor, Step.MIXING, taken, [(output, LotKind.BULK, whole)], place_id, at, recorded_at=recorded_at, photo=photo
    )[0]
    if averaged:
        lot.custody, lot.certifiable = Custody.MASS_BALANCE, lot.certifiable and certified
        session.flush()
    return lot


def _breaks(session: Session, sku: str, lots: Sequence[Lot], *, tank: bool) -> bool:
    return bool(find_lost_certificates(session, get_product(session, sku), lots, tank=tank))
