"""Valid rows of payments, through the acts; and the two ways a provider speaks to us."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from catalog.parties.models import SYSTEM, OrganizationKind
from kernel.money import Money
from shop.payments.bank_transfer import set_account
from shop.payments.gateway import ProviderPayment, ProviderRefund, ProviderStatus, Redirect, RefundStatus
from shop.payments.models import PayeeAccount, Payment, Provider
from shop.payments.paying import note_opened, note_read, start_payment
from tests.factories.catalog import AT, make_organization
from tests.factories.twin import Received

_codes = count(1)


def new_order_code() -> str:
    """A sub-order's code."""
    return f"ORD-TEST-{next(_codes)}-1"


def make_payment(
    session: Session, amount: int = 10_000, *, provider: Provider = Provider.STRIPE, at: datetime = AT, **over: Any
) -> Payment:
    """A payment just started, of a new seller who may be paid either way: an operator (自营)."""
    values: dict[str, Any] = {"order_code": new_order_code()} | over
    values.setdefault("seller_id", None)
    values["seller_id"] = values["seller_id"] or make_organization(session, OrganizationKind.OPERATOR, at=at).id
    return start_payment(session, amount=Money(amount), provider=provider, at=at, **values)


def make_open(session: Session, amount: int = 10_000, *, at: datetime = AT, **over: Any) -> Payment:
    """A payment with its page at the provider."""
    payment = make_payment(session, amount, at=at, **over)
    reference = f"cs_{payment.id.hex}"
    return note_opened(session, payment.id, Redirect(reference, f"https://pay.example/{reference}"), at=at)


def make_captured(session: Session, amount: int = 10_000, *, at: datetime = AT, **over: Any) -> Payment:
    """A payment whose money has come."""
    payment = make_open(session, amount, at=at, **over)
    return note_read(session, payment.id, truth_of(payment, captured=amount, at=at), at=at)


def truth_of(
    payment: Payment, *, captured: int = 0, refunds: tuple[ProviderRefund, ...] = (), at: datetime = AT, **over: Any
) -> ProviderPayment:
    """What a provider would say of a payment."""
    values: dict[str, Any] = {
        "reference": payment.provider_reference,
        "order_code": payment.order_code,
        "status": ProviderStatus.paid if captured else ProviderStatus.open,
        "amount_fen": payment.amount_fen,
        "captured_fen": captured,
        "refunded_fen": sum(r.amount_fen for r in refunds if r.status is not RefundStatus.failed),
        "disputed_fen": 0,
        "method": "card" if captured else None,
        "paid_at": at if captured else None,
        "refunds": refunds,
    }
    return ProviderPayment(**(values | over))


def refund_there(
    amount: int, *, ours: bool = True, status: RefundStatus = RefundStatus.succeeded, reference: str = ""
) -> ProviderRefund:
    """A refund as a provider tells of it."""
    return ProviderRefund(reference or f"re_{next(_codes)}", amount, status, AT, ours)


def make_account(session: Session, seller_id: UUID | None = None, *, at: datetime = AT) -> PayeeAccount:
    """A bank account of a (new) seller."""
    seller_id = seller_id or make_organization(session, OrganizationKind.COOPERATIVE, at=at).id
    return set_account(session, SYSTEM, seller_id, holder="示例合作社", bank="示例银行盐池支行", number="6222000000000001", at=at)


def deliver(client: FlaskClient, notice: Received, *, signature: str | None = None, body: bytes | None = None) -> TestResponse:
    """Bring what the provider sent to the shop's door."""
    return client.post(
        "/webhooks/stripe",
        data=notice.body if body is None else body,
        content_type="application/json",
        headers={"Stripe-Signature": notice.signature if signature is None else signature},
    )


def together(count: int, act: Callable[[int], str]) -> Counter[str]:
    """Run ``act`` on ``count`` connections at once."""
    barrier = threading.Barrier(count)

    def started(number: int) -> str:
        barrier.wait(30)
        try:
            return act(number)
        except Exception as error:
            return type(error).__name__

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(started, range(count)))
