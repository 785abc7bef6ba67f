"""The clerk's doors. Made for a cheap phone; every page works without JavaScript."""

from __future__ import annotations

from uuid import UUID

from catalog.parties.access import current_actor
from catalog.parties.models import Role
from traceability.lots.states import LotKind

RAW = (LotKind.DELIVERY, LotKind.BULK, LotKind.PROCESSED)


def own_cooperative() -> UUID:
    """The clerk's cooperative. Raises Forbidden for anybody else."""
    return current_actor().organization_with(Role.clerk)
