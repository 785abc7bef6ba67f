"""The most a household can bring in a season: its land, herd or hives times what the county holds credible, and what the county granted.

The same 亩 does not bear apples and pears, the same sheep is not delivered twice, and one harvest is not two because a year ends. Nearly
at the cap a clerk is warned; beyond it nothing is taken until the county has decided (``deciding``). What it granted and nobody brought
within ``GRANT_STANDS`` ends; what was brought by then may be entered for ``LATE`` longer. That is counted whenever a cap is, and written
down by the next act that counts under the household's lock once no entry can need it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Update, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.parties.surveying import confirmed_amount
from kernel import clock
from kernel.errors import Invalid
from kernel.quantity import Quantity, Unit, plain
from traceability.lots.models import CapacityRequest, CapacityRule, CapacityUse, HouseholdDelivery, Lot
from traceability.lots.moments import CLOCKS_DIFFER, LATE
from traceability.lots.queries import find_capacity_rule
from traceability.lots.states import Basis, SlipState, Verdict
from traceability.lots.units import in_standard_unit

GRANT_STANDS: Final = timedelta(days=14)  # what the county was asked about is on the way, or three days old at most
HALF_A_YEAR = timedelta(days=183)
MILLIONTH = Decimal("0.000001")
CAPACITY_TEXTS = {
    "alone": "这户本季“%(material)s”最多能交 %(cap)s %(unit)s，已交 %(so_far)s %(unit)s，这次的 %(wanted)s %(unit)s超出了。"
    "确有增产，请先由县里核定。",
    "shared": "这户本季“%(material)s”最多还能算到 %(cap)s %(unit)s（同一块地、同一群牲畜已交的其他品种和半年内上一季交的已扣除），"
    "已交 %(so_far)s %(unit)s，这次的 %(wanted)s %(unit)s超出了。确有增产，请先由县里核定。",
    "ended": "县里给这户核增的“%(material)s”过了 %(days)s 天还有 %(ended)s %(unit)s没有交，已失效。本季最多能交 %(cap)s %(unit)s，"
    "已交 %(so_far)s %(unit)s，这次的 %(wanted)s %(unit)s超出了。还要交的，请再请县里核定。",
    "unconfirmed": "这户的土地、牲畜或蜂群还没有经县里核定，暂时不能收“%(material)s”。请先由县里核定。",
}


@dataclass(frozen=True)
class Room:
    """What a household may bring of a material in a season, and did: ``cap`` counts, ``whole`` is what it would be by itself; of both
    ``granted`` is what the county raised them by. ``ended`` are grants that stood for too long, with what of each nobody needed.
    ``counted``: something came before.
    """

    rule: CapacityRule
    held: Decimal
    whole: Decimal
    cap: Decimal
    so_far: Decimal
    granted: Decimal
    ended: Sequence[tuple[CapacityRequest, Decimal]]
    unit: Unit
    counted: bool

    @property
    def left(self) -> Decimal:
        """What it may still bring."""
        return max(self.cap - self.so_far, Decimal(0))

    def needs_grant(self, amount: Decimal) -> bool:
        """Whether so much more only fits because the county has raised the cap."""
        return self.so_far + amount > self.cap - self.granted


class BeyondCapacity(Invalid):
    """A delivery is more than the household's land, herd or hives can bear; the county may decide otherwise."""


def season_of(at: datetime) -> str:
    """The season a delivery counts in: the calendar year in China."""
    return f"{clock.today_shanghai(at):%Y}"


def use_capacity(
    session: Session,
    household: Household,
    material: str,
    season: str,
    quantity: Quantity,
    at: datetime,
    *,
    heard: datetime,
    instead_of: HouseholdDelivery | None = None,
) -> Room:
    """Count a delivery that was brought ``at`` and ``heard`` of then; returns the room there was for it.

    It may stand ``instead_of`` one that was just taken off. Raises Invalid (no rule, another measure), BeyondCapacity.
    """
    # Deliveries of one household go one after the other: those of two materials look at each other's counters.
    session.refresh(household, with_for_update={"key_share": True})
    key = {"household_id": household.id, "material": material, "season": season}
    same = instead_of is not None and all(getattr(instead_of, name) == value for name, value in key.items())
    freed = in_standard_unit(Quantity(instead_of.quantity, instead_of.unit)).amount if instead_of and same else Decimal(0)
    room = measure_room(session, household, material, season, quantity, at, heard=heard, freed=freed)
    kept = room.cap + end_grants(session, room, heard)
    if not room.counted:
        start = insert(CapacityUse).values(**key, delivered=Decimal(0), cap=kept, unit=room.unit)
        session.execute(start.on_conflict_do_nothing())
    use = update(CapacityUse).filter_by(**key).where(_fits(quantity.amount, room.cap))
    change = use.values(delivered=CapacityUse.delivered + quantity.amount, cap=kept)
    if session.execute(change.returning(CapacityUse.season).execution_options(synchronize_session=False)).first() is None:
        raise _refusal(room, material, quantity)
    return room


def measure_room(
    session: Session,
    household: Household,
    material: str,
    season: str,
    quantity: Quantity,
    at: datetime,
    *,
    heard: datetime,
    freed: Decimal = Decimal(0),
) -> Room:
    """What the household may bring of a material this season. Raises Invalid (no rule, or another measure than ``quantity``)."""
    room = find_room(session, household, material, season, at, judged=max(at, heard - LATE), freed=freed)
    if room is None:
        raise Invalid("还没有“%(material)s”的产能标准，请先由县里登记，再收货。", params={"material": material}, field="material")
    if room.unit.dimension is not quantity.dimension:
        raise Invalid("“%(material)s”按%(unit)s收货。", params={"material": material, "unit": room.unit.label}, field="quantity")
    return room


def find_room(
    session: Session,
    household: Household,
    material: str,
    season: str,
    at: datetime,
    *,
    judged: datetime | None = None,
    freed: Decimal = Decimal(0),
) -> Room | None:
    """What the household may bring of a material this season, or None where no rule says so.

    ``judged``: the moment by which grants must not have ended, if another; ``freed``: what came and is about to be entered anew.
    """
    judged = judged or at
    rule = find_capacity_rule(session, household.county_code, material, clock.today_shanghai(at))
    if rule is None:
        return None
    held = confirmed_amount(household, rule.basis.value)
    whole = in_standard_unit(Quantity(held * rule.per_basis, rule.unit))
    uses = _list_uses(session, household, season)
    free = max(held - _spent(session, household, rule, uses, at, judged), Decimal(0))
    rest = in_standard_unit(Quantity((free * rule.per_basis).quantize(MILLIONTH, ROUND_DOWN), rule.unit))
    carried = _brought_before(session, household, rule.material, season, at)
    without = max(rest.amount - carried, Decimal(0))
    own = next((use for use in uses if use.material == material), None)
    so_far = own.delivered if own else Decimal(0)
    grants = _list_grants(session, household, material, season)
    ended = _find_ended(grants, so_far + freed - without, judged)
    granted = _standing(grants) - sum((part for _, part in ended), Decimal(0))
    return Room(rule, held, whole.amount + granted, without + granted, so_far, granted, ended, rest.unit, own is not None)


def end_grants(session: Session, room: Room, at: datetime) -> Decimal:
    """Write down which grants ended, and return what of them ended only for what is brought from now on: an entry of what was brought
    before may still come. The household is locked.
    """
    waiting = Decimal(0)
    for grant, part in room.ended:
        if not _is_past(grant, at - LATE):
            waiting += part
            continue
        grant.lapsed += part
        lower = func.greatest(CapacityUse.delivered, CapacityUse.cap - part)
        session.execute(_count_of(grant).values(cap=lower).execution_options(synchronize_session=False))
    if room.ended:
        session.flush()
    return waiting


def add_grant(session: Session, grant: CapacityRequest) -> None:
    """What is granted raises the counter's cap too, so that the cap less all grants is what land or herd bore; the household is locked."""
    raised = CapacityUse.cap + (grant.granted or Decimal(0))
    session.execute(_count_of(grant).values(cap=raised).execution_options(synchronize_session=False))


def _count_of(grant: CapacityRequest) -> Update:
    return update(CapacityUse).filter_by(household_id=grant.household_id, material=grant.material, season=grant.season)


def stands_until(grant: CapacityRequest) -> datetime | None:
    """Until when what was granted may be brought, which is never after its season; None of what was not granted."""
    if not grant.granted or grant.decided_at is None:
        return None
    return min(grant.decided_at + GRANT_STANDS, clock.day_shanghai(date(int(grant.season), 12, 31))[1])


def _is_past(grant: CapacityRequest, at: datetime) -> bool:
    return grant.decided_at is not None and grant.decided_at <= at - GRANT_STANDS


def was_asked_in_time(
    session: Session, household_id: UUID, material: str, quantity: Quantity, happened: datetime, at: datetime
) -> bool:
    """Whether the county was asked while a delivery of that moment could still be entered, and what it granted stands at ``at``:
    for as much as was asked, with all that came in so late since it answered.
    """
    own = {"household_id": household_id, "material": material, "season": season_of(happened)}
    asked = CapacityRequest.asked_at.between(happened - CLOCKS_DIFFER, happened + LATE)
    stands = (CapacityRequest.granted > CapacityRequest.lapsed, CapacityRequest.decided_at > at - GRANT_STANDS)
    granted = select(func.sum(CapacityRequest.wanted), func.min(CapacityRequest.decided_at), func.max(CapacityRequest.asked_at))
    granted = granted.filter_by(**own, verdict=Verdict.APPROVED).where(asked, *stands).having(func.count() > 0)
    found = session.execute(granted).first()
    if found is None:
        return False
    wanted, since, last = found
    late = select(func.coalesce(func.sum(Lot.made), 0)).join(HouseholdDelivery, HouseholdDelivery.lot_id == Lot.id)
    late = late.where(*(getattr(HouseholdDelivery, name) == value for name, value in own.items()))
    late = late.where(HouseholdDelivery.recorded_at >= since, HouseholdDelivery.delivered_at <= last + CLOCKS_DIFFER)
    late = late.where(HouseholdDelivery.delivered_at < HouseholdDelivery.recorded_at - LATE)
    entered = session.scalar(late.where(HouseholdDelivery.slip_state != SlipState.CORRECTED)) or Decimal(0)
    return bool(entered + quantity.amount <= wanted)


def _list_grants(session: Session, household: Household, material: str, season: str) -> Sequence[CapacityRequest]:
    """What the county has raised the household's cap by this season and still does, the latest decision first."""
    own = {"household_id": household.id, "material": material, "season": season, "verdict": Verdict.APPROVED}
    query = select(CapacityRequest).filter_by(**own).where(CapacityRequest.granted > CapacityRequest.lapsed)
    query = query.order_by(CapacityRequest.decided_at.desc(), CapacityRequest.id.desc())
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _standing(grants: Sequence[CapacityRequest]) -> Decimal:
    return sum((grant.stands for grant in grants), Decimal(0))


def _find_ended(grants: Sequence[CapacityRequest], needed: Decimal, at: datetime) -> list[tuple[CapacityRequest, Decimal]]:
    """Of the grants that are too old what is not among ``needed``, which is what came beyond the cap; first granted is first needed."""
    unused, ended = _standing(grants) - max(needed, Decimal(0)), []
    for grant in grants:
        part = max(min(unused, grant.stands), Decimal(0))
        unused -= part
        if part and _is_past(grant, at):
            ended.append((grant, part))
    return ended


def delivered_of(session: Session, delivery: HouseholdDelivery) -> Decimal:
    """What counts as delivered by the household of that material in that season, this delivery among it."""
    key = {"household_id": delivery.household_id, "material": delivery.material, "season": delivery.season}
    return session.scalar(select(CapacityUse.delivered).filter_by(**key)) or Decimal(0)


def lapse_grants(session: Session, delivery: HouseholdDelivery, freed: Decimal) -> None:
    """What a correction frees is first what the county granted on top, the latest grant first: it was given for what came, and that
    did not come. The household is locked.
    """
    key = {"household_id": delivery.household_id, "material": delivery.material, "season": delivery.season}
    grants = select(CapacityRequest).filter_by(**key, verdict=Verdict.APPROVED).order_by(CapacityRequest.decided_at.desc())
    use = session.get_one(CapacityUse, tuple(key.values()), populate_existing=True)
    freed = max(min(freed, use.cap - use.delivered), Decimal(0))  # where the land has shrunk since, what came still stands
    for grant in session.scalars(grants.order_by(CapacityRequest.id.desc()).with_for_update()):
        part = min(freed, grant.stands)
        grant.lapsed, use.cap, freed = grant.lapsed + part, use.cap - part, freed - part
    session.flush()


def _refusal(room: Room, material: str, quantity: Quantity) -> BeyondCapacity:
    ended = sum((part for _, part in room.ended), Decimal(0))
    why = "unconfirmed" if not room.held else "ended" if ended else "alone" if room.cap == room.whole else "shared"
    params = {
        "days": GRANT_STANDS.days,
        "ended": plain(ended),
        "material": material,
        "cap": plain(room.cap),
        "so_far": plain(room.so_far),
        "wanted": plain(quantity.amount),
        "unit": room.unit.label,
    }
    return BeyondCapacity(CAPACITY_TEXTS[why], params=params, field="quantity")


def _fits(amount: Decimal, cap: Decimal) -> ColumnElement[bool]:
    return CapacityUse.delivered + amount <= cap


def _is_used_up(rule: CapacityRule) -> bool:
    """Whether what bore one material cannot bear another: land (亩 sown), mushroom logs, animals brought by head; not a hive, nor milk."""
    return rule.basis in (Basis.LAND_MU, Basis.LOGS) or (rule.basis is Basis.HEADS and rule.unit is Unit.HEAD)


def _list_uses(session: Session, household: Household, season: str) -> Sequence[CapacityUse]:
    own = select(CapacityUse).filter_by(household_id=household.id, season=season)
    return session.scalars(own.execution_options(populate_existing=True)).all()


def _spent(
    session: Session, household: Household, rule: CapacityRule, uses: Sequence[CapacityUse], at: datetime, judged: datetime
) -> Decimal:
    """How much of the land or herd bore what else the household brought this season; what the county granted on top needed none of it."""
    if not _is_used_up(rule):
        return Decimal(0)
    spent = Decimal(0)
    for use in [use for use in uses if use.material != rule.material]:
        other = find_capacity_rule(session, household.county_code, use.material, clock.today_shanghai(at))
        if other is not None and other.basis is rule.basis and _is_used_up(other):
            grants = _list_grants(session, household, use.material, use.season)
            standing = _standing(grants)
            standing -= sum((part for _, part in _find_ended(grants, use.delivered - (use.cap - standing), judged)), Decimal(0))
            bore = max(use.delivered - standing, Decimal(0))
            spent += bore / in_standard_unit(Quantity(other.per_basis, other.unit)).amount
    return spent


def _brought_before(session: Session, household: Household, material: str, season: str, at: datetime) -> Decimal:
    """What came of the material in the last half year but in the season before: it is of the same harvest, or of the same herd."""
    recent = select(func.coalesce(func.sum(Lot.made), 0)).join(HouseholdDelivery, HouseholdDelivery.lot_id == Lot.id)
    recent = recent.where(HouseholdDelivery.household_id == household.id, HouseholdDelivery.delivered_at > at - HALF_A_YEAR)
    recent = recent.where(HouseholdDelivery.slip_state != SlipState.CORRECTED)
    return Decimal(session.scalar(recent.where(HouseholdDelivery.material == material, HouseholdDelivery.season != season)) or 0)
