"""``./shanhai witness serve``: a witness; best run by somebody else than the shop, on another machine. Needs no database."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shop.config import Config, ConfigProblem
from traceability.ledger.keeper import KeyUnusable
from traceability.ledger.note import BadNote
from traceability.ledger.witness import run_witness

DEMO_ABOUT = "演示见证者，与本站同一运营者"


def register(commands: Any) -> None:
    """Add the parser."""
    serve = commands.add_parser("witness", help="cosign a log that only grows").add_subparsers(required=True).add_parser("serve")
    serve.add_argument("--folder", type=Path, required=True, help="its key and memory; must outlive the program")
    serve.add_argument("--port", type=int, required=True)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--name", help="key name: a scheme-less address of yours, e.g. witness.example.org")
    serve.add_argument(
        "--log", action="append", metavar="VKEY", help="verifier key of a log to watch (its /log/vkey); may be repeated"
    )
    serve.add_argument("--about", help="who runs it, shown at /")
    serve.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Serve until stopped. Without --log it watches the log of the installation on this machine."""
    logs = arguments.log or [_own_log()]
    name = arguments.name or witness_name(arguments.folder.name)
    about = arguments.about or (name if arguments.log else DEMO_ABOUT)
    options: dict[str, Any] = {"name": name, "logs": logs, "host": arguments.host, "port": arguments.port, "about": about}
    return until_stopped(lambda stop: run_witness(stop, arguments.folder, **options), KeyUnusable, BadNote)


def witness_name(folder_name: str) -> str:
    """Key name of a demo witness; never a name that exists."""
    return f"{folder_name}.shanhai.example"


def until_stopped(program: Callable[[threading.Event], None], *refusals: type[Exception]) -> int:
    """Run until SIGTERM or SIGINT; a refusal becomes one clear sentence and exit code 1."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        program(stop)
    except Exception as error:
        if not isinstance(error, (OSError, *refusals)):
            raise
        raise ConfigProblem(str(error)) from error
    return 0


def _own_log() -> str:
    from shop.cli.ledger import connect_log, log_vkey

    config = Config.from_env()
    engine = connect_log(config, pool_size=1)
    vkey = log_vkey(config)
    engine.dispose()
    return vkey
