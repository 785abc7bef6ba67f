"""Operators' pages: every save a version, no markup of strangers; robots and sitemaps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Organization, Role
from catalog.products.models import Product
from kernel.errors import Forbidden, Invalid, NotFound
from shop.storefront.editing import save_page
from shop.storefront.models import Page
from shop.storefront.queries import find_page, list_sitemap, list_sitemap_starts
from shop.storefront.views import pages
from tests.conftest import make_config
from tests.factories.catalog import AT, END, act_as, form, make_actor, make_product


def test_every_save_is_a_version_and_equal_text_is_none(session: Session, at: datetime) -> None:
    for body, version in (("第一版", 1), ("第一版", 1), ("第二版", 2)):
        assert save_page(session, SYSTEM, "privacy", body=body, at=at).version == version
    found = find_page(session, "privacy")
    assert found is not None
    assert (found.version, found.body) == (2, "第二版")


def test_only_the_operator_writes_and_only_known_pages(session: Session, at: datetime) -> None:
    with pytest.raises(Forbidden):
        save_page(session, make_actor(session, Role.clerk), "privacy", body="x", at=at)
    with pytest.raises(NotFound):
        save_page(session, SYSTEM, "about-me", body="x", at=at)
    for body in (" ", "长" * 40_001):
        with pytest.raises(Invalid):
            save_page(session, SYSTEM, "privacy", body=body, at=at)


def test_a_version_is_never_rewritten(session: Session, at: datetime) -> None:
    save_page(session, SYSTEM, "terms", body="同意过的话", at=at)
    page = session.scalars(select(Page)).one()
    page.body = "换掉的话"
    with pytest.raises(DBAPIError, match="append-only"):
        session.flush()


def test_the_operator_writes_through_the_door(app: Flask, client: FlaskClient, session: Session) -> None:
    act_as(app, make_actor(session, Role.operator))
    answer = client.post("/pages/privacy", data=form(body="## 我们保存什么\n\n<script>alert(1)</script>", body_en="What we keep"))
    assert answer.status_code == 302
    page = client.get("/pages/privacy").text
    assert "<h2>我们保存什么</h2>" in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "What we keep" in client.get("/pages/privacy?lang=en").text
    assert client.post("/pages/privacy", data=form(body="")).status_code == 422


@pytest.mark.parametrize("path", ["/pages/privacy/edit", "/pages/nothing"])
def test_who_may_not(app: Flask, client: FlaskClient, session: Session, path: str) -> None:
    act_as(app, make_actor(session, Role.clerk))
    assert client.get(path).status_code in (403, 404)
    assert client.post("/pages/privacy", data=form(body="x")).status_code == 403
    assert find_page(session, "privacy") is None


def test_without_the_role_check_they_could(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    act_as(app, make_actor(session, Role.clerk))
    monkeypatch.setattr(Actor, "has", lambda *_: True)
    assert client.post("/pages/privacy", data=form(body="x")).status_code == 302
    assert find_page(session, "privacy") is not None


def test_a_demo_is_kept_out_of_search_engines(client: FlaskClient) -> None:
    assert client.get("/robots.txt").text.endswith("Disallow: /\n")
    assert '<meta name="robots" content="noindex">' in client.get("/").text


def test_a_shop_is_found_but_not_what_is_personal(app: Flask, client: FlaskClient, tmp_path: Any) -> None:
    app.config["SHANHAI"] = make_config(tmp_path, "postgresql://x/y", demo=False)
    text = client.get("/robots.txt").text
    assert "Disallow: /\n" not in text
    for path in ("/orders", "/account", "/checkout", "/pay"):
        assert f"Disallow: {path}\n" in text
    assert "Sitemap: http://127.0.0.1:8000/sitemap.xml" in text


def test_the_sitemap_names_every_product_once(client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SITEMAP_PART", 2)
    skus = sorted(make_product(session).sku for _ in range(5))
    assert list(list_sitemap_starts(session, each=2)) == [skus[0], skus[2], skus[4]]
    assert list(list_sitemap(session, start=skus[2], limit=2, on=AT.date())) == skus[2:4]
    assert list(list_sitemap(session, start=skus[2], limit=2, on=END + timedelta(days=1))) == [], "their papers have expired"
    index = client.get("/sitemap.xml").text
    assert index.count("<loc>") == 4
    named = "".join(client.get(f"/sitemap/products.xml?start={sku}").text for sku in (skus[0], skus[2], skus[4]))
    assert [named.count(f"/products/{sku}<") for sku in skus] == [1] * 5
    save_page(session, SYSTEM, "privacy", body="正文。", at=AT)
    session.flush()
    places = client.get("/sitemap/places.xml").text
    code = session.scalars(select(Organization.code).join(Product, Product.cooperative_id == Organization.id).limit(1)).one()
    for address in ("/counties/640323<", f"/cooperatives/{code}<", "/pages/privacy</loc><lastmod>2026-11-22<"):
        assert address in places
