"""``./shanhai recall LOT``: the dry run of a recall; with ``--confirm --reason TEXT`` the recall itself; ``--boxes`` of single boxes."""

from __future__ import annotations

import argparse
import getpass
import json
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from catalog.parties.queries import map_organizations
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Invalid
from kernel.workbook import write_book
from shop import wiring
from shop.cli.running import running_config
from shop.recalls.deciding import confirm_boxes, confirm_recall
from shop.recalls.describing import describe_plain, describe_tables, each_shipment
from shop.recalls.queries import BoxReach, Reach, list_named_boxes, list_reached_orders, trace_boxes, trace_reach
from traceability.lots.queries import get_lot

WORDS = {
    "lots": "lots", "boxes_on_hand": "boxes in stock", "shipments": "shipments", "shipments_here": "of them not yet with a carrier",
    "shipments_on_way": "of them on their way", "orders": "orders", "boxes_sold": "boxes sold", "buyers": "buyers (people)",
    "organizations": "buying organisations", "households": "households upstream",
}  # fmt: skip
BOX_WORDS = {"boxes": "boxes", "boxes_on_hand": "of them not yet gone"}
LISTED = 20


def register(commands: Any) -> None:
    """Add the parser."""
    parser = commands.add_parser("recall", help="what a recall of a lot would stop; with --confirm, stop it")
    parser.add_argument("lot", help="lot code, e.g. LOT-7K3M-9QXT-2B")
    parser.add_argument("--only", nargs="+", default=[], metavar="LOT", help="some of the lots made from it only; needs --left-out")
    parser.add_argument(
        "--boxes", nargs="+", default=[], metavar="FILE|SERIAL",
        help="some boxes of a pack lot only: their serials, or the numbers of their cases and pallets, or a file of them; needs --left-out",
    )  # fmt: skip
    parser.add_argument("--left-out", default="", metavar="TEXT", help="why the other lots, or boxes, need not be recalled")
    parser.add_argument("--confirm", action="store_true", help="recall it: marks, holds stock, tells buyers")
    parser.add_argument("--reason", default="", help="why; needed with --confirm")
    parser.add_argument("--sheet", metavar="FILE", help="write the trace sheet (.xlsx) there")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Look, or confirm what was just looked at."""
    engine = wiring.connect(running_config(), pool_size=2)
    code, mark = arguments.lot.strip().upper(), None
    if arguments.boxes and arguments.only:
        raise Invalid("--boxes 和 --only 不能一起用：按盒召回只涉及这一批。")
    try:
        with reading() as session:
            reach, boxes = _look(session, code, arguments)
        if arguments.confirm:
            with work() as session:
                told = {"typed": code, "reason": arguments.reason, "left_out_reason": arguments.left_out, "at": clock.now()}
                if boxes:
                    serials = [box.serial for box in boxes.boxes]
                    recall, boxes = confirm_boxes(session, _who(), code, scope=boxes.scope, serials=serials, **told)
                else:
                    recall, reach = confirm_recall(session, _who(), code, scope=reach.scope, only=arguments.only, **told)
                mark = recall.mark_code
        with reading() as session:
            if arguments.sheet:
                Path(arguments.sheet).write_bytes(write_book(describe_tables(session, reach, lambda text: text, boxes)))
            if arguments.as_json:
                print(json.dumps({**describe_plain(session, reach, boxes), "recall": mark}, ensure_ascii=False))
            else:
                _print(session, reach, boxes, mark)
    finally:
        engine.dispose()
    return 0


def _look(session: Session, code: str, arguments: argparse.Namespace) -> tuple[Reach, BoxReach | None]:
    lot = get_lot(session, code)
    if not arguments.boxes:
        return trace_reach(session, lot, arguments.only), None
    named = "\n".join(_read(word) for word in arguments.boxes)
    return trace_reach(session, lot, [lot.code]), trace_boxes(session, lot, list_named_boxes(session, lot, named))


def _read(word: str) -> str:
    """The text of a file of that name, or the word itself: a serial is no file here."""
    path = Path(word)
    return path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else word


def _who() -> Actor:
    """Whoever may run commands on the server has the operator's powers; the record names their account there."""
    return Actor(None, "command line", operator=True, label=f"command:{getpass.getuser()}")


def _print(session: Session, reach: Reach, boxes: BoxReach | None, mark: str | None) -> None:
    what, counts = "Recalled" if mark else "Dry run, nothing changed:", (boxes or reach).counts
    print(f"{what} {reach.root.code} {reach.root.material}{f' as {mark}' if mark else ''}")
    for name, count in counts.items():
        if not (boxes and name == "lots"):
            print(f"  {count:8} {BOX_WORDS.get(name, WORDS.get(name, name)) if boxes else WORDS[name]}")
    if reach.left_out and not boxes:
        print(f"  {len(reach.left_out):8} lots made from it left out")
    if boxes:
        print("Boxes:")
        for box in boxes.boxes[:LISTED]:
            print(f"  {box.serial}: {box.state.value}{f', {box.order_code}' if box.order_code else ''}")
        _print_rest(len(boxes.boxes))
    print("Parcels:")
    for shipment in islice(each_shipment(session, reach, boxes), LISTED):
        print(f"  {shipment.code} of {shipment.order_code}: {shipment.state.value}")
    _print_rest(counts["shipments"])
    print("Buyers:")
    orders = boxes.orders[:LISTED] if boxes else list_reached_orders(session, reach.lot_ids, limit=LISTED)
    names = map_organizations(session, {order.organization_id for order in orders if order.organization_id})
    for order in orders:
        who = names[order.organization_id].name if order.organization_id else f"person {order.person_id}"
        print(f"  {order.code}: {order.boxes} {'box' if order.boxes == 1 else 'boxes'}, {who}")
    _print_rest(counts["orders"])
    if not mark:
        print("To recall: add --confirm --reason TEXT" + (" --left-out TEXT" if boxes or reach.left_out else ""))


def _print_rest(count: int) -> None:
    if count > LISTED:
        print(f"  … and {count - LISTED} more (--json and --sheet list all)")
