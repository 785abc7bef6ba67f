"""The provider's door. What comes is a hint: signature and age are checked, then the payment is read again at the provider.

No 2xx before our own commit: without it the provider sends the notice again, for days if need be.
"""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from kernel.errors import TooLarge
from kernel.web import csrf, everyone, limiter
from shop.payments.views import cashier

bp = Blueprint("payment_webhooks", __name__, url_prefix="/webhooks")
csrf.exempt(bp)  # the signature stands in for the token
MOST_BYTES = 512 * 1024


@bp.post("/stripe")
@limiter.exempt
@everyone
def stripe() -> ResponseReturnValue:
    """200 once the notice is recorded and acted on (or was before), 403 for a wrong signature, 503 when we cannot read yet."""
    if (request.content_length or 0) > MOST_BYTES:
        raise TooLarge("通知内容过大。")
    notice = cashier().gateway.parse_webhook(request.get_data(), request.headers.get("Stripe-Signature"))
    fresh = cashier().heed(notice)
    return {"received": True, "fresh": fresh}
