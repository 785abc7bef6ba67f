"""The doors of the log, as a stranger's client and as a person see them."""

from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kernel.db import work
from shop.app import create_app
from tests.conftest import make_config
from tests.traceability.ledger.running import URL, RunningLog
from traceability.ledger.erasing import erase_subject
from traceability.ledger.monitor import audit_published
from traceability.ledger.tiles import parse_tile
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


def test_a_partial_tile_is_cut_from_the_full_one(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(300)
    assert shop.get("/log/tile/0/000.p/17").data == shop.get("/log/tile/0/000").data[: 17 * 32]
    whole, part = shop.get("/log/tile/entries/000").data, shop.get("/log/tile/entries/000.p/17").data
    assert whole.startswith(part)


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
    assert answer.json == {"event": str(log.events[0]), "state": "recorded", "index": None, "erased": []}
    assert shop.get(f"/log/proof/{uuid4()}").status_code == 404
    assert shop.get("/log/proof/nonsense").status_code == 404


def test_a_state_tells_of_an_erasure_and_the_proof_still_holds(shop: FlaskClient, log: RunningLog) -> None:
    from uuid import UUID

    from tests.traceability.ledger.running import AT

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
    assert shop.get("/log/?before=x").status_code == 200


def test_nothing_personal_is_in_any_published_file(shop: FlaskClient, log: RunningLog) -> None:
    log.grow(300)
    everything = b"".join(path.read_bytes() for path in log.directory.rglob("*") if path.is_file())
    assert b"640323" in everything
    for secret in ("示例第7号农户", *(f"S-{event}" for event in log.events)):
        assert secret.encode() not in everything
