"""The price page of operator and sellers: what each box costs today, its tiers and history, and a form for the next price."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import name_actors
from catalog.prices import pricing
from catalog.prices.models import RETAIL
from catalog.prices.queries import find_price_list, find_prices, list_price_history, list_price_lists, list_tiers
from catalog.products.models import Product
from catalog.products.queries import get_product, list_products_in
from kernel import clock
from kernel.db import reading
from kernel.errors import FieldError, Forbidden, Invalid, NotFound, Problem
from kernel.money import Money
from kernel.web import once, wants_json

bp = Blueprint("prices", __name__, url_prefix="/prices", template_folder="../templates")
PAGE = 50


@bp.get("/")
@require(Role.clerk, Role.operator, Role.auditor)
def index() -> ResponseReturnValue:
    """Products with the price of one box on the list asked for (``?list=``)."""
    actor, after = current_actor(), request.args.get("after") or None
    code = request.args.get("list", RETAIL)
    today = clock.today_shanghai(clock.now())
    everything = actor.operator or actor.has(Role.auditor)
    with reading() as session:
        if code != RETAIL and (not everything or find_price_list(session, code) is None):
            raise NotFound("没有编号为“%(code)s”的价目表。", params={"code": code[:40]})
        mine = None if everything else actor.organizations_with(Role.clerk)
        rows = list_products_in(session, None, cooperative_ids=mine, after=after, limit=PAGE + 1)
        prices = find_prices(session, {row.id: 1 for row in rows}, today, code)
        more = url_for(".index", list=code, after=rows[PAGE - 1].sku) if len(rows) > PAGE else None
        if wants_json():
            shown = [{"sku": row.sku, "fen": prices[row.id].minor if row.id in prices else None} for row in rows[:PAGE]]
            return jsonify({"list": code, "prices": shown, "next": more})
        return render_template(
            "prices/prices.html",
            rows=[(row, prices.get(row.id)) for row in rows[:PAGE]],
            more=more,
            first=url_for(".index", list=code) if after else None,
            code=code,
            lists=list_price_lists(session) if everything else [],
        )


@bp.get("/<sku>")
@require(Role.clerk, Role.operator, Role.auditor)
def show(sku: str) -> ResponseReturnValue:
    return _page(sku, {}, {}), 200


def _page(sku: str, form: object, errors: object) -> str:
    actor, today = current_actor(), clock.today_shanghai(clock.now())
    code = request.args.get("list", RETAIL)
    with reading() as session:
        product = _own(session, sku)
        if code != RETAIL and not (actor.operator or actor.has(Role.auditor)):
            raise NotFound("没有编号为“%(code)s”的价目表。", params={"code": code[:40]})
        return render_template(
            "prices/price.html",
            product=product,
            code=code,
            tiers=list_tiers(session, product.id, today, code),
            history=(history := list_price_history(session, product.id, code)),
            people=name_actors(session, [row.set_by for row in history]),
            may_edit=actor.operator or actor.has(Role.clerk, product.seller_id),
            today=today,
            form=form,
            errors=errors,
        )


def _own(session: Session, sku: str) -> Product:
    """The product when the actor may look at its prices. Raises NotFound, Forbidden."""
    product, actor = get_product(session, sku), current_actor()
    here = actor.has(Role.clerk, product.seller_id) or actor.has(Role.clerk, product.cooperative_id)
    if not (here or actor.operator or actor.has(Role.auditor)):
        raise Forbidden("只能看自己单位产品的价格。")
    return product


@bp.post("/<sku>")
@require(Role.clerk, Role.operator)
def set_price(sku: str) -> ResponseReturnValue:
    try:
        return _set_price(sku)
    except Problem as problem:
        if wants_json() or problem.status in (403, 404):
            raise
        return _page(sku, request.form, problem.by_field(_)), problem.status


@once
def _set_price(session: Session, sku: str) -> ResponseReturnValue:
    form, product = request.form, get_product(session, sku)
    errors: list[FieldError] = []
    price, valid_from, least = Money(0), date.min, 1
    try:
        price = Money.parse(form.get("price", "").strip(), field="price")
    except Invalid as problem:
        errors.extend(problem.errors)
    try:
        valid_from = date.fromisoformat(form.get("valid_from", "").strip())
    except ValueError:
        errors.append(FieldError("valid_from", "请选开始日期。"))
    quantity = form.get("min_quantity", "1").strip()
    if quantity.isascii() and quantity.isdigit() and len(quantity) < 7:
        least = int(quantity)
    else:
        errors.append(FieldError("min_quantity", "起订数量请填整数。"))
    if valid_from != date.min and valid_from < clock.today_shanghai(clock.now()):
        errors.append(FieldError("valid_from", "不能改过去的价格，请从今天或以后开始。"))
    if errors:
        raise Invalid("请先改正标出的内容。", errors=errors)
    pricing.set_price(
        session,
        current_actor(),
        product_id=product.id,
        price=price,
        valid_from=valid_from,
        min_quantity=least,
        price_list_code=form.get("list", RETAIL),
    )
    flash(_("从 %(day)s 起，%(name)s 每份 %(price)s。", day=valid_from, name=product.name, price=str(price)), "ok")
    return redirect(url_for(".show", sku=sku, list=form.get("list", RETAIL)))
