"""What every page shares: headers, language, errors as pages and as problem+json, once-only requests, no open redirect."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import clock, idempotency
from kernel.db import work
from kernel.errors import Invalid, NotFound
from kernel.money import Money
from kernel.web import csrf, everyone, local_target, network_of_reader, once, yuan
from tests.factories.catalog import form


@pytest.fixture
def ringing(app: Flask, session: Session) -> FlaskClient:
    """The application with three doors of this test's own."""
    session.execute(text("CREATE TEMPORARY TABLE rings (bell text)"))

    @app.post("/ring")
    @everyone
    @once
    def ring(open_session: Session) -> str:
        from flask import request

        open_session.execute(text("INSERT INTO rings VALUES (:bell)"), {"bell": request.form["bell"]})
        if request.form["bell"] == "cracked":
            raise Invalid("钟裂了，请换一口。", field="bell")
        return "dong"

    @app.get("/gone")
    @everyone
    def gone() -> str:
        raise NotFound("没有 %(what)s。", params={"what": "<b>钟</b>"})

    csrf.exempt(app.view_functions["ring"])
    return app.test_client()


@pytest.fixture
def rings(session: Session) -> Callable[[], int]:
    return lambda: session.scalar(text("SELECT count(*) FROM rings")) or 0


def ring(client: FlaskClient, key: str = "key-0001", bell: str = "east", **more: Any) -> Any:
    return client.post("/ring", data={"idempotency_key": key, "bell": bell, **more})


def test_equal_requests_have_one_effect_and_one_answer(ringing: FlaskClient, rings: Callable[[], int]) -> None:
    answers = [ring(ringing) for _ in range(3)]
    assert [(a.status_code, a.text) for a in answers] == [(200, "dong")] * 3
    assert rings() == 1


def test_the_same_key_with_another_body_is_refused(ringing: FlaskClient, rings: Callable[[], int]) -> None:
    ring(ringing)
    assert ring(ringing, bell="west").status_code == 422
    assert rings() == 1


def test_a_request_without_a_key_is_refused(ringing: FlaskClient, rings: Callable[[], int]) -> None:
    assert ring(ringing, key="").status_code == 422
    assert rings() == 0


def test_a_refused_form_can_be_mended_and_sent_again(ringing: FlaskClient, rings: Callable[[], int]) -> None:
    assert ring(ringing, bell="cracked").status_code == 422
    assert rings() == 0
    assert ring(ringing, bell="whole").status_code == 200
    assert rings() == 1


def test_without_the_claim_the_effect_doubles(
    ringing: FlaskClient, rings: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    monkeypatch.setattr(idempotency, "claim", lambda *_: None)
    monkeypatch.setattr(idempotency, "remember", lambda *_: None)
    ring(ringing)
    ring(ringing)
    assert rings() == 2


def test_a_problem_is_a_page_to_people_and_json_to_programs(ringing: FlaskClient) -> None:
    page = ringing.get("/gone", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "&lt;b&gt;钟&lt;/b&gt;" in page.text
    answer = ringing.get("/gone", headers={"Accept": "application/json"})
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == 404
    assert answer.json["type"] == "not-found"


def test_unknown_pages_and_methods_are_told_kindly(ringing: FlaskClient) -> None:
    assert ringing.get("/no-such-page").status_code == 404
    assert ringing.get("/ring").status_code == 405


def test_each_answer_carries_the_security_headers(ringing: FlaskClient) -> None:
    headers = ringing.get("/no-such-page").headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_csrf_is_asked_for_when_it_is_on(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert app.test_client().post("/sign-out").status_code == 422
    app.config["WTF_CSRF_ENABLED"] = False
    assert app.test_client().post("/sign-out").status_code == 302


def test_the_language_switch_is_kept(ringing: FlaskClient) -> None:
    ringing.post("/language", data={"lang": "en", "next": "/"})
    assert '<html lang="en"' in ringing.get("/no-such-page", headers={"Accept": "text/html"}).text


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "", None, "/a\r\nSet-Cookie: x=1", "javascript:1"],
)
def test_no_open_redirect(target: str | None) -> None:
    assert local_target(target) == "/"


def test_local_targets_pass() -> None:
    assert local_target("/orders/ORD-1?x=1") == "/orders/ORD-1?x=1"


def test_yuan() -> None:
    assert yuan(Money(123450)) == "¥1,234.50"
    assert yuan(-5) == "-¥0.05"


def test_a_page_for_a_stranger_may_be_kept_privately_and_one_for_somebody_never(client: FlaskClient) -> None:
    assert client.get("/healthz").headers["Cache-Control"] == "private, no-cache"
    with client.session_transaction() as cookie:
        cookie["basket"] = "a token"
    assert client.get("/healthz").headers["Cache-Control"] == "private, no-store"


def test_a_page_with_a_form_is_not_kept(client: FlaskClient) -> None:
    assert client.get("/sign-in").headers["Cache-Control"] == "private, no-store", "its tokens are this browser's"


def test_an_answer_that_says_how_long_it_keeps_is_left_alone(ringing: FlaskClient, app: Flask) -> None:
    @app.get("/kept")
    @everyone
    def kept() -> Any:
        from flask import Response

        return Response("tile", headers={"Cache-Control": "public, max-age=60"})

    assert app.test_client().get("/kept").headers["Cache-Control"] == "public, max-age=60"


def test_somebody_was_faster_is_a_conflict_not_a_crash(app: Flask, session: Session, caplog: pytest.LogCaptureFixture) -> None:
    """Two equal things at once: the unique column refuses the second, whose sender gets a sentence."""
    session.execute(text("CREATE TEMPORARY TABLE seats (who text CONSTRAINT uq_seats_who UNIQUE)"))

    @app.get("/sit")
    @everyone
    def sit() -> str:
        with work() as open_session:
            open_session.execute(text("INSERT INTO seats VALUES ('13800138000'), ('13800138000')"))
        return "sat"

    answer = app.test_client().get("/sit")
    assert (answer.status_code, "刚有人" in answer.text) == (409, True)
    assert "13800138000" not in caplog.text + answer.text


def test_a_lock_that_does_not_come_free_is_try_again(app: Flask, bound: None) -> None:
    @app.get("/wait")
    @everyone
    def wait() -> str:
        with work() as open_session:
            open_session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = 'lock_not_available'; END $$"))
        return "never"

    assert app.test_client().get("/wait").status_code == 503


def test_any_other_fault_of_the_database_stays_a_bug(app: Flask, bound: None) -> None:
    @app.get("/broken")
    @everyone
    def broken() -> str:
        with work() as open_session:
            open_session.execute(text("SELECT 1 / 0"))
        return "never"

    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert app.test_client().get("/broken").status_code == 500


@pytest.mark.parametrize("path", ["/products/%00", "/counties/64%000323"])
def test_a_zero_byte_is_no_text(client: FlaskClient, path: str) -> None:
    """PostgreSQL keeps none in a text; an address with one names no page."""
    assert client.get(path).status_code == 404


def test_a_zero_byte_in_a_form_is_refused(client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"name": "a\x00b", "password": "c"}).status_code == 422
    assert client.post("/basket/lines", data=form(sku="\x00")).status_code == 422
    picture = {"picture": (io.BytesIO(b"%PDF-1.4"), "a\0.pdf"), "idempotency_key": "key-0001"}
    assert client.post("/sign-in", data=picture, content_type="multipart/form-data").status_code == 422


def test_a_refused_form_is_not_shown_again(app: Flask) -> None:
    """Nor looked up: what comes after the refusal finds an empty form."""

    @app.post("/look")
    @everyone
    def look() -> dict[str, str]:
        from flask import request

        with pytest.raises(Invalid):
            request.form.get("name")
        return dict(request.form)

    csrf.exempt(look)
    assert app.test_client().post("/look", data={"name": "a\x00b", "other": "c"}).json == {}


def test_a_long_answer_is_given_again_whole(ringing: FlaskClient, app: Flask) -> None:
    long = "dong " * 40_000

    @app.post("/toll")
    @everyone
    @once
    def toll(_session: Session) -> str:
        return long

    csrf.exempt(app.view_functions["toll"])
    answers = [ringing.post("/toll", data={"idempotency_key": "key-0002"}).text for _ in range(2)]
    assert answers == [long, long]


def test_an_old_answer_is_forgotten(ringing: FlaskClient, rings: Callable[[], int], session: Session) -> None:
    ring(ringing)
    idempotency.forget_answers(session, before=clock.now() - timedelta(days=1))
    assert (ring(ringing).status_code, rings()) == (200, 1)
    idempotency.forget_answers(session, before=clock.now() + timedelta(days=1))
    assert (ring(ringing).status_code, rings()) == (200, 2)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
    ],
)
def test_limits_count_a_household_once(address: str, counted: str) -> None:
    with Flask(__name__).test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert network_of_reader() == counted
