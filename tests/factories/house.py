"""One of everything that has an address: what the doors' tests look for, and people who may or may not see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.pairing import open_pairing
from catalog.parties.consent_texts import CURRENT
from catalog.parties.consenting import give_consent, issue_card
from catalog.parties.erasing import SubjectKind
from catalog.parties.keying import issue_key
from catalog.parties.models import SYSTEM, Actor, ConsentScope, Household, Organization, Place, Role
from catalog.parties.queries import get_actor
from catalog.parties.surveying import claim_capacity
from catalog.products.models import Product, ReturnClass
from kernel import clock
from kernel.money import Money
from kernel.outbox import Delivery, OutboxRow
from kernel.quantity import Quantity
from logistics.shipments.models import Shipment
from logistics.shipments.packing import open_shipments
from logistics.stock.models import StockLot
from shop.accounts.models import Address
from shop.backoffice.erasing import propose_erasure
from shop.backoffice.refunding import propose_refund
from shop.cases.claiming import ask_about_order
from shop.cases.returning import ask_return
from shop.cases.states import CaseKind
from shop.cooperative import links as slip_links
from shop.cooperative.asking import ask_county
from shop.cooperative.enrolling import enrol_device
from shop.orders.models import Order
from shop.payments import links
from shop.payments.bank_transfer import import_statement
from shop.payments.models import Provider, StatementLine
from shop.payments.refunding import request_refund
from shop.payments.statement import StatementRow
from shop.procurement.models.budgets import ApprovalRule, Budget
from shop.procurement.queries import list_orders_of_request
from shop.procurement.ruling import set_rule
from shop.recalls.deciding import confirm_recall
from shop.recalls.queries import trace_reach
from shop.reviews.reviewing import write_review
from tests.factories.catalog import (
    AT,
    JINGNING,
    ORGANIZATION_OF,
    make_actor,
    make_document,
    make_organization,
    make_person,
)
from tests.factories.invoices import make_invoice_request
from tests.factories.logistics import ADDRESS, make_allocations, make_carrier, make_logger, make_presale
from tests.factories.lots import APPLES, kg, make_delivery, make_pack_lot
from tests.factories.payments import make_account, make_captured, make_payment
from tests.factories.procurement import make_office, make_ordered
from tests.factories.shop import deliver, make_address, make_coupon, make_goods, make_order
from traceability.events.models import TraceEvent
from traceability.lots import photographing
from traceability.lots.deciding import request_capacity
from traceability.lots.models import ActPhoto, Lot, SiteLot, TradeItem
from traceability.lots.queries import list_items
from traceability.lots.signing import ask_signature
from traceability.lots.states import Step
from traceability.lots.transforming import OutputDraft
from traceability.pallets.aggregating import close_case
from traceability.scan.labelling import ask_labels
from traceability.scan.models import LabelJob
from traceability.scan.states import Sheet


class House:
    """A consumer's order with all that may follow it, a buying organisation's request, and the cooperative and hub behind them."""

    def __init__(self, session: Session, secret_key: str, at: datetime = AT) -> None:
        self.at, self.secret_key = at, secret_key
        self.buyer = make_actor(session, at=at)
        self.goods: Product = make_goods(session, boxes=40, at=at)
        self.cooperative = session.get_one(Organization, self.goods.cooperative_id)
        self.order: Order = deliver(session, make_order(session, {self.goods.sku: 2}, self.buyer, at=at), at=at)
        self.fresh_order: Order = make_order(session, {self.goods.sku: 2}, self.buyer, at=at)
        self.lot = session.scalars(select(Lot).where(Lot.product_sku == self.goods.sku, Lot.kind == "pack")).one()
        self.account_id = session.scalars(select(SiteLot.account_id).where(SiteLot.lot_id == self.lot.id)).first()
        self.household = session.scalars(select(Household).where(Household.cooperative_id == self.cooperative.id)).first()
        assert self.household is not None
        give_consent(session, SYSTEM, household_id=self.household.id, scope=ConsentScope.NAME, at=at)
        self.card = issue_card(session, SYSTEM, household_id=self.household.id, at=at)
        self._buying(session)
        self._logistics(session)
        self._office(session)
        self._people(session)
        session.flush()

    def _buying(self, session: Session) -> None:
        at, line, part = self.at, self.order.lines[0], self.order.sub_orders[0]
        self.address: Address = make_address(session, self.buyer.person_id, at=at)  # type: ignore[arg-type]
        self.case = ask_about_order(session, self.buyer, self.order.code, CaseKind.PAYMENT, text="少了一盒。", at=at)
        line.return_class = ReturnClass.SEVEN_DAYS
        self.returned = ask_return(session, self.buyer, self.order.code, line.code, boxes=1, text="", at=at)
        self.review = write_review(session, self.buyer, line.code, stars=4, text="好吃", at=at)
        self.invoice = make_invoice_request(
            session, part.seller_id, subject_code=part.code, buyer_person_id=self.buyer.person_id, at=at
        )
        self.payment = make_captured(session, 1_000_000, order_code=part.code, seller_id=part.seller_id, at=at)
        self.transfer = make_payment(session, provider=Provider.BANK_TRANSFER, at=at)
        self.refund = request_refund(session, "示例人", self.payment.id, Money(100), "示例", "house", at)

    def _logistics(self, session: Session) -> None:
        at = self.at
        self.stock = session.scalars(select(StockLot).where(StockLot.lot_id == self.lot.id)).one()
        code = make_allocations(session, self.goods.id, 2, at=at)[0].order_code
        self.shipment: Shipment = open_shipments(session, SYSTEM, order_code=code, address=ADDRESS, at=at)[0]
        self.serial = session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == self.lot.id)).first()
        self.delivery = make_delivery(session, self.household, at=at)
        self.raw: Lot = session.get_one(Lot, self.delivery.lot_id)
        made = session.scalars(select(TraceEvent.id).where(TraceEvent.lot_code == self.raw.code)).one()
        own = {"event_id": made, "household_id": self.household.id, "at": at}
        photographing.keep_photo(session, SYSTEM, photographing.Photo("0" * 64, False), **own)
        self.photo = session.scalars(select(ActPhoto)).one()
        self.presale = make_presale(session, self.goods, at=clock.now())
        self.logger, self.logger_token = make_logger(session, at=at)
        make_carrier(session)
        self.unprinted = make_pack_lot(session, self.goods, boxes=3, activated=False, at=at)
        self.job: LabelJob = ask_labels(
            session, SYSTEM, lot_code=self.unprinted.code, count=1, sheet=next(iter(Sheet)), public_url="https://shop.example",
            demo=True, at=at,
        )  # fmt: skip
        boxes = list_items(session, self.lot.id)
        self.unpacked = boxes[-2].serial
        self.container = close_case(session, SYSTEM, place_id=self.stock.place_id, serials=[boxes[-1].serial], at=at)
        self.event = session.scalars(select(TraceEvent)).first()

    def _office(self, session: Session) -> None:
        at = self.at
        self.office = make_office(session, at=at)
        where = self.office.organization.id
        self.request = make_ordered(session, self.office, at=at)
        self.request_order = list_orders_of_request(session, self.request)[0]
        self.rule: ApprovalRule = set_rule(
            session, self.office.finance, organization_id=where, level=2, role=Role.approver, amount=Money(500_000), at=at
        )
        self.budget = session.scalars(select(Budget).where(Budget.organization_id == where)).first()
        self.question = ask_county(
            session, make_actor(session, Role.clerk, self.cooperative, at=at), self.cooperative.id,
            refusal="超出产能", question="请核定新的产能。", at=at,
        )  # fmt: skip
        clerk = make_actor(session, Role.clerk, self.cooperative, at=at)
        self.phone = enrol_device(session, clerk, self.cooperative.id, name="示例手机", token_hash="0" * 64, at=at)
        self._asked(session)
        self.document = make_document(session, subject_code=self.cooperative.code, at=at)
        self.key, _token = issue_key(
            session, SYSTEM, organization_id=self.cooperative.id, name="示例", scopes=["epcis:read", "epcis:write"], at=at
        )
        self.key_token = _token
        self.pairing = open_pairing(
            session,
            relation="示例关系",
            east_code="350000",
            west_code="620000",
            valid_from=date(2026, 1, 1),
            valid_to=None,
            source="示例",
        )
        account = make_account(session, at=at)
        row = StatementRow(1, at.date(), 100, "示例", "没有编号", "1")
        self.statement = import_statement(session, SYSTEM, account.seller_id, [row], file_name="a.csv", at=at)
        self.statement_seller = account.seller_id
        self.line = session.scalars(select(StatementLine)).first()
        self.operator = make_actor(session, Role.operator, at=at)
        self.proposal = propose_refund(
            session, self.operator, self.order.code, self.payment.code, Money(600_000), "坏了很多", at=at
        )
        gone = make_person(session, at=at)
        self.erasure = propose_erasure(
            session, make_actor(session, Role.operator, at=at), SubjectKind.PERSON, gone.id, reason="request", at=at
        )
        recalled = make_pack_lot(session, boxes=2, at=at)
        scope = trace_reach(session, recalled).scope
        self.recall, _ = confirm_recall(
            session, self.operator, recalled.code, scope=scope, typed=recalled.code, reason="抽检不合格。", at=at
        )
        self.coupon = make_coupon(session, self.cooperative.id, at=at)
        self.parked = OutboxRow(
            event="OrderPaid", reaction="shop.x", body={}, state=Delivery.PARKED, created_at=at, not_before=at, tries=9
        )
        session.add(self.parked)

    def _asked(self, session: Session) -> None:
        """What waits for the county and for a second person."""
        at, clerk = self.at, make_actor(session, Role.clerk, self.cooperative, at=self.at)
        assert self.household is not None
        self.beyond = request_capacity(
            session, clerk, household_id=self.household.id, material=APPLES, quantity=kg(9_000_000), reason="新包了地。", at=at
        )
        little = OutputDraft("苹果干", kg(1), Decimal("0.5"), Decimal(1))
        inputs = [(self.raw.id, Quantity(self.raw.made, self.raw.unit))]
        self.step = ask_signature(
            session, clerk, step=Step.DRYING, inputs=inputs, outputs=[little], place_id=None, reason="烂了大半。", at=at
        )
        self.claim = claim_capacity(
            session, clerk, household_id=self.household.id, basis="land_mu", amount=Decimal(99), note="新包了地", at=at
        )

    def _people(self, session: Session) -> None:
        at = self.at
        hubs = {session.get_one(Place, row.place_id).organization_id for row in session.scalars(select(StockLot))}
        own = {hub: frozenset({Role.packer}) for hub in {*hubs, self.logger.organization_id}}
        own[self.cooperative.id] = frozenset({Role.clerk, Role.county_officer, Role.certifier, Role.auditor})
        own[self.office.organization.id] = frozenset({Role.requester, Role.approver, Role.finance, Role.inspector})
        self.owner: Actor = replace(self.buyer, roles=own, operator=True)
        """Bought what is here and has every role where it is: no check of who it is holds it back."""
        person = make_person(session, at=at)
        for role, kind in ORGANIZATION_OF.items():
            if role not in (Role.operator, Role.auditor):
                make_actor(session, role, make_organization(session, kind, county_code=JINGNING, at=at), person=person, at=at)
        self.stranger: Actor = get_actor(session, person.id)
        """Has every role but the platform's own, each in an organisation that has nothing to do with what is here."""

    def samples(self) -> dict[str, str]:
        """`blueprint.parameter` or `endpoint.parameter` → the code of something that is here."""
        digest, nobody = "0" * 64, str(uuid4())
        found: dict[str, object] = {
            "addresses.address_id": self.address.id,
            "areas.code": "640323",
            "backoffice.code": self.case.code,
            "backoffice.review_id": self.review.id,
            "backoffice.row_id": self.parked.id,
            "backoffice_orders.code": self.order.code,
            "backoffice_returns.code": self.returned.code,
            "backoffice_orders.refund_code": self.proposal.code,
            "backoffice_orders.verdict": "agree",
            "backoffice_erasures.code": self.erasure.code,
            "backoffice_erasures.kind": "household",
            "backoffice_erasures.subject_id": self.household.id if self.household else nobody,
            "backoffice_erasures.verdict": "agree",
            "basket.code": self.coupon.code,
            "basket.sku": self.goods.sku,
            "carrier_pushes.carrier": "fake",
            "cards.household_id": self.household.id if self.household else nobody,
            "cards.token": "no-such-card",
            "cases.code": self.case.code,
            "cases.digest": digest,
            "cases.order": self.order.code,
            "cases.line": self.order.lines[0].code,
            "coldchain.code": self.logger.code,
            "containers.code": self.container.code,
            "pallets.code": self.container.code,
            "cooperative.question_id": self.question.id,
            "county.request_id": self.beyond.id,
            "signatures.request_id": self.step.id,
            "claims.claim_id": self.claim.id,
            "rules.kind": "capacity",
            "cooperative.code": self.delivery.slip_code,
            "cooperative_consents.household_id": self.household.id if self.household else nobody,
            "cooperative_lots.code": self.unprinted.code,
            "cooperative_lots.deed": "packing",
            "corrections.code": self.delivery.slip_code,
            "documents.document_id": self.document.id,
            "epcis.job_id": nobody,
            "epcis.event_uri": f"urn:uuid:{self.event.id}" if self.event else nobody,
            "epcis.kind": "epcs",
            "epcis.value": "urn:epc:id:sgtin:0614141.107346.2017",
            "epcis.token": "nothing",
            "epcis.query_name": "nothing",
            "epcis.subscription_id": nobody,
            "events.event_id": self.event.id if self.event else nobody,
            "found.code": self.order.code,
            "freight.code": self.cooperative.code,
            "found.invoice_code": self.invoice.code,
            "passkeys.passkey_id": nobody,
            "households.household_id": self.household.id if self.household else nobody,
            "imports.import_id": nobody,
            "invoices.code": self.invoice.code,
            "keys.code": self.cooperative.code,
            "keys.key_id": self.key.id,
            "ledger.event_id": self.event.id if self.event else nobody,
            "ledger.path": "0/000",
            "ledger.name": "nothing.js",
            "lots.code": self.lot.code,
            "lots.account_id": self.account_id,
            "lots.record_loss.code": self.raw.code,
            "offline.device_id": self.phone.id,
            "offline.filename": "nothing.js",
            "orders.code": self.fresh_order.code,
            "partners.code": self.cooperative.code,
            "partners.subscription_id": nobody,
            "organizations.code": self.cooperative.code,
            "organizations.person_id": self.operator.person_id,
            "packing.code": self.shipment.code,
            "pages.slug": "privacy",
            "pairings.pairing_id": self.pairing.id,
            "pay.code": self.transfer.code,
            "payments.line_id": self.line.id if self.line else nobody,
            "payments.refund_id": self.refund.id,
            "payments.code": self.payment.code,
            "payments.import_id": self.statement.id,
            "photos.code": self.delivery.slip_code,
            "photos.lot_code": self.raw.code,
            "photos.photo_id": self.photo.id,
            "photos.token": slip_links.sign(self.secret_key, self.delivery.slip_code),
            "pictures.digest": digest,
            "presales.code": self.presale.code,
            "prices.sku": self.goods.sku,
            "procurement_acceptance.code": self.request.code,
            "procurement_acceptance.order_code": self.request_order.code,
            "procurement_money.budget_id": self.budget.id if self.budget else nobody,
            "procurement_money.rule_id": self.rule.id,
            "procurement_requests.code": self.request.code,
            "procurement_requests.do": "withdraw",
            "procurement_requests.import_id": nobody,
            "procurement_settlements.code": "STL-0000-0000",
            "products.sku": self.goods.sku,
            "recalls.code": self.lot.code,
            "recalls.show.code": self.recall.mark_code,
            "recalls.lift.code": self.recall.mark_code,
            "resolver._rest": f"{self.goods.gtin}/21/{self.serial}",
            "reviews.sku": self.goods.sku,
            "reviews.code": self.order.lines[0].code,
            "scan.code": self.serial,
            "scan.ask_labels.code": self.unprinted.code,
            "scan.show_labels.code": self.unprinted.code,
            "scan.show_label_job.code": self.unprinted.code,
            "scan.download_labels.code": self.unprinted.code,
            "scan.job_id": self.job.id,
            "scan.gln": "9524321000016",
            "scan.sku": self.goods.sku,
            "scan.event_id": self.event.id if self.event else nobody,
            "scan.filename": "nothing.js",
            "slips.code": self.delivery.slip_code,
            "slips.token": slip_links.sign(self.secret_key, self.delivery.slip_code),
            "static.filename": "nothing.js",
            "withdrawals.token": self.card,
            "withdrawals.version": CURRENT,
            "stock.filename": "nothing.js",
            "stock.stock_lot_id": self.stock.id,
            "stock.job_id": nobody,
            "storefront.code": "640323",
            "storefront.cooperative.code": self.cooperative.code,
            "storefront_orders.code": self.order.code,
            "storefront_returns.code": self.returned.code,
            "storefront_returns.order": self.order.code,
            "storefront_returns.line": self.order.lines[0].code,
            "storefront_product.sku": self.goods.sku,
            "storefront_product.digest": digest,
        }
        return {name: str(value) for name, value in found.items()}

    def fields(self) -> dict[str, str]:
        """Field of a form → something here that fits it."""
        found: dict[str, object] = {
            "sku": self.goods.sku,
            "presale": self.presale.code,
            "product_sku": self.goods.sku,
            "lot": self.lot.code,
            "shipment": self.shipment.code,
            "household_id": self.household.id if self.household else "",
            "cooperative": self.cooperative.code,
            "organization": self.office.organization.code,
            "seller": self.cooperative.code,
            "account_seller": self.cooperative.code,
            "place": self.stock.place_id,
            "order": self.order.code,
            "part": self.fresh_order.sub_orders[0].code,
            "payment": self.payment.code,
            "address": self.address.id,
            "serial": self.serial,
            "codes": self.unpacked,
            "list": "retail",
            "subject_kind": "organization",
            "subject_code": self.cooperative.code,
            "typed": self.lot.code,
            "basis": "land_mu",
            "east_code": "350000",
            "west_code": "640000",
            "purpose": "canteen",
            "role": "approver",
            "canteen_total": "100000.00",
            "carrier": "fake",
            "about": "weight",
            "how": "void",
            "faces": "none",
            "t": self.pay_token(),
        }
        return {name: str(value) for name, value in found.items()}

    def pay_token(self) -> str:
        """What the signed link of the bank transfer carries."""
        return links.sign(self.secret_key, self.transfer.code)
