"""A household brings its harvest: one delivery, one lot, one slip; never more than its land, herd or hives can bear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.parties.queries import get_household
from catalog.parties.roles import Actor, Role
from catalog.products.queries import get_product
from kernel import clock
from kernel.errors import Conflict, Invalid
from kernel.ids import new_code, uuid7
from kernel.money import Money
from kernel.quantity import Quantity, Unit, plain
from traceability.events.vocabulary import Action
from traceability.lots import describing
from traceability.lots.models import CapacityRule, CapacityUse, EarTag, HouseholdDelivery, Lot, LotShare
from traceability.lots.queries import find_capacity_rule
from traceability.lots.states import Basis, LotKind
from traceability.lots.units import in_standard_unit

# 畜禽标识 (农业部令第67号, art. 8): species digit 1 pig, 2 cattle, 3 sheep, six digits of the county, eight of the animal.
_EAR_TAG = re.compile(r"[123][0-9]{14}")
HALF_A_YEAR = timedelta(days=183)
LATE = timedelta(days=3)  # a phone without a network keeps entries for two days; a third for the way back
CLOCKS_DIFFER = timedelta(minutes=5)
MILLIONTH = Decimal("0.000001")
CAPACITY_TEXTS = {
    "alone": "这户本季“%(material)s”最多能交 %(cap)s %(unit)s，已交 %(so_far)s %(unit)s，这次的 %(wanted)s %(unit)s超出了。"
    "确有增产，请先由县里核定。",
    "shared": "这户本季“%(material)s”最多还能算到 %(cap)s %(unit)s（同一块地、同一群牲畜已交的其他品种和半年内上一季交的已扣除），"
    "已交 %(so_far)s %(unit)s，这次的 %(wanted)s %(unit)s超出了。确有增产，请先由县里核定。",
}


@dataclass(frozen=True)
class DeliveryDraft:
    """What the clerk types. ``agreed_price`` is for the whole delivery; livestock comes by head, each with its ear tag.

    ``happened_at`` is given when it is entered later than it was brought; the codes, when they were written down before we heard of it.
    """

    organization_id: UUID
    household_id: UUID
    material: str
    quantity: Quantity
    agreed_price: Money
    ear_tags: Sequence[str] = ()
    grade: str = ""
    product_sku: str | None = None
    place_id: UUID | None = None
    happened_at: datetime | None = None
    slip_code: str | None = None
    lot_code: str | None = None


def record_delivery(session: Session, actor: Actor, draft: DeliveryDraft, at: datetime) -> HouseholdDelivery:
    """Take in what a household brings and make a lot of it.

    A clerk of the cooperative may. Raises Forbidden, NotFound, Invalid (not a member, amount, ear tags, entered too late, above capacity:
    with the cap and what was delivered so far), Conflict (ear tag known).
    """
    actor.must(Role.clerk, draft.organization_id)
    recorded_at, at = at, _checked_moment(draft, at)
    household = get_household(session, draft.household_id)
    if household.cooperative_id != draft.organization_id:
        raise Invalid("这一户不是本合作社的社员，不能代收。", field="household_id")
    quantity = _checked_quantity(draft)
    season = f"{clock.today_shanghai(at):%Y}"
    _use_capacity(session, household, draft.material.strip(), season, quantity, at)
    lot = _make_lot(draft, household, quantity, at)
    lot.created_at = recorded_at
    if draft.product_sku:
        lot.gtin = get_product(session, draft.product_sku).gtin
    session.add(lot)
    session.flush()
    _keep_ear_tags(session, lot, draft.ear_tags)
    session.add(LotShare(lot_id=lot.id, household_id=household.id, share=Decimal(1)))
    delivery = HouseholdDelivery(
        slip_code=draft.slip_code or new_code("DLV"),
        lot_id=lot.id,
        household_id=household.id,
        material=lot.material,
        season=season,
        quantity=draft.quantity.amount,
        unit=draft.quantity.unit,
        head_count=int(quantity.amount) if quantity.unit is Unit.HEAD else None,
        ear_tags=list(draft.ear_tags),
        grade=draft.grade.strip() or None,
        agreed_price_fen=_checked_price(draft.agreed_price),
        delivered_at=at,
        recorded_at=recorded_at,
        typed_by=actor.label,
    )
    session.add(delivery)
    session.flush()
    _say(session, actor, lot, delivery, quantity)
    return delivery


def mark_paid(session: Session, actor: Actor, *, delivery_id: UUID, at: datetime) -> HouseholdDelivery:
    """Record that the household was paid for a delivery. Raises Forbidden, Conflict (paid before)."""
    delivery = session.get_one(HouseholdDelivery, delivery_id, with_for_update=True)
    actor.must(Role.clerk, session.get_one(Lot, delivery.lot_id).organization_id)
    if delivery.paid_at is not None:
        raise Conflict("这笔交货款已经登记为付清。")
    delivery.paid_at = at
    session.flush()
    return delivery


def _checked_moment(draft: DeliveryDraft, at: datetime) -> datetime:
    """When it was brought: at most three days ago, and not later than now, whatever the phone's clock says."""
    happened = draft.happened_at or at
    if happened > at + CLOCKS_DIFFER:
        raise Invalid("交货时间比现在还晚。请校准手机的时间，再重新记这一笔。", field="happened_at")
    if happened < at - LATE:
        raise Invalid("交货时间在 3 天以前，已过补记的期限，请由县里核定。", field="happened_at")
    return min(happened, at)


def _checked_quantity(draft: DeliveryDraft) -> Quantity:
    quantity = in_standard_unit(draft.quantity)
    if quantity.amount <= 0:
        raise Invalid("数量要大于 0。", field="quantity")
    if not draft.material.strip():
        raise Invalid("请填写交的是什么。", field="material")
    tags = list(draft.ear_tags)
    if quantity.unit is not Unit.HEAD:
        if tags:
            raise Invalid("按重量交货不填耳标。", field="ear_tags")
        return quantity
    if quantity.amount != quantity.amount.to_integral_value() or len(tags) != quantity.amount:
        raise Invalid(
            "交 %(count)s 头（只）要有 %(count)s 个耳标，现在有 %(tags)s 个。",
            params={"count": plain(quantity.amount), "tags": len(tags)},
            field="ear_tags",
        )
    for tag in tags:
        if not _EAR_TAG.fullmatch(tag):
            raise Invalid(
                "耳标“%(tag)s”不对：应为 15 位数字，第 1 位是 1（猪）、2（牛）或 3（羊）。",
                params={"tag": tag[:30]},
                field="ear_tags",
            )
    if len(set(tags)) != len(tags):
        raise Invalid("同一个耳标填了两次。", field="ear_tags")
    return quantity


def _checked_price(price: Money) -> int:
    if price.minor < 0:
        raise Invalid("价款不能小于 0。", field="agreed_price")
    return price.minor


def _make_lot(draft: DeliveryDraft, household: Household, quantity: Quantity, at: datetime) -> Lot:
    return Lot(
        id=uuid7(),
        code=draft.lot_code or new_code("LOT"),
        kind=LotKind.DELIVERY,
        product_sku=draft.product_sku,
        material=draft.material.strip()[:80],
        organization_id=draft.organization_id,
        place_id=draft.place_id,
        county_code=household.county_code,
        unit=quantity.unit,
        made=quantity.amount,
        produced_on=clock.today_shanghai(at),
        created_at=at,
    )


def _keep_ear_tags(session: Session, lot: Lot, tags: Sequence[str]) -> None:
    if not tags:
        return
    wanted = insert(EarTag).values([{"tag": tag, "lot_id": lot.id} for tag in tags]).on_conflict_do_nothing()
    kept = set(session.scalars(wanted.returning(EarTag.tag)))
    if known := sorted(set(tags) - kept):
        raise Conflict("耳标 %(tag)s 的牲畜已经交过，不能再交一次。", params={"tag": known[0]}, field="ear_tags")


def _use_capacity(session: Session, household: Household, material: str, season: str, quantity: Quantity, at: datetime) -> None:
    rule = find_capacity_rule(session, household.county_code, material, clock.today_shanghai(at))
    if rule is None:
        raise Invalid("还没有“%(material)s”的产能标准，请先由县里登记，再收货。", params={"material": material}, field="material")
    if rule.unit.dimension is not quantity.dimension:
        raise Invalid("“%(material)s”按%(unit)s收货。", params={"material": material, "unit": rule.unit.label}, field="quantity")
    # Deliveries of one household go one after the other: those of two materials look at each other's counters.
    session.refresh(household, with_for_update={"key_share": True})
    cap, whole = _cap(session, household, rule, season, at)
    key = {"household_id": household.id, "material": material, "season": season}
    start = insert(CapacityUse).values(**key, delivered=Decimal(0), cap=cap.amount, unit=cap.unit)
    session.execute(start.on_conflict_do_nothing())
    use = update(CapacityUse).filter_by(**key).where(_fits(quantity.amount, cap.amount))
    change = use.values(delivered=CapacityUse.delivered + quantity.amount, cap=cap.amount)
    if session.execute(change.returning(CapacityUse.season).execution_options(synchronize_session=False)).first() is None:
        so_far = session.scalars(select(CapacityUse.delivered).filter_by(**key)).one()
        raise Invalid(
            CAPACITY_TEXTS["alone" if cap == whole else "shared"],
            params={
                "material": material,
                "cap": plain(cap.amount),
                "so_far": plain(so_far),
                "wanted": plain(quantity.amount),
                "unit": cap.unit.label,
            },
            field="quantity",
        )


def _fits(amount: Decimal, cap: Decimal) -> ColumnElement[bool]:
    return CapacityUse.delivered + amount <= cap


def _cap(session: Session, household: Household, rule: CapacityRule, season: str, at: datetime) -> tuple[Quantity, Quantity]:
    """What the household may bring of a material this season, and what that would be if nothing else had been brought.

    The same 亩 does not bear apples and pears, the same sheep is not delivered twice, and one harvest is not two because a year ends.
    """
    held = _held(household, rule.basis)
    whole = in_standard_unit(Quantity(held * rule.per_basis, rule.unit))
    free = max(held - _spent(session, household, rule, season, at), Decimal(0))
    rest = in_standard_unit(Quantity((free * rule.per_basis).quantize(MILLIONTH, ROUND_DOWN), rule.unit))
    carried = _brought_before(session, household, rule.material, season, at)
    return Quantity(max(rest.amount - carried, Decimal(0)), rest.unit), whole


def _held(household: Household, basis: Basis) -> Decimal:
    try:
        return Decimal(str(household.capacity.get(basis.value, "0")))
    except InvalidOperation:
        return Decimal(0)


def _is_used_up(rule: CapacityRule) -> bool:
    """Whether what bore one material cannot bear another: land (亩 sown), and animals brought by head; not a hive, nor a herd's milk."""
    return rule.basis is Basis.LAND_MU or (rule.basis is Basis.HEADS and rule.unit is Unit.HEAD)


def _spent(session: Session, household: Household, rule: CapacityRule, season: str, at: datetime) -> Decimal:
    """How much of the land or herd bore what else the household brought this season."""
    if not _is_used_up(rule):
        return Decimal(0)
    spent = Decimal(0)
    others = select(CapacityUse).filter_by(household_id=household.id, season=season).where(CapacityUse.material != rule.material)
    for use in session.scalars(others.execution_options(populate_existing=True)):
        other = find_capacity_rule(session, household.county_code, use.material, clock.today_shanghai(at))
        if other is not None and other.basis is rule.basis and _is_used_up(other):
            spent += use.delivered / in_standard_unit(Quantity(other.per_basis, other.unit)).amount
    return spent


def _brought_before(session: Session, household: Household, material: str, season: str, at: datetime) -> Decimal:
    """What came of the material in the last half year but in the season before: it is of the same harvest, or of the same herd."""
    recent = select(func.coalesce(func.sum(Lot.made), 0)).join(HouseholdDelivery, HouseholdDelivery.lot_id == Lot.id)
    recent = recent.where(HouseholdDelivery.household_id == household.id, HouseholdDelivery.delivered_at > at - HALF_A_YEAR)
    return Decimal(session.scalar(recent.where(HouseholdDelivery.material == material, HouseholdDelivery.season != season)) or 0)


def _say(session: Session, actor: Actor, lot: Lot, delivery: HouseholdDelivery, quantity: Quantity) -> None:
    private: dict[str, tuple[UUID | None, str]] = {"household": (delivery.household_id, str(delivery.household_token))}
    if delivery.ear_tags:
        private["ear_tags"] = (delivery.household_id, " ".join(delivery.ear_tags))
    describing.say_of_lot(
        session,
        actor,
        lot,
        at=delivery.delivered_at,
        recorded_at=delivery.recorded_at,
        action=Action.ADD,
        biz_step="commissioning",
        disposition="active",
        quantity=quantity,
        ilmd=describing.lot_data(lot) | ({"shanhai:grade": delivery.grade} if delivery.grade else {}),
        facts={"household": f"urn:uuid:{delivery.household_token}"},
        private=private,
    )
