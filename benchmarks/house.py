"""The house that is measured: its own cluster under ``var/bench``, the shipped app on granian, the yardsticks on the same settings.

Data is prepared once in the database ``prepared``; each run works on a copy of it, so that a run finds what the one before found.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine, create_engine

from benchmarks import yardsticks
from kernel.local import Postgres, Program, Supervisor, Valkey, free_port, web_answers
from shop.cli.migrate import migrate
from shop.cli.serve import child_environment, command_of
from shop.cli.settling import local_config
from shop.config import Config

ROOT = Path(__file__).parents[1]
EMPTY, PREPARED, RUN, PGBENCH, MAKING = "empty", "prepared", "run", "pgbench", "making"


def bench_folder() -> Path:
    """Where benchmarks keep their cluster: ``var/bench`` unless ``SHANHAI_BENCH_DIR`` says otherwise."""
    return Path(os.environ.get("SHANHAI_BENCH_DIR") or ROOT / "var" / "bench")


def say(line: str) -> None:
    """Progress goes to standard error: standard output is for the figures."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class House:
    """Database and broker, and on demand the web servers. A context manager; nothing outlives it."""

    def __init__(self) -> None:
        self.folder = bench_folder()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.postgres, self.valkey = Postgres(self.folder), Valkey(self.folder)
        self._supervisor = Supervisor(self.folder, say=say)
        self._served = False
        self.ports = {"web": free_port(), "payments": free_port(), "carrier": free_port()}
        self.ports |= {"witness-east": free_port(), "witness-west": free_port()}
        self.yardstick_port = free_port()

    def __enter__(self) -> Self:
        self._supervisor.begin()
        try:
            self._supervisor.keep("PostgreSQL", self.postgres)
            self._supervisor.keep("Valkey (broker)", self.valkey)
            self._supervisor.wait_ready(60)
        except BaseException:
            self._supervisor.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._supervisor.__exit__(kind, error, trace)

    def config(self, database: str = RUN) -> Config:
        """The settings of a shop on one of the databases; everything as ``./shanhai run`` has it."""
        broker = (self.valkey.broker_url, self.valkey.result_url, self.valkey.limiter_url)
        config = local_config(
            {}, self.folder, database_url=self.postgres.url(database), broker=broker, host="127.0.0.1", demo=True, ports=self.ports
        )
        return replace(config, witness_urls=())

    def prepare(
        self,
        *,
        shop: bool,
        pgbench: bool,
        more: Mapping[str, Callable[[Config], None]] | None = None,
        larger: Mapping[str, Callable[[Config], None]] | None = None,
    ) -> None:
        """Make what is missing of the data: an empty migrated database, and if wanted the demo and pgbench's tables.

        ``more`` fills further databases, each migrated, by name; ``larger`` fills up copies of the demo.
        """
        wanted = {EMPTY: self._migrate}
        wanted |= {PREPARED: self._load_demo} if shop else {}
        wanted |= {PGBENCH: lambda: yardsticks.prepare_pgbench(self.postgres.url(MAKING))} if pgbench else {}
        wanted |= {name: functools.partial(self._fill, fill) for name, fill in (more or {}).items()}
        wanted |= {name: functools.partial(self._fill_up, fill) for name, fill in (larger or {}).items()}
        there = self.postgres.databases()
        for name, make in wanted.items():
            if name not in there:
                say(f"Preparing the database {name}")
                self.postgres.drop_database(MAKING)
                self.postgres.create_database(MAKING)
                make()
                self._name(name)

    def copy(self, name: str) -> Config:
        """A fresh copy of that prepared database to run on."""
        self.postgres.drop_database(RUN)
        self.postgres.create_database(RUN, template=name)
        migrate(self.postgres.url(RUN))  # it may have been prepared before the last change of the schema
        config = self.config()
        config.save(self.folder / "run.json")
        return config

    def serve(self, config: Config) -> None:
        """Start the shop and the yardsticks, each as ``./shanhai serve web`` does; returns when both answer."""
        if self._served:
            return
        env = child_environment(str(self.folder / "run.json")) | {"PYTHONPATH": str(ROOT)}
        healthy = web_answers(f"http://127.0.0.1:{config.port}/healthz")
        self._web = self._supervisor.add("web", command_of("web", config), env=env, ready=healthy, cwd=ROOT)
        bare = [sys.executable, "-m", yardsticks.__name__, str(self.yardstick_port)]
        ready = web_answers(f"http://127.0.0.1:{self.yardstick_port}/hello")
        self._supervisor.add("yardsticks", bare, env=env, ready=ready, cwd=ROOT)
        self._supervisor.wait_ready(120)
        self._served = True

    def web_workers(self) -> list[int]:
        """The processes that answer for the shop: children of the one that was started."""
        return [int(pid) for pid in Path(f"/proc/{self._web.pid}/task/{self._web.pid}/children").read_text().split()]

    def start(self, part: str, config: Config) -> Program:
        """A program of the log, as ``./shanhai serve`` starts it; whoever starts it may stop it before the house does."""
        run_file = Path(config.data_dir) / "run.json"
        config.save(run_file)
        env = child_environment(str(run_file)) | {"PYTHONPATH": str(ROOT)}
        return self._supervisor.add(part, command_of(part, config), env=env, restart=False, cwd=ROOT)

    def _fill(self, fill: Callable[[Config], None]) -> None:
        self._migrate()
        fill(self.config(MAKING))

    def _fill_up(self, fill: Callable[[Config], None]) -> None:
        self.postgres.drop_database(MAKING)
        self.postgres.create_database(MAKING, template=PREPARED)
        fill(self.config(MAKING))

    def _migrate(self) -> None:
        migrate(self.postgres.url(MAKING))

    def _load_demo(self) -> None:
        from shop import wiring
        from shop.cli.fixing import fix_installation
        from shop.demo.loader import load_demo

        self._migrate()
        config = self.config(MAKING)
        engine = wiring.connect(config, pool_size=2)
        try:
            fix_installation(config)
            load_demo(config, say=say)
        finally:
            engine.dispose()

    def _name(self, name: str) -> None:
        """Give the database its name only when it is whole: a broken-off preparation is done again."""
        self.postgres.create_database(name, template=MAKING)
        self.postgres.drop_database(MAKING)


def connect(config: Config) -> Engine:
    """An engine on the database that is measured, for looking up what to ask for."""
    return create_engine(config.database_url)
