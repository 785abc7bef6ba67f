"""快递100, an aggregator that pushes the tracks of most Chinese carriers (documents of its 订阅推送 interface).

Push: form fields ``sign`` = upper(MD5(param + salt)) and ``param`` (JSON with ``status`` and ``lastResult``); the answer must be
``{"result": true, "returnCode": "200", "message": …}``, or it pushes again after 30 minutes, three times. MD5 is what the interface
demands; the salt is ours and long, and a forged push could change no more than the state people read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kernel.clock import SHANGHAI
from kernel.errors import Invalid
from logistics.shipments.carriers import (
    Access,
    CarrierDown,
    Follow,
    Pickup,
    PushRefused,
    Track,
    TrackLine,
    known_carriers,
    kuaidi100_states,
)
from logistics.shipments.carriers.wire import post_form
from logistics.shipments.states import MovementState

MOST_LINES = 500
SUBSCRIBE = "/poll"


def sign(param: str, salt: str) -> str:
    """The signature of a push."""
    return hashlib.md5((param + salt).encode(), usedforsecurity=False).hexdigest().upper()


def check_signature(param: str, salt: str, signature: str) -> None:
    """Guard: raises PushRefused unless the push was signed with our salt."""
    if not salt or not hmac.compare_digest(sign(param, salt).encode(), signature.upper().encode()):
        raise PushRefused("推送的签名不对，没有采用。")


class Kuaidi100:
    """Follows parcels; waybills come from the carrier's own label system and are typed in by the packer."""

    fetches = False

    def request_pickup(self, access: Access, pickup: Pickup) -> str:
        """The tracking interface fetches nothing."""
        raise CarrierDown(f"{access.base_url} only follows parcels: type the waybill of {pickup.shipment_code}")

    def follow(self, access: Access, follow: Follow) -> None:
        """Subscribe to a waybill (快递100 allows four subscriptions a month for one number)."""
        parameters = {"callbackurl": follow.push_url, "salt": access.push_salt, "resultv2": "4", "phone": follow.phone}
        carrier = known_carriers().get(follow.carrier)
        if carrier is None:
            raise CarrierDown(f"no such carrier: {follow.carrier}")
        param = {"company": carrier.kuaidi100, "number": follow.number, "key": access.key, "parameters": parameters}
        answer = post_form(access.base_url + SUBSCRIBE, {"schema": "json", "param": json.dumps(param, ensure_ascii=False)})
        # 501: this number is subscribed already, which is what we want.
        if str(answer.get("returnCode")) not in ("200", "501"):
            raise CarrierDown(f"subscribe: {answer.get('returnCode')} {answer.get('message')}")

    def read_push(self, access: Access, form: Mapping[str, str]) -> Track:
        """See ``Carrier``."""
        param = form.get("param", "")
        check_signature(param, access.push_salt, form.get("sign", ""))
        return parse_param(param)

    def answer(self, accepted: bool) -> Mapping[str, object]:
        """See ``Carrier``."""
        if accepted:
            return {"result": True, "returnCode": "200", "message": "成功"}
        return {"result": False, "returnCode": "500", "message": "失败"}


def parse_param(param: str) -> Track:
    """The track in a push. Raises Invalid when it is not what the documents say."""
    try:
        result = json.loads(param)["lastResult"]
        number, rows = str(result["nu"]).strip(), result["data"]
        if not 6 <= len(number) <= 32 or not isinstance(rows, list) or len(rows) > MOST_LINES:
            raise ValueError("number or data")
        newest = max((_time(row) for row in rows), default=None)
        return Track(number, [_line(row, str(result.get("state", "")) if _time(row) == newest else "") for row in rows])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise Invalid("推送的内容看不懂。") from error


def _time(row: Mapping[str, Any]) -> datetime:
    text = str(row.get("ftime") or row["time"])
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHANGHAI).astimezone(UTC)


def _line(row: Mapping[str, Any], overall: str) -> TrackLine:
    """One row. Without the paid ``resultv2`` rows carry no state: the newest then has that of the whole, the others were on the way."""
    states = kuaidi100_states()
    code = str(row.get("statusCode") or "")
    state = states.get(code) or states.get(overall) or MovementState.IN_TRANSIT
    return TrackLine(_time(row), str(row["context"])[:500], str(row.get("areaName") or row.get("location") or "")[:60], state)
