"""``./shanhai serve PART``: one process of an installation, so that each can run on a machine of its own."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from shop.config import RUN_FILE, Config


def register(commands: Any) -> None:
    """Add the parser."""
    parser = commands.add_parser("serve", help="one process of an installation")
    parser.add_argument("part", choices=("web", "worker", "beat", "sequencer", "publisher"))
    parser.add_argument("--host", default="127.0.0.1", help="address the web server binds")
    parser.add_argument("--workers", type=int, default=2, help="web or task processes")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:  # noqa: RET503 - the process is replaced
    """Become that process."""
    if arguments.part in ("sequencer", "publisher"):
        return _ledger_program(arguments.part)
    config = Config.from_env()
    command = command_of(arguments.part, config, host=arguments.host, workers=arguments.workers)
    os.execv(command[0], command)


def command_of(part: str, config: Config, *, host: str = "127.0.0.1", workers: int = 2) -> list[str]:
    """The command line of one part; settings travel by environment."""
    python = [sys.executable, "-m"]
    if part == "web":
        return [
            *python, "granian", "--interface", "wsgi", "--factory", "shop.app:create_served_app",
            "--host", host, "--port", str(config.port), "--workers", str(workers), "--blocking-threads", "4",
            "--backpressure", "64", "--no-ws", "--log-level", "warning", "--respawn-failed-workers",
        ]  # fmt: skip
    if part == "worker":
        return [
            *python,
            "celery",
            "-A",
            "shop.worker",
            "worker",
            "-c",
            str(workers),
            "-l",
            "warning",
            "--without-gossip",
            "--without-mingle",
        ]
    if part == "beat":
        return [*python, "celery", "-A", "shop.worker", "beat", "-l", "warning", "--pidfile="]
    return [*python, "shop.cli", "serve", part]


def child_environment(run_file: str) -> dict[str, str]:
    """Environment of a child: ours, and where its settings are."""
    return os.environ | {RUN_FILE: run_file}


def _ledger_program(part: str) -> int:
    from shop.cli.ledger import run_publisher_program, run_sequencer_program

    config = Config.from_env()
    return run_sequencer_program(config) if part == "sequencer" else run_publisher_program(config)
