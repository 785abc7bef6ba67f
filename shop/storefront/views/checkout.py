"""Checkout: address, what it comes to, and the order. What the page showed is what is ordered; a changed price is shown and asked."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import asking, current_actor, require
from catalog.parties.models import Role
from catalog.products.models import Product, ReturnClass
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Invalid, Problem
from kernel.ids import new_token
from kernel.money import Money
from kernel.web import everyone, limiter, once
from shop.accounts import addressing, signing
from shop.accounts.claiming import open_guest
from shop.accounts.confirming import agree
from shop.accounts.queries import list_addresses
from shop.accounts.views.actor import begin
from shop.accounts.views.addresses import few_readings, fill_in, is_step
from shop.basket.queries import BasketView, Owner, count_boxes, view_basket, with_coupon
from shop.basket.views import COUNT, current_owner, name_sellers
from shop.orders.placing import MAX_LINES, PAY_WITHIN, TRANSFER_WITHIN, PriceChanged
from shop.payments.queries import takes_online
from shop.storefront.checking_out import Checkout, check_out
from shop.storefront.views.product import PROVINCE

bp = Blueprint("checkout", __name__, template_folder="../templates")


def _without_coupon() -> bool:
    return not request.args.get("coupon")


@bp.get("/checkout")
@everyone
@limiter.limit("30 per minute", exempt_when=_without_coupon)
def show() -> ResponseReturnValue:
    """Where to, what, and what it comes to (``?address=`` picks one of several, ``?presale=`` what the basket holds of a pre-sale).

    A stranger gives an address and becomes a guest.
    """
    return _page(_uuid(request.args.get("address")), {}, {}) or redirect(url_for("basket.show"))


def _page(picked: UUID | None, form: Mapping[str, str], errors: object, *, changed: PriceChanged | None = None) -> str | None:
    """The page; None when nothing in the basket can be bought."""
    actor, at = current_actor(), clock.now()
    with reading() as open_session:
        addresses = list_addresses(open_session, actor.person_id) if actor.person_id else []
        address = next((row for row in addresses if row.id == picked), addresses[0] if addresses else None)
        view = view_basket(
            open_session,
            current_owner(),
            province_code=address.province_code if address else None,
            at=at,
            gettext=_,
            presale=_presale(),
        )
        if not view.rows:
            return None
        coupon, refused = _coupon(), ""
        if coupon and view.priced:
            try:
                where = address.province_code if address else None
                view = with_coupon(open_session, view, actor, coupon, province_code=where, at=at)
            except Problem as problem:
                refused = problem.text(_)
        sellers = set(view.priced.sellers.values()) if view.priced else set()
        bodies, online = name_sellers(open_session, view), takes_online(open_session, sellers)
        by_transfer = [body for body in bodies.values() if body.id not in online]
        return render_template(
            "storefront/checkout.html",
            view=view,
            by_transfer=by_transfer,
            sellers=bodies,
            dearer=_changed_lines(view) if changed else [],
            keep=TRANSFER_WITHIN if by_transfer else PAY_WITHIN,
            addresses=addresses,
            address=address,
            fresh=[row.product for row in view.rows if row.product.return_class is ReturnClass.FRESH_NO_RETURN],
            checkout_key=new_token(),
            errors=errors,
            changed=changed,
            coupon=coupon,
            coupon_refused=refused,
            adding=bool(request.args.get("new")) or not addresses or is_step(),
            stranger=not actor.signed_in,
            **fill_in(open_session, form),
        )


def _presale() -> str:
    """The code of the pre-sale the page is about; "" for what the basket holds from the shelf."""
    return request.values.get("presale", "").strip()[:40]


def _changed_lines(view: BasketView) -> list[tuple[Product, Money, Money]]:
    """(product, price of one box as the page before showed it, and now), where they differ (form: ``was`` = SKU:fen)."""
    shown = dict(text.rpartition(":")[::2] for text in request.form.getlist("was")[:MAX_LINES])
    prices = {item.line.sku: item.line.unit_price for part, _rows in view.parts for item in part.lines}
    before = {sku: Money(int(fen)) for sku, fen in shown.items() if fen.isascii() and fen.isdigit() and len(fen) <= 12}
    rows = ((row.product, before.get(row.product.sku), prices[row.product.sku]) for row in view.rows)
    return [(product, was, now) for product, was, now in rows if was is not None and was != now]


def _coupon() -> str:
    """The code typed on the page, or sent with its form."""
    return request.values.get("coupon", "").strip()[:40]


def _again(page: str | None, problem: Problem) -> ResponseReturnValue:
    """The page with what to mend; the basket says why when nothing is left to check out."""
    if page is not None:
        return page, problem.status
    flash(problem.text(_), "bad")
    return redirect(url_for("basket.show"))


def _makes_no_guest() -> bool:
    """Whoever has a name adds addresses as they like, and whoever fills in the form step by step makes nobody yet."""
    return current_actor().signed_in or is_step()


@bp.post("/checkout/address")
@everyone
@limiter.limit("10 per minute; 60 per hour", exempt_when=_makes_no_guest)
@few_readings
def add_address() -> ResponseReturnValue:
    """A new address, then back to the checkout with it. A stranger becomes a guest by it (form: agree, contact_phone if another).

    Or the form filled in further (form: step).
    """
    if is_step():
        return _page(None, request.form, {}) or redirect(url_for("basket.show"))
    try:
        return _add_address() if current_actor().signed_in else _begin_as_guest()
    except Invalid as problem:
        return _again(_page(None, request.form, problem.by_field(_)), problem)


@once
def _add_address(open_session: Session) -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    address = addressing.add_address(open_session, person_id, request.form, at=clock.now())
    session[PROVINCE] = address.province_code
    return redirect(_checkout_with(address.id))


def _begin_as_guest() -> ResponseReturnValue:
    if request.form.get("agree") != "1":
        raise Invalid("请先看过用户协议和隐私政策，同意后勾选。", field="agree")
    with work() as open_session:
        at = clock.now()
        phone = request.form.get("contact_phone", "").strip()[:40] or request.form.get("phone", "")[:40]
        addressing.check_address(open_session, request.form, on=clock.today_shanghai(at))
        guest = open_guest(open_session, phone, at=at)
        agree(open_session, guest.id, at=at)
        address = addressing.add_address(open_session, guest.id, request.form, at=at)
        token = signing.open_session(open_session, guest.id, at=at)
    begin(token)
    session[PROVINCE] = address.province_code
    return redirect(_checkout_with(address.id))


def _checkout_with(address_id: UUID | None, anchor: str | None = None) -> str:
    return url_for(".show", address=address_id, coupon=_coupon() or None, presale=_presale() or None, _anchor=anchor)


@bp.post("/checkout")
@limiter.limit("20 per minute; 200 per hour", key_func=asking)
@require(Role.consumer)
def place() -> ResponseReturnValue:
    """Place the order the page showed; when it cannot be, the page again with what has changed. Or count anew (form: step=address).

    The order goes where the chosen address says, also when nobody had it counted anew: another price is another page then.
    """
    if request.form.get("step") == "address":
        return redirect(_checkout_with(_uuid(request.form.get("address")), anchor="to"))
    try:
        return _place()
    except Problem as problem:
        changed = problem if isinstance(problem, PriceChanged) else None
        return _again(_page(_uuid(request.form.get("address")), request.form, problem.by_field(_), changed=changed), problem)


@once
def _place(open_session: Session) -> ResponseReturnValue:
    actor = current_actor()
    checkout = Checkout(
        lines=_read_lines(),
        address_id=_uuid(request.form.get("address")),
        expected_total=_read_total(),
        key=request.form.get("checkout_key", "")[:80],
        no_return_agreed=request.form.get("no_return") == "1",
        coupon=_coupon(),
        presale=_presale(),
        presale_agreed=request.form.get("presale_agreed") == "1",
    )
    order = check_out(open_session, actor, checkout, at=clock.now())
    session[COUNT] = count_boxes(open_session, Owner(person_id=actor.person_id))
    return redirect(url_for("storefront_orders.show", code=order.code))


def _read_lines() -> dict[str, int]:
    """The lines the page showed: ``line`` = SKU:boxes, once for each."""
    found: dict[str, int] = {}
    for text in request.form.getlist("line")[: MAX_LINES + 1]:
        sku, mark, boxes = text.rpartition(":")
        if not mark or not (boxes.isascii() and boxes.isdigit() and len(boxes) <= 5):
            raise Invalid("购物篮的内容看不懂，请返回购物篮重新结算。")
        found[sku] = int(boxes)
    return found


def _read_total() -> Money:
    text = request.form.get("expected_total", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Invalid("购物篮的内容看不懂，请返回购物篮重新结算。")
    return Money(int(text))


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
