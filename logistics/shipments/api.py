"""The door for carriers: their pushes, signed with the salt we share."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from kernel import clock
from kernel.db import reading, work
from kernel.errors import Invalid, NotFound
from kernel.web import csrf, door
from logistics.shipments.carriers import Access, PushRefused, get_adapter
from logistics.shipments.models import CarrierAccount
from logistics.shipments.moving import record_push

bp = Blueprint("carrier_pushes", __name__, url_prefix="/webhooks/carriers")

# Carriers have no form token of ours; their signature is checked instead.
csrf.exempt(bp)

MOST_BYTES = 512 * 1024


@bp.post("/<carrier>")
@door("carrier signature")
def push(carrier: str) -> ResponseReturnValue:
    """A push of 快递100's form (``sign``, ``param``). 2xx only after our commit, so a carrier sends again what we could not keep."""
    request.max_content_length = MOST_BYTES
    with reading() as session:
        account = session.get(CarrierAccount, carrier)
    if account is None:
        raise NotFound("没有这个承运商。")
    adapter = get_adapter(account.adapter)
    try:
        track = adapter.read_push(Access(account.base_url, account.push_salt, account.key), request.form)
    except PushRefused:
        return dict(adapter.answer(False)), 403
    except Invalid:
        return dict(adapter.answer(False)), 422
    with work() as session:
        record_push(session, carrier, track, request.form["param"], clock.now())
    return dict(adapter.answer(True)), 200
