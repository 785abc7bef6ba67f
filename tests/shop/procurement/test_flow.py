"""The two whole ways over HTTP: (a) the canteen, from request to matched transfer; (b) thirty gifts from a spreadsheet."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, OrganizationKind, Role
from kernel import outbox
from shop.invoices.models import InvoiceRequest
from shop.notices.models import Notice
from shop.orders.models import Order
from shop.orders.states import OrderState
from shop.procurement import queries
from shop.procurement.models.budgets import Budget
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.models.settlements import Settlement
from shop.procurement.states import RequestState, SettlementState
from tests.factories.catalog import act_as, form, make_actor, make_organization
from tests.factories.payments import make_account
from tests.factories.procurement import Office, deliver_orders, make_office
from tests.factories.shop import SHANGHAI, set_freight
from tests.factories.spreadsheets import gift_row, make_sheet


@pytest.fixture
def office(session: Session) -> Office:
    office = make_office(session)
    office.organization.uscc = "12350000488100000X"  # only needs to be there: finance types over it
    set_freight(session, office.product)
    make_account(session, office.product.seller_id)
    session.commit()
    return office


class Desk:
    """One browser at which people take turns."""

    def __init__(self, app: Flask, client: FlaskClient, session: Session) -> None:
        self.app, self.client, self.session = app, client, session

    def sit(self, actor: Actor) -> None:
        act_as(self.app, actor)

    def read(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_data(as_text=True)

    def send(self, path: str, status: int = 302, **values: Any) -> str:
        """Post a form twice, as a double click does: the second answer is the first one again."""
        data = form(**values)
        for name in [name for name, value in values.items() if isinstance(value, bytes)]:
            content = data[name]
            data[name] = (io.BytesIO(content), "名单.xlsx")
        first = self.client.post(path, data=data)
        assert first.status_code == status, first.get_data(as_text=True)
        if not any(isinstance(value, bytes) for value in values.values()):
            again = self.client.post(path, data=data)
            assert (again.status_code, again.headers.get("Location")) == (status, first.headers.get("Location"))
        self.session.expire_all()
        return first.headers.get("Location", "") or first.get_data(as_text=True)

    def deliver(self) -> None:
        outbox.deliver_all()
        self.session.expire_all()


@pytest.fixture
def desk(app: Flask, client: FlaskClient, session: Session) -> Desk:
    return Desk(app, client, session)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no {name} on the page"
    return found[1]


def only_request(session: Session) -> PurchaseRequest:
    return session.scalars(select(PurchaseRequest)).one()


def budget_of(session: Session, request: PurchaseRequest) -> Budget:
    found = queries.find_budget(session, request.organization_id, request.year, request.purpose)
    assert found is not None
    return found


def import_statement(desk: Desk, seller: Actor, seller_code: str, rows: str) -> None:
    desk.sit(seller)
    content = ("交易日期,贷方发生额,对方户名,附言\n" + rows).encode("gb18030")
    data = form(seller=seller_code, file=(io.BytesIO(content), "流水.csv"))
    assert desk.client.post("/payments/statement", data=data).status_code == 302
    desk.deliver()


def test_canteen_from_request_to_matched_transfer(desk: Desk, session: Session, office: Office) -> None:
    desk.sit(office.requester)
    assert "新建采购申请" in desk.read("/procurement/")
    page = desk.send(
        "/procurement/requests", purpose="canteen", title="食堂十二月肉类", note="", organization=office.organization.code
    )
    lines = {"sku-1": office.product.sku, "boxes-1": "10"}
    wrong = desk.send(f"{page}/lines", 422, **(SHANGHAI | lines | {"phone": "12345"}))
    assert 'value="12345"' in wrong
    desk.send(f"{page}/lines", **(SHANGHAI | lines))
    request = only_request(session)
    assert request.total_fen == 128_000 + 800 + 10 * 200, "eleven kilograms gross"
    desk.send(f"{page}/submit", total_fen=hidden(desk.read(page), "total_fen"))
    assert budget_of(session, request).reserved_fen == request.total_fen

    desk.deliver()
    assert [row.person_id for row in session.scalars(select(Notice))] == [office.approver.person_id]
    desk.sit(office.approver)
    assert request.code in desk.read("/procurement/")
    shown = desk.read(page)
    assert "预算还可用" in shown
    assert "不计入832平台统计" in shown
    desk.send(f"{page}/decision", do="approve", remark="", content_hash=hidden(shown, "content_hash"))
    desk.deliver()
    (order,) = queries.list_orders_of_request(session, request)
    assert (request.state, order.state, order.on_terms) == (RequestState.ORDERED, OrderState.CONFIRMED, True)
    assert (budget_of(session, request).reserved_fen, budget_of(session, request).spent_fen) == (0, request.total_fen)

    deliver_orders(session, request)
    session.commit()
    desk.deliver()
    desk.sit(office.inspector)
    line = order.lines[0].code
    assert order.code in desk.read("/procurement/acceptance")
    where = f"{page}/acceptance/{order.code}"
    assert "应收 10" in desk.read(where)
    too_many = desk.send(where, 422, **{f"boxes-{line}": "11", f"weight-{line}": "9.2"})
    assert 'value="9.2"' in too_many
    desk.send(where, **{f"boxes-{line}": "9", f"weight-{line}": "8.95", "note": "一盒破损"})
    assert request.state is RequestState.ACCEPTED
    settlement = session.scalars(select(Settlement)).one()
    owed = request.total_fen - 12_800
    assert settlement.amount_fen == owed
    assert budget_of(session, request).spent_fen == owed

    desk.sit(office.finance)
    assert settlement.code in desk.read("/procurement/settlements")
    place = f"/procurement/settlements/{settlement.code}"
    desk.send(f"{place}/invoice", 422, title="示例机关", tax_number="123")
    desk.send(f"{place}/invoice", title="示例机关", tax_number="91110000600037341L", email="")
    invoice = session.scalars(select(InvoiceRequest)).one()
    assert (invoice.amount_fen, invoice.seller_id) == (owed, office.product.seller_id)
    desk.send(f"{place}/transfer")
    ready = desk.read(place)
    code = re.search(r"SH-\d{5}-\d{5}", ready)
    assert code
    assert "示例银行盐池支行" in ready
    seller = make_actor(session, Role.operator)
    session.commit()
    selling = session.get_one(type(office.organization), office.product.seller_id).code
    import_statement(desk, seller, selling, f"2026-11-23,{owed / 100:.2f},示例机关,货款 {code[0]}\n")
    assert settlement.state is SettlementState.PAID
    assert request.state is RequestState.SETTLED
    assert session.get_one(Order, order.id).state is OrderState.COMPLETED

    desk.sit(office.requester)
    answer = desk.client.get(f"{page}/evidence.xlsx")
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.data))
    assert book.sheet_names == ["申请", "明细", "审批", "订单", "验收", "结算与开票", "付款记录", "经过"]
    accepted = book.get_sheet_by_name("验收").to_python()[1]
    assert accepted[3:6] == [10.0, 9.0, "8.95"]
    assert book.get_sheet_by_name("付款记录").to_python()[1][3] == owed / 100
    english = desk.client.get(f"{page}/evidence.xlsx?lang=en")
    assert "Approval" in CalamineWorkbook.from_filelike(io.BytesIO(english.data)).sheet_names[2]


def test_thirty_gifts_from_one_spreadsheet(desk: Desk, session: Session, office: Office) -> None:
    desk.sit(office.requester)
    page = desk.send("/procurement/requests", purpose="staff_gift", title="春节慰问", organization=office.organization.code)
    template = desk.client.get("/procurement/template.xlsx")
    book = CalamineWorkbook.from_filelike(io.BytesIO(template.data))
    assert [office.product.sku, office.product.name] == book.get_sheet_by_index(1).to_python()[0][:2]

    rows = [gift_row(n, office.product.sku, 2) for n in range(30)]
    bad = [*rows[:29], gift_row(29, office.product.sku, "两盒", phone="138"), gift_row(30, "6901234567890")]
    answer = desk.client.post(f"{page}/file", data=form(file=(io.BytesIO(make_sheet(bad)), "名单.xlsx")))
    assert answer.status_code == 422
    told = answer.get_data(as_text=True)
    assert "3 处问题" in told, re.findall("<td.*</td>", told)
    marked = re.search(r"/procurement/imports/[0-9a-f-]+/marked.xlsx", told)
    assert marked
    grid = CalamineWorkbook.from_filelike(io.BytesIO(desk.client.get(marked[0]).data)).get_sheet_by_index(0).to_python()
    assert grid[30][-1].count("\n") == 1
    assert "校验" in grid[31][-1]
    session.expire_all()
    assert only_request(session).deliveries == [], "not half of it"

    assert desk.client.post(f"{page}/file", data=form(file=(io.BytesIO(make_sheet(rows)), "名单.xlsx"))).status_code == 302
    session.expire_all()
    request = only_request(session)
    assert len(request.deliveries) == 30
    assert request.total_fen == 30 * (2 * 12_800 + 800 + 2 * 200)
    desk.send(f"{page}/submit", total_fen=request.total_fen)
    desk.sit(office.approver)
    desk.send(f"{page}/decision", do="approve", remark="", content_hash=hidden(desk.read(page), "content_hash"))
    desk.deliver()
    orders = queries.list_orders_of_request(session, request)
    assert len(orders) == 30
    assert {order.address["recipient"] for order in orders} == {f"示例职工{n}" for n in range(30)}
    assert sum(order.total_fen for order in orders) == request.total_fen

    deliver_orders(session, request)
    session.commit()
    desk.sit(office.inspector)
    desk.send(f"{page}/acceptance")
    settlement = session.scalars(select(Settlement)).one()
    assert len(settlement.parts) == 30
    assert settlement.amount_fen == request.total_fen

    desk.sit(office.finance)
    desk.send(f"/procurement/settlements/{settlement.code}/transfer")
    code = re.search(r"SH-\d{5}-\d{5}", desk.read(f"/procurement/settlements/{settlement.code}"))
    assert code
    operator = make_actor(session, Role.operator)
    selling = session.get_one(type(office.organization), office.product.seller_id).code
    session.commit()
    half = settlement.amount_fen // 2
    import_statement(desk, operator, selling, f"2026-11-23,{half / 100:.2f},示例机关,{code[0]}\n")
    assert (settlement.state, settlement.paid_fen) == (SettlementState.OPEN, half)
    import_statement(desk, operator, selling, f"2026-11-24,{(settlement.amount_fen - half) / 100:.2f},示例机关,{code[0]}\n")
    assert settlement.state is SettlementState.PAID
    assert {order.state for order in session.scalars(select(Order))} == {OrderState.COMPLETED}
    assert request.state is RequestState.SETTLED


def test_strangers_of_another_office_find_nothing(desk: Desk, session: Session, office: Office) -> None:
    desk.sit(office.requester)
    page = desk.send("/procurement/requests", purpose="canteen", title="食堂", organization=office.organization.code)
    other = make_organization(session, OrganizationKind.BUYING_ORGANIZATION)
    session.commit()
    desk.sit(make_actor(session, [Role.requester, Role.approver, Role.finance, Role.inspector], other))
    session.commit()
    desk.read(page, 404)
    desk.send(f"{page}/submit", 404, total_fen=0)
    desk.send(f"{page}/lines", 404, **(SHANGHAI | {"sku-1": office.product.sku, "boxes-1": "1"}))
    desk.send(f"{page}/decision", 404, do="approve", content_hash="x")
    desk.send(f"{page}/acceptance", 404)
    desk.send("/procurement/requests", 403, purpose="canteen", title="x", organization=office.organization.code)
