"""``./shanhai recall LOT``: the dry run of a recall; with ``--confirm --reason TEXT`` the recall itself."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from typing import Any

from catalog.parties.models import Actor
from kernel import clock
from kernel.db import reading, work
from shop import wiring
from shop.cli.running import running_config
from shop.recalls.deciding import confirm_recall
from shop.recalls.describing import describe_plain
from shop.recalls.queries import Reach, trace_reach
from traceability.lots.queries import get_lot

WORDS = {
    "lots": "lots", "boxes_on_hand": "boxes in stock", "shipments": "shipments", "orders": "orders", "boxes_sold": "boxes sold",
    "buyers": "buyers (people)", "organizations": "buying organisations", "households": "households upstream",
}  # fmt: skip


def register(commands: Any) -> None:
    """Add the parser."""
    parser = commands.add_parser("recall", help="what a recall of a lot would stop; with --confirm, stop it")
    parser.add_argument("lot", help="lot code, e.g. LOT-7K3M-9QXT-2B")
    parser.add_argument("--confirm", action="store_true", help="recall it: marks, holds stock, tells buyers")
    parser.add_argument("--reason", default="", help="why; needed with --confirm")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Look, or confirm what was just looked at."""
    engine = wiring.connect(running_config(), pool_size=2)
    code, mark = arguments.lot.strip().upper(), None
    try:
        with reading() as session:
            reach = trace_reach(session, get_lot(session, code))
        if arguments.confirm:
            with work() as session:
                recall, reach = confirm_recall(
                    session, _who(), code, scope=reach.scope, typed=code, reason=arguments.reason, at=clock.now()
                )
                mark = recall.mark_code
        _print(reach, mark, as_json=arguments.as_json)
    finally:
        engine.dispose()
    return 0


def _who() -> Actor:
    """Whoever may run commands on the server has the operator's powers; the record names their account there."""
    return Actor(None, "command line", operator=True, label=f"command:{getpass.getuser()}")


def _print(reach: Reach, mark: str | None, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**describe_plain(reach), "recall": mark}, ensure_ascii=False))
        return
    print(
        f"{'Recalled' if mark else 'Dry run, nothing changed:'} {reach.root.code} {reach.root.material}{f' as {mark}' if mark else ''}"
    )
    for name, count in reach.counts.items():
        print(f"  {count:8} {WORDS[name]}")
    for shipment in reach.shipments[:20]:
        print(f"  {shipment.code} of {shipment.order_code}: {shipment.state.value}")
    if len(reach.shipments) > 20:
        print(f"  … and {len(reach.shipments) - 20} more shipments (--json lists all)", file=sys.stdout)
    if not mark:
        print("To recall: add --confirm --reason TEXT")
