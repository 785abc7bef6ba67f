"""Home, lists, search, counties, cooperatives and the season calendar; also the filters all storefront templates share."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from babel.dates import format_skeleton, get_month_names
from flask import Blueprint, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale, pgettext
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.models import Area, SupportedList
from catalog.areas.queries import (
    find_area,
    find_eastern_partners,
    find_supported,
    list_areas,
    list_supported_lists,
    prefecture_of,
    province_of,
)
from catalog.documents.models import CHECK_LABELS, KIND_LABELS, DocumentKind, SubjectKind
from catalog.documents.queries import list_documents_of
from catalog.parties.access import asking
from catalog.parties.models import OrganizationKind
from catalog.parties.queries import count_households, get_organization_by_code
from catalog.products.models import Product, Temperature
from catalog.products.needs import PRODUCT_KINDS
from kernel import clock
from kernel.db import reading
from kernel.errors import NotFound
from kernel.web import everyone, kept_page, language, limiter
from logistics.stock.queries import find_presales
from shop.storefront import queries
from shop.storefront.arrangement import season_runs
from shop.storefront.keeping import Listed, look_at_list
from shop.storefront.queries import SORTS, Filters
from shop.storefront.views.pictures import picture_of
from shop.storefront.views.reader import seen_by_reader
from shop.storefront.wording import PAGE_LABELS, STORAGE_LABELS, container_of, say_net_content

bp = Blueprint("storefront", __name__, template_folder="../templates")
PAGE = 20
QUESTIONS = ("county", "province", "category", "storage", "certificate", "month", "most", "stock", "sort", "after")
TODAY = 10
PRICES = (50, 100, 200)
CERTIFICATES = sorted(PRODUCT_KINDS - {DocumentKind.TEST_REPORT})
T = TypeVar("T")
MOST_COUNTED = 100
COUNTIES_FOR = 60.0  # seconds; 300 counties in a list that nearly never changes


class Choice(NamedTuple):
    """A county one can choose."""

    code: str
    name: str
    name_en: str


@bp.app_template_filter()
def described(product: Product) -> str:
    """A product's description in the reader's language; the Chinese one where there is no other."""
    return (product.description_en if language() == "en" else "") or product.description


def _container(word: str) -> str:
    return str(pgettext("container", word))


@bp.app_template_filter()
def net(net_content: str) -> str:
    """Net content with its container in the reader's language."""
    return say_net_content(net_content, _container)


@bp.app_template_filter()
def container(net_content: str) -> str:
    """What one piece is called in the reader's language."""
    return _container(container_of(net_content))


@bp.app_template_filter()
def month(number: int) -> str:
    """The name of a month: 3月, Mar."""
    return str(get_month_names("abbreviated", locale=get_locale())[number])


@bp.app_template_filter()
def month_day(value: date | datetime) -> str:
    """A day without its year, as it stands in a promise: 12月20日, Dec 20; times seen from Shanghai."""
    on = clock.today_shanghai(value) if isinstance(value, datetime) else value
    return str(format_skeleton("MMMd", on, locale=get_locale()))


bp.add_app_template_filter(picture_of, "picture")


@bp.app_context_processor
def shared() -> dict[str, object]:
    """What the layout and the cards need."""
    narrowed = bool(request.args.keys() - {"lang"}) if request else False
    site = current_app.config["SHANHAI"].public_url
    return {"say": _, "storage_labels": STORAGE_LABELS, "page_labels": PAGE_LABELS, "narrowed": narrowed, "public_url": site}


@bp.get("/")
@everyone
def home() -> ResponseReturnValue:
    """What can be bought today; what comes later; where it grows."""
    return _kept_list(_draw_home)


def _draw_home(at: datetime) -> tuple[str, Listed]:
    with reading() as session:
        today = queries.list_today(session, at, limit=TODAY)
        later = queries.list_later(session, at, limit=18)
        ahead = queries.list_ahead(session, at)
        html = render_template(
            "storefront/home.html",
            today=today,
            later=later,
            ahead=ahead,
            kinds=queries.list_kinds(session),
            counties=queries.list_counties(session),
            icp=queries.find_page(session, "icp"),
        )
    return html, _listed([row.product for row in (*today, *ahead)], *(products for _, products in later))


def _kept_list(draw: Callable[[datetime], tuple[str, Listed]]) -> bytes:
    at = clock.now()
    return kept_page(seen_by_reader(), lambda watched: look_at_list(watched, at), lambda: draw(at), questions=QUESTIONS)


def _listed(*groups: Iterable[Product]) -> Listed:
    return Listed(tuple(sorted({product.id for group in groups for product in group})))


@bp.get("/products")
@everyone
def products() -> ResponseReturnValue:
    """All products, narrowed and sorted by links that work without JavaScript."""
    return _kept_list(_draw_products)


def _draw_products(at: datetime) -> tuple[str, Listed]:
    filters, sort = _read_filters(), _pick(request.args.get("sort", ""), SORTS) or ""
    with reading() as session:
        shelf = queries.list_shelf(session, filters, sort=sort, after=request.args.get("after"), at=at, limit=PAGE)
        html = render_template(
            "storefront/products.html",
            shelf=shelf,
            filters=filters,
            sort=sort,
            kinds=queries.list_kinds(session),
            place=find_area(session, filters.county or filters.province or ""),
            options=_options(session),
            more=_with(after=shelf.after) if shelf.after else None,
            first=_with(after=None) if request.args.get("after") else None,
            narrow=_with,
        )
    return html, _listed(row.product for row in shelf.rows)


@bp.get("/search")
@limiter.limit("300 per minute", key_func=asking)
@everyone
def search() -> ResponseReturnValue:
    """Products by words, pinyin or initials, narrowed and sorted as lists are."""
    at, text = clock.now(), request.args.get("q", "").strip()[:60]
    filters, sort = replace(_read_filters(), words=text), _pick(request.args.get("sort", ""), SORTS) or ""
    with reading() as session:
        shelf = (
            queries.list_found(session, filters, sort=sort, after=request.args.get("after"), at=at, limit=PAGE) if text else None
        )
        count = queries.count_found(session, filters, at, most=MOST_COUNTED) if text else 0
        return render_template(
            "storefront/search.html",
            text=text,
            shelf=shelf,
            count=min(count, MOST_COUNTED),
            uncounted=count > MOST_COUNTED,
            filters=filters,
            sort=sort,
            options=_options(session),
            kinds=queries.list_kinds(session) if not count else [],
            more=_with(after=shelf.after) if shelf and shelf.after else None,
            first=_with(after=None) if request.args.get("after") else None,
        )


@bp.get("/season")
@everyone
def season() -> ResponseReturnValue:
    """The months of every product on the shelf."""
    with reading() as session:
        at = clock.now()
        rows = queries.list_calendar(session, at)
        areas = list_areas(session, [product.county_code for product in rows])
        presales = find_presales(session, [product.id for product in rows], at)
        month = clock.today_shanghai(at).month
        return render_template("storefront/season.html", rows=rows, areas=areas, month=month, runs=season_runs, presales=presales)


@bp.get("/counties")
@everyone
def counties() -> ResponseReturnValue:
    """All counties with something on the shelf."""
    with reading() as session:
        return render_template("storefront/counties.html", counties=queries.list_counties(session))


@bp.get("/counties/<code>")
@everyone
def county(code: str) -> ResponseReturnValue:
    """One county: its place, its partners in the east, who grows there, what there is."""
    return _kept_list(functools.partial(_draw_county, code))


def _draw_county(code: str, at: datetime) -> tuple[str, Listed]:
    on = clock.today_shanghai(at)
    with reading() as session:
        area = find_area(session, code)
        if area is None:
            raise NotFound("没有这个县。")
        partners = find_eastern_partners(session, code, on)
        shelf = queries.list_shelf(session, Filters(county=code), after=request.args.get("after"), at=at, limit=PAGE)
        html = render_template(
            "storefront/county.html",
            area=area,
            path=_path(session, code),
            lists=_lists(session, code, on),
            partners=list(list_areas(session, partners).values()),
            growers=queries.list_growers(session, code),
            shelf=shelf,
            more=_with(after=shelf.after) if shelf.after else None,
        )
    return html, _listed(row.product for row in shelf.rows)


@bp.get("/cooperatives/<code>")
@everyone
def cooperative(code: str) -> ResponseReturnValue:
    """One cooperative: licence shown (亮照), how many households, what it grows."""
    return _kept_list(functools.partial(_draw_cooperative, code))


def _draw_cooperative(code: str, at: datetime) -> tuple[str, Listed]:
    on = clock.today_shanghai(at)
    with reading() as session:
        body = get_organization_by_code(session, code)
        if body.kind is not OrganizationKind.COOPERATIVE:
            abort(404)
        papers = list_documents_of(session, SubjectKind.ORGANIZATION, [body.code])
        filters = Filters(cooperative_id=body.id)
        shelf = queries.list_shelf(session, filters, after=request.args.get("after"), at=at, limit=PAGE)
        html = render_template(
            "storefront/cooperative.html",
            body=body,
            path=_path(session, body.county_code or ""),
            households=count_households(session, body.id),
            papers=[paper for paper in papers if paper.covers(on) and paper.revoked_at is None],
            kind_labels=KIND_LABELS,
            check_labels=CHECK_LABELS,
            shelf=shelf,
            more=_with(after=shelf.after) if shelf.after else None,
        )
    return html, _listed(row.product for row in shelf.rows)


def _path(session: Session, code: str) -> list[Area]:
    """The areas from the province down to the county."""
    found = list_areas(session, [province_of(code), prefecture_of(code), code])
    return [found[c] for c in dict.fromkeys((province_of(code), prefecture_of(code), code)) if c in found]


def _lists(session: Session, code: str, on: date) -> list[SupportedList]:
    """The dated lists that name the county."""
    named_by = {row.list_name for row in find_supported(session, code, on)}
    return [row for row in list_supported_lists(session) if row.name in named_by]


def _read_filters() -> Filters:
    """Filters from the address; values nobody offered are passed over."""
    args = request.args
    most = _pick(args.get("most", ""), [str(yuan) for yuan in PRICES])
    in_month = _pick(args.get("month", ""), [str(number) for number in range(1, 13)])
    return Filters(
        county=args.get("county") or None,
        province=args.get("province") or None,
        category=args.get("category") or None,
        storage=_pick(args.get("storage", ""), list(Temperature)),
        certificate=_pick(args.get("certificate", ""), CERTIFICATES),
        month=int(in_month) if in_month else None,
        most_fen=int(most) * 100 if most else None,
        in_stock=args.get("stock") == "1",
    )


def _options(session: Session) -> dict[str, list[tuple[object, str]]]:
    """The choices of each filter, in the reader's language; the first is: all."""
    every: tuple[object, str] = ("", _("不限"))
    english = language() == "en"
    counties = [(row.code, (row.name_en if english else "") or row.name) for row in _known_counties(session)]
    return {
        "county": [every, *counties],
        "storage": [every, *((key, _(label)) for key, label in STORAGE_LABELS.items())],
        "certificate": [every, *((kind, _(KIND_LABELS[kind])) for kind in CERTIFICATES)],
        "month": [every, *((number, month(number)) for number in range(1, 13))],
        "price": [every, *((yuan, _("%(yuan)s 元以内", yuan=yuan)) for yuan in PRICES)],
    }


def _known_counties(session: Session) -> Sequence[Choice]:
    """Counties with something on the shelf, province by province; looked up anew after ``COUNTIES_FOR``."""
    kept: tuple[float, Sequence[Choice]] = current_app.extensions.get("counties", (0.0, ()))
    now = time.monotonic()
    if now >= kept[0]:
        found = [
            Choice(county.code, f"{province.name} {county.name}", f"{county.name_en}, {province.name_en}" if county.name_en else "")
            for province, counties in queries.list_counties(session)
            for county in counties
        ]
        kept = current_app.extensions["counties"] = (now + COUNTIES_FOR, found)
    return kept[1]


def _pick(text: str, offered: Sequence[T]) -> T | None:
    """The value among those offered that was asked for."""
    return next((value for value in offered if str(value) == text), None)


def _with(**changes: str | int | None) -> str:
    """This page's address with some of its filters changed (None: without); a changed filter starts at the first page."""
    kept = {name: value for name, value in request.args.items() if name != "lang" and value}
    if "after" not in changes:
        kept.pop("after", None)
    wanted = urlencode({name: value for name, value in {**kept, **changes}.items() if value not in (None, "")})
    return quote(request.path) + (f"?{wanted}" if wanted else "")
