"""Stripe behind the gateway interface: hosted Checkout with card, Alipay and WeChat Pay, in CNY.

The same code talks to Stripe and, with `api_base`, to the local payment server (`twin/`). The reference
of a payment is its Checkout Session. Logs name the kind of an error and Stripe's request id, never a
message, a key or a body.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import stripe

from kernel.money import Money
from shop.config import Config
from shop.payments.gateway import (
    BadSignature,
    NoticeKind,
    PaymentDeclined,
    PaymentRequest,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderStatus,
    ProviderUnavailable,
    Redirect,
    RefundStatus,
    WebhookNotice,
)

log = logging.getLogger(__name__)

# Telemetry would send timings and the platform of our servers, and write into the home folder.
stripe.enable_telemetry = False

# Ten seconds in all when the other side hangs: 4.5 s, half a second's pause, 4.5 s. The SDK's one retry
# carries the same idempotency key.
TIMEOUT = (2.0, 4.5)
RETRIES = 1
TOLERANCE = 300
METHODS = ("card", "alipay", "wechat_pay")
EXPANDED = "payment_intent.latest_charge.refunds"
KINDS = {
    "checkout.session.completed": NoticeKind.paid,
    "checkout.session.async_payment_succeeded": NoticeKind.paid,
    "checkout.session.async_payment_failed": NoticeKind.expired,
    "checkout.session.expired": NoticeKind.expired,
    "charge.refunded": NoticeKind.refunded,
    "refund.created": NoticeKind.refunded,
    "refund.updated": NoticeKind.refunded,
    "refund.failed": NoticeKind.refunded,
    "charge.dispute.created": NoticeKind.disputed,
    "charge.dispute.funds_withdrawn": NoticeKind.disputed,
    "charge.dispute.funds_reinstated": NoticeKind.disputed,
    "charge.dispute.closed": NoticeKind.disputed,
}
# Statuses in which the bank neither holds nor keeps the money.
HARMLESS_DISPUTES = ("won", "prevented", "warning_closed", "warning_needs_response", "warning_under_review")

HOSTED = "https://checkout.stripe.com"


class StripeGateway:
    """A `Gateway` over Stripe's SDK. `api_base` is the local payment server's address, or None for Stripe.

    `webhook_secrets` is one signing secret, or two with a comma between while one is being replaced by the other.
    """

    def __init__(self, secret_key: str, webhook_secrets: str, api_base: str | None = None) -> None:
        local = stripe.RequestsClient(timeout=TIMEOUT, proxy={"http": "", "https": ""})  # never through a proxy
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": api_base.rstrip("/")} if api_base else None,
            http_client=local if api_base else stripe.RequestsClient(timeout=TIMEOUT),
            max_network_retries=RETRIES,
        )
        self._webhook_secrets = [secret for part in webhook_secrets.split(",") if (secret := part.strip())]

    def __repr__(self) -> str:
        return "StripeGateway()"

    def create_checkout(self, request: PaymentRequest) -> Redirect:
        """Open a Checkout Session; the only things said are amount, currency, order code, our addresses."""
        with speaking("create_checkout"):
            session = self._client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "client_reference_id": request.order_code,
                    "allowed_payment_method_types": list(METHODS),
                    "payment_method_options": {"wechat_pay": {"client": "web"}},
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": request.amount.currency.lower(),
                                "unit_amount": request.amount.minor,
                                "product_data": {"name": request.order_code},
                            },
                        }
                    ],
                    "payment_intent_data": {"metadata": {"order_code": request.order_code}},
                    "success_url": request.success_url,
                    "cancel_url": request.cancel_url,
                    "expires_at": int(request.expires_at.timestamp()),
                    "locale": "en" if request.locale.startswith("en") else "zh",
                },
                {"idempotency_key": request.idempotency_key},
            )
            if not session.url:
                raise ProviderRefused("session_not_open")  # a replayed answer of a session since closed
            return Redirect(session.id, session.url)

    def read(self, reference: str) -> ProviderPayment:
        """The payment as Stripe has it now; takes a Checkout Session or a PaymentIntent."""
        with speaking("read"):
            return self._payment(self._session(reference))

    def close(self, reference: str) -> ProviderPayment:
        """Expire the session; if the buyer was faster, the paid payment is what comes back."""
        with speaking("close"):
            session = self._session(reference)
            if session.status == "open":
                try:
                    self._client.v1.checkout.sessions.expire(session.id)
                except stripe.InvalidRequestError:
                    log.info("stripe close: session no longer open")
                session = self._session(session.id)
            return self._payment(session)

    def refund(self, reference: str, amount: Money, idempotency_key: str) -> ProviderRefund:
        """Give back `amount` of a paid payment. Stripe holds the cumulative cap."""
        with speaking("refund"):
            session = self._session(reference)
            intent = session.payment_intent
            if not isinstance(intent, stripe.PaymentIntent):
                raise ProviderRefused("not_paid")
            made = self._client.v1.refunds.create(
                {
                    "payment_intent": intent.id,
                    "amount": amount.minor,
                    "metadata": {"order_code": session.client_reference_id or ""},
                },
                {"idempotency_key": idempotency_key},
            )
            return _refund(made)

    def parse_webhook(self, payload: bytes, signature: str | None) -> WebhookNotice:
        """Check the signature and its time (five minutes), then read what it is about."""
        for secret in self._webhook_secrets:
            try:
                return _notice(self._client.construct_event(payload, signature, secret, TOLERANCE))
            except stripe.SignatureVerificationError:
                continue
            except (ValueError, AttributeError, KeyError, TypeError):
                break
        raise BadSignature()

    def list_notices(self, since: datetime) -> list[WebhookNotice]:
        """Events of the kinds we act on, oldest first. Stripe keeps them for 30 days."""
        with speaking("list_notices"):
            page = self._client.v1.events.list({"types": list(KINDS), "created": {"gte": int(since.timestamp())}, "limit": 100})
            return [_notice(event) for event in page.auto_paging_iter()][::-1]

    def _session(self, reference: str) -> stripe.checkout.Session:
        sessions = self._client.v1.checkout.sessions
        if not reference.startswith("pi_"):
            return sessions.retrieve(reference, {"expand": [EXPANDED]})
        found = sessions.list({"payment_intent": reference, "limit": 1, "expand": [f"data.{EXPANDED}"]})
        if not found.data:
            raise ProviderRefused("resource_missing")
        return found.data[0]

    def _payment(self, session: stripe.checkout.Session) -> ProviderPayment:
        intent = session.payment_intent
        charge = intent.latest_charge if isinstance(intent, stripe.PaymentIntent) else None
        paid = charge if isinstance(charge, stripe.Charge) and charge.status == "succeeded" else None
        details = paid.payment_method_details if paid else None
        return ProviderPayment(
            reference=session.id,
            order_code=session.client_reference_id or "",
            status=_status(session),
            amount_fen=session.amount_total or 0,
            captured_fen=paid.amount_captured if paid else 0,
            refunded_fen=paid.amount_refunded if paid else 0,
            disputed_fen=self._disputed(paid) if paid and paid.disputed else 0,
            method=details.type if details else None,
            paid_at=_moment(paid.created) if paid else None,
            refunds=tuple(_refund(each) for each in self._refunds(paid)) if paid else (),
        )

    def _refunds(self, charge: stripe.Charge) -> list[stripe.Refund]:
        """Oldest first. A charge carries its last ten; ask for all when there are more."""
        carried = charge.refunds
        if carried is None or carried.has_more:
            page = self._client.v1.refunds.list({"charge": charge.id, "limit": 100})
            return list(page.auto_paging_iter())[::-1]
        return carried.data[::-1]

    def _disputed(self, charge: stripe.Charge) -> int:
        found = self._client.v1.disputes.list({"charge": charge.id, "limit": 100})
        return sum(each.amount for each in found.data if each.status not in HARMLESS_DISPUTES)


def open_gateway(config: Config) -> StripeGateway:
    """The gateway an installation is set to: the local payment server when there is one, else Stripe."""
    return StripeGateway(config.stripe_secret_key, config.stripe_webhook_secret, config.stripe_api_base or None)


def pay_origins(config: Config, pay_url: str | None = None) -> list[str]:
    """Origins a buyer is sent on to: for the page's form-action, which browsers apply to redirects too."""
    found = [config.stripe_api_base or HOSTED, pay_url or ""]
    parts = [urlsplit(url) for url in found if url]
    return sorted({f"{part.scheme}://{part.netloc}" for part in parts})


def _status(session: stripe.checkout.Session) -> ProviderStatus:
    if session.payment_status == "paid":
        return ProviderStatus.paid
    if session.status in ("open", "expired"):
        return ProviderStatus(session.status)
    intent = session.payment_intent
    failed = isinstance(intent, stripe.PaymentIntent) and intent.status in ("requires_payment_method", "canceled")
    return ProviderStatus.expired if failed else ProviderStatus.processing


def _refund(made: stripe.Refund) -> ProviderRefund:
    status = {"succeeded": RefundStatus.succeeded, "failed": RefundStatus.failed, "canceled": RefundStatus.failed}
    return ProviderRefund(
        reference=made.id,
        amount_fen=made.amount,
        status=status.get(made.status or "", RefundStatus.pending),
        made_at=_moment(made.created),
        ours="order_code" in (made.metadata.to_dict() if made.metadata else {}),
    )


def _notice(event: stripe.Event) -> WebhookNotice:
    kind = KINDS.get(event.type, NoticeKind.other)
    subject = event.data.object
    reference = None
    if kind is not NoticeKind.other:
        reference = subject["id"] if event.type.startswith("checkout.") else subject["payment_intent"]
    return WebhookNotice(event.id, kind, reference, _moment(event.created))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@contextmanager
def speaking(call: str) -> Iterator[None]:
    """Turn whatever the SDK raises into one of the gateway's problems, and log it without its words."""
    try:
        yield
    except stripe.CardError as error:
        _note(call, error)
        raise PaymentDeclined("银行或钱包没有同意这笔付款，请换一种方式再试。") from None
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        _note(call, error)
        raise ProviderRefused(error.code or type(error).__name__) from None
    except stripe.StripeError as error:
        _note(call, error)
        raise ProviderUnavailable() from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # an answer of another shape
        log.warning("stripe %s: unreadable answer (%s)", call, type(error).__name__)
        raise ProviderUnavailable() from None


def _note(call: str, error: stripe.StripeError) -> None:
    log.warning(
        "stripe %s: %s %s status=%s request=%s", call, type(error).__name__, error.code, error.http_status, error.request_id
    )
