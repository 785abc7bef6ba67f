"""Rows into a table by binary COPY: several times faster than INSERT of many rows, and no slower for one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session


def copy_rows(session: Session, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Write `rows` in the session's transaction. `columns` are names with PostgreSQL's types, in the order of the values.

    Raises what any statement raises: IntegrityError for a second row under one key, and other DBAPIErrors.
    """
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    with driver(session).cursor() as cursor:
        try:
            with cursor.copy(statement.encode()) as copy:
                copy.set_types(list(columns.values()))
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise DBAPIError.instance(statement, None, error, psycopg.Error) from error


def driver(session: Session) -> psycopg.Connection[Any]:
    """The driver's own connection, for what SQLAlchemy has no words for."""
    found = session.connection().connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found
