"""Every page a person can walk to from the demo's doors, on a phone, in both languages: whole, named, translated, no dead link.

One page of each kind is looked at, by the first person who comes to it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, BrowserContext, Page

from tests.journeys.axe import list_faults
from tests.journeys.conftest import ROOT, Running

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
DOORS = {
    "": ["/", "/log/"],
    "consumer": ["/orders"],
    "requester": ["/procurement/"],
    "inspector": ["/procurement/"],
    "finance": ["/procurement/"],
    "clerk": ["/cooperative/"],
    "packer": ["/packing/"],
    "certifier": ["/documents/"],
    "officer": ["/products-admin/"],
    "operator": ["/backoffice/", "/parties/organizations/"],
}
FILES = re.compile(r"\.(pdf|xlsx|csv|xml|txt|svg|png)$|^/log/.|/proofs/|/epcis|^/events/.*/scan|/scan$(?<!^/scan)|/picture")
NAMES = re.compile(r"[A-Z]{2,}-[A-Z0-9-]+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9A-Z]{16}\b|\bP\d{3}\b|\b\d{6,}\b|(?<=/pages/)\w+")
CHINESE = re.compile("[\u3400-\u9fff]")
FAULTS = """(language) => {
  const faults = [];
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push("wider than the phone");
  if (document.querySelectorAll("h1").length !== 1) faults.push("needs one h1");
  if (document.documentElement.lang !== language) faults.push("lang is " + document.documentElement.lang);
  if (!document.querySelector("meta[name=robots][content=noindex]")) faults.push("not noindex");
  if (!document.body.innerText.includes("演示数据")) faults.push("does not say 演示数据");
  return faults;
}"""
TEXTS = """() => {
  const texts = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) if (!walk.currentNode.parentElement.closest("script, [lang]:not(html)")) texts.push(walk.currentNode.data.trim());
  return texts;
}"""
LINKS = "[...document.querySelectorAll('a[href]')].map((link) => link.href)"


def sentences() -> set[str]:
    """Every Chinese sentence that has an English one: none of them may stand on an English page."""
    found: set[str] = set()
    for path in (ROOT / "kernel/translations/en/parts").glob("*.po"):
        with path.open("rb") as opened:
            found |= {str(message.id) for message in read_po(opened) if message.string and CHINESE.search(str(message.id))}
    return found


class Reader:
    """One person reading in one language; remembers what the console said."""

    def __init__(self, context: BrowserContext, language: str) -> None:
        self.language, self.page, self.said = language, context.new_page(), list[str]()
        self.page.on("console", lambda message: self.said.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def faults(self, path: str, untranslated: set[str], *, closely: bool) -> Iterator[str]:
        """What is wrong with a page; ``closely``: also for whoever hears it."""
        self.said.clear()
        answer = self.page.goto(path, wait_until="domcontentloaded")
        if answer is None or answer.status != 200:
            yield f"answers {answer.status if answer else 'nothing'}"
            return
        yield from self.page.evaluate(FAULTS, self.language)
        yield from list_faults(self.page) if closely else ()
        yield from self.said
        if self.language == "en":
            yield from (f"not translated: {text}" for text in set(self.page.evaluate(TEXTS)) & untranslated)


def kind_of(path: str) -> str:
    """Pages that differ only by a code are of one kind."""
    return NAMES.sub("*", urlsplit(path).path).rstrip("/") or "/"


def local_links(page: Page, base: str) -> Iterator[str]:
    """Paths of this site the page leads to."""
    for address in page.evaluate(LINKS):
        parts = urlsplit(urljoin(page.url, address))
        if f"{parts.scheme}://{parts.netloc}" == base and not FILES.search(parts.path):
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def readers(browser: Browser, running: Running, login: str) -> tuple[Reader, Reader]:
    """The same person twice: reading Chinese and reading English."""
    context = browser.new_context(viewport=PHONE, locale="zh-CN", base_url=running.url)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/sign-in")
    if login:
        page.fill("main [name=name]", login)
        page.fill("main [name=password]", running.password(login))
        page.click("main form[action='/sign-in'] button")
    state = context.storage_state()
    context.close()
    found = []
    for locale, language in (("zh-CN", "zh-Hans"), ("en", "en")):
        context = browser.new_context(viewport=PHONE, locale=locale, base_url=running.url, storage_state=state)  # type: ignore[arg-type]
        found.append(Reader(context, language))
    return found[0], found[1]


@pytest.mark.timeout(900)
def test_every_page_is_whole_in_both_languages(browser: Browser, running: Running, request: pytest.FixtureRequest) -> None:
    """What buyers see is looked at closely (axe); what staff see only under ``--faults``."""
    whole = request.config.option.faults
    untranslated, seen, faults = sentences(), set[str](), list[str]()
    for login, doors in DOORS.items():
        chinese, english = readers(browser, running, login)
        waiting = deque(doors)
        while waiting:
            path = waiting.popleft()
            if kind_of(path) in seen:
                continue
            found = [
                f"{login} {path} {reader.language}: {fault}"
                for reader in (english, chinese)
                for fault in reader.faults(path, untranslated, closely=whole or login in ("", "consumer"))
            ]
            if kind_of(chinese.page.url) != kind_of(path):
                continue  # led elsewhere, to the sign-in for example: somebody else will see it
            seen.add(kind_of(path))
            faults += found
            if kind_of(path) != "/demo":  # the tour leads to other people's doors
                waiting += local_links(chinese.page, running.url)
        for reader in (chinese, english):
            reader.page.context.close()
    assert len(seen) > 50, sorted(seen)
    assert faults == []
