"""The pages on which products are entered and recognised: clerk, county officer and operator each see what is theirs to do."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, flash, g, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import name_path
from catalog.documents.forms import file_store
from catalog.documents.models import KIND_LABELS, DocumentKind
from catalog.parties.access import current_actor, require
from catalog.parties.models import Actor, Organization, OrganizationKind, Role
from catalog.parties.queries import get_organization, map_organizations, name_actors
from catalog.products import describing, listing, recognising
from catalog.products.forms import read_product_form
from catalog.products.models import Product, ProductState, Temperature
from catalog.products.needs import LOT_KINDS
from catalog.products.pictures import picture_address
from catalog.products.queries import get_product, is_product_picture, list_products_in, list_steps
from catalog.products.states import FLOW
from kernel import clock
from kernel.db import reading
from kernel.errors import Forbidden, Invalid, NotFound, Problem
from kernel.files import sniff
from kernel.quantity import Unit
from kernel.web import everyone, language, once, wants_json

bp = Blueprint("products", __name__, url_prefix="/products-admin", template_folder="templates")
pictures = Blueprint("pictures", __name__, url_prefix="/products/pictures")
PAGE = 50
PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})
WORKERS = (Role.clerk, Role.county_officer, Role.operator)
ACT_LABELS = {
    "apply": "申请认定",
    "recommend": "推荐",
    "approve": "审核通过",
    "send_back": "退回修改",
    "put_on_sale": "上架",
    "take_off_sale": "下架",
}
WITH_REMARK = frozenset({"recommend", "approve", "send_back", "take_off_sale"})
TEMPERATURE_LABELS = {Temperature.AMBIENT: "常温", Temperature.CHILLED: "冷藏", Temperature.FROZEN: "冷冻"}


def may_see(session: Session, actor: Actor, product: Product) -> bool:
    """The operator, clerks of cooperative and seller, officers of the product's county."""
    if actor.operator or actor.has(Role.clerk, product.cooperative_id) or actor.has(Role.clerk, product.seller_id):
        return True
    return product.county_code in {office.county_code for office in _offices(session, actor)}


def _offices(session: Session, actor: Actor) -> list[Organization]:
    held = map_organizations(session, actor.organizations_with(Role.county_officer)).values()
    return [office for office in held if office.kind is OrganizationKind.COUNTY_OFFICE]


@bp.get("/")
@require(*WORKERS)
def index() -> ResponseReturnValue:
    """Products by state; a clerk sees those of the own cooperative, an officer those of the own county."""
    actor, after = current_actor(), request.args.get("after") or None
    wanted = request.args.get("state") or None
    state = ProductState(wanted) if wanted in set(ProductState) else None
    today = clock.today_shanghai(clock.now())
    with reading() as session:
        cooperatives, counties = _scope(session, actor)
        rows = list_products_in(session, state, cooperative_ids=cooperatives, county_codes=counties, after=after, limit=PAGE + 1)
        more = url_for(".index", state=wanted, after=rows[PAGE - 1].sku) if len(rows) > PAGE else None
        missing = listing.find_missing_papers(session, rows, today)
        if wants_json():
            return jsonify({"products": [_shown(row, [p.text(_) for p in missing[row.id]]) for row in rows[:PAGE]], "next": more})
        return render_template(
            "products/products.html",
            say=_,
            rows=[(row, missing[row.id]) for row in rows[:PAGE]],
            more=more,
            first=url_for(".index", state=wanted) if after else None,
            state=state,
            labels=FLOW.labels,
            may_create=actor.has(Role.clerk),
        )


def _scope(session: Session, actor: Actor) -> tuple[list[UUID] | None, list[str] | None]:
    if actor.operator:
        return None, None
    counties = [office.county_code for office in _offices(session, actor) if office.county_code]
    return actor.organizations_with(Role.clerk), counties


@bp.get("/new")
@require(Role.clerk)
def new() -> ResponseReturnValue:
    return _new_page({}, {}), 200


def _new_page(form: object, errors: object) -> str:
    return render_template(
        "products/new.html",
        units=(Unit.KG, Unit.G, Unit.L, Unit.ML, Unit.PIECE),
        temperatures=TEMPERATURE_LABELS,
        kinds=KIND_LABELS,
        form=form,
        errors=errors,
        picked=request.form.getlist("needs"),
        months=request.form.getlist("season_months"),
    )


@bp.post("/")
@require(Role.clerk)
def create() -> ResponseReturnValue:
    try:
        return _create()
    except Problem as problem:
        if wants_json() or problem.status == 403:
            raise
        return _new_page(request.form, problem.by_field(_)), problem.status


@once
def _create(session: Session) -> ResponseReturnValue:
    actor = current_actor()
    cooperative = get_organization(session, actor.organization_with(Role.clerk))
    if cooperative.county_code is None:
        raise Invalid("请先让运营人员补上合作社所在的县。")
    draft = read_product_form(cooperative.id, cooperative.county_code, demo=bool(current_app.config["SHANHAI"].demo))
    product = describing.create_product(session, actor, draft, clock.now())
    flash(_("已建好“%(name)s”，货号 %(sku)s。", name=product.name, sku=product.sku), "ok")
    return redirect(url_for(".show", sku=product.sku))


@bp.get("/<sku>")
@require(*WORKERS)
def show(sku: str) -> ResponseReturnValue:
    return _page(sku, {}), 200


def _page(sku: str, errors: object) -> str:
    actor, today = current_actor(), clock.today_shanghai(clock.now())
    with reading() as session:
        product = _own(session, sku)
        parties = map_organizations(session, [product.cooperative_id, product.seller_id])
        return render_template(
            "products/product.html",
            say=_,
            product=product,
            picture=picture_address(product.picture, product.picture_digest),
            area=name_path(session, product.county_code, english=language() == "en"),
            cooperative=parties[product.cooperative_id],
            seller=parties[product.seller_id],
            state=FLOW.label(product.state),
            labels=FLOW.labels,
            missing=listing.find_missing_papers(session, [product], today)[product.id],
            papers=listing.list_shown_documents(session, product, today),
            kinds=KIND_LABELS,
            lot_kinds=[kind for kind in listing.kinds_of(product) if kind in LOT_KINDS],
            steps=(steps := list_steps(session, product.id)),
            people=name_actors(session, [step.by for step in steps]),
            doable=_doable(session, actor, product),
            errors=errors,
        )


def _doable(session: Session, actor: Actor, product: Product) -> list[tuple[str, str, bool]]:
    """(act, label, whether it needs a remark) for what the actor may do now."""
    officer = product.county_code in {office.county_code for office in _offices(session, actor)}
    clerk = actor.has(Role.clerk, product.cooperative_id)
    staff = actor.operator
    by_state: dict[ProductState, list[tuple[bool, str]]] = {
        ProductState.DRAFT: [(clerk, "apply")],
        ProductState.APPLIED: [(officer, "recommend"), (officer or staff, "send_back")],
        ProductState.COUNTY_RECOMMENDED: [(staff, "approve"), (staff, "send_back")],
        ProductState.APPROVED: [(clerk or staff, "put_on_sale")],
        ProductState.ON_SALE: [(clerk or staff, "take_off_sale")],
        ProductState.DELISTED: [(clerk or staff, "put_on_sale"), (staff, "send_back")],
    }
    return [(act, ACT_LABELS[act], act in WITH_REMARK) for allowed, act in by_state[product.state] if allowed]


@bp.post("/<sku>/steps")
@require(*WORKERS)
def step(sku: str) -> ResponseReturnValue:
    """One step of recognition or listing (form: ``do``, ``note``)."""
    try:
        return _step(sku)
    except Problem as problem:
        if wants_json() or problem.status in (403, 404):
            raise
        return _page(sku, problem.by_field(_)), problem.status


@once
def _step(session: Session, sku: str) -> ResponseReturnValue:
    product, actor, at = _own(session, sku), current_actor(), clock.now()
    note = request.form.get("note", "")
    match request.form.get("do"):
        case "apply":
            recognising.apply(session, actor, product, at, note)
        case "recommend":
            recognising.recommend(session, actor, product, at, note)
        case "approve":
            recognising.approve(session, actor, product, at, note)
        case "send_back":
            recognising.send_back(session, actor, product, at, note)
        case "put_on_sale":
            listing.put_on_sale(session, actor, product, at)
        case "take_off_sale":
            listing.take_off_sale(session, actor, product, at, note)
        case _:
            raise Invalid("请从列出的选项里选一个。", field="do")
    flash(_("“%(name)s”现在是：%(state)s", name=product.name, state=_(FLOW.label(product.state))), "ok")
    return redirect(url_for(".show", sku=sku))


@bp.post("/<sku>/picture")
@require(Role.clerk, Role.operator)
def picture(sku: str) -> ResponseReturnValue:
    """Upload a picture in place of the drawing; stored before the transaction opens."""
    upload = request.files.get("picture")
    try:
        if upload is None or not upload.filename:
            raise Invalid("请选一张图片。", field="file")
        g.picture = file_store().save(upload.stream, allowed=PICTURES).digest
        return _picture(sku)
    except Problem as problem:
        if wants_json() or problem.status in (403, 404):
            raise
        return _page(sku, problem.by_field(_)), problem.status


@once
def _picture(session: Session, sku: str) -> ResponseReturnValue:
    product = _own(session, sku)
    describing.set_picture(session, current_actor(), product, g.picture)
    flash(_("图片已换。"), "ok")
    return redirect(url_for(".show", sku=sku))


@pictures.get("/<digest>")
@everyone
def shown_picture(digest: str) -> ResponseReturnValue:
    """An uploaded product picture; other files of the store (scans of papers) are not served here."""
    with reading() as session:
        if not is_product_picture(session, digest):
            raise NotFound("没有这个文件。")
    stream = file_store().open(digest)
    media_type = sniff(stream.read(16))
    stream.seek(0)
    answer = send_file(stream, mimetype=media_type)
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def _own(session: Session, sku: str) -> Product:
    """The product when the actor has to do with it. Raises NotFound; others' drafts are nobody's business."""
    product = get_product(session, sku)
    if not may_see(session, current_actor(), product):
        if product.state is ProductState.ON_SALE:
            raise Forbidden("您的账号没有做这件事的权限。请换账号登录，或请管理员添加权限。")
        raise NotFound("没有货号为“%(sku)s”的产品。", params={"sku": sku[:40]})
    return product


def _shown(product: Product, missing: list[str]) -> dict[str, object]:
    return {
        "sku": product.sku,
        "name": product.name,
        "state": product.state.value,
        "county_code": product.county_code,
        "missing_papers": missing,
        "needs": [DocumentKind(value).value for value in product.needs],
    }
