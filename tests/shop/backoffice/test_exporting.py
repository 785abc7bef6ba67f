"""The file holds what the tables hold about a person, and nobody else's."""

from __future__ import annotations

import json

import orjson
import pytest
from sqlalchemy.orm import Session

from kernel.db import Base
from shop.backoffice.exporting import export_person
from shop.rooms import import_models
from tests.factories.catalog import AT
from tests.shop.backoffice.known import BUYER, FARMER, PHONE, STREET, Known, found_in

TAKEN = {
    "accounts_address": "addresses", "accounts_agreement": "person", "accounts_guest": "person", "accounts_login": "person", "accounts_passkey": "person",
    "accounts_session": "person", "parties_membership": "person", "basket_basket": "basket", "basket_coupon_use": "coupons", "cases_case": "cases",
    "invoices_request": "invoices", "notices_notice": "messages", "orders_order": "orders", "reviews_review": "reviews",
}  # fmt: skip
AT_WORK = {
    "backoffice_audit", "backoffice_erasure", "backoffice_refund_proposal", "cooperative_device", "demo_door", "procurement_acceptance",
    "procurement_approval_step", "procurement_history", "procurement_import", "procurement_request", "products_recognition_step",
}  # fmt: skip
"""Whose rows say what somebody did for an organisation or the platform."""


@pytest.fixture
def known(session: Session) -> Known:
    return Known(session)


def test_every_table_about_people_is_taken_or_is_about_work() -> None:
    """A new table with a person in it has to be thought of here."""
    import_models()
    about = {
        table.name
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "parties_person"
    }
    assert about == set(TAKEN) | AT_WORK


def test_the_file_holds_all_that_the_tables_do(session: Session, known: Known) -> None:
    file = export_person(session, known.person.id, at=AT, gettext=str)
    text = orjson.dumps(file, default=str).decode()
    for needle in (
        BUYER,
        PHONE,
        STREET,
        known.order.code,
        known.order.lines[0].name,
        known.case.code,
        "好吃",
        f"{PHONE}@example.com",
    ):
        assert needle in text, needle
    assert FARMER not in text, "others are not in it"
    assert (len(file["orders"]), len(file["addresses"]), len(file["cases"]), len(file["reviews"]), len(file["invoices"])) == (
        1,
        1,
        2,
        1,
        1,
    )
    assert file["orders"][0]["payments"][0]["captured_fen"] == known.order.total_fen
    assert file["person"]["agreed_to_terms_and_privacy_at"]
    said = [message["text"] for case in file["cases"] for message in case["messages"]]
    assert "请回电。" in said
    assert {table for table, needle in found_in(session, BUYER, STREET)} <= {
        *TAKEN,
        "cases_message",
        "parties_person",
        "shipments_shipment",
    }


def test_no_secret_is_in_it(session: Session, known: Known) -> None:
    text = json.dumps(export_person(session, known.person.id, at=AT, gettext=str), default=str)
    assert "argon2" not in text
    assert "token" not in text
