"""A passkey made and used in a real browser, with Chromium's own virtual device."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from kernel import clock
from kernel.db import work
from kernel.local import free_port
from shop.accounts import signing
from shop.accounts.models import Passkey
from shop.app import create_app
from shop.config import Config
from tests.conftest import make_config
from tests.factories.catalog import make_person
from tests.factories.serving import serve

pytestmark = pytest.mark.browser
PASSWORD = "harvest-moon-7"


@pytest.fixture
def served(database: str, tmp_path: Path) -> Iterator[Config]:
    """The whole application behind a port of ``localhost``, the one host name without TLS that browsers trust."""
    port = free_port()
    config = make_config(tmp_path, database, public_url=f"http://localhost:{port}", port=port)
    with serve(create_app(config, connect=False), port):
        yield config


@pytest.fixture
def phone(browser: Browser, served: Config) -> Iterator[Page]:
    """A phone with a device for passkeys in it."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", base_url=served.public_url)
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("WebAuthn.enable")
    line.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    yield page
    context.close()


def test_made_used_and_taken_away(phone: Page) -> None:
    with work() as session:
        person = make_person(session)
        signing.add_login(session, person.id, "buyer", PASSWORD, at=clock.now())
    said: list[str] = []
    phone.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    phone.goto("/sign-in?next=/account/passkeys")
    phone.fill("main [name=name]", "buyer")
    phone.fill("main [name=password]", PASSWORD)
    phone.get_by_role("button", name="登录", exact=True).click()
    phone.fill("main [name=label]", "我的手机")
    phone.get_by_role("button", name="存在这台设备上").click()
    expect(phone.locator("main")).to_contain_text("我的手机")
    phone.context.clear_cookies()
    phone.goto("/sign-in?next=/account/passkeys")
    phone.get_by_role("button", name="用这台设备登录").click()
    phone.wait_for_url("**/account/passkeys")
    expect(phone.locator("main")).to_contain_text("上次用")
    with work() as session:
        assert session.scalars(select(Passkey.person_id)).one() == person.id
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.get_by_role("button", name="去掉").click()
    expect(phone.locator("main")).not_to_contain_text("我的手机")
    phone.context.clear_cookies()
    phone.goto("/sign-in")
    phone.get_by_role("button", name="用这台设备登录").click()
    expect(phone.locator("body")).to_contain_text("这个通行密钥用不了")
    assert said == []
