"""Facts the upper floors tell the story page, in their own transaction: it looks up to nobody.

Each kind has its words, and no others are taken: what must not stand on a public page (carrier, city, recipient) cannot get there by
a careless caller. ``docs/scan.md`` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel.ids import uuid7
from traceability.scan.models import Fact
from traceability.scan.states import FactKind, PartState, Payee

WORDS: dict[FactKind, frozenset[str]] = {
    FactKind.MOVED: frozenset({"what", "place", "place_en", "county_code"}),
    FactKind.TEMPERATURE: frozenset(
        {"cold_class", "coldest", "warmest", "limit", "lowest", "readings", "excursions", "from", "until"}
    ),
    FactKind.SHARES: frozenset({"parts"}),
    FactKind.SOLD: frozenset({"on"}),
    FactKind.DISPATCHED: frozenset({"hub", "hub_en", "hub_county_code", "province_code", "province", "province_en"}),
}
HUNDRED_YUAN = 10_000  # fen


def tell_fact(
    session: Session, unit_or_lot: str, kind: FactKind | str, facts: Mapping[str, Any], at: datetime, *, key: str = ""
) -> None:
    """Tell a fact about a box (its serial) or a lot (its code) as of ``at``; the later one of two tellings stands, in any order.

    ``key`` tells apart several facts of one kind, e.g. moves. ``shares``: ``{"parts": [{"payee": "household", "fen": 6200,
    "state": "agreed" | "paid", "on": "2026-11-01"}, …]}``, the parts of 100 yuan in fen, 10,000 in all.

    Raises ValueError for a word the kind does not have, or shares that are not 100 yuan: a bug of the caller.
    """
    kind = FactKind(kind)
    if unknown := set(facts) - WORDS[kind]:
        raise ValueError(f"{kind} has no words for {sorted(unknown)}")
    if check := _CHECKS.get(kind):
        check(facts)
    row = {"id": uuid7(), "subject": unit_or_lot, "kind": kind, "key": key, "facts": dict(facts), "at": at}
    told = insert(Fact).values(row)
    session.execute(
        told.on_conflict_do_update(
            index_elements=["subject", "kind", "key"],
            set_={"facts": told.excluded.facts, "at": told.excluded.at},
            where=told.excluded.at >= Fact.at,
        )
    )


def _check_shares(facts: Mapping[str, Any]) -> None:
    parts = facts["parts"]
    for part in parts:
        Payee(part["payee"])
        state = PartState(part["state"])
        if state is PartState.PAID:
            date.fromisoformat(part["on"])
        if type(part["fen"]) is not int or part["fen"] < 0:
            raise ValueError(f"a part of 100 yuan is a whole number of fen, not {part['fen']!r}")
    if sum(part["fen"] for part in parts) != HUNDRED_YUAN:
        raise ValueError("the parts of 100 yuan do not add up to 100 yuan")


_CHECKS: dict[FactKind, Callable[[Mapping[str, Any]], None]] = {FactKind.SHARES: _check_shares}
