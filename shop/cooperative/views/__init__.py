"""The clerk's doors. Made for a cheap phone; every page works without JavaScript."""

from __future__ import annotations

from uuid import UUID

from catalog.parties.access import current_actor
from catalog.parties.models import Role
from traceability.lots.states import LotKind, Step

RAW = (LotKind.DELIVERY, LotKind.BULK, LotKind.PROCESSED)
STEP_TEXTS = {
    Step.SLAUGHTERING: "屠宰", Step.CUTTING: "分割", Step.FREEZING: "速冻", Step.SORTING: "分选", Step.DRYING: "烘干",
    Step.MILLING: "碾磨", Step.PRESSING: "压榨", Step.ROASTING: "炒制", Step.PROCESSING: "加工", Step.REWORKING: "返工",
}  # fmt: skip


def own_cooperative() -> UUID:
    """The clerk's cooperative. Raises Forbidden for anybody else."""
    return current_actor().organization_with(Role.clerk)
