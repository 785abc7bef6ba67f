"""``./shanhai demo``: tell the story over HTTP against the running system, or print logins and keys."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shop.cli.run import FOLDER
from shop.config import RUN_FILE, Config, ConfigProblem


def register(commands: Any) -> None:
    """Add the parser."""
    acts = commands.add_parser("demo", help="story: walk the whole way; keys: logins").add_subparsers(required=True)
    story = acts.add_parser("story", help="from harvest to proven scan, through the running shop")
    story.add_argument("--json", action="store_true", dest="as_json")
    story.set_defaults(act=tell_story)
    keys = acts.add_parser("keys", help="logins and API keys of the demo")
    keys.add_argument("--json", action="store_true", dest="as_json")
    keys.set_defaults(act=print_keys)


def _connected() -> Config:
    """The running installation's settings, with the database connected. Raises ConfigProblem when nothing runs or it is no demo."""
    import os

    from shop import wiring

    run_file = Path(os.environ.get(RUN_FILE) or FOLDER / "run.json")
    config = Config.load(run_file)
    os.environ[RUN_FILE] = str(run_file)
    if not config.demo:
        raise ConfigProblem("This installation has no demo; start one with ./shanhai run in an empty folder.")
    wiring.connect(config, pool_size=2)
    return config


def tell_story(arguments: argparse.Namespace) -> int:
    """Tell it; exit code 0 only when every step was ticked."""
    from shop.cli.ledger import audit_here
    from shop.demo.browser import Unexpected
    from shop.demo.story.teller import Tick, tell

    config = _connected()

    def say(tick: Tick) -> None:
        if not arguments.as_json:
            sys.stdout.write(f"  ✓ {tick.seconds:5.1f} s  {tick.chapter}:{tick.what}\n            {tick.url}\n")
            sys.stdout.flush()

    def audit() -> None:
        report = audit_here(config)
        if not report.holds:
            raise Unexpected(f"the ledger audit found {len(report.findings)} things wrong, first at index {report.first_bad}")

    ticks, trouble = tell(config, say, audit)
    if arguments.as_json:
        print(
            json.dumps({"ok": trouble is None, "trouble": trouble, "steps": [asdict(tick) for tick in ticks]}, ensure_ascii=False)
        )
    elif trouble is None:
        print(f"Every step ticked: {len(ticks)} in {ticks[-1].seconds:.0f} s")
    else:
        print(f"  ✗ {trouble}", file=sys.stderr)
    return 0 if trouble is None else 1


def print_keys(arguments: argparse.Namespace) -> int:
    """The same logins the table at start shows, and the API keys."""
    from shop.demo.keys import list_doors

    rows = list_doors(_connected())
    if arguments.as_json:
        print(json.dumps([asdict(row) for row in rows], ensure_ascii=False))
    else:
        for row in rows:
            print(f"{row.what}\t{row.url}\t{row.opens}")
    return 0
