"""The shell and the parts, rendered: in both languages, with and without errors, in a real browser."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, get_template_attribute
from flask.testing import FlaskClient
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from playwright.sync_api import Page
from werkzeug.serving import make_server
from wtforms import StringField
from wtforms.validators import Length

from tests.kernel.lookbook import create_lookbook


@pytest.fixture(scope="module")
def book() -> Flask:
    return create_lookbook()


@pytest.fixture
def reader(book: Flask) -> FlaskClient:
    return book.test_client()


def part(book: Flask, name: str, *args: Any, **kwargs: Any) -> str:
    with book.test_request_context("/"):
        return str(get_template_attribute("parts.html", name)(*args, **kwargs))


def test_the_shell_in_both_languages(reader: FlaskClient) -> None:
    chinese, english = reader.get("/look").text, reader.get("/look?lang=en").text
    assert '<html lang="zh-Hans">' in chinese
    assert "跳到正文" in chinese
    assert '<html lang="en">' in english
    assert "Skip to content" in english
    assert "跳到正文" not in english


def test_the_demo_says_so_and_stays_out_of_search(reader: FlaskClient, book: Flask) -> None:
    assert "演示数据" in reader.get("/look").text
    assert '<meta name="robots" content="noindex">' in reader.get("/look").text
    book.jinja_env.globals["demo"] = False
    try:
        page = reader.get("/look").text
        assert "演示数据" not in page
        assert "noindex" not in page
        assert "noindex" in reader.get("/portal/approve").text
    finally:
        book.jinja_env.globals["demo"] = True


def test_the_language_is_kept_and_the_way_back_stays_here(reader: FlaskClient) -> None:
    assert 'name="next" value="/look?a=1"' in reader.get("/look?a=1").text
    answer = reader.post("/language", data={"lang": "en", "next": "/look?a=1"})
    assert answer.status_code == 302
    assert answer.location == "/look?a=1"
    assert "Skip to content" in reader.get("/look").text
    assert reader.post("/language", data={"lang": "zh_Hans_CN", "next": "https://example.com/"}).location == "/"
    assert reader.post("/language", data={"lang": "tlh", "next": "/look"}).status_code == 302
    assert "跳到正文" in reader.get("/look").text


def test_static_files_may_be_kept_for_ever_once_their_hash_is_in_the_address(reader: FlaskClient) -> None:
    address = re.search(r'href="(/static/shanhai\.css\?v=[0-9a-f]{12})"', reader.get("/look").text)
    assert address
    with reader.get(address[1]) as kept, reader.get("/static/shanhai.css") as plain:
        assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert plain.headers["Cache-Control"] == "no-cache"
    assert "immutable" not in reader.get("/static/none.css?v=1").headers.get("Cache-Control", "")


def test_problems_are_told_in_words(reader: FlaskClient) -> None:
    gone = reader.get("/gone")
    assert gone.status_code == 404
    assert "回到首页" in gone.text
    assert reader.get("/gone?lang=en").text.count("Back to the home page") == 1


def test_what_a_person_said_is_escaped(book: Flask, reader: FlaskClient) -> None:
    assert "&lt;script&gt;" in reader.get("/look?said=<script>alert(1)</script>").text
    drawn = part(book, "field", "note", "留言", '"><script>', error="<b>", help="<i>", type="textarea")
    assert "<script" not in drawn
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert '"><script' not in part(book, "field", "note", "留言", '"><script>')
    assert "<b>" not in part(book, "table", ["<b>"], [["<b>"]])


def test_a_field_keeps_what_was_typed_and_names_its_error(book: Flask) -> None:
    drawn = part(book, "field", "phone", "手机号", "1390", error="应为 11 位数字", help="快递用", type="tel", required=True)
    assert 'value="1390"' in drawn
    assert '<label for="f-phone">' in drawn
    assert 'aria-invalid="true"' in drawn
    assert 'aria-describedby="f-phone-help f-phone-error"' in drawn
    assert 'id="f-phone-error">应为 11 位数字' in drawn
    assert " required" in drawn
    assert "aria-invalid" not in part(book, "field", "phone", "手机号", "1390")


@pytest.mark.parametrize("kind", ["password", "file"])
def test_a_secret_or_a_file_is_not_sent_back(book: Flask, kind: str) -> None:
    assert "geheim" not in part(book, "field", "x", "x", "geheim", type=kind)


def test_choices_keep_what_was_chosen(book: Flask) -> None:
    options = [(1, "一"), (2, "二")]
    assert '<option value="2" selected>' in part(book, "field", "n", "数", 2, type="select", options=options)
    assert re.search(r'value="2" checked', part(book, "field", "n", "数", "2", type="radio", options=options))
    assert " checked" in part(book, "field", "ok", "同意", True, type="checkbox")
    assert " checked" not in part(book, "field", "ok", "同意", False, type="checkbox")
    assert " checked" not in part(book, "field", "n", "数", None, type="radio", options=options)


def test_a_wtforms_field_brings_its_own_label_value_and_error(book: Flask) -> None:
    class Form(FlaskForm):  # type: ignore[misc]
        name = StringField("姓名", [Length(max=2, message="最多两个字")])

    with book.test_request_context("/", method="POST", data={"name": "王小明"}):
        form = Form(meta={"csrf": False})
        assert not form.validate()
        drawn = str(get_template_attribute("parts.html", "field")(form.name))
    assert "姓名" in drawn
    assert 'value="王小明"' in drawn
    assert "最多两个字" in drawn


def test_an_act_carries_both_guards(book: Flask) -> None:
    drawn = part(book, "act", "/orders/x/cancel", "取消", fields={"reason": "a"})
    assert 'name="csrf_token"' in drawn
    assert re.search(r'name="idempotency_key" value="[\w-]{20,}"', drawn)
    assert 'name="reason" value="a"' in drawn
    keys = {re.search(r'idempotency_key" value="([^"]+)', part(book, "guards"))[1] for _ in range(3)}  # type: ignore[index]
    assert len(keys) == 3


def test_shares_fill_the_whole_bar(book: Flask) -> None:
    drawn = part(book, "shares", [("户", 6200, "62.00"), ("社", 1, "0.01"), ("运", 3799, "37.99")])
    widths = [float(w) for w in re.findall(r'<rect class="t\d" x="[\d.]+" width="([\d.]+)"', drawn)]
    assert sum(widths) == pytest.approx(100, abs=0.01)
    assert part(book, "shares", []).count("<rect") == 0


def test_a_table_labels_its_cells_for_phones(book: Flask) -> None:
    with book.test_request_context("/"):
        drawn = str(get_template_attribute("parts.html", "table")([lazy_gettext("订单"), "金额"], [["ORD-1", None]], num=[1]))
    assert 'data-label="订单"' in drawn
    assert '<td class="num" data-label="金额">—' in drawn


def test_a_menu_knows_where_the_reader_is(book: Flask) -> None:
    def marked(path: str, **kwargs: Any) -> bool:
        with book.test_request_context(path):
            return "aria-current" in str(get_template_attribute("parts.html", "nav_item")("x", "/org", **kwargs))

    assert marked("/org")
    assert marked("/org/orders")
    assert not marked("/organic")
    assert not marked("/org/orders", exact=True)


def test_steps_say_where_one_stands(book: Flask) -> None:
    drawn = part(book, "steps", ["一", "二", "三"], 1)
    assert drawn.count('class="done"') == 1
    assert '<li aria-current="step">二' in drawn
    assert part(book, "steps", ["一", "二"], 2).count('class="done"') == 2


@pytest.fixture(scope="module")
def served(book: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, book, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/look?lang=en", "/portal/approve", "/food", "/gone"])
def test_pages_fit_the_screen_and_break_no_policy(page: Page, served: str, path: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(served + path)
    for width in (320, 360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 21, 19)"
    assert [text for text in said if "404" not in text] == []


@pytest.mark.browser
def test_what_can_be_pressed_is_large_enough(page: Page, served: str) -> None:
    """WCAG 2.2, 2.5.8: at least 24 × 24 px, links inside sentences aside."""
    page.set_viewport_size({"width": 360, "height": 640})
    page.goto(served + "/look")
    small = page.evaluate(
        """[...document.querySelectorAll('button, .button, input, select, textarea, summary, .chip, .nav a, .tools a')]
        .filter((e) => e.type !== 'hidden' && e.type !== 'checkbox' && e.type !== 'radio' && e.offsetParent)
        .filter((e) => { const box = e.getBoundingClientRect(); return box.width < 24 || box.height < 24 })
        .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert small == []


@pytest.mark.browser
def test_the_keyboard_reaches_the_content_first(page: Page, served: str) -> None:
    page.goto(served + "/portal/approve")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


COUNT_SUBMITS = """form => {
    window.sent = 0;
    window.addEventListener('submit', (event) => { if (!event.defaultPrevented) window.sent += 1; event.preventDefault() });
    form.noValidate = true;
    const button = form.querySelector('button');
    button.click(); button.click();
    return window.sent;
}"""


@pytest.mark.browser
def test_a_form_is_sent_once_and_asks_first(page: Page, served: str) -> None:
    page.goto(served + "/look")
    form = page.locator("form[action='/x']")
    assert form.evaluate(COUNT_SUBMITS) == 1
    page.reload()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    form.evaluate("form => { form.dataset.confirm = '真的取消?' }")
    assert form.evaluate(COUNT_SUBMITS) == 0
    assert asked == ["真的取消?"] * 2
