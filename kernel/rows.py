"""Asking for many rows at once: by key, those known are not asked for again; by value, hundreds as one array."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, func, inspect, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

M = TypeVar("M")


def fetch(session: Session, model: type[M], keys: Iterable[Hashable]) -> dict[Any, M]:
    """Rows by primary key, those there are. What this transaction has read before is not asked for again: a SELECT would give the same
    objects as they are.
    """
    known = {key: session.identity_map.get(session.identity_key(model, key)) for key in set(keys)}
    found = {key: row for key, row in known.items() if row is not None and not inspect(row).expired}
    if len(found) < len(known):
        [column] = inspect(model).primary_key
        rows = session.scalars(select(model).where(column.in_([key for key in known if key not in found])))
        found |= {inspect(row).identity[0]: row for row in rows}
    return found


def among(column: ColumnElement[Any] | InstrumentedAttribute[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """``column`` is one of ``values``, of which there may be hundreds: they travel as one array, and the statement is always the same."""
    return column == func.any(literal(list(values), ARRAY(column.type)))
