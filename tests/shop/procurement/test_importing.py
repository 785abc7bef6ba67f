"""From a spreadsheet to deliveries: products found by SKU or GTIN, addresses checked, all of it or nothing."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from catalog.products.listing import take_off_sale
from kernel.errors import Conflict, NotFound
from shop.procurement import queries
from shop.procurement.importing import faults_of, import_recipients
from shop.procurement.matching import plain_name
from shop.procurement.models.requests import ImportFile, PurchaseRequest
from shop.procurement.spreadsheet import read_sheet
from shop.procurement.states import RequestState
from tests.factories.catalog import make_product
from tests.factories.procurement import Office, make_approved, make_draft_request, make_office, make_ordered
from tests.factories.shop import set_freight
from tests.factories.spreadsheets import Formula, gift_row, make_sheet


@pytest.fixture
def office(session: Session) -> Office:
    return make_office(session)


def take(session: Session, office: Office, request: PurchaseRequest, rows: list[list[object]], at: datetime) -> ImportFile:
    sheet = read_sheet(make_sheet(rows))
    return import_recipients(session, office.requester, request.code, sheet, digest="0" * 64, file_name="名单.xlsx", at=at)


def test_rows_become_deliveries_one_a_person(session: Session, office: Office, at: datetime) -> None:
    other = make_product(session)
    sku, gtin = office.product.sku, str(other.gtin)
    rows = [
        gift_row(1, sku.lower(), 2),
        gift_row(2, sku, 1, province_code="福建省"),
        gift_row(1, gtin.lstrip("0"), "3"),
        gift_row(3, sku, 1, province_code="Fujian", phone=13900000003),
    ]
    request = make_draft_request(session, office)
    found = take(session, office, request, rows, at)
    assert (found.faults, found.row_count) == ([], 4)
    assert [(d.address["recipient"], {line.sku: line.boxes for line in d.lines}) for d in request.deliveries] == [
        ("示例职工1", {sku: 2, other.sku: 3}),
        ("示例职工2", {sku: 1}),
        ("示例职工3", {sku: 1}),
    ]
    assert {d.address["province_code"] for d in request.deliveries} == {"350000"}
    assert request.total_fen == sum(d.total_fen for d in request.deliveries) == 7 * 12_800


def test_each_fault_is_named_by_row_and_column_and_nothing_is_taken_over(session: Session, office: Office, at: datetime) -> None:
    sku = office.product.sku
    rows = [
        gift_row(1, sku),
        gift_row(2, sku, 0),
        gift_row(3, sku, phone="12"),
        gift_row(4, "SKU-NONE"),
        gift_row(5, "6901234567890"),
        gift_row(6, sku, province_code="东洲"),
        gift_row(7, sku, "1.5"),
        gift_row(1, sku, 2),
        gift_row(8, sku, Formula("=1+1", 2)),
        gift_row(9, sku, 10_001),
        gift_row(10, sku, street="路"),
    ]
    request = make_draft_request(session, office)
    before = request.content_hash
    found = take(session, office, request, rows, at)
    places = [(fault.row, fault.column) for fault in faults_of(found)]
    assert places == [
        (3, "boxes"), (4, "phone"), (5, "product"), (6, "product"), (7, "province_code"), (8, "boxes"), (9, "product"),
        (10, "boxes"), (11, "boxes"), (12, "street"),
    ]  # fmt: skip
    assert request.content_hash == before
    assert queries.get_import(session, found.id, office.requester)[1] is request
    with pytest.raises(NotFound):
        queries.get_import(session, found.id, office.approver)


def test_what_cannot_be_sold_or_carried_is_a_fault(session: Session, office: Office, at: datetime) -> None:
    gone = make_product(session)
    take_off_sale(session, SYSTEM, gone, at, "下架")
    set_freight(session, office.product)
    set_freight(session, office.product, province_code="540000", deliverable=False)
    request = make_draft_request(session, office)
    (fault,) = faults_of(take(session, office, request, [gift_row(1, gone.sku)], at))
    assert (fault.column, fault.row) == ("product", 2)
    assert "不能销售" in fault.message
    rows = [gift_row(1, office.product.sku), gift_row(2, office.product.sku, province_code="西藏")]
    (fault,) = faults_of(take(session, office, request, rows, at))
    assert (fault.column, fault.row) == (None, 3)
    assert "不送到" in fault.message


def test_a_new_list_after_approval_voids_it(session: Session, office: Office, at: datetime) -> None:
    request = make_approved(session, office)
    take(session, office, request, [gift_row(1, "SKU-NONE")], at)
    assert request.state is RequestState.APPROVED, "a faulty list changes nothing"
    take(session, office, request, [gift_row(1, office.product.sku)], at)
    assert request.state is RequestState.DRAFT


def test_only_an_own_open_request_takes_a_list(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office)
    with pytest.raises(Conflict):
        take(session, office, request, [gift_row(1, office.product.sku)], at)
    sheet = read_sheet(make_sheet([gift_row(1, office.product.sku)]))
    with pytest.raises(NotFound):
        import_recipients(session, office.approver, request.code, sheet, digest="0" * 64, file_name="x", at=at)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("福建省", "福建"), ("北京市", "北京"), ("广西壮族自治区", "广西"), ("内蒙古自治区", "内蒙古"), ("香港特别行政区", "香港")],
)
def test_provinces_have_plain_names(name: str, plain: str) -> None:
    assert plain_name(name) == plain
