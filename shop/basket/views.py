"""The doors of the basket and of coupons. Works without JavaScript: each line is a form of its own."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Organization, Role
from catalog.parties.queries import get_organization_by_code, map_organizations
from catalog.products.queries import list_sellers
from kernel import clock
from kernel.db import reading, work
from kernel.errors import FieldError, Invalid
from kernel.ids import new_token
from kernel.money import Money
from kernel.web import everyone, kept, local_target, named, once
from shop.accounts.queries import list_addresses
from shop.accounts.views.actor import GUEST
from shop.basket import couponing, filling
from shop.basket.couponing import CouponDraft
from shop.basket.models import COUPON_STATE_LABELS, MOST_BOXES
from shop.basket.queries import BasketView, Owner, count_boxes, list_coupons, view_basket

bp = Blueprint("basket", __name__, template_folder="templates")
TOKEN, COUNT = "basket", "basket_boxes"
PAGE = 50


def current_owner() -> Owner:
    """Whose basket this request is about; a browser without one has an owner without a basket."""
    actor = current_actor()
    return Owner(person_id=actor.person_id) if actor.person_id else Owner(token=session.get(TOKEN))


@bp.before_app_request
def take_over() -> None:
    """After signing in, once: the browser's basket becomes the person's, and the number beside the basket is theirs."""
    person_id = current_actor().person_id
    if person_id is None or (TOKEN not in session and COUNT in session):
        return
    if request.endpoint and request.endpoint.endswith("static"):
        return
    token, guest = session.pop(TOKEN, None), session.pop(GUEST, None)
    with work() as open_session:
        if token:
            filling.merge_on_sign_in(open_session, person_id, Owner(token=token), at=clock.now())
        if guest:
            filling.merge_on_sign_in(open_session, person_id, Owner(person_id=UUID(guest)), at=clock.now())
        session[COUNT] = count_boxes(open_session, Owner(person_id=person_id))


@bp.app_context_processor
def count() -> dict[str, object]:
    """``basket_boxes`` for the header: a number kept in the cookie, so that it costs no query."""
    return {"basket_boxes": session.get(COUNT, 0) if request else 0}


@bp.get("/basket")
@everyone
def show() -> ResponseReturnValue:
    """The basket, with one quote that explains every fen."""
    actor, owner = current_actor(), current_owner()
    with reading() as open_session:
        addresses = list_addresses(open_session, actor.person_id) if actor.person_id else []
        view = view_basket(
            open_session,
            owner,
            province_code=addresses[0].province_code if addresses else None,
            at=clock.now(),
            gettext=_,
        )
        boxes = sum(
            [row.quantity for row in view.rows] + [row.quantity for row in view.apart] + [row.quantity for row in view.ahead]
        )
        if COUNT in session or boxes:
            session[COUNT] = boxes
        return render_template(
            "basket/basket.html",
            view=view,
            sellers=name_sellers(open_session, view),
            boxes=boxes,
            address=addresses[0] if addresses else None,
            most=MOST_BOXES,
            say=_,
        )


def name_sellers(open_session: Session, view: BasketView) -> dict[str, Organization]:
    """Who sells what is in the basket (销售方), by the code the quote names them by."""
    bodies = map_organizations(open_session, set(view.priced.sellers.values())) if view.priced else {}
    return {body.code: body for body in bodies.values()}


@bp.post("/basket/lines")
@everyone
@once
def add(open_session: Session) -> ResponseReturnValue:
    """Put boxes in (form: sku, quantity, ``presale`` of which; ``then`` = checkout goes straight there)."""
    sku, presale = request.form.get("sku", "")[:40], request.form.get("presale", "")[:40]
    filling.add_boxes(open_session, _owner(), sku, _number("quantity", default=1), at=clock.now(), presale=presale)
    session[COUNT] = count_boxes(open_session, current_owner())
    if request.form.get("then") == "checkout":
        return redirect(f"/checkout?presale={presale}" if presale else "/checkout")
    flash(_("已放进购物篮。"), "ok")
    return redirect(local_target(request.form.get("next"), url_for(".show")))


@bp.post("/basket/lines/<sku>")
@everyone
@once
def change(open_session: Session, sku: str) -> ResponseReturnValue:
    """Set how many boxes (form: quantity, step −1 or 1 from the buttons beside it, ``presale`` of which); 0 takes the product out."""
    boxes, presale = max(_number("quantity", default=0) + _number("step", default=0), 0), request.form.get("presale", "")[:40]
    filling.set_boxes(open_session, _owner(), sku, boxes, at=clock.now(), presale=presale)
    session[COUNT] = count_boxes(open_session, current_owner())
    return redirect(url_for(".show"))


@bp.get("/coupons/")
@require(Role.clerk, Role.operator)
def coupons() -> ResponseReturnValue:
    """The coupons of one's own sellers, and a form for the next."""
    return _coupons_page({}, {})


def _coupons_page(form: object, errors: object) -> str:
    actor, on = current_actor(), clock.today_shanghai(clock.now())
    after = request.args.get("after", type=UUID)
    with reading() as open_session:
        mine = None if actor.operator else actor.organizations_with(Role.clerk)
        rows = list_coupons(open_session, mine, after=after, limit=PAGE + 1)
        return render_template(
            "basket/coupons.html",
            rows=rows[:PAGE],
            more=url_for(".coupons", after=rows[PAGE - 1].coupon.id) if len(rows) > PAGE else None,
            first=url_for(".coupons") if after else None,
            sellers=[(seller.code, named(seller)) for seller in list_sellers(open_session, mine)],
            states=COUPON_STATE_LABELS,
            on=on,
            form=form,
            errors=errors,
        )


@bp.post("/coupons/")
@require(Role.clerk, Role.operator)
def issue_coupon() -> ResponseReturnValue:
    """Issue a coupon (form: seller, code, off, at_least, budget, per_person, valid_from, valid_to)."""
    return kept(_issue_coupon, lambda errors: _coupons_page(request.form, errors))


@once
def _issue_coupon(open_session: Session) -> ResponseReturnValue:
    form, errors = request.form, list[FieldError]()
    amounts = {name: _money(name, errors) for name in ("off", "at_least", "budget")}
    days = {name: _day(name, errors) for name in ("valid_from", "valid_to")}
    seller = get_organization_by_code(open_session, form.get("seller", "")[:40])
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    draft = CouponDraft(
        code=form.get("code", ""),
        off=amounts["off"],
        at_least=amounts["at_least"],
        budget=amounts["budget"],
        per_person=_number("per_person", default=1),
        valid_from=days["valid_from"] or clock.today_shanghai(clock.now()),
        valid_to=days["valid_to"],
    )
    coupon = couponing.issue_coupon(open_session, current_actor(), seller.id, draft, at=clock.now())
    flash(_("优惠码 %(code)s 可以用了。", code=coupon.code), "ok")
    return redirect(url_for(".coupons"))


@bp.post("/coupons/<code>/end")
@require(Role.clerk, Role.operator)
@once
def end_coupon(open_session: Session, code: str) -> ResponseReturnValue:
    """No further order may use it."""
    coupon = couponing.end_coupon(open_session, current_actor(), code, at=clock.now())
    flash(_("优惠码 %(code)s 已停用，用过的订单不受影响。", code=coupon.code), "ok")
    return redirect(url_for(".coupons"))


def _money(name: str, errors: list[FieldError]) -> Money:
    try:
        return Money.parse(request.form.get(name, "").strip(), field=name)
    except Invalid as problem:
        errors.extend(problem.errors or [FieldError(name, problem.message, problem.params)])
        return Money(0)


def _day(name: str, errors: list[FieldError]) -> date | None:
    text = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        errors.append(FieldError(name, "日期看不懂，请重新选。"))
        return None


def _owner() -> Owner:
    """The owner of a basket that is about to be changed: a browser gets its token now."""
    owner = current_owner()
    if owner.person_id is None and owner.token is None:
        session[TOKEN] = new_token()
        owner = current_owner()
    return owner


def _number(name: str, *, default: int) -> int:
    text = request.form.get(name, "").strip() or str(default)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 6):
        raise Invalid("数量请填整数。", field="quantity")
    return int(text)
