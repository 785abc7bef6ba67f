"""An order bought without an account, found by its code and the end of a phone number: to be read, and to ask for its invoice.

Four digits are no password. What can be guessed shows no street and lets nobody pay, cancel or complain: for that the phone is confirmed.
An ordinary invoice is asked for here, too; a request is taken back, and a 专用发票 asked for, by whoever has confirmed the phone.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import list_areas
from catalog.parties.access import current_actor
from catalog.parties.models import Actor
from catalog.parties.queries import get_actor, get_organization, map_organizations
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound
from kernel.ids import normalise_code
from kernel.web import everyone, kept, language, limiter, once
from logistics.shipments.queries import get_tracking
from logistics.shipments.states import SHIPMENT_FLOW
from logistics.stock.queries import find_harvested_at
from shop.invoices.queries import LIVE, list_invoices_of
from shop.invoices.states import STATES as INVOICE_STATES
from shop.orders.queries import find_guest_order, get_order, knows_phone
from shop.orders.states import STATES
from shop.storefront.invoicing import ask_invoice, get_invoiceable, may_invoice
from shop.storefront.timeline import tell_order
from shop.storefront.views.orders import invoice_words, read_title

bp = Blueprint("found", __name__, template_folder="../templates")
FOUND = "found"
"""Cookie: the order this browser may read, and until when."""
MAY_READ = 3600  # seconds


@bp.get("/find-order")
@everyone
def ask() -> ResponseReturnValue:
    """The form (code, tail); whoever may see the order of ``?code=`` as it is goes on to it: this is where a payment leads back to."""
    code = normalise_code(request.args.get("code", "")[:40])
    return redirect(url_for("storefront_orders.show", code=code)) if code and _is_own(code) else _form({}, code)


def _is_own(code: str) -> bool:
    actor = current_actor()
    if actor.person_id is None:
        return False
    try:
        with reading() as open_session:
            get_order(open_session, code, actor)
    except NotFound:
        return False
    return True


def _form(errors: dict[str, str], code: str = "") -> str:
    return render_template("storefront/find_order.html", form=request.form or {"code": code[:40]}, errors=errors)


def _code_tried() -> str:
    """Guessing the digits of one order is slowed down wherever it comes from."""
    return f"find-order:{normalise_code(request.form.get('code', '')[:40])}"


@bp.post("/find-order")
@everyone
@limiter.limit("10 per minute; 60 per hour")
@limiter.limit("10 per hour; 30 per day", key_func=_code_tried)
def find() -> ResponseReturnValue:
    """The same sentence for an order that is not there, that somebody with an account bought, and for the wrong digits."""
    code, tail = normalise_code(request.form.get("code", "")[:40]), request.form.get("tail", "").strip()[:10]
    with reading() as open_session:
        bought = find_guest_order(open_session, code)
    if bought is None or not knows_phone(*bought, tail):
        return _form({"code": _("没有找到这张订单。请核对订单号和手机号后四位；登录后买的，请登录查看。")}), Invalid.status
    session[FOUND] = [code, int(clock.now().timestamp()) + MAY_READ]
    return redirect(url_for(".show", code=code))


@bp.get("/find-order/<code>")
@everyone
def show(code: str) -> ResponseReturnValue:
    """The order, for an hour after it was found; otherwise the form again, whether or not there is such an order."""
    if not _was_found(code):
        return _form({}, code), 404
    with reading() as open_session:
        bought = find_guest_order(open_session, code)
        if bought is None:  # it went into an account meanwhile
            return _form({}, code), 404
        order = bought[0]
        tracking = get_tracking(open_session, order.code)
        harvested_at = find_harvested_at(open_session, order.code) if order.presale_code else None
        return render_template(
            "storefront/found.html",
            order=order,
            sellers=map_organizations(open_session, [part.seller_id for part in order.sub_orders]),
            province=list_areas(open_session, [order.province_code]).get(order.province_code),
            state=STATES.label(order.state),
            timeline=tell_order(order, tracking, _, english=language() == "en", harvested_at=harvested_at),
            tracking=tracking,
            shipment_labels=SHIPMENT_FLOW.labels,
            may_invoice=may_invoice(order),
            invoices={row.subject_code: row for row in list_invoices_of(open_session, [part.code for part in order.sub_orders])},
            invoice_label=INVOICE_STATES.label,
            live=LIVE,
        )


def _was_found(code: str) -> bool:
    """Whether this browser has found the order within the hour."""
    found, until = session.get(FOUND, ("", 0))
    return bool(found == code and until >= clock.now().timestamp())


def _guest(open_session: Session, code: str) -> Actor:
    """The one who bought the order this browser has found. Raises NotFound otherwise, and once it has gone into an account."""
    bought = find_guest_order(open_session, code) if _was_found(code) else None
    if bought is None or bought[0].buyer_person_id is None:
        raise NotFound("没有这张订单，请检查订单号。")
    return get_actor(open_session, bought[0].buyer_person_id)


@bp.get("/find-order/<code>/invoice")
@everyone
def invoice_form(code: str) -> ResponseReturnValue:
    """What one seller is asked to write on its invoice (``?part=`` its sub-order)."""
    return _invoice_page(code, {}, {})


def _invoice_page(code: str, form: object, errors: object) -> str:
    with reading() as open_session:
        order, part, amount = get_invoiceable(open_session, _guest(open_session, code), code, request.values.get("part", "")[:40])
        return render_template(
            "storefront/invoice.html",
            order=order,
            part=part,
            amount=amount,
            seller=get_organization(open_session, part.seller_id),
            **invoice_words() | {"kinds": []},
            form=form,
            errors=errors,
            action=url_for(".invoice", code=code),
            back=url_for(".show", code=code),
        )


@bp.post("/find-order/<code>/invoice")
@everyone
@limiter.limit("10 per minute; 60 per hour")
def invoice(code: str) -> ResponseReturnValue:
    """Ask one seller for an invoice (form: part, title_kind, title, tax_number, email); an ordinary one only."""
    return kept(_invoice, lambda errors: _invoice_page(code, request.form, errors), code)


@once
def _invoice(open_session: Session, code: str) -> ResponseReturnValue:
    part = request.form.get("part", "")[:40]
    title = read_title()
    if title.special:
        raise Invalid("要开专用发票，请先用下单的手机号登录。", field="title")
    asked = ask_invoice(open_session, _guest(open_session, code), code, part, title, at=clock.now())
    flash(_("已向销售方申请开票，申请号 %(code)s。", code=asked.code), "ok")
    return redirect(url_for(".show", code=code))
