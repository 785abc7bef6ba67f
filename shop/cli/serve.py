"""``./shanhai serve PART``: one process of an installation, so that each can run on a machine of its own."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import Any

from shop.config import RUN_FILE, Config

ROOT = Path(__file__).parents[2]
_CELERY = {"worker": ("shop.worker:app", "worker"), "beat": ("shop.worker:clock", "beat", "--pidfile=")}


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
    if arguments.part == "web":
        from shop.app import prepare_served_app

        config = Config.from_env()
        prepare_served_app(config)
        serve_app("shop.app:create_served_app", config.port, host=arguments.host, workers=arguments.workers)
        return 0
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-m", "celery", "-A", *_CELERY[arguments.part], "-l", "warning"]
    if arguments.part == "worker":
        command += ["-c", str(arguments.workers), "--without-gossip", "--without-mingle"]
    os.execv(command[0], command)


def command_of(part: str, config: Config, *, host: str = "127.0.0.1", workers: int = 2) -> list[str]:
    """The command line of one part; settings travel by environment."""
    del config
    command = [sys.executable, "-m", "shop.cli", "serve", part]
    return (
        command + (["--host", host] if part == "web" else []) + (["--workers", str(workers)] if part in ("web", "worker") else [])
    )


def serve_app(factory: str, port: int, *, host: str = "127.0.0.1", workers: int = 2) -> None:
    """Serve what ``factory`` (``module:function``) makes until stopped. Workers are forked, and share what was made before."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    gc.freeze()  # what is there by now lives as long as the process: workers need not look at it, nor copy it
    Server(
        factory,
        factory=True,
        interface=Interfaces.WSGI,
        address=host,
        port=port,
        workers=workers,
        blocking_threads=4,
        backpressure=64,
        websockets=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
    ).serve()


def child_environment(run_file: str) -> dict[str, str]:
    """Environment of a child: ours, and where its settings are."""
    return os.environ | {RUN_FILE: run_file}


def _ledger_program(part: str) -> int:
    from shop.cli.ledger import run_publisher_program, run_sequencer_program

    config = Config.from_env()
    return run_sequencer_program(config) if part == "sequencer" else run_publisher_program(config)
