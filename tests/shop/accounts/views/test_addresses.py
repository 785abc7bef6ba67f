"""Addresses are one's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from shop.accounts import addressing
from shop.accounts.models import Address
from tests.factories.catalog import make_person


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session)


@pytest.fixture
def buyer(client: FlaskClient, person: Person, sign_in: Any) -> FlaskClient:
    signed_in: FlaskClient = sign_in(client, person)
    return signed_in


ADDRESS = {
    "recipient": "示例收货人", "phone": "13800138000", "province_code": "350000", "city": "福州市", "district": "鼓楼区",
    "street": "示例路 1 号", "idempotency_key": "address-0001",
}  # fmt: skip


def test_an_address_is_added_once(buyer: FlaskClient, session: Session) -> None:
    assert [buyer.post("/account/addresses", data=ADDRESS).status_code for _ in range(2)] == [302, 302]
    assert session.scalar(select(func.count()).select_from(Address)) == 1
    assert "示例路 1 号" in buyer.get("/account/addresses").text


def test_a_wrong_address_keeps_what_was_typed(buyer: FlaskClient, session: Session) -> None:
    answer = buyer.post("/account/addresses", data=ADDRESS | {"phone": "12", "province_code": "640323"})
    assert answer.status_code == 422
    assert "示例路 1 号" in answer.text
    assert "请选择省份" in answer.text
    assert session.scalar(select(func.count()).select_from(Address)) == 0


def test_nobody_removes_another_persons_address(buyer: FlaskClient, session: Session, at: datetime) -> None:
    other = make_person(session)
    address = addressing.add_address(session, other.id, ADDRESS, at=at)
    answer = buyer.post(f"/account/addresses/{address.id}/remove", data={"idempotency_key": "remove-0001"})
    assert answer.status_code == 404
    session.refresh(address)
    assert address.removed_at is None


def test_without_the_owner_check_it_would_be_removed(
    buyer: FlaskClient, session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: every address then counts as one's own."""
    other = make_person(session)
    address = addressing.add_address(session, other.id, ADDRESS, at=at)
    monkeypatch.setattr(addressing, "owns", lambda *_: True)
    buyer.post(f"/account/addresses/{address.id}/remove", data={"idempotency_key": "remove-0001"})
    session.refresh(address)
    assert address.removed_at is not None
