"""A household and a buyer whose names are unlike any other's, with everything this house keeps about such people."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from catalog.parties import consenting
from catalog.parties.models import ANONYMOUS, Actor, ConsentScope, Household, Person, Role
from catalog.parties.queries import get_actor
from kernel import outbox
from kernel.db import Base
from shop import wiring
from shop.accounts import signing
from shop.accounts.addressing import add_address
from shop.accounts.confirming import enter_account
from shop.cases.claiming import ask_about_order
from shop.cases.handling import open_case
from shop.cases.states import CaseKind
from shop.cooperative.asking import answer_question, ask_county
from shop.invoices.models import TitleKind
from shop.notices.notifying import send_notice
from shop.orders.following import mark_delivered, mark_shipped
from shop.orders.models import Order
from shop.reviews.reviewing import write_review
from tests.factories.catalog import AT, make_actor, make_household, make_organization
from tests.factories.invoices import make_invoice_request
from tests.factories.lots import APPLES, kg, make_delivery
from tests.factories.shop import SHANGHAI, make_goods, make_order, pay
from traceability.lots.confirming import dispute_delivery
from traceability.lots.deciding import request_capacity
from traceability.lots.harvesting import mark_paid
from traceability.lots.models import HouseholdDelivery
from traceability.lots.states import DisputeSubject

FARMER, BUYER, PHONE, STREET = "司马翠岭", "诸葛海阔", "13977776655", "绝无仅有路 77 号"
VILLAGE = "独一无二村"
NEEDLES = (FARMER, BUYER, PHONE, STREET, VILLAGE)


class Known:
    """Both of them, and two operators."""

    def __init__(self, session: Session) -> None:
        wiring.register()
        self.first, self.second = make_actor(session, Role.operator), make_actor(session, Role.operator)
        cooperative = make_organization(session)
        self.clerk: Actor = make_actor(session, Role.clerk, cooperative)
        self.household: Household = make_household(session, cooperative, head_name=FARMER, village=VILLAGE)
        for scope in ConsentScope:
            consenting.give_consent(session, self.clerk, household_id=self.household.id, scope=scope, at=AT)
        self.card = consenting.issue_card(session, self.clerk, household_id=self.household.id, at=AT)
        self.delivery: HouseholdDelivery = make_delivery(session, self.household, actor=self.clerk)
        dispute_delivery(session, ANONYMOUS, self.delivery.id, about=DisputeSubject.OTHER, words=f"{FARMER}家没有这么少", at=AT)
        request_capacity(
            session, self.clerk, household_id=self.household.id, material=APPLES, quantity=kg(9_000_000),
            reason=f"{FARMER}家今年丰收", at=AT,
        )  # fmt: skip
        for words in (f"{FARMER}家的地怎么算", f"再问{FARMER}家"):
            question = ask_county(
                session,
                self.clerk,
                cooperative.id,
                refusal=f"{FARMER}家没有标准",
                question=words,
                household_id=self.household.id,
                at=AT,
            )
        answer_question(session, make_actor(session, Role.county_officer), question.id, f"{FARMER}家按三亩算", at=AT)
        mark_paid(session, self.clerk, delivery_id=self.delivery.id, at=AT)
        self.person: Person = enter_account(session, PHONE, at=AT)
        self.person.name = BUYER
        signing.add_login(session, self.person.id, PHONE, "harvest-moon-7", at=AT)
        signing.open_session(session, self.person.id, at=AT)
        self.buyer = get_actor(session, self.person.id)
        self._shop(session)
        session.flush()

    def _shop(self, session: Session) -> None:
        typed = SHANGHAI | {"recipient": BUYER, "phone": PHONE, "street": STREET}
        add_address(session, self.person.id, typed, at=AT)
        goods = make_goods(session)
        self.order: Order = pay(session, make_order(session, {goods.sku: 2}, self.buyer, address=typed))
        outbox.deliver_all()  # its shipment is opened, with the address on it
        mark_shipped(session, self.order.code, {line.code: line.quantity for line in self.order.lines}, at=AT)
        mark_delivered(session, self.order.code, at=AT)
        self.case = ask_about_order(
            session, self.buyer, self.order.code, CaseKind.PAYMENT, text=f"我是{BUYER}，电话 {PHONE}", at=AT
        )
        open_case(session, self.buyer, CaseKind.SCAN_REPORT, subjects=[], text="请回电。", contact=PHONE, at=AT)
        write_review(session, self.buyer, self.order.lines[0].code, stars=5, text="好吃", at=AT + timedelta(days=1))
        part = self.order.sub_orders[0]
        make_invoice_request(
            session, part.seller_id, subject_code=part.code, buyer_person_id=self.person.id, title_kind=TitleKind.PERSONAL,
            title="个人", tax_number="", email=f"{PHONE}@example.com", note=f"转交{BUYER}",
        )  # fmt: skip
        send_notice(
            session,
            person_id=self.person.id,
            kind="recall",
            key="known",
            params={"product": BUYER, "lot": "LOT-1", "order": "ORD-1"},
            order_code=None,
            at=AT,
        )
        session.flush()
        outbox.deliver_all()


def found_in(session: Session, *needles: str) -> set[tuple[str, str]]:
    """Every table with a row that holds one of the needles in any of its columns, JSON included."""
    session.flush()
    return {
        (name, needle)
        for name in Base.metadata.tables
        for needle in needles
        if session.scalar(
            text(f'SELECT 1 FROM "{name}" AS row WHERE position(:needle IN row::text) > 0 LIMIT 1'), {"needle": needle}
        )
    }
