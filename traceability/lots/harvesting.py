"""A household brings its harvest: one delivery, one lot, one slip; never more than its land, herd or hives can bear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.parties.queries import get_household
from catalog.parties.roles import Actor, Role
from catalog.products.models import Product
from catalog.products.queries import get_product
from kernel import clock
from kernel.errors import Conflict, Invalid
from kernel.ids import new_code, uuid7
from kernel.money import Money
from kernel.quantity import Quantity, Unit, plain
from traceability.events.models import TraceEvent
from traceability.events.vocabulary import Action
from traceability.lots import accounting, bounding, describing
from traceability.lots.models import CapacityRequest, EarTag, HouseholdDelivery, Lot, LotShare
from traceability.lots.moments import check_moment, is_late
from traceability.lots.photographing import Photo, commit_to, keep_photo
from traceability.lots.queries import find_grant
from traceability.lots.states import Flow, LotKind, SlipState
from traceability.lots.transforming import must_be_made_of
from traceability.lots.units import in_standard_unit

# 畜禽标识 (农业部令第67号, art. 8): species digit 1 pig, 2 cattle, 3 sheep, six digits of the county, eight of the animal.
_EAR_TAG = re.compile(r"[123][0-9]{14}")


@dataclass(frozen=True)
class DeliveryDraft:
    """What the clerk types. ``agreed_price`` is for the whole delivery; livestock comes by head, each with its ear tag.

    ``happened_at`` is given when it is entered later than it was brought; the codes, when they were written down before we heard of it;
    ``paid_at``, when the household had its money by then; ``product``, when whoever knows its SKU has read it already.
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
    photo: Photo | None = None
    paid_at: datetime | None = None
    product: Product | None = None


def record_delivery(
    session: Session,
    actor: Actor,
    draft: DeliveryDraft,
    at: datetime,
    *,
    since: datetime | None = None,
    instead_of: HouseholdDelivery | None = None,
) -> HouseholdDelivery:
    """Take in what a household brings and make a lot of it; ``since``: it may have been brought as long ago as then, not just three days.
    What the county was asked about within those three days, and granted, may still be entered while the grant stands, as much as was
    asked. ``instead_of`` one that was declared wrong it needs of grants what that one did.

    A clerk of the cooperative may. Raises Forbidden, NotFound, Invalid (not a member, amount, ear tags, entered too late, above capacity:
    with the cap and what was delivered so far), Conflict (ear tag known).
    """
    actor.must(Role.clerk, draft.organization_id)
    recorded_at, at = at, check_moment(draft.happened_at, at, since=since or _since_asked(session, draft, at))
    household = get_household(session, draft.household_id)
    if household.cooperative_id != draft.organization_id or household.erased_at is not None:
        raise Invalid("这一户不是本合作社的社员，不能代收。", field="household_id")
    quantity = _checked_quantity(draft)
    season = bounding.season_of(at)
    room = bounding.use_capacity(
        session, household, draft.material.strip(), season, quantity, at, heard=recorded_at, instead_of=instead_of
    )
    lot = _make_lot(draft, household, quantity, at)
    lot.created_at = recorded_at
    if draft.product_sku:
        product = draft.product or get_product(session, draft.product_sku)
        must_be_made_of(product, [lot.material])
        lot.gtin = product.gtin
    session.add(lot)
    session.flush()
    accounting.bring(session, lot, Flow.DELIVERED, lot.made, at)
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
        paid_at=min(draft.paid_at, recorded_at) if draft.paid_at else None,
        recorded_at=recorded_at,
        typed_by=actor.label,
    )
    session.add(delivery)
    session.flush()
    granted = find_grant(session, household.id, lot.material, season) if room.needs_grant(quantity.amount) else None
    event = _say(session, actor, lot, delivery, quantity, commit_to(draft.photo, household.id), granted)
    own = {"event_id": event.id, "delivery_id": delivery.id, "household_id": household.id}
    keep_photo(session, actor, draft.photo, **own, at=recorded_at)
    return delivery


def _since_asked(session: Session, draft: DeliveryDraft, at: datetime) -> datetime | None:
    happened = draft.happened_at
    if happened is None or not is_late(happened, at):
        return None
    brought = in_standard_unit(draft.quantity)
    asked = bounding.was_asked_in_time(session, draft.household_id, draft.material.strip(), brought, happened, at)
    return happened if asked else None


def mark_paid(session: Session, actor: Actor, *, delivery_id: UUID, at: datetime) -> HouseholdDelivery:
    """Record that the household was paid for a delivery. Raises Forbidden, Conflict (paid before)."""
    delivery = session.get_one(HouseholdDelivery, delivery_id, with_for_update=True)
    actor.must(Role.clerk, session.get_one(Lot, delivery.lot_id).organization_id)
    if delivery.slip_state is SlipState.CORRECTED:
        raise Conflict("这张凭证已更正，请在新的凭证上登记付款。")
    if delivery.paid_at is not None:
        raise Conflict("这笔交货款已经登记为付清。")
    delivery.paid_at = at
    session.flush()
    return delivery


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
    turns = find_turns(session, tags)
    rows = [{"tag": tag, "turn": turns.get(tag, 0) + 1, "lot_id": lot.id} for tag in sorted(tags) if turns.get(tag, 0) % 2 == 0]
    wanted = insert(EarTag).on_conflict_do_nothing().returning(EarTag.tag)
    kept = set(session.scalars(wanted, rows)) if rows else set()
    if known := sorted(set(tags) - kept):
        raise Conflict("耳标 %(tag)s 的牲畜已经交过，不能再交一次。", params={"tag": known[0]}, field="ear_tags")


def find_turns(session: Session, tags: Sequence[str]) -> dict[str, int]:
    """The last turn of each ear tag that was ever delivered."""
    query = select(EarTag.tag, func.max(EarTag.turn)).where(EarTag.tag.in_(tags)).group_by(EarTag.tag)
    return {tag: int(turn) for tag, turn in session.execute(query)}


def _say(
    session: Session,
    actor: Actor,
    lot: Lot,
    delivery: HouseholdDelivery,
    quantity: Quantity,
    more: dict[str, tuple[UUID | None, str]],
    granted: CapacityRequest | None,
) -> TraceEvent:
    private = more | {"household": (delivery.household_id, str(delivery.household_token))}
    if delivery.ear_tags:
        private["ear_tags"] = (delivery.household_id, " ".join(delivery.ear_tags))
    return describing.say_of_lot(
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
        facts={
            "household": f"urn:uuid:{delivery.household_token}",
            "capacityDecision": f"urn:uuid:{granted.id}" if granted else "",
        },
        private=private,
    )
