"""A buyer's orders: the list, and the page of one with money, goods, parcels and messages in one timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import list_areas
from catalog.parties.access import current_actor, require
from catalog.parties.models import Actor, Role
from catalog.parties.queries import get_organization, map_organizations
from catalog.products.queries import map_products
from kernel import clock
from kernel.db import reading
from kernel.web import kept, language, once
from logistics.shipments.queries import Tracking, get_tracking
from logistics.shipments.states import SHIPMENT_FLOW
from logistics.stock.queries import find_harvested_at
from shop.cases.queries import list_returns
from shop.cases.returning import count_left, in_days, is_returnable
from shop.cases.states import RETURNS
from shop.invoices.models import KIND_LABELS, TITLE_LABELS, TitleKind
from shop.invoices.queries import LIVE, list_invoices_of
from shop.invoices.states import STATES as INVOICE_STATES
from shop.notices.queries import list_notices_of_order
from shop.notices.wording import words_of
from shop.orders.cancelling import may_cancel
from shop.orders.collecting import is_being_counted, waits_for_money
from shop.orders.models import Order, SubOrder
from shop.orders.queries import get_order, list_orders_of
from shop.orders.states import STATES, OrderState
from shop.payments.links import return_path
from shop.payments.models import Provider
from shop.payments.queries import list_payments_of, takes_online
from shop.payments.states import PaymentState
from shop.storefront.invoicing import Title, ask_invoice, get_invoiceable, is_own, may_invoice
from shop.storefront.timeline import tell_order
from traceability.scan.digital_link import build

bp = Blueprint("storefront_orders", __name__, template_folder="../templates")
PAGE = 20
PROMISED = (OrderState.PLACED, OrderState.PAID, OrderState.CONFIRMED, OrderState.SHIPPED)
CANCELLABLE = (OrderState.PLACED, OrderState.PAID, OrderState.CONFIRMED)


@bp.get("/orders")
@require(Role.consumer)
def index() -> ResponseReturnValue:
    """One's own orders, newest first."""
    person_id = current_actor().person_id
    with reading() as session:
        rows = list_orders_of(session, person_id=person_id, after=request.args.get("after", type=UUID), limit=PAGE + 1)
        more = url_for(".index", after=rows[PAGE - 1].id) if len(rows) > PAGE else None
        return render_template("storefront/orders.html", rows=rows[:PAGE], more=more, labels=STATES.labels)


@bp.get("/orders/<code>")
@require(Role.consumer)
def show(code: str) -> ResponseReturnValue:
    """One order, for its buyer and the operator only."""
    with reading() as session:
        actor = current_actor()
        order = get_order(session, code, actor)
        tracking = get_tracking(session, order.code)
        harvested_at = find_harvested_at(session, order.code) if order.presale_code else None
        province = list_areas(session, [order.province_code]).get(order.province_code)
        payable = [part for part in order.sub_orders if waits_for_money(order) and part.paid_fen < part.payable_fen]
        returns = list_returns(session, order) if order.delivered_at else []
        told = [(notice, *words_of(notice.kind, notice.params, _)) for notice in list_notices_of_order(session, order.code)]
        return render_template(
            "storefront/order.html",
            order=order,
            sellers=map_organizations(session, [part.seller_id for part in order.sub_orders]),
            province=province,
            state=STATES.label(order.state),
            timeline=tell_order(order, tracking, _, english=language() == "en", harvested_at=harvested_at, returns=returns),
            returns=returns,
            returnable=_returnable(session, order, actor, clock.now()),
            return_label=RETURNS.label,
            tracking=tracking,
            harvested_at=harvested_at,
            shipment_labels=SHIPMENT_FLOW.labels,
            links=_scan_links(session, order, tracking),
            told=told,
            payable=payable,
            counting={part.code for part in payable if is_being_counted(session, part)},
            opened=_opened(session, payable),
            promised=order.state in PROMISED,
            online=takes_online(session, [part.seller_id for part in payable]),
            may_cancel=order.state in CANCELLABLE and not any(line.shipped for line in order.lines) and may_cancel(order, actor),
            may_receive=order.state is OrderState.DELIVERED and not order.on_terms,
            may_invoice=may_invoice(order) and is_own(order, actor),
            invoices={row.subject_code: row for row in list_invoices_of(session, [part.code for part in order.sub_orders])},
            invoice_label=INVOICE_STATES.label,
            live=LIVE,
            now=clock.now(),
        )


def _returnable(session: Session, order: Order, actor: Actor, at: datetime) -> set[str]:
    """The lines of which boxes may still be sent back, by their buyer."""
    if not (in_days(order, at) and is_own(order, actor)):
        return set()
    return {line.code for line in order.lines if is_returnable(line) and count_left(session, line)}


def _opened(session: Session, payable: Sequence[SubOrder]) -> dict[str, str]:
    """For each part whose page is open at the provider: where to say 我已付款, which asks there."""
    secret = current_app.config["SHANHAI"].secret_key
    payments = list_payments_of(session, [part.code for part in payable])
    there = [payment for payment in payments if payment.provider is Provider.STRIPE and payment.state is PaymentState.OPEN]
    return {payment.order_code: return_path(secret, payment.code) for payment in there if payment.waiting}


@bp.get("/orders/<code>/invoice")
@require(Role.consumer)
def invoice_form(code: str) -> ResponseReturnValue:
    """What one seller is asked to write on its invoice (``?part=`` its sub-order)."""
    return _invoice_page(code, {}, {})


def _invoice_page(code: str, form: object, errors: object) -> str:
    with reading() as session:
        order, part, amount = get_invoiceable(session, current_actor(), code, request.values.get("part", "")[:40])
        return render_template(
            "storefront/invoice.html",
            order=order,
            part=part,
            amount=amount,
            seller=get_organization(session, part.seller_id),
            **invoice_words(),
            form=form,
            errors=errors,
            action=url_for(".invoice", code=code),
            back=url_for(".show", code=code),
        )


def invoice_words() -> dict[str, list[tuple[str, str]]]:
    """What one may choose on the form of an invoice."""
    return {
        "title_kinds": [(kind.value, _(label)) for kind, label in TITLE_LABELS.items()],
        "kinds": [(key, _(label)) for key, label in KIND_LABELS.items()],
    }


@bp.post("/orders/<code>/invoice")
@require(Role.consumer)
def invoice(code: str) -> ResponseReturnValue:
    """Ask one seller for an invoice (form: part, title_kind, title, tax_number, email)."""
    return kept(_invoice, lambda errors: _invoice_page(code, request.form, errors), code)


@once
def _invoice(open_session: Session, code: str) -> ResponseReturnValue:
    asked = ask_invoice(open_session, current_actor(), code, request.form.get("part", "")[:40], read_title(), at=clock.now())
    flash(_("已向销售方申请开票，申请号 %(code)s。", code=asked.code), "ok")
    return redirect(url_for(".show", code=code))


def read_title() -> Title:
    """What was typed about an invoice (form: title_kind, title, tax_number, email, kind)."""
    form = request.form
    kind = TitleKind.ORGANIZATION if form.get("title_kind") == TitleKind.ORGANIZATION else TitleKind.PERSONAL
    texts = form.get("title", "")[:200], form.get("tax_number", "")[:40], form.get("email", "")[:300]
    return Title(kind, *texts, special=form.get("kind") == "special")


def _scan_links(session: Session, order: Order, tracking: Sequence[Tracking]) -> list[tuple[str, str, str]]:
    """(product name, serial, address of the story page) of every box in the order's parcels."""
    lines = {line.code: line for line in order.lines}
    products = map_products(session, [line.product_id for line in order.lines])
    found = []
    for box in (box for parcel in tracking for box in parcel.boxes):
        line = lines[box.line_code]
        gtin = products[line.product_id].gtin
        path = build([("01", gtin), ("10", box.lot_code), ("21", box.serial)]).path if gtin else f"/t/{box.serial}"
        found.append(((line.name_en if language() == "en" else "") or line.name, box.serial, path))
    return found
