"""The interface to a payment provider (支付渠道), and what can go wrong there.

A provider learns the amount, the currency and the order code, nothing about the buyer. What it tells us
by webhook is a hint only: the payment is read again at the provider before anything is believed.
All calls use the network: make them outside any transaction, after claiming the row they belong to.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from kernel.errors import Conflict, Forbidden, Unavailable
from kernel.money import Money


class ProviderStatus(StrEnum):
    """Where a payment stands at the provider."""

    open = "open"  # the buyer may still pay
    processing = "processing"  # the buyer has agreed, the money is not certain yet
    paid = "paid"  # captured, whatever was given back since
    expired = "expired"  # closed unpaid; it can never be paid again


class RefundStatus(StrEnum):
    """Where a refund stands at the provider. A pending one counts against the cap until it fails."""

    pending = "pending"
    succeeded = "succeeded"
    failed = "failed"


class NoticeKind(StrEnum):
    """What a webhook is about; every kind but `other` means: read the payment again."""

    paid = "paid"
    expired = "expired"
    refunded = "refunded"
    disputed = "disputed"
    other = "other"


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """One payment to ask a buyer for.

    `idempotency_key` is the payment row's id: with it, asking again gives the first answer, as long as
    every other field is the same too; so take them all from the row. `expires_at` must lie between 30
    minutes and 24 hours after the call (a rule of Stripe's Checkout). `locale` is `zh` or `en`.
    """

    order_code: str
    amount: Money
    success_url: str
    cancel_url: str
    expires_at: datetime
    idempotency_key: str
    locale: str = "zh"


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to send the buyer's browser, and the provider's reference of the payment."""

    reference: str
    url: str


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as the provider has it. `ours` is False for one made by hand at the provider."""

    reference: str
    amount_fen: int
    status: RefundStatus
    made_at: datetime
    ours: bool


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as the provider has it now. All amounts in fen; `refunded_fen` includes pending refunds.

    `disputed_fen` is what a bank has taken back or holds (拒付), 0 once the dispute is won. `method` is
    `card`, `alipay` or `wechat_pay` once paid.
    """

    reference: str
    order_code: str
    status: ProviderStatus
    amount_fen: int
    captured_fen: int
    refunded_fen: int
    disputed_fen: int
    method: str | None
    paid_at: datetime | None
    refunds: tuple[ProviderRefund, ...]


@dataclass(frozen=True, slots=True)
class WebhookNotice:
    """A hint that something happened. `reference` fits `read`; None for kind `other`."""

    event_id: str
    kind: NoticeKind
    reference: str | None
    at: datetime


class PaymentDeclined(Conflict):
    """The buyer's bank or wallet said no."""

    title = "付款没有成功"


class ProviderRefused(Conflict):
    """The provider says the request cannot be done: a refund over the cap, a closed payment, a changed key.

    `code` is the provider's own word, for the log and the back office.
    """

    title = "支付渠道拒绝了请求"

    def __init__(self, code: str) -> None:
        super().__init__("支付渠道没有接受这个请求（%(code)s），请刷新后查看最新状态。", params={"code": code})
        self.code = code


class ProviderUnavailable(Unavailable):
    """No answer, or none we can read: it may or may not have happened; ask again with the same key."""

    title = "支付渠道暂时没有回应"

    def __init__(self) -> None:
        super().__init__("支付渠道暂时没有回应，不会重复扣款，请稍后再试。")


class BadSignature(Forbidden):
    """A webhook that the provider did not sign, or signed too long ago."""

    title = "签名不符"

    def __init__(self) -> None:
        super().__init__("通知的签名不符或已过时，已拒绝。")


class Gateway(Protocol):
    """What a provider must be able to do. Every method may raise ProviderUnavailable or ProviderRefused."""

    def create_checkout(self, request: PaymentRequest) -> Redirect:
        """Open a payment on the provider's page. Raises PaymentDeclined too, if it asks at once."""

    def read(self, reference: str) -> ProviderPayment:
        """The payment as it is now; `reference` may also be that of a notice."""

    def close(self, reference: str) -> ProviderPayment:
        """Make sure an open payment can no longer be paid; a paid one is returned as it is."""

    def refund(self, reference: str, amount: Money, idempotency_key: str) -> ProviderRefund:
        """Give back part or all of what was captured; never more, all refunds together."""

    def parse_webhook(self, payload: bytes, signature: str | None) -> WebhookNotice:
        """Check and read a webhook's raw body, without the network. Raises BadSignature."""

    def list_notices(self, since: datetime) -> list[WebhookNotice]:
        """What happened since then, oldest first: finds what webhooks missed."""
