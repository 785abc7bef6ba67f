"""Freight rules that say the same, told together (运费分区). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from catalog.prices.models import FreightTemplate

TERMS = (
    "valid_from", "valid_to", "deliverable", "first_grams", "first_fen", "step_grams", "step_fen", "cold_fen", "free_over_fen",
    "handling_days", "days_from", "days_to",
)  # fmt: skip

GAP_LABELS = {
    "none": "没有设运费：现在都按包邮卖，运费由销售方自己承担，买家也看不到几天能到。",
    "elsewhere": "“其他地方”没有设运费：没有单独设的省都按包邮卖，运费由销售方自己承担。",
    "days": "有的地方没有说几天能到，买家看不到预计到达的日子。",
}


@dataclass(frozen=True)
class Zone:
    """Provinces to which one seller charges and promises the same for the same days; ``terms`` is one of their rules."""

    terms: FreightTemplate
    provinces: tuple[str | None, ...]

    @property
    def anywhere(self) -> bool:
        """Whether it is the rule for all places without one of their own."""
        return None in self.provinces


def group(templates: Iterable[FreightTemplate]) -> list[Zone]:
    """The zones that these rules of one seller make, in the order of their first rules."""
    found: dict[tuple[object, ...], list[FreightTemplate]] = {}
    for template in templates:
        found.setdefault(tuple(getattr(template, name) for name in TERMS), []).append(template)
    return [Zone(rows[0], tuple(row.province_code for row in rows)) for rows in found.values()]


@dataclass(frozen=True)
class Coverage:
    """What a seller has said on a day, and what is missing: ``templates`` are its rules that hold on that day or later."""

    on: date
    templates: tuple[FreightTemplate, ...]

    @property
    def today(self) -> list[Zone]:
        """The zones of that day."""
        return group(row for row in self.templates if row.covers(self.on))

    @property
    def later(self) -> list[Zone]:
        """The zones that begin after that day."""
        return group(row for row in self.templates if row.valid_from > self.on)

    @property
    def gap(self) -> str | None:
        """What buyers are not told or charged today, a msgid, or None when all is said."""
        today = [row for row in self.templates if row.covers(self.on)]
        if not today:
            return GAP_LABELS["none"]
        if all(row.province_code is not None for row in today):
            return GAP_LABELS["elsewhere"]
        silent = any(row.deliverable and row.days_to is None for row in today)
        return GAP_LABELS["days"] if silent else None
