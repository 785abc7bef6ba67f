"""The 承诺达标合格证 of a lot: issued for what is there, by the one it belongs to; mixing needs a new one, which replaces the old.

《农产品质量安全承诺达标合格证管理办法》(农业农村部令2025年第4号): a producer's own promise for each lot of vegetables, fruit, fresh tea
leaves, livestock and poultry, eggs and farmed aquatic products. Meat that was slaughtered goes with quarantine and inspection papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.models import Document, DocumentKind
from catalog.parties.roles import Actor, Role
from catalog.products.queries import get_product
from kernel.errors import Conflict, Invalid
from kernel.quantity import Unit
from traceability.lots.balancing import lock_lots
from traceability.lots.models import Lot
from traceability.lots.queries import get_lot, list_parents, list_upstream_lots, was_slaughtered


def promise_lot(
    session: Session, actor: Actor, *, lot_code: str, basis: Sequence[issuing.PromiseBasis], origin: str, at: datetime
) -> Document:
    """Issue the certificate of what is left of a lot, in the name of its owner; a clerk of the owner may.

    Certificates of lots that were mixed into it, and of which nothing is left, are replaced by it: they go on to nothing any more.
    Raises Forbidden, NotFound, Invalid (no basis, meat), Conflict (nothing left, issued already).
    """
    lot_id = get_lot(session, lot_code).id
    lot = lock_lots(session, [lot_id])[lot_id]
    actor.must(Role.clerk, lot.organization_id)
    if _is_meat(session, lot):
        raise Invalid("屠宰后的肉凭检疫和肉品品质检验证明，不开承诺达标合格证。", field="basis")
    if not lot.left:
        raise Conflict("批次 %(code)s 已经没有剩余，不用再开合格证。", params={"code": lot.code})
    document = issuing.issue_promise_certificate(
        session,
        actor,
        lot_code=lot.code,
        product_name=lot.material,
        quantity=lot.left,
        origin=origin,
        basis=basis,
        organization_id=lot.organization_id,
        at=at,
    )
    used_up = [parent.code for parent in list_mixed_into(session, lot) if not parent.left]
    issuing.replace_promises(session, lot_codes=used_up, by=document, at=at)
    return document


def list_mixed_into(session: Session, lot: Lot) -> list[Lot]:
    """The lots whose certificates do not reach this one, since other lots were mixed in on the way."""
    upstream = list_upstream_lots(session, lot.id)
    parents = list_parents(session, [lot.id, *(each.id for each in upstream)])
    unmixed, reached = [lot.id], {lot.id}
    while unmixed:
        above = parents[unmixed.pop()]
        if len(above) == 1:
            unmixed.append(above[0].id)
            reached.add(above[0].id)
    return [each for each in upstream if each.id not in reached]


def _is_meat(session: Session, lot: Lot) -> bool:
    """The way it came says so, whatever it is called and whichever product it is for; or it is meat for that product from the start."""
    if lot.unit is Unit.HEAD:
        return False
    needed = get_product(session, lot.product_sku).needs if lot.product_sku else ()
    return DocumentKind.MEAT_INSPECTION.value in needed or was_slaughtered(session, lot)
