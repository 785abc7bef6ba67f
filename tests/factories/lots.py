"""Valid rows of lots, through the acts: a delivery, a pack lot of any product, and a whole chain from household to box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from catalog.documents.issuing import PromiseBasis, issue_promise_certificate
from catalog.documents.models import DocumentKind, SubjectKind
from catalog.parties.models import SYSTEM, Actor, Household, Organization, OrganizationKind, Place, PlaceKind, Role
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import (
    AT,
    BEGIN,
    YANCHI,
    make_actor,
    make_document,
    make_household,
    make_organization,
    make_place,
    make_product,
)
from traceability.lots import harvesting, mixing, processing, ruling, serialising
from traceability.lots.models import HouseholdDelivery, Lot, TradeItem
from traceability.lots.queries import find_capacity_rule, list_items, list_yield_rules
from traceability.lots.states import Basis, Step

SHEEP = "滩羊（活羊）"
APPLES = "苹果"

_tags = count(1)


def kg(amount: int | str | Decimal) -> Quantity:
    """So many kilograms."""
    return Quantity(Decimal(amount), Unit.KG)


def heads(amount: int) -> Quantity:
    """So many head."""
    return Quantity(Decimal(amount), Unit.HEAD)


def make_ear_tags(number: int, county: str = YANCHI) -> list[str]:
    """Ear tags of sheep nobody has delivered yet."""
    return [f"3{county}{next(_tags):08d}" for _ in range(number)]


def make_capacity(
    session: Session, material: str, unit: Unit, per_basis: int | str = 100_000, basis: Basis = Basis.LAND_MU, county: str = YANCHI
) -> None:
    """A capacity rule for the material, unless there is one."""
    if find_capacity_rule(session, county, material, BEGIN) is None:
        ruling.set_capacity_rule(
            session,
            SYSTEM,
            material=material,
            basis=basis,
            per_basis=Decimal(per_basis),
            unit=unit,
            valid_from=BEGIN,
            county_code=county,
        )


def make_yield(
    session: Session,
    material: str,
    low: int | str,
    high: int | str,
    *,
    unit: Unit = Unit.KG,
    per_unit: Unit = Unit.HEAD,
    step: Step = Step.SLAUGHTERING,
    county: str = YANCHI,
) -> None:
    """A county's rule of what a step can give, unless there is one."""
    known = list_yield_rules(session, step, BEGIN, county)
    if not any((rule.material, rule.unit, rule.per_unit) == (material, unit, per_unit) for rule in known):
        ruling.set_yield_rule(
            session,
            SYSTEM,
            step=step,
            material=material,
            low=Decimal(low),
            high=Decimal(high),
            unit=unit,
            per_unit=per_unit,
            valid_from=BEGIN,
            county_code=county,
        )


def make_delivery(
    session: Session,
    household: Household | None = None,
    quantity: Quantity | None = None,
    *,
    material: str = APPLES,
    at: datetime = AT,
    actor: Actor = SYSTEM,
    **over: Any,
) -> HouseholdDelivery:
    """A delivery (100 kg of apples); livestock by head gets fresh ear tags."""
    household = household or make_household(session, at=at)
    quantity = kg(100) if quantity is None else quantity
    live = quantity.unit is Unit.HEAD
    make_capacity(
        session, material, quantity.unit, "1" if live else 100_000, Basis.HEADS if live else Basis.LAND_MU, household.county_code
    )
    values: dict[str, Any] = {
        "organization_id": household.cooperative_id,
        "household_id": household.id,
        "material": material,
        "quantity": quantity,
        "agreed_price": Money(100_000),
        "ear_tags": make_ear_tags(int(quantity.amount), household.county_code) if live else (),
    }
    return harvesting.record_delivery(session, actor, harvesting.DeliveryDraft(**(values | over)), at)


def make_lot(session: Session, quantity: Quantity | None = None, *, at: datetime = AT, **over: Any) -> Lot:
    """A lot of one delivery (100 kg of apples)."""
    return session.get_one(Lot, make_delivery(session, quantity=quantity, at=at, **over).lot_id)


def make_lot_papers(session: Session, product: Product, lot: Lot, *, at: datetime = AT) -> None:
    """Every paper of a lot that the product needs."""
    for kind in (DocumentKind.ANIMAL_QUARANTINE, DocumentKind.MEAT_INSPECTION):
        if kind.value in product.needs:
            make_document(session, kind, SubjectKind.LOT, lot.code, at=at)
    if DocumentKind.PROMISE_CERTIFICATE.value in product.needs:
        issue_promise_certificate(
            session,
            SYSTEM,
            lot_code=lot.code,
            product_name=product.name,
            quantity=Quantity(lot.made, lot.unit),
            origin="示例县",
            basis=[PromiseBasis.QUALITY_CONTROL],
            organization_id=lot.organization_id,
            at=at,
        )


def activate(session: Session, lot: Lot, *, at: datetime = AT) -> list[TradeItem]:
    """Print and activate every label of a pack lot."""
    items = list(list_items(session, lot.id, limit=processing.MOST_BOXES))
    serials = [item.serial for item in items]
    serialising.mark_printed(session, SYSTEM, lot_id=lot.id, serials=serials, at=at)
    serialising.activate_items(session, SYSTEM, lot_id=lot.id, serials=serials, at=at)
    return items


def make_pack_lot(
    session: Session,
    product: Product | None = None,
    *,
    boxes: int = 10,
    households: int = 1,
    at: datetime = AT,
    expires_on: date | None = None,
    activated: bool = True,
    papers: bool = True,
) -> Lot:
    """A pack lot of a product by the short way: households deliver, the lots are mixed, boxes are packed, labels activated."""
    product = product or make_product(session, at=at)
    cooperative = session.get_one(Organization, product.cooperative_id)
    box = Quantity(product.pack_amount, product.pack_unit)
    each = Quantity(box.amount * boxes, box.unit)
    material = product.materials[0]
    found = [
        make_delivery(
            session, make_household(session, cooperative, county_code=product.county_code, at=at), each, material=material, at=at
        )
        for _ in range(households)
    ]
    lots = [session.get_one(Lot, delivery.lot_id) for delivery in found]
    raw = lots[0]
    if len(lots) > 1:
        raw = mixing.mix_lots(
            session, SYSTEM, inputs=[(lot.id, Quantity(lot.made, lot.unit)) for lot in lots], material=material, at=at
        )
    lot = processing.pack_lot(
        session, SYSTEM, lot_id=raw.id, product_sku=product.sku, boxes=boxes, box=box, expires_on=expires_on, at=at
    )
    if papers:
        make_lot_papers(session, product, lot, at=at)
    if activated:
        activate(session, lot, at=at)
    return lot


@dataclass
class Chain:
    """滩羊 from households to boxes of leg, with everything in between."""

    cooperative: Organization
    clerk: Actor
    slaughterhouse: Place
    households: list[Household]
    deliveries: list[HouseholdDelivery]
    live: Lot
    carcass: Lot
    hides: Lot
    leg: Lot
    trimmings: Lot
    frozen: Lot
    pack: Lot
    product: Product
    items: list[TradeItem]

    @property
    def serials(self) -> list[str]:
        """Serials of the boxes in the order they were made."""
        return [item.serial for item in self.items]


def make_chain(
    session: Session,
    *,
    sheep: Sequence[int] = (2, 3, 5),
    boxes: int = 10,
    at: datetime = AT,
    activated: bool = True,
    papers: bool = True,
    **product_over: Any,
) -> Chain:
    """Households deliver ``sheep`` head each; slaughter, cutting, freezing, then ``boxes`` of 1 kg leg (at most 3 kg a head)."""
    cooperative = make_organization(session, at=at)
    clerk = make_actor(session, Role.clerk, cooperative, at=at)
    house = make_organization(session, OrganizationKind.SLAUGHTERHOUSE, at=at)
    place = make_place(session, house, name="示例定点屠宰厂", kind=PlaceKind.SLAUGHTERHOUSE)
    needs = [
        DocumentKind.BUSINESS_LICENCE,
        DocumentKind.SLAUGHTER_LICENCE,
        DocumentKind.ANIMAL_QUARANTINE,
        DocumentKind.MEAT_INSPECTION,
    ]
    product = make_product(
        session, cooperative, at=at, **({"needs": needs, "processor_id": house.id, "materials": [SHEEP]} | product_over)
    )
    households = [make_household(session, cooperative, at=at) for _ in sheep]
    deliveries = [
        make_delivery(session, household, heads(number), material=SHEEP, actor=clerk, at=at)
        for household, number in zip(households, sheep, strict=True)
    ]
    count_ = sum(sheep)
    live = mixing.mix_lots(
        session,
        clerk,
        inputs=[(delivery.lot_id, heads(number)) for delivery, number in zip(deliveries, sheep, strict=True)],
        material=SHEEP,
        at=at,
    )
    make_yield(session, "滩羊胴体", 14, 24)
    make_yield(session, "羊皮", 0, 1, unit=Unit.PIECE)
    draft = processing.OutputDraft
    carcass, hides = processing.process_lot(
        session,
        clerk,
        step=Step.SLAUGHTERING,
        inputs=[(live.id, heads(count_))],
        outputs=[
            draft("滩羊胴体", kg(18 * count_), Decimal(14), Decimal(24)),
            draft("羊皮", Quantity(Decimal(count_), Unit.PIECE), Decimal(1), Decimal(1), by_product=True),
        ],
        place_id=place.id,
        at=at,
    )
    leg, trimmings = processing.process_lot(
        session,
        clerk,
        step=Step.CUTTING,
        inputs=[(carcass.id, kg(18 * count_))],
        outputs=[
            draft("羊腿切块", kg(6 * count_), Decimal("0.25"), Decimal("0.4")),
            draft("碎肉", kg(8 * count_), Decimal("0.3"), Decimal("0.5"), by_product=True),
        ],
        place_id=place.id,
        at=at,
    )
    (frozen,) = processing.process_lot(
        session,
        clerk,
        step=Step.FREEZING,
        inputs=[(leg.id, kg(6 * count_))],
        outputs=[draft("冷冻羊腿切块", kg(5 * count_), Decimal("0.8"), Decimal(1))],
        place_id=place.id,
        at=at,
    )
    pack = processing.pack_lot(
        session,
        clerk,
        lot_id=frozen.id,
        product_sku=product.sku,
        boxes=boxes,
        box=Quantity(product.pack_amount, product.pack_unit),
        expires_on=None,
        place_id=place.id,
        at=at,
    )
    if papers:
        make_document(session, DocumentKind.ANIMAL_QUARANTINE, SubjectKind.LOT, live.code, at=at)
        make_document(session, DocumentKind.MEAT_INSPECTION, SubjectKind.LOT, carcass.code, at=at)
    items = activate(session, pack, at=at) if activated else list(list_items(session, pack.id, limit=boxes))
    assert pack.produced_on == today_shanghai(at)
    return Chain(
        cooperative, clerk, place, households, deliveries, live, carcass, hides, leg, trimmings, frozen, pack, product, items
    )
