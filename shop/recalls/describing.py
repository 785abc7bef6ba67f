"""A dry run in words: as tables for the workbook, as plain values for programs. Buyers appear by order code and province only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents.models import KIND_LABELS, SubjectKind
from catalog.documents.queries import list_documents_of
from catalog.parties.queries import list_households_by_id, visible_household_names
from kernel.clock import to_shanghai
from kernel.errors import Gettext
from kernel.quantity import Quantity
from kernel.workbook import Table
from logistics.shipments.models import Shipment
from logistics.shipments.queries import list_shipments_of_lots
from logistics.shipments.states import SHIPMENT_FLOW
from shop.orders.states import STATES
from shop.recalls.queries import BoxReach, Reach, each_reached_order
from traceability.lots.models import Lot
from traceability.lots.queries import list_edges_among
from traceability.lots.states import ITEM_FLOW
from traceability.pallets.models import Container
from traceability.pallets.queries import list_containers_of_lots
from traceability.pallets.states import KIND_LABELS as CONTAINER_LABELS


def describe_tables(session: Session, reach: Reach, gettext: Gettext, boxes: BoxReach | None = None) -> list[Table]:
    """The trace-back and trace-forward sheet, and the list of the papers of every lot in it (合格证, 检疫证明, 检验).

    With ``boxes`` of the one lot of ``reach`` it begins with these, and containers, parcels and orders are those that hold them.
    """
    _ = gettext
    orders = boxes.orders if boxes else each_reached_order(session, reach.lot_ids)
    lot_heads = [_("批次"), _("物料"), _("数量"), _("产地代码"), _("生产日期")]
    shares = dict(reach.households)
    names = visible_household_names(session, list_households_by_id(session, shares))
    known = {lot.id: lot for lot in (*reach.upstream, *reach.lots, *reach.left_out)}
    edges = [(known[e.from_lot_id], known[e.to_lot_id], Quantity(e.quantity, e.unit)) for e in list_edges_among(session, known)]
    tables = [
        Table(_("往下涉及批次"), lot_heads, [_lot_row(lot, gettext) for lot in reach.lots]),
        Table(_("往上来源批次"), lot_heads, [_lot_row(lot, gettext) for lot in reach.upstream]),
        Table(
            _("批次怎么来的"), [_("从批次"), _("到批次"), _("用了多少")], [(a.code, b.code, used.text(_)) for a, b, used in edges]
        ),
        Table(_("往上来源农户"), [_("农户"), _("份额")], [(names[key], str(share)) for key, share in shares.items()]),
        _shelves(reach, boxes, gettext),
        Table(
            _("箱和托盘"),
            [_("箱码"), _("类别"), _("盒数"), _("装箱时间"), _("发出时间")],
            [
                (c.name, _(CONTAINER_LABELS[c.kind]), held, f"{to_shanghai(c.closed_at):%Y-%m-%d %H:%M}", _left(c))
                for c, held in each_container(session, reach, boxes)
            ],
        ),
        Table(
            _("发货单"),
            [_("发货单号"), _("订单号"), _("状态"), _("目的省份代码"), _("快递单号")],
            [
                (s.code, s.order_code, _(SHIPMENT_FLOW.labels[s.state]), s.province_code, s.waybill or "")
                for s in each_shipment(session, reach, boxes)
            ],
        ),
        Table(
            _("订单"),
            [_("订单号"), _("状态"), _("下单日期"), _("买方"), _("目的省份代码"), _("批次"), _("盒数")],
            [
                (
                    o.code, _(STATES.labels[o.state]), o.placed_on, _("单位") if o.organization_id else _("个人"), o.province_code,
                    "、".join(o.lot_codes), o.boxes,
                )
                for o in orders
            ],
        ),
        _papers(session, [lot.code for lot in known.values()], gettext),
    ]  # fmt: skip
    if boxes:
        tables.insert(0, _boxes(boxes, gettext))
    elif reach.left_out:
        tables.insert(1, Table(_("没有放进召回的批次"), lot_heads, [_lot_row(lot, gettext) for lot in reach.left_out]))
    return tables


def _boxes(reach: BoxReach, gettext: Gettext) -> Table:
    _ = gettext
    return Table(
        _("召回的盒子"),
        [_("编号"), _("批次"), _("状态"), _("发货单号"), _("订单号")],
        [
            (box.serial, reach.lot.code, _(ITEM_FLOW.labels[box.state]), box.shipment_code or "", box.order_code or "")
            for box in reach.boxes
        ],
    )


def _shelves(reach: Reach, boxes: BoxReach | None, gettext: Gettext) -> Table:
    """Which shelf a box of a lot lies on nobody has noted: beside the shelves of its lot stands how many have not left."""
    _ = gettext
    heads = [_("批次"), _("在库盒数"), _("已分配盒数"), *([_("召回的盒子里还没发出的")] if boxes else [])]
    return Table(_("库存"), heads, [(s.lot_code, s.on_hand, s.allocated, *([boxes.here] if boxes else [])) for s in reach.shelves])


def _papers(session: Session, lot_codes: Sequence[str], gettext: Gettext) -> Table:
    _ = gettext
    return Table(
        _("合格证和检疫检验"),
        [_("批次"), _("类别"), _("编号"), _("出具方"), _("出具日期"), _("作废")],
        [
            (d.subject_code, _(KIND_LABELS[d.kind]), d.number, d.issuer, f"{d.issued_on}", d.revoked_reason if d.revoked_at else "")
            for d in list_documents_of(session, SubjectKind.LOT, lot_codes)
        ],
    )


def _left(container: Container) -> str:
    return f"{to_shanghai(container.left_at):%Y-%m-%d %H:%M}" if container.left_at else ""


def each_container(session: Session, reach: Reach, boxes: BoxReach | None = None) -> Iterator[tuple[Container, int]]:
    """Every case and pallet that holds boxes of the lots (or just these), here or gone, with how many."""
    after, serials = None, [box.serial for box in boxes.boxes] if boxes else None
    while page := list_containers_of_lots(session, reach.lot_ids, serials=serials, after=after, limit=1000):
        yield from ((held.container, held.boxes) for held in page)
        after = page[-1].container.id


def each_shipment(session: Session, reach: Reach, boxes: BoxReach | None = None) -> Iterator[Shipment]:
    """Every shipment that holds boxes of the lots (or just these), by code."""
    if boxes:
        codes = {box.shipment_code for box in boxes.boxes if box.shipment_code}
        yield from session.scalars(select(Shipment).where(Shipment.code.in_(codes)).order_by(Shipment.code))
        return
    after = ""
    while page := list_shipments_of_lots(session, reach.lot_ids, after=after, limit=1000):
        yield from page
        after = page[-1].code


def _lot_row(lot: Lot, gettext: Gettext) -> tuple[str, str, str, str, str]:
    return lot.code, lot.material, Quantity(lot.made, lot.unit).text(gettext), lot.county_code, f"{lot.produced_on}"


def describe_plain(session: Session, reach: Reach, boxes: BoxReach | None = None) -> dict[str, Any]:
    """For programs: ``./shanhai recall --json``."""
    orders = list(boxes.orders if boxes else each_reached_order(session, reach.lot_ids))
    return {
        "lot": reach.root.code,
        "scope": (boxes or reach).scope,
        "snapshot": (boxes or reach).snapshot,
        "counts": (boxes or reach).counts,
        "lots": [lot.code for lot in reach.lots],
        "left_out": [lot.code for lot in reach.left_out],
        "boxes": [{"serial": box.serial, "state": box.state.value} for box in boxes.boxes] if boxes else [],
        "containers": [{"code": container.name, "boxes": held} for container, held in each_container(session, reach, boxes)],
        "shipments": [
            {"code": row.code, "order": row.order_code, "state": row.state.value} for row in each_shipment(session, reach, boxes)
        ],
        "orders": [{"code": row.code, "boxes": row.boxes, "lots": list(row.lot_codes)} for row in orders],
        "buyers": sorted({str(row.person_id) for row in orders if row.person_id and not row.organization_id}),
        "organizations": sorted({str(row.organization_id) for row in orders if row.organization_id}),
    }
