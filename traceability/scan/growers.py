"""What the page may say of the households behind a lot. Pure: consent in, words out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from catalog.parties.models import ConsentScope
from traceability.lots.claims import Model
from traceability.scan.story import FEW_HOUSEHOLDS, Grower, Growers

MOST_LISTED = 60


@dataclass(frozen=True)
class Member:
    """A household without its name: that is read only for those who allow it."""

    id: UUID
    number: int
    town: str
    village: str
    share: Decimal


def describe(
    members: Sequence[Member],
    allowed: Mapping[UUID, frozenset[ConsentScope]],
    names: Mapping[UUID, str],
    custody: Model,
    *,
    animals: bool,
) -> Growers:
    """The households as anybody may read them.

    By consent its name (and village, and share); else a number within the cooperative. A town is named only where at least
    ``FEW_HOUSEHOLDS`` of its households are in the lot; the others are counted for the county. Shares are not told when a single
    household keeps its own to itself: it would be what is left of the whole.
    """
    silent = [member for member in members if ConsentScope.SHARE not in allowed.get(member.id, frozenset())]
    named = []
    numbers = []
    for member in members:
        scopes = allowed.get(member.id, frozenset())
        if ConsentScope.NAME in scopes and member.id in names:
            village = f"{member.town}{member.village}" if ConsentScope.VILLAGE in scopes else ""
            percent = _percent(member.share) if ConsentScope.SHARE in scopes and len(silent) != 1 else ""
            named.append(Grower(names[member.id], village, percent))
        else:
            numbers.append(member.number)
    counted = Counter(member.town for member in members if member.town)
    towns = [(town, count) for town, count in counted.most_common() if count >= FEW_HOUSEHOLDS]
    return Growers(
        count=len(members),
        towns=towns,
        elsewhere=len(members) - sum(count for _, count in towns),
        named=named[:MOST_LISTED],
        numbers=sorted(numbers)[:MOST_LISTED],
        custody=custody,
        animals=animals,
    )


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.1'), ROUND_HALF_UP)}"
