"""One person with a browser: walks the pages by mouse or by keyboard, and looks at each."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import Browser, Locator, Page, expect

from tests.journeys.axe import list_faults

if TYPE_CHECKING:
    from tests.journeys.conftest import Running

PHONE = 360
PATIENCE = 30_000.0  # ms; a step may wait for a reaction of the worker
WECHAT = (
    "Mozilla/5.0 (Linux; Android 14; Example Build/1) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile "
    "Safari/537.36 MMWEBID/1 MicroMessenger/8.0.50.1(0x28003253) WeChat/arm64 NetType/WIFI Language/zh_CN ABI/arm64"
)
FOCUS = """() => {
  const style = getComputedStyle(document.activeElement);
  return document.activeElement.matches(":focus-visible") && (style.outlineStyle !== "none" || style.boxShadow !== "none");
}"""
"""Whether one sees where one is."""

expect.set_options(timeout=PATIENCE)


class Visitor:
    """One person with a browser of their own; what the console says is kept."""

    def __init__(self, browser: Browser, running: Running, locale: str = "zh-CN", agent: str | None = None) -> None:
        self._running = running
        viewport = {"width": PHONE, "height": 740}
        context = browser.new_context(viewport=viewport, locale=locale, base_url=running.url, user_agent=agent)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        self.page = context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def sign_in(self, login: str) -> Page:
        """Sign in as a demo person."""
        self.open("/sign-in")
        self.fill(name=login, password=self._running.password(login))
        self.follow(self.page.locator("main form[action='/sign-in'] button"))
        expect(self.page).not_to_have_url(re.compile("/sign-in"))
        return self.page

    def open(self, path: str) -> None:
        """Go to a page."""
        self.page.goto(path)
        self.look()

    def press(self, name: str | re.Pattern[str]) -> None:
        """Press a button, or a link that looks like one, of the main part; it leads to another page."""
        main = self.page.locator("main")
        exact = isinstance(name, str)
        self.follow(main.get_by_role("button", name=name, exact=exact).or_(main.get_by_role("link", name=name, exact=exact)).first)

    def follow(self, what: Locator) -> None:
        """Click on what leads to another page, and look at that."""
        with self.page.expect_navigation():
            what.click()
        self.look()

    def fill(self, **values: str) -> None:
        """Fill fields by their names, as the forms send them."""
        for name, value in values.items():
            field = self.page.locator(f"main [name={name}]")
            if field.evaluate("field => field.localName") == "select":
                field.select_option(value)
            else:
                field.fill(value)

    def see(self, text: str | re.Pattern[str]) -> None:
        """The text stands in the main part."""
        expect(self.page.locator("main")).to_contain_text(text)

    def await_text(self, text: str | re.Pattern[str], place: str = "main") -> None:
        """Load the page again until the text stands in the place: it comes by a reaction."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not re.search(text, self.page.locator(place).inner_text()) and time.monotonic() < deadline:
            self.page.wait_for_timeout(500)
            self.page.reload()
        expect(self.page.locator(place)).to_contain_text(text)
        self.look()

    def look(self) -> None:
        """The page is whole: nothing sticks out of the screen, nothing was said in the console."""
        assert self.page.evaluate("document.documentElement.scrollWidth") <= PHONE, self.page.url
        assert self.said == [], self.page.url

    def look_closely(self) -> None:
        """The page is also whole for those who hear it, or see little (axe)."""
        self.look()
        assert list_faults(self.page) == [], self.page.url

    def tab_to(self, what: Locator) -> None:
        """Press Tab until the focus is there, seen all the way."""
        for _ in range(120):
            self.page.keyboard.press("Tab")
            assert self.page.evaluate(FOCUS), self.page.evaluate("document.activeElement.outerHTML")
            if what.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {what} on {self.page.url}")

    def type_in(self, name: str, text: str) -> None:
        """Go to a field by Tab and type."""
        self.tab_to(self.page.locator(f"main [name={name}]"))
        self.page.keyboard.type(text)

    def enter(self, what: Locator) -> None:
        """Go to a link or button by Tab and press Enter: it leads to another page, which is looked at closely."""
        self.tab_to(what)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.look_closely()


Visit = Callable[..., Visitor]
"""Makes a visitor (locale, agent)."""
