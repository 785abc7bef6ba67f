"""The cashier: talks to the provider between a claim and its record. Each method claims a row in one transaction, calls outside any,
and records the answer in another; a crash between them is found by ``tasks.py``.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from kernel import clock
from kernel.db import reading, work
from kernel.errors import Problem
from kernel.money import Money
from shop.config import Config
from shop.payments import links, paying, reconciling, refunding
from shop.payments.gateway import Gateway, PaymentRequest, ProviderPayment, ProviderRefused, ProviderUnavailable, WebhookNotice
from shop.payments.models import Payment, Refund
from shop.payments.states import PaymentState, RefundState
from shop.payments.stripe_gateway import open_gateway

log = structlog.get_logger()


class Cashier:
    """One a process. ``public_url`` is where the provider sends buyers back to."""

    def __init__(self, gateway: Gateway, public_url: str, secret_key: str) -> None:
        self.gateway = gateway
        self._public_url = public_url
        self._secret_key = secret_key

    def open_page(self, payment_id: UUID, *, locale: str) -> str | None:
        """The address of the provider's page; None while another request is opening it, or when it can no longer be paid.

        Raises ProviderUnavailable (try again: the same page comes back) or another Problem (the payment is given up).
        """
        with work() as session:
            payment = paying.claim_payment(session, payment_id, locale=locale, at=clock.now())
            if payment is None:
                there = session.get_one(Payment, payment_id)
                return there.pay_url if there.state is PaymentState.OPEN and there.waiting else None
            request = self._request(payment)
        try:
            redirect = self.gateway.create_checkout(request)
        except Problem as problem:
            with work() as session:
                final = not isinstance(problem, ProviderUnavailable)
                paying.note_refused(session, payment_id, getattr(problem, "code", problem.type), final=final)
            raise
        with work() as session:
            paying.note_opened(session, payment_id, redirect, at=clock.now())
        return redirect.url

    def _request(self, payment: Payment) -> PaymentRequest:
        back = self._public_url + links.return_path(self._secret_key, payment.code)
        return PaymentRequest(
            order_code=payment.order_code,
            amount=Money(payment.amount_fen, payment.currency),
            success_url=back,
            cancel_url=self._public_url + links.pay_path(self._secret_key, payment.code),
            expires_at=payment.expires_at,
            idempotency_key=str(payment.id),
            locale=payment.locale or "zh",
        )

    def look(self, payment_id: UUID) -> None:
        """Read a payment at the provider now (我已付款). Raises ProviderUnavailable."""
        with reading() as session:
            reference = session.get_one(Payment, payment_id).provider_reference
        if reference is not None:
            self._read(payment_id, reference)

    def look_again(self, payment_id: UUID) -> None:
        """Read a payment whose turn it is, after closing it there when that was asked for."""
        with work() as session:
            claimed = reconciling.claim_reading(session, payment_id, at=clock.now())
        if claimed is not None:
            self._read(payment_id, claimed[0], close=claimed[1])

    def _read(self, payment_id: UUID, reference: str, *, close: bool = False) -> ProviderPayment:
        at = clock.now()
        truth = self.gateway.close(reference) if close else self.gateway.read(reference)
        with work() as session:
            paying.note_read(session, payment_id, truth, at=at)
        return truth

    def heed(self, notice: WebhookNotice, *, missed: bool = False) -> bool:
        """Act on a hint: read the payment it is about. False when this notice was handled before.

        Raises ProviderUnavailable with the notice kept unhandled, so that the provider sends it again and the sweep finds it.
        """
        at = clock.now()
        with work() as session:
            if not reconciling.take_notice(session, notice, missed=missed, at=at):
                return False
        truth, error = None, None
        if notice.reference is not None:
            try:
                truth = self.gateway.read(notice.reference)
            except ProviderRefused as refused:
                error = refused.code
        with work() as session:
            if truth is not None:
                payment_id = reconciling.find_payment_of(session, truth)
                if payment_id is None:
                    error = "no_such_payment"
                else:
                    paying.note_read(session, payment_id, truth, at=at)
            reconciling.finish_notice(session, notice.event_id, error=error, at=clock.now())
        return True

    def send_refund(self, refund_id: UUID) -> None:
        """Send one refund; what may have been sent before is looked for at the provider first.

        Raises ProviderUnavailable; the refund then stays in flight and is looked at again later.
        """
        with work() as session:
            claimed = refunding.claim_refund(session, refund_id, at=clock.now())
        if claimed is None:
            return
        try:
            if claimed.again:
                self._read(claimed.payment_id, claimed.reference)
                if not self._in_flight(refund_id):
                    return
            made = self.gateway.refund(claimed.reference, claimed.amount, claimed.key)
        except ProviderUnavailable:
            with work() as session:
                refunding.note_unanswered(session, refund_id, refunding.NO_ANSWER)
            raise
        except ProviderRefused as refused:
            self._read(claimed.payment_id, claimed.reference)
            with work() as session:
                refunding.note_refused(session, refund_id, refused.code, at=clock.now())
            return
        with work() as session:
            refunding.note_refunded(session, refund_id, made, at=clock.now())

    def _in_flight(self, refund_id: UUID) -> bool:
        with reading() as session:
            refund = session.get_one(Refund, refund_id)
            return refund.state is RefundState.SENT and refund.provider_reference is None

    def catch_up(self) -> int:
        """Ask the provider for every notice since the last whole run and heed those the webhooks missed; returns how many.

        Raises ProviderUnavailable; the next run then begins where this one did.
        """
        with work() as session:
            run_id, since = reconciling.start_run(session, at=clock.now())
        notices = self.gateway.list_notices(since)
        with reading() as session:
            unknown = reconciling.list_unknown(session, (notice.event_id for notice in notices))
            broken_off = reconciling.list_unhandled(session, before=clock.now() - paying.CLAIM_LASTS)
        for notice in (*(each for each in notices if each.event_id in unknown), *broken_off):
            try:
                self.heed(notice, missed=notice.event_id in unknown)
            except ProviderUnavailable:
                raise
            except Problem as problem:  # it stays unhandled for a person to look at, and keeps nobody else waiting
                log.warning("notice not followed", notice=notice.event_id, problem=problem.type)
        with work() as session:
            reconciling.finish_run(session, run_id, seen=len(notices), missed=len(unknown), at=clock.now())
        if unknown:
            log.info("notices missed by webhooks", count=len(unknown))
        return len(unknown)


def open_cashier(config: Config) -> Cashier:
    """The cashier of this process."""
    return Cashier(open_gateway(config), config.public_url, config.secret_key)
