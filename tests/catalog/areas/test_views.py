"""The public pages of areas."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from catalog.areas import views
from catalog.areas.models import Area


def test_a_county_page_names_its_partner_of_the_day(client: FlaskClient) -> None:
    page = client.get("/areas/620826?on=2026-11-22")
    assert page.status_code == 200
    assert "静宁县" in page.text
    assert "天津市" in page.text
    assert "山东省" not in page.text


def test_a_program_gets_the_same_as_json(client: FlaskClient) -> None:
    body = client.get("/areas/640323?on=2026-11-22", headers={"Accept": "application/json"}).json
    assert body is not None
    assert body["path"] == ["宁夏回族自治区", "吴忠市", "盐池县"]
    assert [partner["code"] for partner in body["eastern_partners"]] == ["350000"]
    assert body["lists"] == ["832"]


def test_an_old_code_shows_its_successor(client: FlaskClient) -> None:
    page = client.get("/areas/540530")
    assert "540581" in page.text


def test_the_grid_lists_all_provinces(client: FlaskClient) -> None:
    page = client.get("/areas/")
    assert page.text.count('class="chip"') == 34


@pytest.mark.parametrize(("address", "status"), [("/areas/000000", 404), ("/areas/640323?on=yesterday", 422), ("/areas/x'", 404)])
def test_bad_input_gets_a_clear_answer(client: FlaskClient, address: str, status: int) -> None:
    page = client.get(address)
    assert page.status_code == status
    assert 'class="lead"' in page.text


def test_a_page_cannot_write(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of a GET door: PostgreSQL itself refuses a write in ``reading()``."""

    def writes(session: Session, code: str) -> Area:
        area = session.get_one(Area, code)
        area.name = "改了"
        session.flush()
        return area

    monkeypatch.setattr(views, "get_area", writes)
    with pytest.raises(InternalError, match="read-only"):
        client.get("/areas/640323")


def test_without_that_guard_the_write_would_go_through(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kernel import db

    def writes(open_session: Session, code: str) -> Area:
        area = open_session.get_one(Area, code)
        area.name = "改了"
        open_session.flush()
        return area

    monkeypatch.setattr(views, "get_area", writes)
    monkeypatch.setattr(views, "reading", db.work)
    assert "改了" in client.get("/areas/640323").text
