"""Steps that turn lots into other things: slaughter, cutting, freezing, drying …, and packing into boxes.

What comes out is bounded three ways: each output by its yield range (declared, within what the county holds credible), all outputs
together by the mass that went in, and every input by what is left of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from catalog.products.models import Product
from catalog.products.queries import get_product
from kernel import clock
from kernel.errors import Forbidden, Invalid
from kernel.ids import new_serial, uuid7
from kernel.quantity import Quantity, Unit, plain
from traceability.lots import yields
from traceability.lots.models import Lot, TradeItem
from traceability.lots.photographing import Photo
from traceability.lots.queries import list_yield_rules
from traceability.lots.states import ItemState, LotKind, Step
from traceability.lots.transforming import Input, OutputDraft, Signature, begin, finish
from traceability.lots.units import in_standard_unit

__all__ = ["MOST_BOXES", "Input", "OutputDraft", "pack_lot", "process_lot"]

MOST_BOXES = 20_000


def process_lot(
    session: Session,
    actor: Actor,
    *,
    step: Step,
    inputs: Sequence[Input],
    outputs: Sequence[OutputDraft],
    place_id: UUID | None,
    at: datetime,
    recorded_at: datetime | None = None,
    signature: Signature | None = None,
    photo: Photo | None = None,
) -> list[Lot]:
    """Turn so much of some lots into new lots, perhaps in another unit; by-products are lots too.

    Clerks and packers of the owner, and the operator, may. Outside its yields a step needs the ``signature`` of a second person
    (``signing`` gets it), above what the county holds credible that of a county officer. ``at`` is when the work was done,
    ``recorded_at`` when we heard of it, if later. Raises Forbidden, NotFound, OffYield, Invalid
    (different owners, counties or measures, nothing comes out), Conflict (less is left, recalled, expired).
    """
    if not outputs:
        raise Invalid("请填写至少一种产出。", field="outputs")
    taken = begin(session, actor, inputs, at)
    rules = list_yield_rules(session, step, clock.today_shanghai(at), taken[0][0].county_code)
    deviations = yields.find_deviations([quantity for _, quantity in taken], outputs, rules)
    if deviations and signature is None:
        raise yields.OffYield(deviations)
    if signature is not None and signature.role is not Role.county_officer and any(d.county_only for d in deviations):
        raise Forbidden("超过核定出品率或还没有核定的产出只能由县里签字。")
    kinds = [LotKind.BY_PRODUCT if output.by_product else LotKind.PROCESSED for output in outputs]
    made = [(output, kind, in_standard_unit(output.quantity)) for output, kind in zip(outputs, kinds, strict=True)]
    given = signature if deviations else None
    return finish(session, actor, step, taken, made, place_id, at, rules, given, recorded_at=recorded_at, photo=photo)


def pack_lot(
    session: Session,
    actor: Actor,
    *,
    lot_id: UUID,
    product_sku: str,
    boxes: int,
    box: Quantity,
    expires_on: date | None,
    at: datetime,
    place_id: UUID | None = None,
    photo: Photo | None = None,
) -> Lot:
    """Pack so many boxes of ``box`` each; every box gets a serial number of its own, its label is not yet printed.

    Without ``expires_on`` the product's shelf life counts, and nothing keeps longer than what it was packed from. Raises as
    ``process_lot``, and Invalid when the product grows in another county or cooperative than the lot, the lot was made for another
    product, its pack holds another amount, or ``expires_on`` is later than its shelf life allows.
    """
    if not 1 <= boxes <= MOST_BOXES:
        raise Invalid("盒数应在 1 至 %(most)s 之间。", params={"most": MOST_BOXES}, field="boxes")
    product = get_product(session, product_sku)
    taken = begin(session, actor, [(lot_id, box * boxes)], at)
    source = taken[0][0]
    _check_product(product, source, box)
    until = _expiry(product, source, expires_on, clock.today_shanghai(at))
    count = Quantity(Decimal(boxes), Unit.BOX)
    output = OutputDraft(product.name, count, Decimal(1), Decimal(1), product_sku=product_sku, expires_on=until)
    lot = finish(session, actor, Step.PACKING, taken, [(output, LotKind.PACK, count)], place_id, at, photo=photo)[0]
    lot.gtin, lot.box_amount, lot.box_unit = product.gtin, box.amount, box.unit
    rows = [
        {"id": uuid7(), "serial": new_serial(), "gtin": product.gtin, "lot_id": lot.id, "state": ItemState.MADE}
        for _ in range(boxes)
    ]
    session.execute(insert(TradeItem), rows)
    return lot


def _expiry(product: Product, source: Lot, wished: date | None, today: date) -> date:
    """The last day of boxes packed today."""
    latest = today + timedelta(days=product.shelf_life_days)
    if source.expires_on is not None:
        latest = min(latest, source.expires_on)
    if wished is not None and wished <= today:
        raise Invalid("保质期到期日要晚于今天。", field="expires_on")
    if wished is not None and wished > latest:
        raise Invalid("保质期到期日最晚是 %(latest)s，请核对。", params={"latest": f"{latest}"}, field="expires_on")
    return wished or latest


def _check_product(product: Product, lot: Lot, box: Quantity) -> None:
    if lot.county_code != product.county_code or lot.organization_id not in (product.cooperative_id, product.processor_id):
        raise Invalid(
            "批次 %(code)s 不是“%(name)s”的产地或合作社出的，不能用它包装。",
            params={"code": lot.code, "name": product.name},
            field="product_sku",
        )
    if lot.product_sku not in (None, product.sku):
        raise Invalid(
            "批次 %(code)s（%(material)s）是为另一种产品做的，不能装成“%(name)s”。",
            params={"code": lot.code, "material": lot.material, "name": product.name},
            field="product_sku",
        )
    pack = Quantity(product.pack_amount, product.pack_unit)
    if pack != box:
        raise Invalid(
            "“%(name)s”每盒应装 %(pack)s %(unit)s。",
            params={"name": product.name, "pack": plain(pack.amount), "unit": pack.unit.label},
            field="box",
        )
