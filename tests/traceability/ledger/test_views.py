"""The doors of the log, as a stranger's client and as a person see them."""

import gzip
import hashlib
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from kernel import db
from kernel.db import work
from shop.accounts.views.actor import COOKIE_KEY
from shop.app import create_app
from tests.conftest import make_config
from tests.traceability.ledger.running import AT, ORIGIN, URL, RunningLog
from traceability.ledger.erasing import erase_subject
from traceability.ledger.monitor import audit_published
from traceability.ledger.tiles import parse_tile
from traceability.ledger.verifier import FILES, install_verifier
from traceability.ledger.verify import Refused, parse_policy, verify_proof


@pytest.fixture
def shop(log: RunningLog, database: str, tmp_path: Path) -> FlaskClient:
    """The application over the test log's own database and folder (data_dir/log)."""
    (tmp_path / "log").symlink_to(log.directory)
    app: Flask = create_app(make_config(tmp_path, database, public_url="https://shop.example"), connect=False, testing=True)
    return app.test_client()


def test_before_anything_is_published_it_says_so(shop: FlaskClient) -> None:
    for path in ("checkpoint", "checkpoint.witnessed", "vkey", "policy", "tile/0/000", "tile/entries/000.p/1"):
        assert shop.get(f"/log/{path}").status_code == 404
    assert shop.get("/log/").status_code == 200


def test_any_tlog_client_can_read_the_log(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(300)

    def fetch(path: str) -> bytes:
        answer = shop.get(f"/log/{path}")
        if answer.status_code != 200:
            raise OSError(answer.status)
        return answer.data

    report, memory = audit_published(fetch, parse_policy(shop.get("/log/policy").data))
    assert report.findings == []
    assert report.checked == 300
    log.grow(30)
    report, _ = audit_published(fetch, parse_policy(shop.get("/log/policy").data), memory)
    assert (report.holds, report.checked) == (True, 30)


def test_tiles_never_change_and_are_open_to_all(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(300)
    for path in ("tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/001.p/44", "tile/entries/000"):
        answer = shop.get(f"/log/{path}")
        assert answer.status_code == 200
        assert answer.content_type == "application/octet-stream"
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Set-Cookie" not in answer.headers
        assert answer.data == (log.directory / parse_tile(path.removeprefix("tile/")).path).read_bytes()


def test_a_partial_tile_goes_when_the_full_one_is_there(shop: FlaskClient, log: RunningLog) -> None:
    """tlog-tiles allows it; widths that no checkpoint implied are never there, and readers cut the full one."""
    log.grow(200)
    parts = [shop.get(f"/log/{path}") for path in ("tile/0/000.p/200", "tile/entries/000.p/200")]
    assert [part.status_code for part in parts] == [200, 200]
    assert shop.get("/log/tile/0/000.p/199").status_code == 404
    log.grow(100)
    for path, part in zip(("tile/0/000", "tile/entries/000"), parts, strict=True):
        assert shop.get(f"/log/{path}.p/200").status_code == 404
        assert shop.get(f"/log/{path}.p/17").status_code == 404
        assert shop.get(f"/log/{path}").data.startswith(part.data)


def test_bundles_are_compressed_for_those_who_can_read_it(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(30)
    plain = shop.get("/log/tile/entries/000.p/30")
    small = shop.get("/log/tile/entries/000.p/30", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(small.data) == plain.data
    assert len(small.data) * 2 < len(plain.data)
    assert small.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Content-Encoding" not in shop.get("/log/tile/0/000.p/30", headers={"Accept-Encoding": "gzip"}).headers


DOORS = (
    "checkpoint",
    "checkpoint.witnessed",
    "vkey",
    "policy",
    "tile/0/000.p/2",
    "tile/entries/000.p/2",
    "verifier/",
    "verifier/verify.js",
)


def install(log: RunningLog) -> None:
    """What the publisher does at its start."""
    install_verifier(log.directory, ORIGIN, log.published_policy.decode(), AT)
    log.sequence()
    log.publish()


@pytest.mark.parametrize("path", DOORS)
def test_every_file_answers_head_etag_and_other_sites(shop: FlaskClient, log: RunningLog, path: str) -> None:
    log.append(1)
    install(log)
    whole, head = shop.get(f"/log/{path}"), shop.head(f"/log/{path}")
    assert (whole.status_code, head.status_code, head.data) == (200, 200, b"")
    assert whole.content_length == head.content_length == len(whole.data)
    assert whole.headers["Access-Control-Allow-Origin"] == "*"
    same = shop.get(f"/log/{path}", headers={"If-None-Match": whole.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["Cache-Control"] == whole.headers["Cache-Control"]
    assert "Set-Cookie" not in whole.headers
    assert "Cookie" not in whole.headers.get("Vary", ""), "one copy for all readers"
    missing = shop.get("/log/tile/0/999")
    assert (missing.status_code, missing.headers["Access-Control-Allow-Origin"]) == (404, "*")


def test_files_are_served_while_the_database_is_away(shop: FlaskClient, log: RunningLog, signed_in: str) -> None:
    """Even to a browser with a session, and even for what is not there: nobody is looked up."""
    log.append(1)
    install(log)
    shop.set_cookie("session", signed_in)
    gone = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    sessions = dict(db._sessions.kw)
    db.bind(gone)
    try:
        statuses = {path: shop.get(f"/log/{path}").status_code for path in (*DOORS, "tile/0/001")}
        with pytest.raises(OperationalError):
            shop.get(f"/log/state/{log.events[0]}")
        with pytest.raises(OperationalError):  # the guard: any other page looks the reader up
            shop.get("/sign-in")
    finally:
        db._sessions.configure(**sessions)
        gone.dispose()
    assert statuses == dict.fromkeys(DOORS, 200) | {"tile/0/001": 404}


@pytest.fixture
def signed_in(shop: FlaskClient) -> str:
    """The cookie of a browser that signed in once."""
    with shop.session_transaction() as cookie:
        cookie[COOKIE_KEY] = "a token that would be looked up"
    found = shop.get_cookie("session")
    assert found is not None
    return found.value


UNPUBLISHED = ("0/001", "0/001.p/45", "0/001.p/43", "2/000.p/1", "entries/002", "entries/001.p/45")
MISSPELT = ("0/0", "0/x000/000", "0/001.p/256", "0/001.p/044", "data/000", "../checkpoint", "0/000/../../x", "0/000.p/0", "00/000")


def test_tiles_no_checkpoint_implies_are_not_found(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(300)
    assert {path: shop.get(f"/log/tile/{path}").status_code for path in UNPUBLISHED + MISSPELT} == dict.fromkeys(
        UNPUBLISHED + MISSPELT, 404
    )


def test_small_files_are_text_and_fresh(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(2)
    for name in ("checkpoint", "checkpoint.witnessed", "vkey", "policy"):
        answer = shop.get(f"/log/{name}")
        assert answer.content_type == "text/plain; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=2"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.data == (log.directory / name).read_bytes()
        assert shop.get(f"/log/{name}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    before = shop.get("/log/checkpoint")
    log.grow(1)
    assert shop.get("/log/checkpoint", headers={"If-None-Match": before.headers["ETag"]}).status_code == 200


def test_reading_the_whole_log_is_not_limited_as_pages_are(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(2)
    assert "X-RateLimit-Limit" in shop.get(f"/log/state/{log.events[0]}").headers
    for path in ("checkpoint", "tile/0/000.p/2", "policy"):
        assert "X-RateLimit-Limit" not in shop.get(f"/log/{path}").headers


def test_a_stranger_s_three_lines(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(3)
    answer = shop.get(f"/log/proof/{log.events[1]}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].endswith('.tlog-proof"')
    found = verify_proof(answer.data, shop.get("/log/policy").data)
    assert (found.index, found.disclosed) == (1, {})
    assert "示例第7号农户".encode() not in answer.data
    other = shop.get(f"/log/proof/{log.events[2]}").data
    with pytest.raises(Refused):
        verify_proof(other.replace(b"index 2", b"index 1"), shop.get("/log/policy").data)


def test_a_proof_that_is_not_there_yet_says_where_the_entry_stands(shop: FlaskClient, log: RunningLog) -> None:
    log.append()
    answer = shop.get(f"/log/proof/{log.events[0]}")
    assert answer.status_code == 202
    assert int(answer.headers["Retry-After"]) > 0
    told = answer.get_json()
    assert {name: told[name] for name in ("event", "state", "index", "erased")} == {
        "event": str(log.events[0]),
        "state": "recorded",
        "index": None,
        "erased": [],
    }
    assert told["label"] == "已记录"
    english = shop.get(f"/log/state/{log.events[0]}", headers={"Accept-Language": "en"}).get_json()
    assert english["label"] == "Recorded"
    assert shop.get(f"/log/proof/{uuid4()}").status_code == 404
    assert shop.get("/log/proof/nonsense").status_code == 404


def test_a_state_tells_of_an_erasure_and_the_proof_still_holds(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(2)
    with work() as session:
        erase_subject(session, UUID(int=7), AT)
    log.sequence()
    log.publish()
    state = shop.get(f"/log/state/{log.events[0]}").json
    assert state is not None
    assert (state["state"], state["index"]) == ("witnessed", 0)
    [erased] = state["erased"]
    assert erased["fields"] == ["household"]
    policy = shop.get("/log/policy").data
    assert verify_proof(shop.get(f"/log/proof/{log.events[0]}").data, policy).index == 0
    assert verify_proof(shop.get(f"/log/proof/{erased['by']}").data, policy).decode().kind == "ledger.erased"


def test_the_page_tells_a_stranger_how_to_check_in_both_languages(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(30)
    page = shop.get("/log/").get_data(as_text=True)
    assert f"curl -o policy {URL}/policy" in page
    assert "不能证明" in page
    assert str(log.events[29]) in page
    assert str(log.events[0]) not in page
    older = shop.get("/log/?before=10").get_data(as_text=True)
    assert str(log.events[0]) in older
    english = shop.get("/log/?lang=en").get_data(as_text=True)
    assert "Check us in three lines" in english
    assert "style=" not in page
    assert ("Witnessed" in english, "已见证" in english) == (True, False)
    assert shop.get("/log/?before=x").status_code == 200


def test_nothing_personal_is_in_any_published_file(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(300)
    everything = b"".join(path.read_bytes() for path in log.directory.rglob("*") if path.is_file())
    assert b"640323" in everything
    for secret in ("示例第7号农户", *(f"S-{event}" for event in log.events)):
        assert secret.encode() not in everything


def test_an_away_witness_is_said_in_both_languages(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(1)
    log.witnesses[0].stop()
    log.grow(1)
    assert "尚未见证" in shop.get("/log/").text
    assert "Not yet witnessed" in shop.get("/log/?lang=en").text
    told = shop.get(f"/log/state/{log.events[1]}").get_json()
    assert (told["state"], told["label"]) == ("published", "已公布，尚未见证")
    assert "见证者还没有签名" in told["says"]
    assert told["published_at"] > told["witnessed_at"]
    assert shop.get(f"/log/state/{log.events[0]}").get_json()["state"] == "witnessed"
    log.witnesses[0].start()
    log.restart()
    log.publish()
    assert "尚未见证" not in shop.get("/log/").text


def test_the_page_names_who_runs_each_witness(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(1)
    assert "演示见证者，与本站同一运营者" in shop.get("/log/").text
    assert "Demo witness" in shop.get("/log/?lang=en").text


def test_the_page_shows_the_verifier_and_where_it_is_logged(shop: FlaskClient, log: RunningLog) -> None:
    log.append(1)
    install(log)
    page = shop.get("/log/").text
    for name in FILES:
        digest = hashlib.sha256(shop.get(f"/log/verifier/{name if name != 'index.html' else ''}").data).hexdigest()
        assert f"{digest}  {name}" in page
    assert "同样的指纹写在账本第 1 条" in page
    (log.directory / "verifier" / "page.js").write_text("alert(1)")
    assert "不在账本里" in shop.get("/log/").text
    assert shop.get("/log/verifier/nothing.js").status_code == 404
    assert shop.get("/log/verifier/..%2Fpolicy").status_code == 404
