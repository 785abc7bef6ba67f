"""``./shanhai migrate``: bring the database up to date, reference data too; safe to call again and again."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

from shop.config import Config, ConfigProblem

ROOT = Path(__file__).parents[2]
VERSIONS = ROOT / "migrations" / "versions"


def register(commands: Any) -> None:
    """Add the parser."""
    commands.add_parser("migrate", help="bring the database up to date").set_defaults(act=act)


def act(_arguments: argparse.Namespace) -> int:
    """Migrate the database of this installation; the first time, fix what it is."""
    config = Config.from_env()
    migrate(config.database_url)
    from shop.cli.fixing import fix_installation
    from shop.cli.ledger import connect_log

    engine = connect_log(config, pool_size=1)
    try:
        fix_installation(config, explicit_url=config.public_url)
    finally:
        engine.dispose()
    return 0


def migrate(url: str, *, only_if_empty: bool = False) -> None:
    """Apply every migration that is missing at ``url``.

    Raises ConfigProblem when ``only_if_empty`` and tables that are not ours are there.
    """
    revision, tables = look_at(url)
    if only_if_empty and revision is None and tables:
        raise ConfigProblem("This database is in use by something else, so the demo was not loaded into it: give an empty one.")
    if revision is not None and revision == find_head(VERSIONS):
        return
    from alembic import command
    from alembic.config import Config as AlembicConfig

    os.environ["ALEMBIC_DATABASE_URL"] = url
    try:
        command.upgrade(AlembicConfig(toml_file=str(ROOT / "pyproject.toml")), "head")
    finally:
        del os.environ["ALEMBIC_DATABASE_URL"]


def look_at(url: str) -> tuple[str | None, int]:
    """The revision the database is at (None: never migrated), and how many tables it has."""
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            known = "alembic_version" in tables
            return (connection.scalar(text("SELECT version_num FROM alembic_version")) if known else None), len(tables)
    finally:
        engine.dispose()


def find_head(folder: Path) -> str | None:
    """The last revision of one line of history, read without Alembic, which takes longer to import than all else here.

    None when the files do not form one line: then Alembic shall decide.
    """
    revisions, before = set(), set()
    for path in folder.glob("*.py"):
        found = dict(re.findall(r'^(revision|down_revision)\b[^=\n]*= *"([^"\n]+)"', path.read_text("utf-8"), re.MULTILINE))
        revisions.add(found.get("revision", ""))
        before.add(found.get("down_revision", ""))
    heads = revisions - before
    return heads.pop() if len(heads) == 1 else None
