"""What figures are measured against: as little as can be done with the same parts on the same server and cluster.

``hello`` is bare Flask; ``one-row`` is bare Flask with one SELECT by primary key through SQLAlchemy; ``tpc-b`` is pgbench.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from uuid import UUID

from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from benchmarks.figures import WrongAnswer
from kernel.local.binaries import find_postgres
from kernel.local.processes import server_identity
from shop.cli.serve import serve_app
from shop.config import Config

FACTORY = "benchmarks.yardsticks:create_yardsticks"
PGBENCH_SCALE = 10  # a million accounts, 150 MB


def create_yardsticks() -> Flask:
    """The bare application: no session, no limiter, no templates."""
    app = Flask("yardsticks")
    engine = create_engine(Config.from_env().database_url, pool_size=8)
    query = text("SELECT id, sku, name FROM products_product WHERE id = :id")

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    @app.get("/one-row/<uuid:key>")
    def one_row(key: UUID) -> dict[str, str]:
        with engine.connect() as connection:
            row = connection.execute(query, {"id": key}).one()
        return {"id": str(row.id), "sku": row.sku, "name": row.name}

    return app


def prepare_pgbench(database_url: str) -> None:
    """Fill the tables of pgbench."""
    _pgbench(database_url, "-i", "-q", "-s", str(PGBENCH_SCALE))


def tpc_b(database_url: str, connections: int) -> Callable[[float], float]:
    """A measure of pgbench's built-in TPC-B-like transactions a second; whole seconds, at least one."""

    def measure(seconds: float) -> float:
        said = _pgbench(database_url, "-n", "-c", str(connections), "-j", "2", "-T", str(max(round(seconds), 1)))
        found = re.search(r"^tps = ([0-9.]+)", said, re.MULTILINE)
        if found is None:
            raise WrongAnswer(f"pgbench said no rate: {said.strip()[-200:]}")
        return float(found[1])

    return measure


def _pgbench(database_url: str, *options: str) -> str:
    url = make_url(database_url)
    env = os.environ | {
        "PGHOST": str(url.query["host"]),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password),
        "PGDATABASE": url.database or "",
    }
    program = find_postgres(server_identity()).folder / "pgbench"
    done = subprocess.run([program, *options], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WrongAnswer(f"pgbench failed: {done.stderr.strip()[-300:]}")
    return done.stdout


if __name__ == "__main__":
    serve_app(FACTORY, int(sys.argv[1]))
