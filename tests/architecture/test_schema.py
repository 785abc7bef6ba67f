"""Tables: foreign keys point down, migrations equal models, every table belongs to a room."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from kernel.db import EXTRA_DDL, Base
from shop.rooms import MODEL_MODULES, import_models
from tests.conftest import _admin, _url

ROOT = Path(__file__).parents[2]
ORDER = [
    "kernel",
    "areas", "parties", "documents", "products", "prices",
    "ledger", "events", "lots", "pallets", "epcis", "scan",
    "stock", "coldchain", "shipments",
    "accounts", "payments", "orders", "invoices", "reviews",
    "cases", "basket", "procurement", "assistance", "notices",
    "backoffice", "cooperative", "recalls", "storefront", "demo",
]  # fmt: skip


def room_of(table: str) -> str:
    return table.split("_", 1)[0]


def test_foreign_keys_point_down() -> None:
    import_models()
    wrong = [
        f"{table.name} -> {key.column.table.name}"
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if ORDER.index(room_of(key.column.table.name)) > ORDER.index(room_of(table.name))
    ]
    assert wrong == []


def test_every_table_belongs_to_a_room() -> None:
    import_models()
    assert [name for name in Base.metadata.tables if room_of(name) not in ORDER] == []


def test_every_models_module_is_registered() -> None:
    found = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for floor in ("catalog", "traceability", "logistics", "shop")
        for path in (ROOT / floor).rglob("models.py")
    }
    assert found - set(MODEL_MODULES) == set()


@pytest.fixture
def empty_database(worker: str) -> Iterator[str]:
    name = f"migrate_{worker}"
    _admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _admin(f"CREATE DATABASE {name}")
    yield _url(name)
    _admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def alembic(url: str, *args: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *args],
        cwd=ROOT,
        env=os.environ | {"ALEMBIC_DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


CATALOGUE = """
SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
  WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'x', 'u', 'p', 'f')
UNION ALL SELECT 'index', tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prolang <> 13
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')
ORDER BY 1, 2, 3
"""


def catalogue(url: str) -> list[tuple[str, str, str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [(str(a), str(b), str(c)) for a, b, c in connection.execute(text(CATALOGUE))]
    engine.dispose()
    return [row for row in rows if "alembic_version" not in row[1]]


def test_migrations_make_what_the_models_say_and_go_back_down(empty_database: str) -> None:
    import_models()
    alembic(empty_database, "upgrade", "head")
    engine = create_engine(empty_database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()
    migrated = catalogue(empty_database)
    alembic(empty_database, "downgrade", "base")
    left = [row for row in catalogue(empty_database) if row[0] != "function"]
    assert left == []
    engine = create_engine(empty_database)
    Base.metadata.create_all(engine)
    engine.dispose()
    assert migrated == catalogue(empty_database)


def load(name: str) -> ModuleType:
    """A migration, for its statements."""
    (path,) = (ROOT / "migrations" / "versions").glob(f"{name}_*.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module


def test_a_product_is_made_first_of_what_was_brought_most(session: Session) -> None:
    for statement in (
        "CREATE TEMP TABLE products_product (sku text, materials jsonb)",
        "CREATE TEMP TABLE lots_lot (id int, product_sku text, kind text, material text, made numeric)",
        "CREATE TEMP TABLE lots_lot_edge (from_lot_id int, to_lot_id int)",
        """INSERT INTO products_product VALUES ('A', '["apples"]'), ('B', '["beans"]'), ('C', '["corn"]')""",
        """INSERT INTO lots_lot VALUES (1, NULL, 'delivery', 'a rest', 3), (2, NULL, 'delivery', 'pears', 4), (3, 'A', 'delivery', 'pears', 5),
           (4, 'A', 'pack', 'boxes', 12), (5, 'B', 'delivery', 'ashes', 7), (6, 'B', 'delivery', 'beans', 7)""",
        "INSERT INTO lots_lot_edge VALUES (1, 4), (2, 4), (3, 4)",
    ):
        session.execute(text(statement))
    session.execute(text(load("0047").BROUGHT))
    found = session.execute(text("SELECT sku, materials FROM products_product ORDER BY sku")).all()
    assert [tuple(row) for row in found] == [("A", ["pears", "a rest"]), ("B", ["beans", "ashes"]), ("C", ["corn"])]


def test_a_number_of_a_case_is_not_given_out_again_after_a_downgrade(session: Session) -> None:
    """The tables of cases are gone; the events that name them are not, and partners' numbers are none of ours."""
    for statement in (
        "CREATE TEMP TABLE pallets_sscc_counter (body text, last bigint)",
        "CREATE TEMP TABLE shipments_parcel (sscc text)",
        "CREATE TEMP TABLE events_trace_event (id int, origin text)",
        "CREATE TEMP TABLE events_event_epc (event_id int, epc text)",
        "INSERT INTO shipments_parcel VALUES ('095200000471500003'), (NULL)",
        "INSERT INTO events_trace_event VALUES (1, 'own'), (2, 'partner')",
        """INSERT INTO events_event_epc VALUES (1, 'https://id.gs1.org/00/195200000471500410'), (1, 'https://id.gs1.org/01/09520123456788/21/1'),
           (2, 'https://id.gs1.org/00/995200000471599990')""",
    ):
        session.execute(text(statement))
    session.execute(text(load("0052").COUNTED))
    assert session.execute(text("SELECT body, last FROM pallets_sscc_counter")).all() == [("952000004715", 10041)]


def test_what_clerks_typed_into_faulty_tables_of_before_goes(session: Session) -> None:
    session.execute(text("CREATE TEMP TABLE cooperative_day_sheet (id int, faults jsonb)"))
    session.execute(text("""INSERT INTO cooperative_day_sheet VALUES (1, '[]'), (2, '[{"row": 2}]')"""))
    session.execute(text(load("0051").FORGET))
    assert session.scalars(text("SELECT id FROM cooperative_day_sheet")).all() == [1]


def test_invoices_whose_money_went_back_before_are_owed_a_red_one(session: Session) -> None:
    for statement in (
        "CREATE TEMP TABLE orders_sub_order (id int, code text)",
        "CREATE TEMP TABLE orders_receipt (sub_order_id int, used_fen bigint, refunded_fen bigint)",
        "CREATE TEMP TABLE invoices_request (code text, subject_code text, state text, amount_fen bigint, red_due_at timestamptz)",
        "INSERT INTO orders_sub_order VALUES (1, 'A'), (2, 'B')",
        "INSERT INTO orders_receipt VALUES (1, 600, 0), (1, 400, 1), (2, 1000, 100)",
        """INSERT INTO invoices_request VALUES ('less', 'A', 'issued', 1000), ('fits', 'B', 'issued', 900), ('asked', 'A', 'requested', 1000),
           ('taken back', 'A', 'red', 1000), ('of a settlement', 'S', 'issued', 1000)""",
    ):
        session.execute(text(statement))
    session.execute(text(load("0068").OWED))
    assert session.scalars(text("SELECT code FROM invoices_request WHERE red_due_at > now()")).all() == ["less"]


def test_extra_ddl_can_be_undone() -> None:
    import_models()
    for table in Base.metadata.tables.values():
        for up, down in table.info.get(EXTRA_DDL, ()):
            assert up.strip()
            assert down.strip()


def test_one_line_of_history() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(toml_file=str(ROOT / "pyproject.toml"))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1
