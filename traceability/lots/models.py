"""Lots, edges between them, households' shares, serialised boxes.

The balance of a lot is made − used − lost − dispatched, in its own unit, never below zero: the CHECK holds when code forgets.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from kernel.periods import Period, no_overlap
from kernel.quantity import Quantity, Unit
from traceability.lots.states import (
    Basis,
    Custody,
    DisputeSubject,
    Flow,
    ItemState,
    LotKind,
    RecallState,
    SlipState,
    Step,
    Verdict,
)


class Lot(Base):
    """A quantity of one material that is handled as one (批次). ``made`` never changes; the other three only grow.

    ``custody`` is the model of the claim on households, ``certifiable`` is false of what was poured into a tank of goods without the
    same certificates; ``claims`` says what follows.
    """

    __tablename__ = "lots_lot"
    __table_args__ = (
        CheckConstraint("made > 0 AND used >= 0 AND lost >= 0 AND dispatched >= 0", name="amounts"),
        CheckConstraint("made - used - lost - dispatched >= 0", name="balance"),
        Index("ix_lots_lot_organization", "organization_id", "id"),
        Index("ix_lots_lot_delivered", "organization_id", "produced_on", "id", postgresql_where="kind = 'delivery'"),
        Index("ix_lots_lot_open", "organization_id", "kind", "id", postgresql_where="made - used - lost - dispatched > 0"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[LotKind] = mapped_column(choice(LotKind))
    product_sku: Mapped[str | None] = mapped_column(index=True)
    gtin: Mapped[str | None]
    material: Mapped[str]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_place.id"))
    county_code: Mapped[str]
    unit: Mapped[Unit] = mapped_column(choice(Unit))
    made: Mapped[Decimal]
    used: Mapped[Decimal] = mapped_column(default=Decimal(0))
    lost: Mapped[Decimal] = mapped_column(default=Decimal(0))
    dispatched: Mapped[Decimal] = mapped_column(default=Decimal(0))
    box_amount: Mapped[Decimal | None]
    box_unit: Mapped[Unit | None] = mapped_column(choice(Unit, "box_unit"))
    produced_on: Mapped[date]
    expires_on: Mapped[date | None]
    custody: Mapped[Custody] = mapped_column(choice(Custody), default=Custody.SEGREGATED)
    certifiable: Mapped[bool] = mapped_column(default=True)
    recall_state: Mapped[RecallState] = mapped_column(choice(RecallState), default=RecallState.NONE)
    created_at: Mapped[datetime]

    @property
    def left(self) -> Quantity:
        """What is still there."""
        return Quantity(self.made - self.used - self.lost - self.dispatched, self.unit)


class LotEdge(Base):
    """So much of one lot went into another, in the unit of the first.

    All outputs of one step come from the same inputs (a leg and a hide from the same sheep), so their edges carry the same quantity:
    what was used of a lot is the sum over steps, not over edges.
    """

    __tablename__ = "lots_lot_edge"
    __table_args__ = (
        UniqueConstraint("from_lot_id", "to_lot_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("from_lot_id <> to_lot_id", name="no_loop"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    from_lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"))
    to_lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), index=True)
    quantity: Mapped[Decimal]
    unit: Mapped[Unit] = mapped_column(choice(Unit))
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events_trace_event.id"))


class LotShare(Base):
    """The part of a lot that one household grew; the shares of a lot add up to exactly 1."""

    __tablename__ = "lots_lot_share"
    __table_args__ = (CheckConstraint("share > 0 AND share <= 1", name="share"),)

    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), primary_key=True)
    household_id: Mapped[UUID] = mapped_column(ForeignKey("parties_household.id"), primary_key=True, index=True)
    share: Mapped[Decimal] = mapped_column(Numeric(13, 12))


class LotYield(Base):
    """What a step was allowed to give and gave: the promise that origin cannot be inflated, as CHECKs.

    ``taken`` is the sum of all inputs of the step in ``taken_unit``; ``given`` is all it gave of this lot's material, in other lots too; a
    yield is units of output for one unit of input. ``rule_high`` is what the county held credible then. Outside the range a second person
    has signed, with a reason; above the county's rule, and in another unit without a rule, that person is a county officer. Opening a box
    gives what was put in.
    """

    __tablename__ = "lots_lot_yield"
    __table_args__ = (
        CheckConstraint("yield_low >= 0 AND yield_high >= yield_low AND yield_high > 0", name="range"),
        CheckConstraint("given <= taken * yield_high OR signed_by IS NOT NULL", name="not_inflated"),
        CheckConstraint("given >= taken * yield_low OR signed_by IS NOT NULL", name="not_short"),
        CheckConstraint(
            "rule_high IS NULL OR given <= taken * rule_high OR signed_as IS NOT DISTINCT FROM 'county_officer'", name="within_rule"
        ),
        CheckConstraint(
            "rule_high IS NOT NULL OR given_unit = taken_unit OR (step = 'reworking' AND taken_unit = 'box') "
            "OR signed_as IS NOT DISTINCT FROM 'county_officer'",
            name="ruled",
        ),
        CheckConstraint(
            "(signed_by IS NULL) = (signed_as IS NULL) AND (signed_by IS NULL OR (reason IS NOT NULL AND signed_by <> typed_by))",
            name="two_people",
        ),
    )

    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), primary_key=True)
    step: Mapped[Step] = mapped_column(choice(Step))
    taken: Mapped[Decimal]
    taken_unit: Mapped[Unit] = mapped_column(choice(Unit))
    given: Mapped[Decimal]
    given_unit: Mapped[Unit] = mapped_column(choice(Unit, "given_unit"))
    yield_low: Mapped[Decimal]
    yield_high: Mapped[Decimal]
    rule_high: Mapped[Decimal | None]
    reason: Mapped[str | None]
    typed_by: Mapped[str]
    signed_by: Mapped[str | None]
    signed_as: Mapped[str | None]
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events_trace_event.id"))


class TradeItem(Base):
    """One box with a serial number of its own (单品). ``stopped``: a mark stops this very box, whatever is true of its lot."""

    __tablename__ = "lots_trade_item"
    __table_args__ = (
        Index("ix_lots_trade_item_lot", "lot_id", "state", "id"),
        Index("ix_lots_trade_item_stopped", "lot_id", postgresql_where="stopped IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    serial: Mapped[str] = mapped_column(unique=True)
    gtin: Mapped[str | None]
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"))
    state: Mapped[ItemState] = mapped_column(choice(ItemState), default=ItemState.MADE)
    stopped: Mapped[RecallState | None] = mapped_column(choice(RecallState))
    printed_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    sold_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    voided_at: Mapped[datetime | None]


class HouseholdDelivery(Base):
    """What one household brought, with the slip (交货凭证) it takes home. ``agreed_price_fen`` is for the whole delivery.

    ``household_token`` is the only name the event knows the household by: random, and another one for each delivery.
    ``delivered_at`` is when it was brought (by the phone's clock, if it was typed without a network), ``recorded_at`` when we heard of it.
    """

    __tablename__ = "lots_household_delivery"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("agreed_price_fen >= 0", name="price"),
        CheckConstraint("delivered_at <= recorded_at", name="times"),
        CheckConstraint("replaced_by_id IS NULL OR slip_state = 'corrected'", name="replaced"),
        Index("ix_lots_household_delivery_household", "household_id", "delivered_at"),
        Index("ix_lots_household_delivery_disputed", "id", postgresql_where="slip_state = 'disputed'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    slip_code: Mapped[str] = mapped_column(unique=True)
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), unique=True)
    household_id: Mapped[UUID] = mapped_column(ForeignKey("parties_household.id"))
    material: Mapped[str]
    season: Mapped[str]
    quantity: Mapped[Decimal]
    unit: Mapped[Unit] = mapped_column(choice(Unit))
    head_count: Mapped[int | None]
    ear_tags: Mapped[list[Any]] = mapped_column(default=list)
    grade: Mapped[str | None]
    agreed_price_fen: Mapped[int]
    household_token: Mapped[UUID] = mapped_column(default=uuid4)
    paid_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    typed_by: Mapped[str]
    slip_state: Mapped[SlipState] = mapped_column(choice(SlipState), default=SlipState.WAITING)
    replaced_by_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("lots_household_delivery.id", name="fk_lots_household_delivery_replaced_by")
    )


class SlipWord(Base):
    """What was said to a slip, in order: by the household (``said_by`` empty), or by whoever answered it. ``state`` is what it led to.

    No line is changed; ``words`` alone goes when the household is erased.
    """

    __tablename__ = "lots_slip_word"
    __table_args__ = (
        CheckConstraint("state <> 'waiting'", name="says_something"),
        Index("ix_lots_slip_word_delivery", "delivery_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("lots_household_delivery.id"))
    state: Mapped[SlipState] = mapped_column(choice(SlipState, "state"))
    about: Mapped[DisputeSubject | None] = mapped_column(choice(DisputeSubject))
    words: Mapped[str | None]
    said_by: Mapped[str]
    said_at: Mapped[datetime]


class ActPhoto(Base):
    """A photograph taken at an act; its SHA-256 stands in the entry of the act's event as a private field.

    ``household_id`` is the only household behind what was worked on, if it is one alone; of a delivery always.
    ``faces_agreed``: people can be recognised and agreed; else nobody can. ``erased_at`` hides it at once, and ``digest`` is forgotten
    when the file itself is gone.
    """

    __tablename__ = "lots_act_photo"
    __table_args__ = (
        CheckConstraint("digest IS NOT NULL OR erased_at IS NOT NULL", name="gone"),
        CheckConstraint("delivery_id IS NULL OR household_id IS NOT NULL", name="owned"),
        Index("ix_lots_act_photo_to_delete", "id", postgresql_where="erased_at IS NOT NULL AND digest IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events_trace_event.id"), unique=True)
    delivery_id: Mapped[UUID | None] = mapped_column(ForeignKey("lots_household_delivery.id"), unique=True)
    household_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_household.id"), index=True)
    digest: Mapped[str | None] = mapped_column(unique=True)
    faces_agreed: Mapped[bool]
    added_by: Mapped[str]
    added_at: Mapped[datetime]
    erased_at: Mapped[datetime | None]


class EarTag(Base):
    """An animal is delivered once: its ear tag (畜禽标识) is a key. An odd ``turn`` says that it was delivered, an even one that this was
    declared wrong, so that it may be delivered after all.
    """

    __tablename__ = "lots_ear_tag"
    __table_args__ = (CheckConstraint("turn > 0", name="turn"),)

    tag: Mapped[str] = mapped_column(primary_key=True)
    turn: Mapped[int] = mapped_column(primary_key=True, default=1)
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), index=True)


class CapacityRule(Period, Base):
    """How much one unit of a household's land, herd or hives can give in a season, as the county recorded it.

    ``basis`` is a key of ``Household.capacity``; ``county_code`` None holds for counties without a rule of their own.
    """

    __tablename__ = "lots_capacity_rule"
    __table_args__ = (CheckConstraint("per_basis > 0", name="per_basis"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    county_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    material: Mapped[str]
    basis: Mapped[Basis] = mapped_column(choice(Basis))
    per_basis: Mapped[Decimal]
    unit: Mapped[Unit] = mapped_column(choice(Unit))
    recorded_by: Mapped[str]


class YieldRule(Period, Base):
    """The yields of a step that are credible: units of output for one unit of input. Declared ranges must lie within.

    ``county_code`` None holds for counties without a rule of their own.
    """

    __tablename__ = "lots_yield_rule"
    __table_args__ = (CheckConstraint("low >= 0 AND high >= low AND high > 0", name="range"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    county_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    step: Mapped[Step] = mapped_column(choice(Step))
    material: Mapped[str]
    low: Mapped[Decimal]
    high: Mapped[Decimal]
    unit: Mapped[Unit] = mapped_column(choice(Unit))
    per_unit: Mapped[Unit] = mapped_column(choice(Unit, "per_unit"))
    recorded_by: Mapped[str]


class CapacityUse(Base):
    """What a household has delivered of one material in one season, and the most it can: the CHECK holds under concurrency."""

    __tablename__ = "lots_capacity_use"
    __table_args__ = (
        CheckConstraint("delivered >= 0 AND delivered <= cap", name="within_cap"),
        Index("ix_lots_capacity_use_season", "material", "season"),
    )

    household_id: Mapped[UUID] = mapped_column(ForeignKey("parties_household.id"), primary_key=True)
    material: Mapped[str] = mapped_column(primary_key=True)
    season: Mapped[str] = mapped_column(primary_key=True)
    delivered: Mapped[Decimal] = mapped_column(default=Decimal(0))
    cap: Mapped[Decimal]
    unit: Mapped[Unit] = mapped_column(choice(Unit))

    @property
    def is_near(self) -> bool:
        """Whether so little of the cap is left that the clerk is warned: a tenth or less."""
        return self.delivered * 10 >= self.cap * 9


class Asked:
    """Mixin: what one person asks and another decides, once. That they are two, the database holds too (``two_people``)."""

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    county_code: Mapped[str]
    reason: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    verdict: Mapped[Verdict] = mapped_column(choice(Verdict), default=Verdict.OPEN)
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decision: Mapped[str | None]


def _two_people(table: str) -> tuple[CheckConstraint | Index, ...]:
    return (
        CheckConstraint("decided_by <> asked_by", name="two_people"),
        CheckConstraint(
            "(verdict = 'open') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL) "
            "AND (decided_by IS NULL) = (decision IS NULL)",
            name="decided",
        ),
        Index(f"ix_{table}_open", "county_code", "id", postgresql_where="verdict = 'open'"),
        Index(f"ix_{table}_organization_id", "organization_id", "id"),
    )


class CapacityRequest(Asked, Base):
    """A household brings more than its land, herd or hives are held to bear (请县里核定): the county raises its cap of the season, or not.

    ``cap`` and ``so_far`` are what counted when it was asked; ``granted`` is what the cap was raised by, never more than was missing;
    ``lapsed`` is what of it ended: with the correction of a delivery that had made it necessary, or because nobody brought it in time.
    """

    __tablename__ = "lots_capacity_request"
    __table_args__ = (
        *_two_people("lots_capacity_request"),
        CheckConstraint("wanted > 0 AND so_far + wanted > cap", name="beyond_cap"),
        CheckConstraint(
            "(granted IS NOT NULL) = (verdict = 'approved') AND granted > 0 AND granted <= so_far + wanted - cap", name="granted"
        ),
        CheckConstraint("lapsed >= 0 AND lapsed <= coalesce(granted, 0)", name="lapsed"),
        Index(
            "uq_lots_capacity_request_open", "household_id", "material", "season", unique=True, postgresql_where="verdict = 'open'"
        ),
        Index("ix_lots_capacity_request_household", "household_id", "material", "season"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    household_id: Mapped[UUID] = mapped_column(ForeignKey("parties_household.id"))
    material: Mapped[str]
    season: Mapped[str]
    unit: Mapped[Unit] = mapped_column(choice(Unit))
    wanted: Mapped[Decimal]
    cap: Mapped[Decimal]
    so_far: Mapped[Decimal]
    granted: Mapped[Decimal | None]
    lapsed: Mapped[Decimal] = mapped_column(default=Decimal(0))

    @property
    def stands(self) -> Decimal:
        """What the cap is raised by."""
        return (self.granted or Decimal(0)) - self.lapsed


class StepRequest(Asked, Base):
    """A step that gave more or less than its range: nothing of it exists before a second person has signed.

    ``body`` is the step as typed; ``faults`` say in which way it is outside (msgids with params); ``county_only``: above what the county
    holds credible, so that only its officer may sign. ``event_id`` is what it became. A photograph waits with it
    and becomes the act's (``ActPhoto``), or goes, with the decision.
    """

    __tablename__ = "lots_step_request"
    __table_args__ = (
        *_two_people("lots_step_request"),
        CheckConstraint(
            "(photo_digest IS NULL) = (faces_agreed IS NULL) AND (photo_digest IS NULL OR verdict = 'open')", name="photo_waits"
        ),
        Index("ix_lots_step_request_lot_id", "lot_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"))
    step: Mapped[Step] = mapped_column(choice(Step))
    body: Mapped[dict[str, Any]]
    faults: Mapped[list[Any]]
    county_only: Mapped[bool]
    event_id: Mapped[UUID | None] = mapped_column(ForeignKey("events_trace_event.id"))
    photo_digest: Mapped[str | None] = mapped_column(unique=True)
    faces_agreed: Mapped[bool | None]


class RecallMark(Base):
    """One decision that a lot and all made from it must stop, or some boxes of a pack lot (``RecallItem``), and its lifting.

    ``left_out``: codes of lots made from it that need not; of the lot itself when only some of its boxes stop.
    """

    __tablename__ = "lots_recall_mark"
    __table_args__ = (
        CheckConstraint("state <> 'none'", name="says_something"),
        CheckConstraint("(left_out = '[]') = (left_out_reason IS NULL)", name="left_out_for_a_reason"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), index=True)
    state: Mapped[RecallState] = mapped_column(choice(RecallState))
    reason: Mapped[str]
    left_out: Mapped[list[Any]] = mapped_column(default=list)
    left_out_reason: Mapped[str | None]
    marked_by: Mapped[str]
    marked_at: Mapped[datetime]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    lift_reason: Mapped[str | None]


class RecallLot(Base):
    """A lot that a mark stopped."""

    __tablename__ = "lots_recall_lot"

    mark_id: Mapped[UUID] = mapped_column(ForeignKey("lots_recall_mark.id"), primary_key=True)
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), primary_key=True, index=True)


class RecallItem(Base):
    """A single box that a mark stopped."""

    __tablename__ = "lots_recall_item"

    mark_id: Mapped[UUID] = mapped_column(ForeignKey("lots_recall_mark.id"), primary_key=True)
    item_id: Mapped[UUID] = mapped_column(ForeignKey("lots_trade_item.id"), primary_key=True, index=True)


class SiteAccount(Base):
    """The account of one material at one site: whose lots, of which county, at which place (None: at the owner's, no place named)."""

    __tablename__ = "lots_site_account"
    __table_args__ = (
        UniqueConstraint(
            "organization_id",
            "place_id",
            "county_code",
            "material",
            "unit",
            name="uq_lots_site_account_key",
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_lots_site_account_organization", "organization_id", "material", "id"),
        Index("ix_lots_site_account_place", "place_id", "material", "id"),
        Index("ix_lots_site_account_county", "county_code", "material", "id"),
        Index("ix_lots_site_account_material", "material", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_place.id"))
    county_code: Mapped[str]
    material: Mapped[str]
    unit: Mapped[Unit] = mapped_column(choice(Unit))


class SiteLot(Base):
    """What came of one lot to one site and what left it again, and when the first of each was, by event time.

    Never less than nothing is there (``balance``), and nothing leaves before it came (``order``): so the balance of an account, which is
    the sum of its lots, is at no moment below zero.
    """

    __tablename__ = "lots_site_lot"
    __table_args__ = (
        CheckConstraint("came > 0 AND gone >= 0", name="amounts"),
        CheckConstraint("came - gone >= 0", name="balance"),
        CheckConstraint("first_gone_at >= since AND last_at >= since", name="order"),
    )

    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("lots_site_account.id"), primary_key=True, index=True)
    came: Mapped[Decimal]
    gone: Mapped[Decimal] = mapped_column(default=Decimal(0))
    since: Mapped[datetime]
    first_gone_at: Mapped[datetime | None]
    last_at: Mapped[datetime]


class LotMove(Base):
    """One line of an account: so much of a lot came (above zero) or left (below), by event time. Their sum is what is there."""

    __tablename__ = "lots_lot_move"
    __table_args__ = (
        CheckConstraint("quantity <> 0 AND (quantity > 0) = (flow IN ('delivered', 'made', 'arrived'))", name="sign"),
        Index("ix_lots_lot_move_account", "account_id", "happened_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("lots_site_account.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"), index=True)
    flow: Mapped[Flow] = mapped_column(choice(Flow))
    quantity: Mapped[Decimal]
    happened_at: Mapped[datetime]


no_overlap(CapacityRule.__table__, ["coalesce(county_code, '')", "material"])
no_overlap(YieldRule.__table__, ["coalesce(county_code, '')", "step", "material", "unit", "per_unit"])
append_only(LotEdge.__table__)
append_only(LotYield.__table__)
append_only(LotShare.__table__)
append_only(EarTag.__table__)
append_only(LotMove.__table__)
