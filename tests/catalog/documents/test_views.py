"""The certifier's pages, through the door."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from catalog.documents import issuing
from catalog.documents.models import Document, DocumentKind, SubjectKind
from catalog.parties.models import SYSTEM, Actor, Role
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import act_as, form, make_actor, make_document, make_organization

PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture
def certifier(app: Flask, session: Session) -> Actor:
    actor = make_actor(session, Role.certifier)
    act_as(app, actor)
    session.flush()
    return actor


def typed(**over: Any) -> dict[str, Any]:
    values = {
        "kind": "geographical_indication",
        "number": "AGI01459",
        "subject_kind": "product",
        "subject_code": "SKU-1",
        "issuer": "农业农村部",
        "issued_on": "2016-03-31",
        "valid_from": "2016-03-31",
        "valid_to": "",
    }
    return form(**(values | over))


def send(client: FlaskClient, content: bytes) -> TestResponse:
    """Post as one body in memory: the test client leaves its temporary file of a large form open."""
    boundary, body = encode_multipart(typed(scan=FileStorage(io.BytesIO(content), "scan.pdf")))
    return client.post("/documents/", data=body, content_type=f"multipart/form-data; boundary={boundary}")


def count(session: Session) -> int:
    return session.query(Document).filter_by(subject_code="SKU-1").count()


@pytest.mark.usefixtures("certifier")
def test_a_paper_is_recorded_with_its_scan(client: FlaskClient, session: Session) -> None:
    answer = client.post("/documents/", data=typed(scan=(io.BytesIO(PDF), "../../etc/证书.pdf")))
    assert answer.status_code == 302
    page = client.get(answer.location)
    assert "AGI01459" in page.text
    assert "格式相符" in page.text
    assert "已认证" not in page.text
    with client.get(answer.location + "/scan") as scan:
        assert (scan.data, scan.mimetype) == (PDF, "application/pdf")
        assert "sandbox" in scan.headers["Content-Security-Policy"]
    assert "AGI01459" in client.get("/documents/?q=agi01459").text


@pytest.mark.usefixtures("certifier")
@pytest.mark.parametrize(
    ("over", "status", "told"),
    [
        ({"number": "AGI1"}, 422, "格式不对"),
        ({"number": "示例 <b>"}, 422, "请"),
        ({"kind": "passport"}, 422, "请从列出的选项里选一个"),
        ({"issued_on": "2030-01-01"}, 422, "不能晚于今天"),
        ({"valid_from": "31.3.2016"}, 422, "日期"),
        ({"valid_to": "2015-01-01"}, 422, "不能早于"),
        ({"subject_kind": "organization", "subject_code": "PTY-NONE"}, 422, "没有编号"),
        ({"issuer": ""}, 422, "必须填写"),
    ],
)
def test_a_wrong_field_is_told_and_nothing_is_written(
    client: FlaskClient, session: Session, over: dict[str, str], status: int, told: str
) -> None:
    answer = client.post("/documents/", data=typed(**over))
    assert answer.status_code == status
    assert told in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert count(session) == 0


@pytest.mark.usefixtures("certifier")
@pytest.mark.parametrize(
    ("content", "status"), [(b"", 422), (b"MZ\x90 not a picture", 422), (b"%PDF-" + b"0" * (10 * 1024 * 1024), 413)]
)
def test_scans_are_bounded_and_typed_by_their_bytes(client: FlaskClient, session: Session, content: bytes, status: int) -> None:
    assert send(client, content).status_code == status
    assert count(session) == 0


@pytest.mark.usefixtures("certifier")
def test_twenty_megabytes_are_refused_before_they_are_read(client: FlaskClient) -> None:
    assert send(client, b"%PDF-" + b"0" * 20_000_000).status_code == 413


@pytest.mark.usefixtures("certifier")
def test_the_same_form_twice_is_one_paper(client: FlaskClient, session: Session) -> None:
    sent = typed()
    assert client.post("/documents/", data=sent).status_code == 302
    assert client.post("/documents/", data=sent).status_code == 302
    assert client.post("/documents/", data=typed()).status_code == 409
    assert count(session) == 1


@pytest.mark.usefixtures("certifier")
def test_a_paper_is_checked_and_revoked(client: FlaskClient, session: Session) -> None:
    location = client.post("/documents/", data=typed()).location
    assert client.post(f"{location}/check", data=form(found_at="中国绿色食品网")).status_code == 302
    assert "已到官网核对" in client.get(location).text
    no_reason = client.post(f"{location}/revoke", data=form(reason=""))
    assert no_reason.status_code == 422
    assert client.post(f"{location}/revoke", data=form(reason="主体注销")).status_code == 302
    assert "主体注销" in client.get(location).text
    assert client.post(f"{location}/revoke", data=form(reason="主体注销")).status_code == 409


def test_others_do_not_record_and_with_both_guards_off_they_would(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(app, make_actor(session, Role.clerk))
    session.flush()
    assert client.get("/documents/").status_code == 403
    assert client.post("/documents/", data=typed()).status_code == 403
    app.view_functions["documents.record"] = app.view_functions["documents.record"].__wrapped__  # type: ignore[attr-defined]
    assert client.post("/documents/", data=typed()).status_code == 403
    assert count(session) == 0
    monkeypatch.setattr(Actor, "must_any", lambda *_: None)
    assert client.post("/documents/", data=typed()).status_code == 302
    assert count(session) == 1


def test_anybody_reads_a_paper_but_not_its_scan(client: FlaskClient, session: Session) -> None:
    document = make_document(session, DocumentKind.ORGANIC, SubjectKind.PRODUCT, "SKU-1")
    session.flush()
    page = client.get(f"/documents/{document.id}")
    assert page.status_code == 200
    assert "样张" in page.text
    assert "noindex" in page.text
    body = client.get(f"/documents/{document.id}", headers={"Accept": "application/json"}).json
    assert body is not None
    assert body["standing"] == "有效"
    assert client.get(f"/documents/{document.id}/scan").status_code == 302
    assert client.get("/documents/01900000-0000-7000-8000-000000000000").status_code == 404


def test_the_promise_page_has_the_words_and_fields_the_rule_asks_for(client: FlaskClient, session: Session, at: datetime) -> None:
    cooperative = make_organization(session, name="静宁县示例合作社")
    document = issuing.issue_promise_certificate(
        session,
        SYSTEM,
        lot_code="LOT-APPLE",
        product_name="静宁苹果",
        quantity=Quantity(Decimal("500.50"), Unit.KG),
        origin="甘肃省静宁县",
        basis=[issuing.PromiseBasis.OWN_TEST],
        organization_id=cooperative.id,
        at=at,
    )
    session.flush()
    page = client.get(f"/documents/{document.id}").text
    for words in (
        "承诺达标合格证", "承诺事项", "承诺依据", "自行检测合格", "静宁苹果", "500.5 千克", "甘肃省静宁县", "2026-11-22 10:00",
        "静宁县示例合作社", "13800000000", "LOT-APPLE", "生产者自己的承诺",
    ):  # fmt: skip
        assert words in page
