"""``./shanhai recall LOT``: the dry run of a recall; with ``--confirm --reason TEXT`` the recall itself."""

from __future__ import annotations

import argparse
import getpass
import json
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from catalog.parties.queries import map_organizations
from kernel import clock
from kernel.db import reading, work
from kernel.workbook import write_book
from logistics.shipments.queries import list_shipments_of_lots
from shop import wiring
from shop.cli.running import running_config
from shop.recalls.deciding import confirm_recall
from shop.recalls.describing import describe_plain, describe_tables
from shop.recalls.queries import Reach, list_reached_orders, trace_reach
from traceability.lots.queries import get_lot

WORDS = {
    "lots": "lots", "boxes_on_hand": "boxes in stock", "shipments": "shipments", "shipments_here": "of them not yet with a carrier",
    "shipments_on_way": "of them on their way", "orders": "orders", "boxes_sold": "boxes sold", "buyers": "buyers (people)",
    "organizations": "buying organisations", "households": "households upstream",
}  # fmt: skip
LISTED = 20


def register(commands: Any) -> None:
    """Add the parser."""
    parser = commands.add_parser("recall", help="what a recall of a lot would stop; with --confirm, stop it")
    parser.add_argument("lot", help="lot code, e.g. LOT-7K3M-9QXT-2B")
    parser.add_argument("--only", nargs="+", default=[], metavar="LOT", help="some of the lots made from it only; needs --left-out")
    parser.add_argument("--left-out", default="", metavar="TEXT", help="why the other lots need not be recalled")
    parser.add_argument("--confirm", action="store_true", help="recall it: marks, holds stock, tells buyers")
    parser.add_argument("--reason", default="", help="why; needed with --confirm")
    parser.add_argument("--sheet", metavar="FILE", help="write the trace sheet (.xlsx) there")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Look, or confirm what was just looked at."""
    engine = wiring.connect(running_config(), pool_size=2)
    code, mark = arguments.lot.strip().upper(), None
    try:
        with reading() as session:
            reach = trace_reach(session, get_lot(session, code), arguments.only)
        if arguments.confirm:
            with work() as session:
                recall, reach = confirm_recall(
                    session, _who(), code, scope=reach.scope, typed=code, reason=arguments.reason, only=arguments.only,
                    left_out_reason=arguments.left_out, at=clock.now(),
                )  # fmt: skip
                mark = recall.mark_code
        with reading() as session:
            if arguments.sheet:
                Path(arguments.sheet).write_bytes(write_book(describe_tables(session, reach, lambda text: text)))
            if arguments.as_json:
                print(json.dumps({**describe_plain(session, reach), "recall": mark}, ensure_ascii=False))
            else:
                _print(session, reach, mark)
    finally:
        engine.dispose()
    return 0


def _who() -> Actor:
    """Whoever may run commands on the server has the operator's powers; the record names their account there."""
    return Actor(None, "command line", operator=True, label=f"command:{getpass.getuser()}")


def _print(session: Session, reach: Reach, mark: str | None) -> None:
    what = "Recalled" if mark else "Dry run, nothing changed:"
    print(f"{what} {reach.root.code} {reach.root.material}{f' as {mark}' if mark else ''}")
    for name, count in reach.counts.items():
        print(f"  {count:8} {WORDS[name]}")
    if reach.left_out:
        print(f"  {len(reach.left_out):8} lots made from it left out")
    print("Parcels:")
    for shipment in list_shipments_of_lots(session, reach.lot_ids, limit=LISTED):
        print(f"  {shipment.code} of {shipment.order_code}: {shipment.state.value}")
    _print_rest(reach.counts["shipments"])
    print("Buyers:")
    orders = list_reached_orders(session, reach.lot_ids, limit=LISTED)
    names = map_organizations(session, {order.organization_id for order in orders if order.organization_id})
    for order in orders:
        who = names[order.organization_id].name if order.organization_id else f"person {order.person_id}"
        print(f"  {order.code}: {order.boxes} {'box' if order.boxes == 1 else 'boxes'}, {who}")
    _print_rest(reach.counts["orders"])
    if not mark:
        print("To recall: add --confirm --reason TEXT")


def _print_rest(count: int) -> None:
    if count > LISTED:
        print(f"  … and {count - LISTED} more (--json and --sheet list all)")
