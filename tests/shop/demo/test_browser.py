"""The story's browser fills forms as a person does, and says what is missing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue

from shop.demo.browser import Browser, Page, Unexpected

PAGE = """<form action="/find"><input name="q" value="old"></form>
<form method="post" action="/send"><input type="hidden" name="token" value="t1"><input name="name" value="王">
<input type="checkbox" name="yes" value="1" checked><input type="checkbox" name="no" value="1">
<select name="unit"><option value="">-</option><option value="kg" selected>kg</option></select><textarea name="note">
two
lines</textarea><input type="file" name="file"><button name="do" value="x">go</button></form>"""


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    app = Flask("site")

    @app.get("/")
    def home() -> str:
        return PAGE

    @app.get("/find")
    def find() -> str:
        return f"found {request.args['q']}"

    @app.post("/send")
    def send() -> ResponseReturnValue:
        fields = sorted(request.form.items(multi=True)) + sorted((n, f.read().decode()) for n, f in request.files.items())
        return redirect("/done?" + "&".join(f"{k}={v.strip()}" for k, v in fields).replace("\r\n", "|").replace("\n", "|"))

    @app.get("/done")
    def done() -> str:
        return request.query_string.decode()

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_hidden_fields_and_choices_come_along(site: str) -> None:
    browser = Browser(site)
    answer = browser.submit(browser.get("/"), "/send", name="李")
    assert answer.path.startswith("/done?")
    for part in ("token=t1", "yes=1", "unit=kg"):
        assert part in answer.path
    assert "no=1" not in answer.path
    assert "do=x" not in answer.path


def test_files_travel_as_multipart(site: str) -> None:
    browser = Browser(site)
    assert "file=inside" in browser.submit(browser.get("/"), "/send", file=("a.txt", b"inside")).path


def test_get_forms_search(site: str) -> None:
    browser = Browser(site)
    assert browser.submit(browser.get("/"), "/find", q="new").text == "found new"


def test_a_missing_form_and_a_wrong_status_are_told(site: str) -> None:
    browser = Browser(site)
    with pytest.raises(Unexpected, match="no form to '/gone'"):
        browser.submit(browser.get("/"), "/gone")
    with pytest.raises(Unexpected, match="404 instead of 200"):
        browser.get("/nowhere")
    assert browser.get("/nowhere", expect=404).status == 404


def test_an_exact_form_wins_over_one_that_contains_it() -> None:
    body = b'<form action="/checkout"></form><form method="post" action="/checkout/address"></form><form method="post" action="/checkout"></form>'
    page = Page("http://x/checkout", 200, body, {})
    assert (page.form("/checkout").method, page.form("/checkout").action) == ("post", "/checkout")


def test_a_field_elsewhere_belongs_to_the_form_it_names() -> None:
    text = (
        '<input type="radio" name="to" form="place" value="1"><input type="radio" name="to" form="place" value="2" checked>'
        '<input name="lost" form="nowhere" value="x"><form id="place" method="post" action="/place"><input name="a" value="b"></form>'
    )
    [form] = Page("http://x/", 200, text.encode(), {}).forms()
    assert form.values == [("a", "b"), ("to", "2")]
