"""Tells the story: runs the steps, ticks each with its address, and says which one failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kernel.errors import Problem
from shop.config import Config
from shop.demo.browser import Browser, Page, Unexpected
from shop.demo.passwords import password_of

PATIENCE = 25.0


@dataclass(frozen=True)
class Tick:
    """One told step: its chapter, what was seen, where, and how long after the start."""

    chapter: str
    what: str
    url: str
    seconds: float


@dataclass
class Memory:
    """What earlier steps leave to later ones."""

    lamb_lot: str = ""
    order_code: str = ""
    shipment_code: str = ""
    serials: list[str] = field(default_factory=list)
    scan_path: str = ""
    canteen_order: str = ""
    request_codes: list[str] = field(default_factory=list)


class Teller:
    """Holds the browsers of all persons and what was ticked."""

    def __init__(self, config: Config, say: Callable[[Tick], None], audit: Callable[[], None]) -> None:
        self.config = config
        self.audit = audit
        self.memory = Memory()
        self.ticks: list[Tick] = []
        self._say = say
        self._browsers: dict[str, Browser] = {}
        self._started = time.monotonic()
        self._chapter = ""

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapter = title

    def person(self, login: str) -> Browser:
        """The signed-in browser of a demo person."""
        if login not in self._browsers:
            browser = Browser(self.config.public_url)
            browser.sign_in(login, password_of(self.config.secret_key, login))
            self._browsers[login] = browser
        return self._browsers[login]

    def stranger(self) -> Browser:
        """A browser nobody is signed in with."""
        return Browser(self.config.public_url)

    def tick(self, what: str, page: Page | str) -> None:
        """Tick a step."""
        url = page if isinstance(page, str) else page.url
        tick = Tick(self._chapter, what, url, round(time.monotonic() - self._started, 1))
        self.ticks.append(tick)
        self._say(tick)

    def wait(self, what: str, look: Callable[[], Any]) -> Any:
        """Look again and again until ``look`` gives something. Raises Unexpected after ``PATIENCE`` seconds."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise Unexpected(f"{what}: nothing after {PATIENCE:.0f} s")
            time.sleep(0.3)


def see(page: Page, *texts: str) -> Page:
    """The page, when it shows every text. Raises Unexpected naming what is missing."""
    for text in texts:
        if text not in page.text:
            raise Unexpected(f"{page.url} does not show {text!r}")
    return page


def tell(config: Config, say: Callable[[Tick], None], audit: Callable[[], None]) -> tuple[list[Tick], str | None]:
    """The whole story: what was ticked, and what went wrong (None when nothing did). ``audit`` raises Unexpected when the log is bad."""
    from shop.demo.story import buying, checking, growing_up, organisation, papers, sending

    teller = Teller(config, say, audit)
    try:
        for chapter in (growing_up, papers, buying, sending, organisation, checking):
            chapter.tell(teller)
    except (Unexpected, Problem, OSError) as problem:
        return teller.ticks, str(problem)
    return teller.ticks, None
