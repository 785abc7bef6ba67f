"""``./shanhai migrate``: bring the database up to date; safe to call again and again."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from shop.config import Config

ROOT = Path(__file__).parents[2]


def register(commands: Any) -> None:
    """Add the parser."""
    commands.add_parser("migrate", help="bring the database up to date").set_defaults(act=act)


def act(_arguments: argparse.Namespace) -> int:
    """Migrate the database of this installation."""
    migrate(Config.from_env().database_url)
    return 0


def migrate(url: str) -> None:
    """Apply every migration that is missing at ``url``."""
    from alembic import command
    from alembic.config import Config as AlembicConfig

    os.environ["ALEMBIC_DATABASE_URL"] = url
    try:
        command.upgrade(AlembicConfig(toml_file=str(ROOT / "pyproject.toml")), "head")
    finally:
        del os.environ["ALEMBIC_DATABASE_URL"]
