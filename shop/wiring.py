"""Every reaction of the system, on one page: who hears which news. Also connects a process to its database and broker."""

from __future__ import annotations

from sqlalchemy import Engine

from catalog.parties.acting import StaffActed
from catalog.parties.erasing import SubjectErased
from catalog.prices.models import FreightChanged
from kernel import db, outbox, tasks
from logistics.coldchain.recording import TemperatureChanged
from logistics.shipments.events import ItemsDispatched, ShipmentDelivered, ShipmentDispatched, ShipmentReturned, ShipmentTroubled
from logistics.shipments.moving import mark_received
from logistics.shipments.telling import tell_temperature
from logistics.stock.dating import redate_stock
from logistics.stock.events import PresaleFailed, PromiseBroken, PromiseServed
from shop.accounts.claiming import GuestClaimed
from shop.accounts.confirming import CodeAsked
from shop.accounts.erasing import forget_account
from shop.assistance.crediting import credit_order, debit_refund
from shop.assistance.sharing import tell_shares
from shop.backoffice.auditing import record_act
from shop.basket.couponing import return_coupon
from shop.basket.erasing import forget_basket
from shop.cases.erasing import forget_words
from shop.cases.following import close_corrected, open_disputed, open_failed, open_failed_refund, open_returned, open_troubled
from shop.cases.models import CaseAnswered
from shop.config import Config, is_public
from shop.cooperative.erasing import forget_devices, forget_questions, forget_tables
from shop.invoices.erasing import forget_address
from shop.invoices.models import InvoiceCorrected
from shop.notices.erasing import forget_notices
from shop.notices.following_orders import (
    tell_closed,
    tell_confirmed,
    tell_delivered,
    tell_paid,
    tell_refunded,
    tell_served,
    tell_shipped,
)
from shop.notices.telling import tell_code, tell_person
from shop.orders.cancelling import cancel_broken
from shop.orders.erasing import forget_buyer
from shop.orders.following import follow_delivered, follow_dispatched
from shop.orders.forwarding import forward_confirmed, forward_paid, forward_served
from shop.orders.models import MoneyToReturn, OrderClosed, OrderConfirmed, OrderDelivered, OrderPaid, OrderRefunded, OrderShipped
from shop.orders.returning import refund_closed, return_money
from shop.orders.settling import settle_capture, settle_refund
from shop.payments.models import PaymentCaptured, PaymentDisputed, PaymentRefunded, RefundFailed
from shop.procurement.accepting import ask_inspectors
from shop.procurement.budgeting import return_refund
from shop.procurement.models.requests import PersonTold, RequestApproved
from shop.procurement.ordering import place_approved, return_closed
from shop.procurement.settling import settle_payment
from shop.rooms import import_models
from shop.storefront.adopting import adopt_guest
from shop.storefront.invoicing import follow_refund
from traceability.epcis import destinations
from traceability.epcis.capturing import DocumentReceived, PartnerEventsStored, store_document
from traceability.epcis.following import follow_partner
from traceability.events.queries import open_fields as open_to_those_concerned
from traceability.ledger import disclosing, sealing
from traceability.ledger.erasing import erase_logged
from traceability.lots.erasing import forget_photos, forget_requests, forget_slip_words
from traceability.scan.queries import open_fields as open_to_the_holder

REACTIONS: tuple[tuple[type[outbox.Event], object], ...] = (
    # (what happened, who reacts)
    (DocumentReceived, store_document),
    (PartnerEventsStored, follow_partner),
    (TemperatureChanged, tell_temperature),
    (FreightChanged, redate_stock),
    (ShipmentDelivered, mark_received),
    (PaymentCaptured, settle_capture),
    (PaymentRefunded, settle_refund),
    (MoneyToReturn, return_money),
    (OrderClosed, refund_closed),
    (OrderClosed, return_coupon),
    (ItemsDispatched, tell_shares),
    (OrderPaid, credit_order),
    (OrderRefunded, debit_refund),
    (OrderRefunded, follow_refund),
    (InvoiceCorrected, close_corrected),
    (RefundFailed, open_failed_refund),
    (PaymentDisputed, open_disputed),
    (ShipmentTroubled, open_troubled),
    (ShipmentReturned, open_returned),
    (OrderPaid, forward_paid),
    (OrderConfirmed, forward_confirmed),
    (PromiseServed, forward_served),
    (PromiseServed, tell_served),
    (PromiseBroken, cancel_broken),
    (PresaleFailed, open_failed),
    (ShipmentDispatched, follow_dispatched),
    (ShipmentDelivered, follow_delivered),
    (OrderPaid, tell_paid),
    (OrderConfirmed, tell_confirmed),
    (OrderShipped, tell_shipped),
    (OrderDelivered, tell_delivered),
    (OrderClosed, tell_closed),
    (OrderRefunded, tell_refunded),
    (RequestApproved, place_approved),
    (PersonTold, tell_person),
    (CaseAnswered, tell_person),
    (CodeAsked, tell_code),
    (GuestClaimed, adopt_guest),
    (OrderDelivered, ask_inspectors),
    (OrderClosed, return_closed),
    (OrderRefunded, return_refund),
    (PaymentCaptured, settle_payment),
    (StaffActed, record_act),
    (SubjectErased, erase_logged),
    (SubjectErased, forget_slip_words),
    (SubjectErased, forget_photos),
    (SubjectErased, forget_requests),
    (SubjectErased, forget_account),
    (SubjectErased, forget_devices),
    (SubjectErased, forget_questions),
    (SubjectErased, forget_tables),
    (SubjectErased, forget_basket),
    (SubjectErased, forget_notices),
    (SubjectErased, forget_buyer),
    (SubjectErased, forget_address),
    (SubjectErased, forget_words),
)


def connect(config: Config, *, pool_size: int = 8) -> Engine:
    """Connect database and broker and register all reactions: the same for web, worker and commands."""
    import_models()
    engine = db.connect(config.database_url, pool_size=pool_size)
    sealing.use_data_key(config.data_key)
    destinations.allow_loopback(may_call_itself(config))
    tasks.configure(config.broker_url, config.result_url, queue=config.queue)
    register()
    outbox.wake_with(tasks.wake)
    return engine


def may_call_itself(config: Config) -> bool:
    """Whether subscribers may have news brought to this machine itself: only a demo that nobody else can reach. No setting opens it."""
    return config.demo and config.local and not is_public(config.public_url)


def register() -> None:
    """Register all reactions, and who opens which fields of the log."""
    disclosing.use_rules(open_to_those_concerned, open_to_the_holder)
    for event, reaction in REACTIONS:
        outbox.react(event, reaction)  # type: ignore[arg-type]
