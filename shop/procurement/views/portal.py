"""The portal's first page, by role: what is mine to do, with budget and purchases beside it; and the template to fill in."""

from __future__ import annotations

import io
from datetime import date

from flask import Blueprint, render_template, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import find_reserve_share, list_provinces
from catalog.parties.access import current_actor, require
from catalog.parties.models import Organization, Role
from catalog.prices.queries import find_price_list_for, find_prices
from catalog.products.models import Product
from catalog.products.queries import list_products
from kernel import clock
from kernel.db import reading
from kernel.money import Money
from kernel.workbook import MIME
from shop.orders.models import Purpose
from shop.procurement import queries
from shop.procurement.forms import chosen_organization, own_organizations, portal_words, year_of
from shop.procurement.matching import plain_name
from shop.procurement.policy import PORTAL_ROLES
from shop.procurement.states import SettlementState
from shop.procurement.workbook import make_template

bp = Blueprint("procurement", __name__, url_prefix="/procurement", template_folder="../templates")
bp.context_processor(portal_words)
PRODUCTS = 300


@bp.get("/")
@require(*PORTAL_ROLES)
def index() -> ResponseReturnValue:
    """What waits for the reader, and how budget and purchases stand."""
    actor, at = current_actor(), clock.now()
    year = year_of(request.args.get("year"))
    with reading() as session:
        organization = chosen_organization(session, actor)
        finance = actor.has(Role.finance, organization.id)
        return render_template(
            "procurement/overview.html",
            organization=organization,
            organizations=own_organizations(session, actor),
            year=year,
            waiting=queries.list_waiting(session, actor),
            to_accept=queries.list_to_accept(session, actor),
            to_pay=queries.list_settlements_of(session, [organization.id], state=SettlementState.OPEN) if finance else [],
            purchases=queries.list_requests(session, actor, limit=8),
            today=clock.today_shanghai(at),
            **standing(session, organization, year, clock.today_shanghai(at)),
        )


def standing(session: Session, organization: Organization, year: int, today: date) -> dict[str, object]:
    """Budgets, declared quota and purchases of a year, with the label they stand under."""
    share = find_reserve_share(session, organization.county_code or "", today)
    quota = queries.find_quota(session, organization.id, year)
    target_fen = quota.canteen_total_fen * share.percent // 100 if quota and share and not quota.no_canteen else None
    first, last = date(year, 1, 1), date(year, 12, 31)
    return {
        "budgets": queries.list_budgets(session, [organization.id], year),
        "quota": quota,
        "share": share,
        "target_fen": target_fen,
        "bought": queries.sum_bought(session, organization.id, first, last),
        "canteen": queries.sum_bought(session, organization.id, first, last, Purpose.CANTEEN),
        "channel": queries.find_channel(session, organization.id, today),
    }


def offers(session: Session, organization: Organization) -> list[tuple[Product, Money]]:
    """What the organisation can order today, at its own prices for one box."""
    today = clock.today_shanghai(clock.now())
    products = list_products(session, on=today, limit=PRODUCTS)
    special = find_price_list_for(session, organization.id, today)
    quantities = {product.id: 1 for product in products}
    prices = find_prices(session, quantities, today, special.code) if special else find_prices(session, quantities, today)
    return [(product, prices[product.id]) for product in products if product.id in prices]


@bp.get("/template.xlsx")
@require(Role.requester)
def template() -> ResponseReturnValue:
    """The table for many recipients, with today's products and prices on its second sheet."""
    with reading() as session:
        organization = chosen_organization(session, current_actor(), Role.requester)
        provinces = [plain_name(area.name) for area, _province in list_provinces(session)]
        rows = [(product.sku, product.name, product.net_content, price) for product, price in offers(session, organization)]
    notes = [
        _("一行填一个收货人的一种商品；同一个人要几种，就填几行。"),
        _("带 * 的列必须填写，不要改第 1 行的表头，不要合并单元格，不要用公式。"),
        _("货号从“可选商品”里复制，也可以填商品条码；价格是今天 1 盒的价格，运费在导入后按地址计算。"),
        _("有错的行不会导入一半：改好后整份重新上传。一次最多 1000 行。"),
    ]
    content = make_template(provinces, rows, notes, (_("收货名单"), _("可选商品"), _("填写说明")))
    return send_file(io.BytesIO(content), mimetype=MIME, as_attachment=True, download_name=_("收货名单模板") + ".xlsx")
