"""The inspector's doors: what arrived and waits, and the form that records boxes and weight line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Actor, Role
from catalog.products.queries import map_products
from kernel import clock
from kernel.db import reading
from kernel.errors import FieldError, Invalid, NotFound, Problem
from kernel.quantity import Dimension, Quantity, Unit
from kernel.web import kept, once
from shop.orders.following import Received
from shop.orders.models import Order, OrderLine
from shop.procurement import accepting, queries
from shop.procurement.forms import portal_words
from shop.procurement.models.requests import PurchaseRequest

bp = Blueprint("procurement_acceptance", __name__, url_prefix="/procurement", template_folder="../templates")
bp.context_processor(portal_words)


@dataclass(frozen=True)
class LineToAccept:
    """One line with what all its boxes should hold."""

    line: OrderLine
    expected: Quantity


@bp.get("/acceptance")
@require(Role.inspector)
def index() -> ResponseReturnValue:
    with reading() as session:
        return render_template("procurement/to_accept.html", rows=queries.list_to_accept(session, current_actor()))


@bp.get("/requests/<code>/acceptance/<order_code>")
@require(Role.inspector)
def show(code: str, order_code: str) -> ResponseReturnValue:
    return _page(code, order_code, {}), 200


def _page(code: str, order_code: str, errors: Mapping[str, str]) -> str:
    with reading() as session:
        purchase, order = _get(session, current_actor(), code, order_code)
        acceptance = next((row for row in queries.list_acceptances(session, purchase.id) if row.order_code == order_code), None)
        return render_template(
            "procurement/accept.html",
            purchase=purchase,
            order=order,
            lines=_lines(session, order),
            acceptance=acceptance,
            arrived=order.delivered_at is not None,
            form=request.form,
            errors=errors,
        )


@bp.post("/requests/<code>/acceptance/<order_code>")
@require(Role.inspector)
def accept(code: str, order_code: str) -> ResponseReturnValue:
    return kept(_accept, lambda errors: _page(code, order_code, errors), code, order_code)


@once
def _accept(session: Session, code: str, order_code: str) -> ResponseReturnValue:
    actor = current_actor()
    _purchase, order = _get(session, actor, code, order_code)
    received = read_received(request.form, _lines(session, order))
    note = request.form.get("note", "")
    accepting.accept_order(session, actor, code, order_code, received, note=note, at=clock.now())
    flash(_("已验收，按验收数量结算。"), "ok")
    return redirect(url_for("procurement_requests.show", code=code))


@bp.post("/requests/<code>/acceptance")
@require(Role.inspector)
def accept_delivered(code: str) -> ResponseReturnValue:
    return _accept_delivered(code)


@once
def _accept_delivered(session: Session, code: str) -> ResponseReturnValue:
    count = accepting.accept_delivered(session, current_actor(), code, at=clock.now())
    flash(_("已按签收验收 %(count)s 张订单。", count=count), "ok")
    return redirect(url_for("procurement_requests.show", code=code))


def _get(session: Session, actor: Actor, code: str, order_code: str) -> tuple[PurchaseRequest, Order]:
    purchase = queries.get_request(session, code, actor)
    for order in queries.list_orders_of_request(session, purchase):
        if order.code == order_code:
            return purchase, order
    raise NotFound("这份申请里没有这张订单。")


def _lines(session: Session, order: Order) -> list[LineToAccept]:
    """What is weighed is accepted in kilograms, the rest in the unit of its pack."""
    products = map_products(session, {line.product_id for line in order.lines})
    found = []
    for line in order.lines:
        product = products[line.product_id]
        expected = Quantity(product.pack_amount * line.quantity, product.pack_unit)
        if expected.dimension is Dimension.MASS:
            expected = expected.to(Unit.KG)
        found.append(LineToAccept(line, expected))
    return found


def read_received(form: Mapping[str, str], lines: list[LineToAccept]) -> dict[str, Received]:
    """Boxes and weight of each line as typed. Raises Invalid naming every wrong field."""
    received, errors = {}, []
    for each in lines:
        code = each.line.code
        boxes = form.get(f"boxes-{code}", "").strip()
        if not (boxes.isascii() and boxes.isdigit() and len(boxes) <= 6 and int(boxes) <= each.line.quantity):
            errors.append(FieldError(f"boxes-{code}", "验收数量要在 0 到 %(most)s 盒之间。", {"most": each.line.quantity}))
            continue
        try:
            weighed = Quantity.parse(form.get(f"weight-{code}", ""), each.expected.unit, field=f"weight-{code}")
        except Problem as problem:
            errors += problem.errors
            continue
        received[code] = Received(int(boxes), weighed)
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    return received
