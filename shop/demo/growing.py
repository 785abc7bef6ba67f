"""The demo's histories: households deliver, the cooperative makes lots, boxes get serials and go on the shelf. All through the real acts.

Amounts are worked backwards from the boxes wanted, with yields that are ordinary for the step. Every history ends some days before the
moment of loading, so that what is fresh is fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.issuing import PromiseBasis
from catalog.documents.models import DocumentKind, SubjectKind
from catalog.documents.numbers import NumberKind, make_demo_number
from catalog.parties.models import SYSTEM, Actor, Household, Organization, Place, Role
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from logistics.stock.receiving import receive_pack_lot
from shop.demo.catalogue import SampleProduct
from traceability.lots import promising, serialising
from traceability.lots.harvesting import DeliveryDraft, mark_paid, record_delivery
from traceability.lots.mixing import mix_lots
from traceability.lots.models import Lot, TradeItem
from traceability.lots.processing import OutputDraft, pack_lot, process_lot
from traceability.lots.states import Step
from traceability.pallets.aggregating import close_case, stack_pallet

BOXES = 36
FULL_BOXES = 60
CASE_BOXES = 12
STACKED = ("P001", "P002", "P003")
"""Products of which some boxes lie in cases on a pallet."""
STEPS = {
    "茶叶": Step.ROASTING, "代用茶": Step.DRYING, "咖啡": Step.ROASTING, "食用油": Step.PRESSING, "食用菌": Step.DRYING,
    "干货": Step.DRYING, "调味香料": Step.DRYING, "坚果": Step.DRYING, "粮食": Step.MILLING, "杂粮": Step.MILLING,
    "粮油制品": Step.MILLING, "饮料": Step.PRESSING, "肉制品": Step.PROCESSING, "乳制品": Step.PROCESSING,
}  # fmt: skip
DONE = Decimal("0.9")


@dataclass(frozen=True)
class Plan:
    """What one history is made of. ``start`` is when the first household delivers; each later step follows on."""

    product: Product
    sample: SampleProduct
    cooperative: Organization
    households: Sequence[Household]
    hub: Place
    boxes: int
    start: datetime

    @property
    def actor(self) -> Actor:
        """The cooperative's demo clerk."""
        roles = {self.cooperative.id: frozenset({Role.clerk, Role.packer})}
        return Actor(person_id=None, name="示例经办", roles=roles, label="示例经办")


def grow(session: Session, plan: Plan) -> Lot:
    """One whole history up to boxes on the shelf; returns the pack lot."""
    chain = _slaughter_chain if plan.sample.category == "肉类" else _harvest_chain
    return _pack(session, plan, chain(session, plan))


def _kg(amount: Decimal) -> Quantity:
    return Quantity(amount.quantize(Decimal("0.1")), Unit.KG)


def is_liquid(sample: SampleProduct) -> bool:
    """Whether it is pressed: kilograms go in, litres come out."""
    return sample.unit in (Unit.L, Unit.ML)


def step_of(sample: SampleProduct) -> Step:
    """What is done with the harvest before it is packed."""
    return STEPS.get(sample.category, Step.SORTING)


def _harvest_chain(session: Session, plan: Plan) -> Lot:
    sample, liquid = plan.sample, is_liquid(plan.sample)
    needed = (Quantity(sample.amount, sample.unit) * plan.boxes).to(Unit.L if liquid else Unit.KG, places=6)
    delivered = (needed.amount / (Decimal("0.4") if liquid else DONE)).quantize(Decimal("0.1"), ROUND_UP)
    lots = _deliver(session, plan, Quantity(delivered, Unit.KG))
    mixed = mix_lots(
        session, plan.actor, inputs=lots, material=sample.material, product_sku=sample.sku, at=plan.start + timedelta(hours=9)
    )
    output = OutputDraft(
        sample.name, needed, Decimal("0.3") if liquid else Decimal("0.8"), Decimal("0.5") if liquid else Decimal(1),
        product_sku=sample.sku,
    )  # fmt: skip
    made = process_lot(
        session,
        plan.actor,
        step=step_of(sample),
        inputs=[(mixed.id, mixed.left)],
        outputs=[output],
        place_id=None,
        at=plan.start + timedelta(hours=14),
    )[0]
    if DocumentKind.PROMISE_CERTIFICATE in sample.papers:
        promising.promise_lot(
            session,
            plan.actor,
            lot_code=made.code,
            basis=[PromiseBasis.QUALITY_CONTROL],
            origin=sample.county,
            at=plan.start + timedelta(hours=15),
        )
    return made


def _deliver(session: Session, plan: Plan, whole: Quantity) -> list[tuple[UUID, Quantity]]:
    """Every household brings its part; most are paid the next day."""
    parts = Money(int(whole.amount * 10)).split([10 + number % 4 for number in range(len(plan.households))])
    value = Money(int(plan.sample.price_fen * plan.boxes * 45 // 100)).split([part.minor for part in parts])
    lots = []
    for number, (household, part, price) in enumerate(zip(plan.households, parts, value, strict=True)):
        at = plan.start + timedelta(minutes=11 * number)
        amount = Quantity(Decimal(part.minor) / 10, Unit.KG)
        draft = DeliveryDraft(
            plan.cooperative.id, household.id, plan.sample.material, amount, price, grade="一级", product_sku=plan.sample.sku
        )
        delivery = record_delivery(session, plan.actor, draft, at)
        if number % 5 != 4:
            mark_paid(session, plan.actor, delivery_id=delivery.id, at=at + timedelta(days=1))
        lots.append((delivery.lot_id, amount))
    return lots


@dataclass(frozen=True)
class Animal:
    """How a kind of animal is counted: first digit of its ear tag, carcass kilograms of one and what the county holds credible, and the
    cut that is sold.
    """

    digit: str
    carcass: Decimal
    credible: tuple[Decimal, Decimal]
    cut: str
    share: Decimal


ANIMALS = {
    "羊": Animal("3", Decimal("17.8"), (Decimal(14), Decimal(24)), "羊腿", Decimal("0.32")),
    "牛": Animal("2", Decimal("160"), (Decimal(110), Decimal(260)), "牛肉", Decimal("0.55")),
    "猪": Animal("1", Decimal("72"), (Decimal(55), Decimal(95)), "猪肉", Decimal("0.55")),
}
HIDE = "皮张"
OIL = (Decimal("0.25"), Decimal("0.55"))  # litres of juice or oil that one kilogram gives


def animal_of(sample: SampleProduct) -> Animal:
    """The kind of animal a meat comes from."""
    return next((animal for sign, animal in ANIMALS.items() if sign in sample.name), ANIMALS["羊"])


def _slaughter_chain(session: Session, plan: Plan) -> Lot:
    """By head with ear tags → licensed slaughter → cutting into several outputs → freezing."""
    animal, sample = animal_of(plan.sample), plan.sample
    needed = (Quantity(sample.amount, sample.unit) * plan.boxes).to(Unit.KG, places=6).amount
    heads = max(int((needed / animal.share / animal.carcass / DONE).to_integral_value(ROUND_UP)), len(plan.households))
    if animal.digit == "3":
        heads = max(heads, 42)
    lots = _deliver_heads(session, plan, animal, heads)
    for lot_id, _ in lots:
        _lot_paper(session, plan, DocumentKind.ANIMAL_QUARANTINE, session.get_one(Lot, lot_id).code, plan.start)
    carcass = animal.carcass * heads
    slaughtered = process_lot(
        session,
        plan.actor,
        step=Step.SLAUGHTERING,
        inputs=lots,
        outputs=[
            OutputDraft(
                f"{sample.material}胴体", Quantity(carcass, Unit.KG), animal.carcass * DONE, animal.carcass * Decimal("1.15"),
                product_sku=sample.sku,
            ),
            OutputDraft(HIDE, Quantity(Decimal(heads), Unit.PIECE), DONE, Decimal(1), by_product=True),
        ],
        place_id=None,
        at=plan.start + timedelta(hours=20),
    )  # fmt: skip
    _lot_paper(session, plan, DocumentKind.MEAT_INSPECTION, slaughtered[0].code, plan.start + timedelta(hours=21))
    wanted = _kg(carcass * animal.share)
    rest = OutputDraft("其余分割肉", _kg(carcass * Decimal("0.36")), Decimal("0.2"), Decimal("0.5"))
    bones = OutputDraft("骨", _kg(carcass * Decimal("0.08")), Decimal(0), Decimal("0.2"), by_product=True)
    cut = process_lot(
        session,
        plan.actor,
        step=Step.CUTTING,
        inputs=[(slaughtered[0].id, slaughtered[0].left)],
        outputs=[OutputDraft(animal.cut, wanted, Decimal("0.25"), Decimal("0.6"), product_sku=sample.sku), rest, bones],
        place_id=None,
        at=plan.start + timedelta(hours=44),
    )[0]
    frozen = Quantity(wanted.amount * Decimal("0.98"), Unit.KG)
    return process_lot(
        session,
        plan.actor,
        step=Step.FREEZING,
        inputs=[(cut.id, cut.left)],
        outputs=[OutputDraft(f"速冻{animal.cut}", frozen, Decimal("0.95"), Decimal(1), product_sku=sample.sku)],
        place_id=None,
        at=plan.start + timedelta(hours=47),
    )[0]


def _deliver_heads(session: Session, plan: Plan, animal: Animal, heads: int) -> list[tuple[UUID, Quantity]]:
    counts = [heads // len(plan.households) + (number < heads % len(plan.households)) for number in range(len(plan.households))]
    value = Money(int(plan.sample.price_fen * plan.boxes * 62 // 100)).split(counts)
    first = int(plan.sample.sku[1:]) * 1_000_000 + plan.start.toordinal() % 10_000 * 100
    lots, used = [], 0
    for number, (household, count, price) in enumerate(zip(plan.households, counts, value, strict=True)):
        if count == 0:
            continue
        tags = [f"{animal.digit}{plan.sample.county_code}{first + used + place:08d}" for place in range(count)]
        used += count
        at = plan.start + timedelta(minutes=11 * number)
        draft = DeliveryDraft(
            plan.cooperative.id, household.id, plan.sample.material, Quantity(Decimal(count), Unit.HEAD), price, ear_tags=tags,
            product_sku=plan.sample.sku,
        )  # fmt: skip
        delivery = record_delivery(session, plan.actor, draft, at)
        if number % 5 != 4:
            mark_paid(session, plan.actor, delivery_id=delivery.id, at=at + timedelta(days=1))
        lots.append((delivery.lot_id, Quantity(Decimal(count), Unit.HEAD)))
    return lots


def _lot_paper(session: Session, plan: Plan, kind: DocumentKind, lot_code: str, at: datetime) -> None:
    today = today_shanghai(at)
    issuing.record_document(
        session,
        SYSTEM,
        kind=kind,
        number=make_demo_number(NumberKind.QUARANTINE, int.from_bytes(lot_code.encode()[-3:], "big") % 1_000_000),
        subject_kind=SubjectKind.LOT,
        subject_code=lot_code,
        issuer="示例动物卫生监督机构" if kind is DocumentKind.ANIMAL_QUARANTINE else plan.cooperative.name,
        issued_on=today,
        valid_from=today,
        valid_to=today + timedelta(days=plan.sample.shelf_life_days + 30),
        demo=True,
        at=at,
    )


def _pack(session: Session, plan: Plan, bulk: Lot) -> Lot:
    at = bulk.created_at + timedelta(hours=6)
    lot = pack_lot(
        session,
        plan.actor,
        lot_id=bulk.id,
        product_sku=plan.sample.sku,
        boxes=plan.boxes,
        box=Quantity(plan.sample.amount, plan.sample.unit),
        expires_on=None,
        at=at,
    )
    serials = list(session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == lot.id).order_by(TradeItem.id)))
    serialising.mark_printed(session, plan.actor, lot_id=lot.id, serials=serials, at=at + timedelta(minutes=20))
    serialising.activate_items(session, plan.actor, lot_id=lot.id, serials=serials, at=at + timedelta(minutes=50))
    receive_pack_lot(session, SYSTEM, lot.id, plan.hub.id, plan.boxes, at + timedelta(hours=8))
    if plan.sample.sku in STACKED:
        _stack(session, plan, serials[-2 * CASE_BOXES :], at + timedelta(hours=9))
    return lot


def _stack(session: Session, plan: Plan, serials: Sequence[str], at: datetime) -> None:
    """Two cases on a pallet, of the boxes that are sold last."""
    parts = (serials[:CASE_BOXES], serials[CASE_BOXES:])
    cases = [close_case(session, SYSTEM, place_id=plan.hub.id, serials=part, at=at).name for part in parts]
    stack_pallet(session, SYSTEM, place_id=plan.hub.id, codes=cases, at=at)
