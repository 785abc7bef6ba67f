"""The clerk's doors. Made for a cheap phone; every page works without JavaScript."""

from __future__ import annotations

from typing import TypedDict
from uuid import UUID

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor
from catalog.parties.models import Actor, Role
from catalog.parties.queries import list_counties_of
from kernel.quantity import plain
from traceability.lots.models import HouseholdDelivery
from traceability.lots.queries import find_capacity_use
from traceability.lots.states import LotKind, Step

RAW = (LotKind.DELIVERY, LotKind.BULK, LotKind.PROCESSED)
STEP_TEXTS = {
    Step.SLAUGHTERING: "屠宰", Step.CUTTING: "分割", Step.FREEZING: "速冻", Step.SORTING: "分选", Step.DRYING: "烘干",
    Step.MILLING: "碾磨", Step.PRESSING: "压榨", Step.ROASTING: "炒制", Step.PROCESSING: "加工", Step.REWORKING: "返工",
}  # fmt: skip


def own_cooperative() -> UUID:
    """The clerk's cooperative. Raises Forbidden for anybody else."""
    return current_actor().organization_with(Role.clerk)


class Scope(TypedDict, total=False):
    """Whose requests somebody sees."""

    counties: set[str]
    organization_id: UUID


def scope_of(session: Session, actor: Actor) -> Scope:
    """What was asked of an officer's counties, or by a clerk's cooperative. Raises Forbidden for anybody else."""
    if actor.has(Role.county_officer):
        return {"counties": list_counties_of(session, actor)}
    return {"organization_id": own_cooperative()}


def warn_near_cap(session: Session, delivery: HouseholdDelivery) -> str:
    """What a clerk is told when little of the household's cap is left after this delivery; "" while there is room."""
    use = find_capacity_use(session, delivery)
    if use is None or not use.is_near:
        return ""
    told: str = _(
        "快到上限了：这户本季“%(material)s”已交 %(so_far)s %(unit)s，上限 %(cap)s %(unit)s，还能交 %(left)s %(unit)s。",
        material=use.material,
        so_far=plain(use.delivered),
        cap=plain(use.cap),
        left=plain(use.cap - use.delivered),
        unit=_(use.unit.label),
    )
    return told
