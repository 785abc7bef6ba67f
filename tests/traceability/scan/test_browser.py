"""The story and the scanner in Chromium: the first screen of a phone, both languages, no JavaScript, a picture of a label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from kernel.db import work
from shop.app import create_app
from tests.conftest import make_config
from tests.factories.lots import Chain, make_chain
from tests.factories.serving import serve
from traceability.scan import telling
from traceability.scan.sheets import Label, render
from traceability.scan.states import Sheet

pytestmark = pytest.mark.browser


@pytest.fixture
def chain(database: str, at: datetime) -> Chain:
    with work() as session:
        chain = make_chain(session, sheep=(2, 3, 5, 1, 1, 2), boxes=3)
        parts = [{"payee": "household", "fen": 6200, "state": "agreed"}, {"payee": "freight", "fen": 3800, "state": "agreed"}]
        telling.tell_fact(session, chain.pack.code, "shares", {"parts": parts}, at)
    return chain


@pytest.fixture
def served(database: str, tmp_path: Path) -> Iterator[str]:
    app = create_app(make_config(tmp_path, database), connect=False, testing=True)
    with serve(app) as url:
        app.config["SHANHAI"] = replace(
            app.config["SHANHAI"], public_url=url
        )  # links lead to the public address, and that is this one
        yield url


def test_the_story_on_a_phone(page: Page, served: str, chain: Chain, tmp_path: Path) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for lang, words in (("zh", "核验"), ("en", "Check the proof")):
        page.set_viewport_size({"width": 360, "height": 640})
        page.goto(f"{served}/01/{chain.product.gtin}/10/{chain.pack.code}/21/{chain.serials[0]}?lang={lang}")
        assert page.url.startswith(f"{served}/t/{chain.serials[0]}")
        button = page.get_by_role("link", name=words)
        box = button.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 640, "all of the first screen without scrolling"
        button.click()
        page.wait_for_function("document.querySelector('#proof').open")
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
        for width in (320, 360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 640})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
    page.screenshot(path=tmp_path / "story.png", full_page=True)


def test_the_story_without_javascript(browser: Browser, served: str, chain: Chain) -> None:
    page = browser.new_context(java_script_enabled=False, locale="zh-CN").new_page()
    page.goto(f"{served}/t/{chain.serials[0]}")
    assert not page.get_by_text("农户交货").first.is_visible()
    page.get_by_text("过程", exact=True).click()
    assert page.get_by_text("农户交货").first.is_visible()
    page.goto(f"{served}/scan")
    page.get_by_label("或者输入盒上的编号").fill(chain.serials[0].lower())
    page.get_by_role("button", name="查看").click()
    assert page.url == f"{served}/t/{chain.serials[0]}"


def test_a_picture_of_a_label_leads_to_its_story(browser: Browser, served: str, chain: Chain, tmp_path: Path) -> None:
    label = Label("羊腿", "1kg", chain.product.gtin, chain.pack.code, chain.serials[0], chain.pack.produced_on, None)
    picture = tmp_path / "label.png"
    picture.write_bytes(render([label], Sheet.ROLL, "https://shop.example.cn", demo=True, form="png"))
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(f"{served}/scan")
    page.get_by_label("或者选一张二维码的照片").set_input_files(picture)
    page.wait_for_url(f"{served}/t/{chain.serials[0]}")
    blank = tmp_path / "blank.png"
    blank.write_bytes((Path(__file__).parents[3] / "kernel/static/icon-192.png").read_bytes())
    page.goto(f"{served}/scan")
    page.get_by_label("或者选一张二维码的照片").set_input_files(blank)
    page.get_by_text("没有认出二维码").wait_for()
