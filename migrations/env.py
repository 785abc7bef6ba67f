"""Alembic: one line of history; the database address comes from ALEMBIC_DATABASE_URL or from the settings of this installation."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import create_engine

from kernel.db import Base
from shop.rooms import import_models

import_models()


def url() -> str:
    """Address of the database to migrate."""
    if given := os.environ.get("ALEMBIC_DATABASE_URL"):
        return given
    from shop.config import Config

    return Config.from_env().database_url


def run() -> None:
    """Apply migrations, each in its own transaction."""
    engine = create_engine(url())
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True, compare_type=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
