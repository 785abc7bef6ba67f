"""What every step shares: take from the inputs, write new lots with edges, shares and yields, and say so in one event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Place
from catalog.parties.queries import get_place
from catalog.parties.roles import Actor, Role
from catalog.products.models import Product
from catalog.products.queries import get_product
from kernel import clock
from kernel.errors import Conflict, Invalid
from kernel.ids import new_code, uuid7
from kernel.quantity import Quantity
from traceability.lots import accounting, describing, shares, yields
from traceability.lots.balancing import in_unit_of, lock_lots, take
from traceability.lots.gating import find_lost_certificates
from traceability.lots.models import Lot, LotEdge, LotShare, LotYield, YieldRule
from traceability.lots.photographing import Photo, commit_to, find_owner, keep_photo
from traceability.lots.queries import is_blocked, list_raw_materials, list_upstream_households
from traceability.lots.states import Custody, Flow, LotKind, Step

Input = tuple[UUID, Quantity]
EXACT_STEPS = frozenset({Step.MIXING, Step.SPLITTING, Step.PACKING})
"""They give exactly what went in; no county needs to say so."""


@dataclass(frozen=True)
class OutputDraft:
    """One thing that comes out of a step. A yield is units of output for one unit of input, e.g. 16 to 22 kg of carcass for one sheep."""

    material: str
    quantity: Quantity
    yield_low: Decimal
    yield_high: Decimal
    by_product: bool = False
    product_sku: str | None = None
    expires_on: date | None = None
    lot_code: str | None = None  # when it was written down before we heard of it


@dataclass(frozen=True)
class Signature:
    """The second person who answers for a step outside its range, in which role, and the reason that was given."""

    by: str
    role: Role
    reason: str


def begin(session: Session, actor: Actor, inputs: Sequence[Input], at: datetime) -> list[tuple[Lot, Quantity]]:
    """Lock the inputs and check that they may be worked on together; quantities in the lots' own units."""
    if not inputs or len({lot_id for lot_id, _ in inputs}) != len(inputs):
        raise Invalid("请选择要投入的批次，每个批次只选一次。", field="inputs")
    lots = lock_lots(session, (lot_id for lot_id, _ in inputs))
    first = lots[inputs[0][0]]
    actor.must_any({Role.clerk: first.organization_id, Role.packer: first.organization_id, Role.operator: None})
    if any(lot.organization_id != first.organization_id for lot in lots.values()):
        raise Invalid("只能一起投入同一单位的批次。", field="inputs")
    if len({lot.county_code for lot in lots.values()}) > 1:
        raise Invalid("不同县的批次不能混在一起，否则说不清产地。", field="inputs")
    if len({lot.unit for lot in lots.values()}) > 1:
        raise Invalid("一起投入的批次要按同一种单位计量。", field="inputs")
    if any(lot.kind is LotKind.PACK for lot in lots.values()):
        # Boxes lie on a shelf of the floor above, and each has a serial: used up here, both would still offer them for sale.
        raise Invalid("装好盒的批次不能再加工或合并。", field="inputs")
    for lot in lots.values():
        if blocked := is_blocked(session, lot.id, clock.today_shanghai(at)):
            raise Conflict("批次 %(code)s 不能投入：%(reason)s", params={"code": lot.code, "reason": blocked}, field="inputs")
    return [(lots[lot_id], in_unit_of(lots[lot_id], quantity)) for lot_id, quantity in inputs]


def finish(
    session: Session,
    actor: Actor,
    step: Step,
    taken: Sequence[tuple[Lot, Quantity]],
    made: Sequence[tuple[OutputDraft, LotKind, Quantity]],
    place_id: UUID | None,
    at: datetime,
    rules: Sequence[YieldRule] = (),
    signature: Signature | None = None,
    recorded_at: datetime | None = None,
    photo: Photo | None = None,
) -> list[Lot]:
    """Take the inputs and write new lots with edges, shares, yields and the one event that says so.

    ``made`` gives for each output its kind and its quantity in the unit of lots; yields were checked by the caller, by these ``rules``.
    Raises Invalid when an output is for a product that is made of something else, or carries a certificate that an input does not.
    ``recorded_at`` is given when it is entered later than it was done.
    """
    at = accounting.settle_moment(session, (lot for lot, _ in taken), at)
    recorded_at = max(recorded_at or at, at)
    for sku in sorted({draft.product_sku for draft, _, _ in made if draft.product_sku}):
        product = get_product(session, sku)
        must_be_made_of(product, list_raw_materials(session, [lot.id for lot, _ in taken]))
        must_carry_certificates(session, product, [lot for lot, _ in taken])
    for lot, quantity in taken:
        # Boxes are opened where they lie; anything else leaves the place where it was made.
        lies_at = place_id if lot.kind is LotKind.PACK else None
        take(session, lot.id, quantity.amount, "used", at, place_id=lies_at)
    place = get_place(session, place_id) if place_id else None
    lots = [_make(session, taken[0][0], draft, kind, quantity, place, at) for draft, kind, quantity in made]
    custodies = {lot.custody for lot, _ in taken}
    for lot in lots:
        lot.created_at = recorded_at
        lot.custody = Custody.MASS_BALANCE if Custody.MASS_BALANCE in custodies else Custody.SEGREGATED
        lot.certifiable = all(parent.certifiable for parent, _ in taken)
    session.add_all(lots)
    session.flush()
    for lot in sorted(lots, key=lambda lot: lot.material):  # two steps open the same accounts in the same order
        accounting.bring(session, lot, Flow.MADE, lot.made, at)
    _share(session, taken, lots)
    signed_as = signature.role.value if signature else ""
    owner = find_owner(session, [lot.id for lot, _ in taken]) if photo else None
    event = describing.say_of_step(
        session,
        actor,
        step=step,
        place=place,
        inputs=taken,
        outputs=lots,
        at=at,
        signed_as=signed_as,
        private=commit_to(photo, owner),
        recorded_at=recorded_at,
    )
    keep_photo(session, actor, photo, event_id=event.id, household_id=owner, at=recorded_at)
    given_of = yields.totals([draft for draft, _, _ in made])
    for lot, (draft, kind, _) in zip(lots, made, strict=True):
        for parent, quantity in taken:
            session.add(
                LotEdge(from_lot_id=parent.id, to_lot_id=lot.id, quantity=quantity.amount, unit=quantity.unit, event_id=event.id)
            )
        if kind is not LotKind.PACK:
            row = _yield_of(lot, draft, step, taken, given_of[yields.name_of(draft)], rules)
            row.event_id, row.typed_by = event.id, actor.label
            if signature is not None:
                row.reason, row.signed_by, row.signed_as = signature.reason, signature.by, signed_as
            session.add(row)
    session.flush()
    return lots


def must_be_made_of(product: Product, materials: Sequence[str]) -> None:
    """What households brought for a lot is what the product is made of: no step and no name in between turns sheep into apples.

    Raises Invalid.
    """
    if strange := sorted(set(materials) - set(product.materials)):
        raise Invalid(
            "“%(name)s”的原料是“%(right)s”，不能用“%(wrong)s”做。",
            params={"name": product.name, "right": "、".join(product.materials), "wrong": "、".join(strange)},
            field="product_sku",
        )


def must_carry_certificates(session: Session, product: Product, lots: Sequence[Lot]) -> None:
    """A product with a certificate is made only of goods that carry it, all of them. Raises Invalid."""
    for lost in find_lost_certificates(session, product, lots):
        raise Invalid(lost.reason, params=lost.params, field="product_sku")


def _make(
    session: Session, parent: Lot, draft: OutputDraft, kind: LotKind, quantity: Quantity, place: Place | None, at: datetime
) -> Lot:
    if not draft.material.strip():
        raise Invalid("请填写产出的名称。", field="material")
    product = get_product(session, draft.product_sku) if draft.product_sku else None
    return Lot(
        id=uuid7(),
        code=draft.lot_code or new_code("LOT"),
        kind=kind,
        product_sku=draft.product_sku,
        gtin=product.gtin if product else None,
        material=draft.material.strip()[:80],
        organization_id=parent.organization_id,
        place_id=place.id if place else parent.place_id,
        county_code=parent.county_code,
        unit=quantity.unit,
        made=quantity.amount,
        produced_on=clock.today_shanghai(at),
        expires_on=draft.expires_on,
        created_at=at,
    )


def _share(session: Session, taken: Sequence[tuple[Lot, Quantity]], lots: Sequence[Lot]) -> None:
    parts = [(quantity.amount, dict(list_upstream_households(session, lot.id))) for lot, quantity in taken]
    mixed = shares.mix(parts)
    rows = [{"lot_id": lot.id, "household_id": household, "share": share} for lot in lots for household, share in mixed.items()]
    session.execute(insert(LotShare), rows)


def _yield_of(
    lot: Lot,
    draft: OutputDraft,
    step: Step,
    taken: Sequence[tuple[Lot, Quantity]],
    given: Decimal,
    rules: Sequence[YieldRule],
) -> LotYield:
    unit = taken[0][1].unit
    rule = yields.credible(draft, unit, rules) if step not in EXACT_STEPS else None
    return LotYield(
        lot_id=lot.id,
        step=step,
        taken=sum((quantity.amount for _, quantity in taken), Decimal(0)),
        taken_unit=unit,
        given=given,
        given_unit=lot.unit,
        yield_low=draft.yield_low,
        yield_high=draft.yield_high,
        rule_high=rule[1] if rule else None,
    )
