"""Things that are true for a while: a first day, a last day, and never two at once.

``valid_to`` is the last valid day, itself included; without it the row is valid until somebody ends it. Days are days in China.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, FromClause, Table, and_, or_
from sqlalchemy.orm import Mapped

from kernel.db import add_ddl

if TYPE_CHECKING:
    from collections.abc import Sequence


class Period:
    """Mixin: the two columns of a row with a validity period."""

    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    def covers(self, day: date) -> bool:
        """Whether the row is valid on ``day``."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


def valid_on(model: type[Period], day: date) -> ColumnElement[bool]:
    """SQL condition: the row of ``model`` is valid on ``day``."""
    columns: Any = model
    return and_(columns.valid_from <= day, or_(columns.valid_to.is_(None), columns.valid_to >= day))


def no_overlap(table: FromClause, same: Sequence[str], *, where: str | None = None) -> None:
    """Refuse two rows of ``table`` that agree in ``same`` (columns or expressions) and share a day.

    An EXCLUDE constraint ``ex_<table>_period``; it needs the extension btree_gist. It also refuses a period that ends before it begins.
    """
    assert isinstance(table, Table)
    name = f"ex_{table.name}_period"
    keys = ", ".join(f"{key} WITH =" for key in same)
    condition = f" WHERE ({where})" if where else ""
    add_ddl(
        table,
        f"ALTER TABLE {table.name} ADD CONSTRAINT {name} "
        f"EXCLUDE USING gist ({keys}, daterange(valid_from, valid_to, '[]') WITH &&){condition}",
        f"ALTER TABLE {table.name} DROP CONSTRAINT {name}",
    )
