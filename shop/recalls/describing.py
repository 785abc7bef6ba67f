"""A dry run in words: as tables for the workbook, as plain values for programs. Buyers appear by order code and province only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents.models import DocumentKind, SubjectKind
from catalog.documents.queries import list_documents_of
from catalog.parties.models import Household
from catalog.parties.queries import visible_household_names
from kernel.errors import Gettext
from kernel.quantity import Quantity
from kernel.workbook import Table
from logistics.shipments.states import SHIPMENT_FLOW
from shop.orders.states import STATES
from shop.recalls.queries import Reach
from traceability.lots.models import Lot


def describe_tables(session: Session, reach: Reach, gettext: Gettext) -> list[Table]:
    """The trace-back and trace-forward sheet and the list of 合格证."""
    _ = gettext
    lot_heads = [_("批次"), _("物料"), _("数量"), _("产地代码"), _("生产日期")]
    shares = dict(reach.households)
    names = visible_household_names(session, session.scalars(select(Household).where(Household.id.in_(shares))).all())
    codes = [lot.code for lot in (*reach.upstream, *reach.lots)]
    papers = [d for d in list_documents_of(session, SubjectKind.LOT, codes) if d.kind is DocumentKind.PROMISE_CERTIFICATE]
    return [
        Table(_("往下涉及批次"), lot_heads, [_lot_row(lot, gettext) for lot in reach.lots]),
        Table(_("往上来源批次"), lot_heads, [_lot_row(lot, gettext) for lot in reach.upstream]),
        Table(_("往上来源农户"), [_("农户"), _("份额")], [(names[key], str(share)) for key, share in shares.items()]),
        Table(
            _("库存"), [_("批次"), _("在库盒数"), _("已分配盒数")], [(s.lot_code, s.on_hand, s.allocated) for s in reach.shelves]
        ),
        Table(
            _("发货单"),
            [_("发货单号"), _("订单号"), _("状态"), _("目的省份代码"), _("快递单号")],
            [(s.code, s.order_code, _(SHIPMENT_FLOW.labels[s.state]), s.province_code, s.waybill or "") for s in reach.shipments],
        ),
        Table(
            _("订单"),
            [_("订单号"), _("状态"), _("下单日期"), _("买方"), _("目的省份代码"), _("批次"), _("盒数")],
            [
                (
                    o.code, _(STATES.labels[o.state]), o.placed_on, _("单位") if o.organization_id else _("个人"), o.province_code,
                    "、".join(o.lot_codes), o.boxes,
                )
                for o in reach.orders
            ],
        ),
        Table(
            _("合格证"),
            [_("批次"), _("编号"), _("出具方"), _("出具日期")],
            [(d.subject_code, d.number, d.issuer, f"{d.issued_on}") for d in papers],
        ),
    ]  # fmt: skip


def _lot_row(lot: Lot, gettext: Gettext) -> tuple[str, str, str, str, str]:
    return lot.code, lot.material, Quantity(lot.made, lot.unit).text(gettext), lot.county_code, f"{lot.produced_on}"


def describe_plain(reach: Reach) -> dict[str, Any]:
    """For programs: ``./shanhai recall --json``."""
    return {
        "lot": reach.root.code,
        "scope": reach.scope,
        "snapshot": reach.snapshot,
        "counts": reach.counts,
        "lots": [lot.code for lot in reach.lots],
        "shipments": [{"code": row.code, "order": row.order_code, "state": row.state.value} for row in reach.shipments],
        "orders": [{"code": row.code, "boxes": row.boxes, "lots": list(row.lot_codes)} for row in reach.orders],
        "buyers": sorted(str(person) for person in reach.people),
        "organizations": sorted(str(organization) for organization in reach.organizations),
    }
