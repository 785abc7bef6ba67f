"""The operator's own pages, and what search engines ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import NotFound
from kernel.web import everyone, kept, language, once
from shop.storefront import editing, queries
from shop.storefront.markup import read_text
from shop.storefront.wording import PAGE_LABELS

bp = Blueprint("pages", __name__, template_folder="../templates")
SITEMAP_PART = 20_000


@bp.get("/pages/<slug>")
@everyone
def show(slug: str) -> ResponseReturnValue:
    """One page in its newest version; the operator can edit it from here."""
    _known(slug)
    with reading() as session:
        page = queries.find_page(session, slug)
    body = ((page.body_en if language() == "en" else "") or page.body) if page else ""
    may_edit = current_actor().operator
    return render_template(
        "storefront/page.html", slug=slug, title=PAGE_LABELS[slug], page=page, parts_=read_text(body), may_edit=may_edit
    )


@bp.get("/pages/<slug>/edit")
@require(Role.operator)
def edit(slug: str) -> ResponseReturnValue:
    """The operator's form."""
    _known(slug)
    with reading() as session:
        page = queries.find_page(session, slug)
    form = {"body": page.body, "body_en": page.body_en} if page else {}
    return _edit_page(slug, form, {})


@bp.post("/pages/<slug>")
@require(Role.operator)
def save(slug: str) -> ResponseReturnValue:
    """Save a new version (form: body, body_en)."""
    _known(slug)
    return kept(_save, lambda errors: _edit_page(slug, request.form, errors), slug)


def _edit_page(slug: str, form: object, errors: dict[str, str]) -> str:
    return render_template("storefront/page_edit.html", slug=slug, title=PAGE_LABELS[slug], form=form, errors=errors)


@once
def _save(session: Session, slug: str) -> ResponseReturnValue:
    body, body_en = request.form.get("body", ""), request.form.get("body_en", "")
    page = editing.save_page(session, current_actor(), slug, body=body, body_en=body_en, at=clock.now())
    flash(_("已保存第 %(version)s 版。", version=page.version), "ok")
    return redirect(url_for(".show", slug=slug))


def _known(slug: str) -> None:
    if slug not in PAGE_LABELS:
        raise NotFound("没有这个页面。")


@bp.get("/robots.txt")
@everyone
def robots() -> ResponseReturnValue:
    """A demo keeps search engines out; a shop keeps them off what is personal."""
    lines = ["User-agent: *"]
    if current_app.config["SHANHAI"].demo:
        lines.append("Disallow: /")
    else:
        lines += [
            f"Disallow: {path}" for path in ("/basket", "/checkout", "/orders", "/account", "/sign-in", "/find-order", "/pay")
        ]
        lines.append(f"Sitemap: {_address('.sitemap')}")
    return Response("\n".join(lines) + "\n", mimetype="text/plain")


@bp.get("/sitemap.xml")
@everyone
def sitemap() -> ResponseReturnValue:
    """The index: one part for fixed pages and counties, one for each 20,000 products (sitemaps.org allows 50,000)."""
    with reading() as session:
        starts = queries.list_sitemap_starts(session, each=SITEMAP_PART)
    parts = [_address(".sitemap_places"), *(_address(".sitemap_products", start=start) for start in starts)]
    return _xml("storefront/sitemap_index.xml", addresses=parts)


@bp.get("/sitemap/places.xml")
@everyone
def sitemap_places() -> ResponseReturnValue:
    """Fixed pages, counties and cooperatives with goods, and the operator's pages with the day each was written."""
    with reading() as session:
        counties = [county.code for _province, counties in queries.list_counties(session) for county in counties]
        cooperatives, pages = queries.list_cooperatives(session), queries.list_pages(session)
    fixed = ("storefront.home", "storefront.products", "storefront.season", "storefront.counties")
    return _xml("storefront/sitemap.xml", addresses=[
        *((_address(name), None) for name in fixed),
        *((_address("storefront.county", code=code), None) for code in counties),
        *((_address("storefront.cooperative", code=code), None) for code in cooperatives),
        *((_address("pages.show", slug=page.slug), page.saved_at) for page in pages),
    ])  # fmt: skip


@bp.get("/sitemap/products.xml")
@everyone
def sitemap_products() -> ResponseReturnValue:
    start = request.args.get("start", "")[:40]
    with reading() as session:
        skus = queries.list_sitemap(session, start=start, limit=SITEMAP_PART, on=clock.today_shanghai(clock.now()))
    return _xml("storefront/sitemap.xml", addresses=[(_address("storefront_product.show", sku=sku), None) for sku in skus])


def _address(endpoint: str, **values: Any) -> str:
    return str(current_app.config["SHANHAI"].public_url) + url_for(endpoint, **values)


def _xml(template: str, *, addresses: Sequence[object]) -> Response:
    return Response(render_template(template, addresses=addresses), mimetype="application/xml")
