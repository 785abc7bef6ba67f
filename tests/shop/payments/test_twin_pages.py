"""The buyer's pages of the local payment server, and its guards switched off one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
from werkzeug.test import Client, TestResponse

from shop.payments.twin import api, contract, refunds, words
from shop.payments.twin.api import Settings
from shop.payments.twin.app import Twin
from shop.payments.twin.courier import Courier
from shop.payments.twin.store import Store

KEY = "sk_test_pages"
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "twin.sqlite")
    yield store
    store.close()


@pytest.fixture
def browser(store: Store) -> Client:
    return Client(Twin(Settings(KEY, "http://pay.test", "http://shop.test/hook", "whsec_1"), store))


def call(browser: Client, path: str, params: list[tuple[str, str]], **headers: str) -> tuple[int, dict[str, Any]]:
    body = urlencode(params)
    said = browser.post(path, data=body, headers={**HEADERS, **headers}, content_type="application/x-www-form-urlencoded")
    return said.status_code, json.loads(said.get_data(as_text=True))


SESSION = [
    ("mode", "payment"),
    ("line_items[0][price_data][currency]", "cny"),
    ("line_items[0][price_data][unit_amount]", "12800"),
    ("line_items[0][price_data][product_data][name]", "ORD-7K3M-9Q"),
    ("line_items[0][quantity]", "1"),
    ("success_url", "https://shop.test/orders/ORD-7K3M-9Q?s={CHECKOUT_SESSION_ID}"),
    ("cancel_url", "https://shop.test/orders/ORD-7K3M-9Q"),
    ("locale", "zh"),
]


@pytest.fixture
def page(browser: Client) -> str:
    status, session = call(browser, "/v1/checkout/sessions", SESSION)
    assert status == 200
    return str(session["url"]).removeprefix("http://pay.test")


def press(browser: Client, page: str, **form: str) -> TestResponse:
    return browser.post(page, data=form)


def test_says_simulated_in_both_languages_under_a_strict_policy(browser: Client, page: str) -> None:
    chinese, english = browser.get(page), browser.get(f"{page}?lang=en")
    assert 'lang="zh-Hans"' in chinese.text
    assert "不会真的扣款" in chinese.text
    assert "¥128.00" in chinese.text
    assert "ORD-7K3M-9Q" in chinese.text
    assert "Simulated payment" in english.text
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r'<a [^>]*lang="zh"[^>]*>.*?</a>', "", english.text))
    policy = chinese.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "form-action 'self' https://shop.test" in policy
    for html in (chinese.text, english.text):
        assert "<script" not in html
        assert "style=" not in html
        assert "noindex" in html
    assert browser.get("/assets/twin.css").mimetype == "text/css"


def test_every_word_has_its_english(browser: Client) -> None:
    texts = "".join(path.read_text() for path in (Path(words.__file__).parent / "templates").glob("*.html"))
    used = set(re.findall(r"_\('([^']+)'", texts))
    assert used
    assert [text for text in used if words.translate(text, "en") == text] == []


def test_card_pays_and_returns_to_the_shop(browser: Client, page: str) -> None:
    done = press(browser, page, method="card", number="4242 4242 4242 4242", act="pay")
    assert done.status_code == 303
    session_id = page.removeprefix("/pay/")
    assert done.location == f"https://shop.test/orders/ORD-7K3M-9Q?s={session_id}"
    assert "已付款" in browser.get(page).text
    assert press(browser, page, method="card", number="4242424242424242", act="pay").location == page


@pytest.mark.parametrize(
    "form",
    [
        {"method": "card", "number": "4242424242424242", "act": "fail"},
        {"method": "card", "number": "4000000000000002", "act": "pay"},
        {"method": "alipay", "act": "fail"},
    ],
)
def test_failure_keeps_the_page_open(browser: Client, page: str, form: dict[str, str]) -> None:
    assert press(browser, page, **form).location == page
    assert "付款没有成功，没有扣款" in browser.get(page).text
    assert press(browser, page, method="card", number="4242424242424242", act="pay").location.startswith("https://shop.test/")


@pytest.mark.parametrize(("method", "title"), [("alipay", "模拟支付宝"), ("wechat_pay", "模拟微信支付"), ("card", "3D Secure")])
@pytest.mark.parametrize("agree", [True, False])
def test_the_wallets_page(browser: Client, page: str, method: str, title: str, agree: bool) -> None:
    asked = press(browser, page, method=method, number="4000 0025 0000 3155", act="pay")
    assert asked.location.startswith("/authorize/pi_")
    shown = browser.get(asked.location, headers={"Accept-Language": "en"})
    assert title in shown.text  # the shop set zh, whatever the browser prefers
    if method == "wechat_pay":
        assert browser.get(f"{asked.location}/qr.svg").mimetype == "image/svg+xml"
    answered = press(browser, asked.location, act="pay" if agree else "fail")
    assert answered.location.startswith("https://shop.test/") if agree else answered.location == page


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"method": "card", "number": "5105105105105100", "act": "pay"}, "这不是测试卡号"),
        ({"method": "cash", "act": "pay"}, "请选择一种付款方式"),
        ({}, "请选择一种付款方式"),
    ],
)
def test_wrong_input_is_told(browser: Client, page: str, form: dict[str, str], sentence: str) -> None:
    shown = press(browser, page, **form)
    assert shown.status_code == 422
    assert sentence in shown.text


def test_no_such_page(browser: Client) -> None:
    for path in ("/pay/cs_test_none", "/authorize/pi_none", "/else", "/assets/../app.py"):
        assert browser.get(path).status_code == 404
    assert browser.get("/healthz").json == {"status": "ok", "simulated": True}


def test_names_of_the_order_are_escaped(browser: Client) -> None:
    params = [(k, "<script>x</script>" if k.endswith("[name]") else v) for k, v in SESSION]
    _, session = call(browser, "/v1/checkout/sessions", params)
    assert "<script>" not in browser.get(session["url"].removeprefix("http://pay.test")).text


PAID = [("amount", "1000"), ("currency", "cny"), ("confirm", "true"), ("payment_method", "pm_card_visa")]


def test_guard_off_refund_cap(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    _, intent = call(browser, "/v1/payment_intents", PAID)
    wanted = [("payment_intent", intent["id"]), ("amount", "1001")]
    assert call(browser, "/v1/refunds", wanted)[0] == 400
    monkeypatch.setattr(refunds, "refuse_over_cap", lambda charge, amount: None)
    assert call(browser, "/v1/refunds", wanted)[0] == 200


def test_guard_off_idempotency(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = call(browser, "/v1/payment_intents", PAID, **{"Idempotency-Key": "k"})
    assert call(browser, "/v1/payment_intents", PAID, **{"Idempotency-Key": "k"}) == first
    assert call(browser, "/v1/payment_intents", PAID[:2], **{"Idempotency-Key": "k"})[1]["error"]["type"] == "idempotency_error"
    monkeypatch.setattr(api, "replay", lambda *_: None)
    assert call(browser, "/v1/payment_intents", PAID, **{"Idempotency-Key": "k"})[1]["id"] != first[1]["id"]


@pytest.mark.parametrize("path", ["/v1/payment_intents", "/_twin/totals"])
def test_guard_off_key(browser: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    from shop.payments.twin import control

    assert browser.get(path).status_code == 401
    assert browser.get(path, headers={"Authorization": "Bearer sk_test_wrong"}).status_code == 401
    for module in (api, control):
        monkeypatch.setattr(module, "require_key", lambda request, key: None)
    assert browser.get(path).status_code == 200


def test_guard_off_contract(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [*PAID, ("colour", "red")]
    assert call(browser, "/v1/payment_intents", wrong)[1]["error"]["code"] == "parameter_unknown"
    monkeypatch.setattr(api, "check", lambda operation, form: {**form, "amount": int(form["amount"])})
    assert call(browser, "/v1/payment_intents", wrong)[0] == 200


def test_a_claimed_webhook_is_leased_and_given_up_after_three_days(
    browser: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    courier = Courier(Settings(KEY, "http://pay.test", "http://shop.test/hook", "whsec_1"), store)
    call(browser, "/v1/payment_intents", PAID[:2])
    parcel = courier.claim()
    assert parcel
    assert json.loads(parcel.body)["type"] == "payment_intent.created"
    assert courier.claim() is None  # leased: no second thread sends it
    header = stripe.WebhookSignature.generate_signature_header(parcel.body, parcel.secret)
    assert stripe.Webhook.construct_event(parcel.body, header, "whsec_1", api_key=KEY).id == parcel.event
    monkeypatch.setattr("shop.payments.twin.courier.GIVE_UP", -1)
    courier.record(parcel, "500")
    with store.work() as tx:
        assert tx.run("SELECT state, answer FROM deliveries").fetchall() == [("given up", "500")]


def test_form_decoding_keeps_metadata_names(browser: Client) -> None:
    decoded = contract.decode_form([("metadata[0]", "a"), ("expand[0]", "x"), ("expand[1]", "y"), ("types[]", "z")])
    assert decoded == {"metadata": {"0": "a"}, "expand": ["x", "y"], "types": ["z"]}
    assert call(browser, "/v1/refunds", [("a[b]c", "1")])[0] == 400
    assert call(browser, "/v1/refunds", [("amount", "1"), ("amount[x]", "2")])[0] == 400


def test_a_live_key_is_never_taken(store: Store) -> None:
    with pytest.raises(ValueError, match="sk_test_"):
        Twin(Settings("sk_live_real", "http://pay.test"), store)
