"""快递100's pushes as its documents show them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.errors import Invalid
from logistics.shipments.carriers import Access, CarrierDown, Follow, Pickup, PushRefused, kuaidi100, kuaidi100_states
from logistics.shipments.carriers.kuaidi100 import Kuaidi100, check_signature, parse_param, sign
from logistics.shipments.states import MovementState

SALT = "0123456789abcdef"
ACCESS = Access("https://poll.example.cn", SALT, "key")


def param(*rows: dict[str, Any], state: str = "0", number: str = "SF1234567890123") -> str:
    result = {"message": "", "state": state, "com": "shunfeng", "nu": number, "data": list(rows)}
    return json.dumps({"status": "polling", "lastResult": result}, ensure_ascii=False)


def row(time: str, text: str, **more: str) -> dict[str, str]:
    return {"context": text, "time": time, "ftime": time, **more}


def test_the_signature_is_md5_of_param_and_salt_in_capitals() -> None:
    assert sign("{}", "abc") == hashlib.md5(b"{}abc").hexdigest().upper()
    content = param(row("2026-11-22 10:00:00", "已签收"), state="3")
    assert Kuaidi100().read_push(ACCESS, {"param": content, "sign": sign(content, SALT)}).number == "SF1234567890123"
    assert Kuaidi100().read_push(ACCESS, {"param": content, "sign": sign(content, SALT).lower()}).number == "SF1234567890123"


@pytest.mark.parametrize("signature", ["", "0" * 32, "签名"])
def test_a_forged_push(signature: str) -> None:
    content = param(row("2026-11-22 10:00:00", "已签收"), state="3")
    with pytest.raises(PushRefused):
        Kuaidi100().read_push(ACCESS, {"param": content, "sign": signature})
    with pytest.raises(PushRefused):
        check_signature(content, "", sign(content, ""))


def test_states_of_rows_and_of_the_whole() -> None:
    track = parse_param(
        param(
            row("2026-11-22 18:00:00", "已签收"),
            row("2026-11-22 09:00:00", "正在派送", statusCode="5"),
            row("2026-11-21 09:00:00", "离开分拣中心"),
            state="301",
        )
    )
    assert [line.state for line in track.lines] == [MovementState.SIGNED, MovementState.OUT_FOR_DELIVERY, MovementState.IN_TRANSIT]
    assert track.lines[0].at == datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_the_newest_row_has_the_state_of_the_whole_wherever_it_stands() -> None:
    track = parse_param(param(row("2026-11-21 09:00:00", "在途"), row("2026-11-22 18:00:00", "已签收"), state="3"))
    assert [line.state for line in track.lines] == [MovementState.IN_TRANSIT, MovementState.SIGNED]


def test_every_state_of_the_table_has_a_code() -> None:
    assert set(kuaidi100_states().values()) == set(MovementState)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"lastResult": null}',
        param(number="123"),
        param({"context": "x"}),
        param({"context": "x", "time": "yesterday"}),
        param(row("0001-01-01 00:00:00", "x")),
        "[" * 9000,
    ],
)
def test_what_cannot_be_read(content: str) -> None:
    with pytest.raises(Invalid):
        parse_param(content)


def test_following_sends_what_the_documents_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, dict[str, str]]] = []
    answers = iter([{"returnCode": "200"}, {"returnCode": "501"}, {"returnCode": "601", "message": "key expired"}])
    monkeypatch.setattr(kuaidi100, "post_form", lambda url, fields: (sent.append((url, fields)), next(answers))[1])
    follow = Follow("id", "SF", "SF1234567890123", "https://shop.example.cn/webhooks/carriers/SF", "13900000000")
    Kuaidi100().follow(ACCESS, follow)
    Kuaidi100().follow(ACCESS, follow)
    with pytest.raises(CarrierDown, match="601"):
        Kuaidi100().follow(ACCESS, follow)
    with pytest.raises(CarrierDown, match="no such carrier"):
        Kuaidi100().follow(ACCESS, Follow("id", "HOUSE", "SF1234567890123", "", ""))
    url, fields = sent[0]
    content = json.loads(fields["param"])
    assert (url, content["company"], content["number"], content["key"]) == (
        "https://poll.example.cn/poll",
        "shunfeng",
        "SF1234567890123",
        "key",
    )
    assert content["parameters"]["callbackurl"].endswith("/SF")


def test_it_fetches_nothing() -> None:
    with pytest.raises(CarrierDown):
        Kuaidi100().request_pickup(ACCESS, Pickup("1", "SHP-1", 1, "", "", "", "", "", ""))
    assert Kuaidi100().answer(True) == {"result": True, "returnCode": "200", "message": "成功"}
