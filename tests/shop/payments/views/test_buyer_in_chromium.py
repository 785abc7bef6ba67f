"""The pay page in a real browser: its policy lets the buyer go on to the provider's page and come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kernel import clock
from kernel.db import work
from shop.app import create_app
from shop.config import Config
from shop.payments import links
from shop.payments.models import Payment
from shop.payments.states import PaymentState
from shop.payments.stripe_gateway import pay_origins
from shop.payments.views import buyer
from tests.conftest import make_config
from tests.factories.payments import make_payment
from tests.factories.serving import serve
from tests.factories.twin import KEY, SECRET, TwinProcess

WECHAT = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36 MicroMessenger/8.0.50"
pytestmark = pytest.mark.browser


@pytest.fixture
def served(database: str, tmp_path: Path, twin: TwinProcess) -> Iterator[Config]:
    """The whole application behind a real port."""
    port = _free_port()
    config = make_config(
        tmp_path, database, public_url=f"http://127.0.0.1:{port}",
        stripe_api_base=twin.url, stripe_secret_key=KEY, stripe_webhook_secret=SECRET,
    )  # fmt: skip
    with serve(create_app(config, connect=False), port):
        yield config


def _free_port() -> int:
    from kernel.local import free_port

    return free_port()


@pytest.fixture
def link(served: Config) -> str:
    with work() as session:
        payment = make_payment(session, 12_800, at=clock.now())
    return served.public_url + links.pay_path(served.secret_key, payment.code)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN")
    yield context.new_page()
    context.close()


def state() -> PaymentState:
    with work() as session:
        return session.query(Payment).one().state


def test_to_the_provider_and_back(phone: Page, link: str, twin: TwinProcess) -> None:
    phone.goto(link)
    phone.get_by_role("button", name="去付款").click()
    phone.wait_for_url(f"{twin.url}/**")
    expect(phone.get_by_text("不会真的扣款")).to_be_visible()
    phone.get_by_label("支付宝").check()
    phone.get_by_role("button", name="支付 ¥128.00").click()
    phone.get_by_role("button", name="同意付款").click()
    expect(phone.get_by_role("heading", name="付款成功")).to_be_visible()
    assert state() is PaymentState.CAPTURED


def test_without_the_provider_in_the_policy_the_browser_stays(
    phone: Page, link: str, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buyer, "pay_origins", lambda *_: [])
    refused: list[str] = []
    phone.on("console", lambda message: refused.append(message.text))
    phone.goto(link)
    phone.get_by_role("button", name="去付款").click()
    phone.wait_for_timeout(1_500)
    assert phone.url == link
    assert any("form-action" in text for text in refused)
    assert pay_origins is not buyer.pay_origins


def test_inside_wechat_the_link_is_copied_into_another_browser(browser: Browser, phone: Page, link: str, twin: TwinProcess) -> None:
    inside = browser.new_context(user_agent=WECHAT, viewport={"width": 360, "height": 740}, locale="zh-CN")
    page = inside.new_page()
    page.goto(link)
    expect(page.get_by_text("请在浏览器打开")).to_be_visible()
    copied = page.get_by_label("付款链接").input_value()
    inside.close()
    phone.goto(copied)
    expect(phone.get_by_role("button", name="去付款")).to_be_visible()
    assert copied == link
