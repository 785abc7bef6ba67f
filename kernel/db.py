"""The database: one declarative base, one way to open a transaction.

A door (view, task, command) opens ``work()``; acts receive the session and never commit. ``work()`` inside ``work()`` raises, so
nobody can split a use case into two transactions by accident. A GET door uses ``reading()``, which PostgreSQL itself keeps read-only.
"""

from __future__ import annotations

import enum
import re
import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import (
    DDL,
    BigInteger,
    ClauseElement,
    Connection,
    Date,
    DateTime,
    Engine,
    Enum,
    FromClause,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.sql.compiler import SQLCompiler

from kernel.errors import Conflict, Invalid, Problem, Unavailable

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Mother of all tables. Table names are ``<room>_<noun>``; money columns are BIGINT fen; quantities NUMERIC(20, 6)."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        int: BigInteger,
        str: Text,
        UUID: Uuid,
        Decimal: Numeric(20, 6),
        datetime: DateTime(timezone=True),
        date: Date,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


def choice(values: type[enum.StrEnum], name: str | None = None) -> Enum:
    """Column type for a ``StrEnum``: stored by value as text, guarded by a CHECK constraint.

    Two columns of one table with the same enum need a ``name`` each for their constraints.
    """
    return Enum(
        values,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=40,
        name=name or values.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


EXTRA_DDL = "extra_ddl"


def add_ddl(table: Table, up: str, down: str) -> None:
    """Attach SQL that SQLAlchemy cannot express (triggers, EXCLUDE) to ``table``; migrations must carry the same text.

    ``tests/architecture`` compares what the database holds with what is registered here.
    """
    table.info.setdefault(EXTRA_DDL, []).append((up, down))
    event.listen(table, "after_create", DDL(up.replace("%", "%%")))  # type: ignore[no-untyped-call]


APPEND_ONLY_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$
""".strip()


def append_only(table: FromClause) -> None:
    """Refuse UPDATE and DELETE on ``table`` by trigger: a guard against accidents, not against a database administrator."""
    assert isinstance(table, Table)
    name = f"{table.name}_append_only"
    add_ddl(table, APPEND_ONLY_FUNCTION, "SELECT 1")
    add_ddl(
        table,
        f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE ON {table.name} FOR EACH ROW EXECUTE FUNCTION refuse_change()",
        f"DROP TRIGGER {name} ON {table.name}",
    )


ERASABLE_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change_but_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('shanhai.erasing', true) = 'on' AND to_jsonb(NEW) - TG_ARGV = to_jsonb(OLD) - TG_ARGV
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
""".strip()


def append_only_but_erasing(table: FromClause, *columns: str) -> None:
    """``append_only``, but what a person said may be taken out of ``columns`` when that person is erased (``may_erase``)."""
    assert isinstance(table, Table)
    name, words = f"{table.name}_append_only", ", ".join(f"'{column}'" for column in columns)
    add_ddl(table, ERASABLE_FUNCTION, "SELECT 1")
    add_ddl(
        table,
        f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE ON {table.name} "
        f"FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasing({words})",
        f"DROP TRIGGER {name} ON {table.name}",
    )


@contextmanager
def may_erase(session: Session) -> Iterator[None]:
    """Within it, triggers let personal words be taken out of rows that are never changed otherwise. Only acts of erasing use it."""
    session.execute(text("SELECT set_config('shanhai.erasing', 'on', true)"))
    yield
    session.execute(text("SELECT set_config('shanhai.erasing', '', true)"))


@contextmanager
def may_adopt(session: Session) -> Iterator[None]:
    """Within it, triggers let rows that are never changed otherwise pass from a guest to the account that confirmed the guest's phone."""
    session.execute(text("SELECT set_config('shanhai.adopting', 'on', true)"))
    yield
    session.execute(text("SELECT set_config('shanhai.adopting', '', true)"))


_sessions: sessionmaker[Session] = sessionmaker(expire_on_commit=False)
_reader: Engine | None = None  # the same pool, READ ONLY from BEGIN on
_glancer: Engine | None = None  # connections of its own: each statement a transaction by itself, planned once
_current: ContextVar[Session | None] = ContextVar("current_session", default=None)
_AFTER = "after_commit"


def connect(url: str, *, pool_size: int = 8) -> Engine:
    """Create the engine for ``url`` and make it the one every ``work()`` uses. Call once per process."""
    global _glancer
    engine = _engine(url, pool_size=pool_size, max_overflow=4)
    bind(engine)
    glancer = _engine(
        url,
        "-c plan_cache_mode=force_generic_plan",  # a glance seeks by index whatever it asks for, and planning costs more than seeking
        pool_size=4,
        max_overflow=4,
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
    )
    event.listen(engine, "engine_disposed", lambda _: glancer.dispose())
    _glancer = glancer
    return engine


def _engine(url: str, options: str = "", **how: Any) -> Engine:
    settings = f"-c timezone=UTC -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s {options}"
    engine = create_engine(
        url,
        hide_parameters=True,  # an error is logged with its statement; what stood in it may be personal
        connect_args={"options": settings},
        **how,
    )
    event.listen(engine, "checkout", _refuse_dead)
    return engine


def _refuse_dead(connection: Any, _record: object, _proxy: object) -> None:
    """An idle server says nothing: when there is something to read, it said goodbye, and the pool makes a new connection.

    As good as a ping after a restart of the database, without its round trip in each transaction.
    """
    if connection.closed:
        raise DisconnectionError
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    if waiting.poll(0):
        raise DisconnectionError


def describe(error: Exception) -> str:
    """An error for a log: of what the database refused the kind and the rule broken, since its own words repeat what people typed."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    if not isinstance(cause, psycopg.Error):
        return repr(error)
    return " ".join(
        part for part in (type(cause).__name__, cause.sqlstate, cause.diag.table_name, cause.diag.constraint_name) if part
    )


def problem_of(error: DBAPIError) -> Problem | None:
    """What a person is told when the database refuses for no fault of ours; None when it is a bug.

    Somebody else was faster (a unique column, days that may not overlap), a lock did not come free, or a text holds what no text of
    PostgreSQL can (a zero byte).
    """
    state = getattr(error.orig, "sqlstate", None)
    if state in ("23505", "23P01"):
        return Conflict("刚有人提交了同样的内容，请刷新页面查看后再试。")
    if state in ("55P03", "40P01", "40001"):
        return Unavailable("现在人多，没有排上。请过几秒再试一次。")
    if isinstance(error.orig, psycopg.DataError) and state in (None, "22021", "22P05"):
        return Invalid("内容里有不能保存的字符，请删掉后再试。")
    return None


def bind(to: Engine | Connection, **options: Any) -> None:
    """Point every later transaction at ``to`` (tests bind one connection with ``join_transaction_mode``)."""
    global _reader, _glancer
    _sessions.configure(bind=to, **options)
    pool = to if isinstance(to, Engine) else None
    _reader = pool and pool.execution_options(postgresql_readonly=True)
    _glancer = None


@contextmanager
def work() -> Iterator[Session]:
    """One transaction: commit on success, roll back on any error, then run what ``after_commit`` collected.

    Raises RuntimeError when a transaction is already open in this context.
    """
    with _opened() as session:
        with session.begin():
            yield session
        callbacks: list[Callable[[], None]] = session.info.pop(_AFTER, [])
    for callback in callbacks:
        callback()


@contextmanager
def reading() -> Iterator[Session]:
    """A READ ONLY transaction for pages and queries; PostgreSQL refuses any write in it."""
    with _opened(_reader) as session, session.begin():
        if _reader is None:
            session.execute(text("SET TRANSACTION READ ONLY"))
        yield session


class Glance:
    """A SELECT of one row, written out once: what is asked before a kept page is shown again."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._written: str | None = None

    def ask(self, parameters: Mapping[str, object]) -> tuple[Any, ...]:
        """The row, found in a transaction of its own; ``parameters`` go to the driver as they are."""
        if _glancer is None:
            with reading() as session:
                return self._ask(session.connection(), parameters)
        with _glancer.connect() as connection:
            return self._ask(connection, parameters)

    def _ask(self, connection: Connection, parameters: Mapping[str, object]) -> tuple[Any, ...]:
        if self._written is None:
            self._written = self._write(connection, parameters)
        return tuple(connection.exec_driver_sql(self._written, dict(parameters)).one())

    def _write(self, connection: Connection, parameters: Mapping[str, object]) -> str:
        """The statement with its constants in the text: a plan made before ``parameters`` are known uses a partial index only then."""
        compiled = self._statement.compile(connection)
        assert isinstance(compiled, SQLCompiler)
        written = compiled.construct_expanded_state(parameters)

        def constant(found: re.Match[str]) -> str:
            name = found[1]
            if name in parameters:
                return found[0]
            process = written.processors.get(name)
            if name in compiled.binds:
                process = compiled.binds[name].type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
            value = written.parameters[name]
            return sql.Literal(process(value) if process else value).as_string().replace("%", "%%")

        return re.sub(r"%\((\w+)\)s", constant, written.statement)


@contextmanager
def apart() -> Iterator[Connection]:
    """A connection outside any transaction, for what PostgreSQL refuses inside one (VACUUM); each statement stands by itself."""
    bound: Engine | Connection = _sessions.kw["bind"]
    with bound.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@contextmanager
def _opened(engine: Engine | None = None) -> Iterator[Session]:
    if _current.get() is not None:
        raise RuntimeError("work() inside work(): pass the session down instead")
    session = _sessions(bind=engine) if engine is not None else _sessions()
    token = _current.set(session)
    try:
        yield session
    finally:
        _current.reset(token)
        session.close()


def after_commit(session: Session, callback: Callable[[], None]) -> None:
    """Run ``callback`` once the surrounding ``work()`` has committed; never when it rolled back.

    Only for hints (wake a worker): what must happen is a row, since a crash right after the commit loses the callback.
    """
    session.info.setdefault(_AFTER, []).append(callback)
