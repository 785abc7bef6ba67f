"""A sale is counted once, to one county and at most one partner; refunds count against it; figures equal their credits."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog.areas.models import Pairing
from catalog.parties.models import Organization, OrganizationKind, Role
from kernel.errors import Invalid
from shop.assistance import crediting, sharing
from shop.assistance.models import SaleCredit
from shop.assistance.reporting import OTHER, list_credits, sum_by_channel, sum_credits, work_out_report
from shop.assistance.shares import check_parts, divide
from shop.orders.models import Order, OrderPaid, OrderRefunded, Purpose
from shop.orders.placing import OrderDraft, place_order
from tests.factories.catalog import YANCHI, act_as, make_actor, make_organization, make_product
from tests.factories.logistics import make_stock

FUJIAN, SHANGHAI = "350000", "310000"
DAY = date(2026, 11, 22)


def make_paid_order(
    session: Session, at: datetime, province: str = FUJIAN, organization: Organization | None = None, boxes: int = 2
) -> Order:
    """An order of 盐池 lamb, as if its money had come."""
    product = make_product(session, at=at)
    make_stock(session, product, boxes=boxes, at=at)
    roles = Role.requester if organization else Role.consumer
    actor = make_actor(session, roles, organization, at=at)
    draft = OrderDraft(
        lines={product.sku: boxes},
        address={"province_code": province},
        checkout_key=str(uuid4()),
        purpose=Purpose.CANTEEN if organization else Purpose.PERSONAL,
        buyer_organization_id=organization.id if organization else None,
    )
    order = place_order(session, actor, draft, at=at)
    order.paid_fen, order.paid_at = order.total_fen, at
    session.flush()
    return order


def pay(session: Session, order: Order, at: datetime) -> None:
    crediting.credit_order(session, OrderPaid(order.code, order.paid_fen, at))


def credits(session: Session) -> list[SaleCredit]:
    return list(session.scalars(select(SaleCredit).order_by(SaleCredit.id)))


def test_a_buyer_in_the_paired_province_is_the_partner(session: Session, at: datetime) -> None:
    order = make_paid_order(session, at)
    pay(session, order, at)
    (credit,) = credits(session)
    assert (credit.county_code, credit.partner_code, credit.amount_fen) == (YANCHI, FUJIAN, order.items_fen)


def test_any_other_province_is_no_partner(session: Session, at: datetime) -> None:
    pay(session, make_paid_order(session, at, SHANGHAI), at)
    assert credits(session)[0].partner_code is None


def test_an_organisation_counts_by_its_own_province_not_by_the_parcels(session: Session, at: datetime) -> None:
    buyer = make_organization(session, OrganizationKind.BUYING_ORGANIZATION, county_code="350102", at=at)
    pay(session, make_paid_order(session, at, SHANGHAI, buyer), at)
    assert credits(session)[0].partner_code == FUJIAN


def test_the_pairing_of_the_payment_day_decides(session: Session, at: datetime) -> None:
    session.execute(update(Pairing).where(Pairing.west_code == "640000").values(valid_to=DAY - timedelta(days=1)))
    pay(session, make_paid_order(session, at), at)
    assert credits(session)[0].partner_code is None


def test_news_delivered_twice_counts_once(session: Session, at: datetime) -> None:
    order = make_paid_order(session, at)
    pay(session, order, at)
    pay(session, order, at)
    assert len(credits(session)) == 1


def test_without_the_unique_cause_it_would_count_twice(session: Session, at: datetime) -> None:
    """The guard switched off."""
    order = make_paid_order(session, at)
    session.execute(text("ALTER TABLE assistance_sale_credit DROP CONSTRAINT uq_assistance_sale_credit_cause_line_code"))
    session.execute(text("CREATE UNIQUE INDEX off ON assistance_sale_credit (cause, line_code, id)"))
    statement = crediting.insert(SaleCredit)
    row = {
        "id": uuid4(), "cause": "paid", "order_code": order.code, "line_code": "x", "product_id": order.lines[0].product_id,
        "county_code": YANCHI, "buyer_province_code": FUJIAN, "partner_code": None, "channel": "consumer", "amount_fen": 1,
        "on": DAY, "at": at,
    }  # fmt: skip
    session.execute(statement.values(row))
    session.execute(statement.values(row | {"id": uuid4()}))
    assert len(credits(session)) == 2


def test_refunds_never_take_more_than_was_counted(session: Session, at: datetime) -> None:
    order = make_paid_order(session, at)
    pay(session, order, at)
    crediting.debit_refund(session, OrderRefunded(order.code, uuid4(), 100, at))
    crediting.debit_refund(session, OrderRefunded(order.code, uuid4(), order.total_fen * 2, at))
    assert sum(credit.amount_fen for credit in credits(session)) == 0


def test_credits_cannot_be_changed(session: Session, at: datetime) -> None:
    pay(session, make_paid_order(session, at), at)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(update(SaleCredit).values(amount_fen=1))


def test_every_figure_is_the_sum_of_its_credits(session: Session, at: datetime) -> None:
    for province in (FUJIAN, FUJIAN, SHANGHAI):
        pay(session, make_paid_order(session, at, province), at)
    report = work_out_report(session, DAY, DAY)
    assert len(report.figures) == 2
    for figure in report.figures:
        partner = figure.partner.code if figure.partner else OTHER
        rows = list_credits(session, DAY, DAY, county=figure.county.code, partner=partner)
        assert sum(row.amount_fen for row in rows) == figure.amount_fen
        assert sum_credits(session, DAY, DAY, county=figure.county.code, partner=partner) == figure.amount_fen
    assert report.total_fen == sum(sum_by_channel(session, DAY, DAY).values())
    assert work_out_report(session, DAY + timedelta(days=1), DAY + timedelta(days=2)).total_fen == 0


def test_the_page_opens_each_figure(app: Flask, client: FlaskClient, session: Session, at: datetime) -> None:
    order = make_paid_order(session, at)
    pay(session, order, at)
    act_as(app, make_actor(session, Role.operator))
    page = client.get(f"/reports/assistance?start={DAY}&end={DAY}").text
    assert "本平台采购额，不计入832平台统计" in page
    assert "福建" in page
    opened = client.get(f"/reports/assistance/credits?start={DAY}&end={DAY}&county={YANCHI}&partner={FUJIAN}").text
    assert order.code in opened


@pytest.mark.parametrize("query", ["start=2026-13-01", "start=2026-11-22&end=2026-11-01", "start=1800-01-01", "start=x"])
def test_a_wrong_period_is_told(app: Flask, client: FlaskClient, session: Session, query: str) -> None:
    act_as(app, make_actor(session, Role.auditor))
    assert client.get(f"/reports/assistance?{query}").status_code == 422


def test_consumers_do_not_see_reports(app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog.parties.models import Actor

    act_as(app, make_actor(session))
    assert client.get("/reports/assistance").status_code == 403
    monkeypatch.setattr(Actor, "has", lambda *_: True)
    assert client.get("/reports/assistance").status_code == 200, "with the guard switched off anybody gets in"


def test_parts_of_a_hundred_yuan_make_a_hundred() -> None:
    assert check_parts({"household": 6000, "freight": 4000, "tax": 0}, ["household", "freight", "tax"]) == {
        "household": 6000,
        "freight": 4000,
    }
    for parts in ({"household": 9999}, {"household": 10_001}, {"household": -1, "freight": 10_001}, {"nobody": 10_000}):
        with pytest.raises(Invalid):
            check_parts(parts, ["household", "freight"])
    assert divide(100, [1, 1, 1]) == [34, 33, 33]


def test_shares_hold_from_the_day_they_are_agreed(session: Session, at: datetime) -> None:
    product = make_product(session, at=at)
    operator = make_actor(session, Role.operator)
    sharing.set_shares(session, operator, product, {"household": 6000, "platform": 4000}, "示例协议", at=at)
    later = at + timedelta(days=30)
    sharing.set_shares(session, operator, product, {"household": 7000, "platform": 3000}, "示例协议二", at=later)
    first, second = (sharing.find_shares(session, product.id, at=moment) for moment in (at, later))
    assert first is not None
    assert second is not None
    assert (first.parts["household"], second.parts["household"]) == (6000, 7000)


def test_a_refund_that_is_told_before_the_sale_counts_all_the_same(session: Session, at: datetime) -> None:
    """Order between news is not promised: a sale counted later must not bring back what was refunded before."""
    order = make_paid_order(session, at)
    crediting.debit_refund(session, OrderRefunded(order.code, uuid4(), 5_000, at))
    pay(session, order, at)
    assert sum(credit.amount_fen for credit in credits(session)) == order.items_fen - 5_000
