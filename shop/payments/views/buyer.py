"""The buyer's doors. Whoever holds the signed link may see and pay that one payment, signed in or not, in whatever browser."""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from kernel import clock
from kernel.db import reading
from kernel.web import everyone, language, limiter, once
from shop.payments import links, paying, queries
from shop.payments.gateway import PaymentDeclined, ProviderRefused, ProviderUnavailable
from shop.payments.models import Payment, Provider
from shop.payments.remittance import show_remittance_code
from shop.payments.states import PAYMENT_STATES, PaymentState
from shop.payments.stripe_gateway import pay_origins
from shop.payments.views import cashier, config

bp = Blueprint("pay", __name__, url_prefix="/pay", template_folder="../templates")


def _token(code: str) -> str:
    """The link's token, checked. Raises NotFound."""
    token = request.values.get("t", "")[:64]
    links.check(config().secret_key, code, token)
    return token


def _may_frame(payment: Payment) -> None:
    """Let the page's form lead on to the provider: browsers apply form-action to the redirect too."""
    g.form_action = " ".join(["'self'", *pay_origins(config(), payment.pay_url)])


@bp.get("/<code>")
@everyone
def show(code: str) -> ResponseReturnValue:
    return _page(code, _token(code))


def _page(code: str, token: str, trouble: str = "", status: int = 200) -> ResponseReturnValue:
    with reading() as session:
        payment = queries.get_payment(session, code)
        _may_frame(payment)
        return render_template(
            "payments/pay.html",
            payment=payment,
            seller=queries.get_organization_name(session, payment.seller_id),
            online=payment.seller_id in queries.takes_online(session, [payment.seller_id]),
            account=queries.find_account(session, payment.seller_id) if payment.provider is Provider.BANK_TRANSFER else None,
            remittance=show_remittance_code(payment.remittance_code or ""),
            state=PAYMENT_STATES.label(payment.state),
            missing_fen=max(payment.amount_fen - payment.captured_fen, 0),
            order_path=order_path(payment),
            token=token,
            trouble=trouble,
            in_wechat="MicroMessenger" in request.headers.get("User-Agent", ""),
            link=config().public_url + links.pay_path(config().secret_key, code),
            simulated=bool(config().stripe_api_base),
            now=clock.now(),
        ), status


def order_path(payment: Payment) -> str:
    """Back to the order a sub-order's code belongs to (without its last part), by the door that knows who may see it whole.

    Whoever pays in another browser than the one they bought in is nobody there: sent to the order itself they would be asked to sign in.
    """
    return f"/find-order?code={payment.order_code.rpartition('-')[0]}"


@bp.post("/<code>/stripe")
@everyone
@limiter.limit("30 per minute")
def pay(code: str) -> ResponseReturnValue:
    """Open the provider's page and go there. Twice is as good as once: the payment's row is claimed, its key stays the same."""
    token = _token(code)
    with reading() as session:
        payment = queries.get_payment(session, code)
    if payment.provider is not Provider.STRIPE or payment.state is PaymentState.CAPTURED:
        return redirect(links.pay_path(config().secret_key, code), 303)
    _may_frame(payment)
    try:
        url = cashier().open_page(payment.id, locale="en" if language() == "en" else "zh")
    except ProviderUnavailable:
        return _page(code, token, _("支付渠道暂时没有回应，还没有扣款。请过一会儿再点一次。"), 503)
    except (ProviderRefused, PaymentDeclined):
        return _page(code, token, _("这次付款没能打开，没有扣款。请回到订单页重新付款。"), 409)
    if url is None:
        return _page(code, token, _("付款页正在打开，或这笔付款已关闭。请稍候再点一次，或回到订单页查看。"), 409)
    return redirect(url, 303)


@bp.post("/<code>/online")
@everyone
@once
def pay_online(session: Session, code: str) -> ResponseReturnValue:
    """Instead of a transfer, pay what is missing by wallet or card."""
    _token(code)
    payment = paying.pay_online_instead(session, code, at=clock.now())
    return redirect(links.pay_path(config().secret_key, payment.code), 303)


@bp.get("/<code>/return")
@everyone
@limiter.limit("30 per minute")
def come_back(code: str) -> ResponseReturnValue:
    """Back from the provider, or 我已付款: read the payment there, then say how it stands."""
    token = _token(code)
    with reading() as session:
        payment = queries.get_payment(session, code)
    unanswered = False
    if payment.provider is Provider.STRIPE and payment.state is not PaymentState.CAPTURED:
        try:
            cashier().look(payment.id)
        except (ProviderUnavailable, ProviderRefused):
            unanswered = True
    with reading() as session:
        payment = queries.get_payment(session, code)
    return render_template(
        "payments/come_back.html", payment=payment, unanswered=unanswered, token=token, order_path=order_path(payment)
    )
