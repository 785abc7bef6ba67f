"""A browser without JavaScript, for the story and the tests: cookies, redirects, and forms filled as a person fills them.

Forms are read from the page, so hidden fields (CSRF token, idempotency key) come along by themselves and a form that is gone is noticed.
"""

from __future__ import annotations

import html.parser
import http.cookiejar
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TIMEOUT = 30.0


class Unexpected(Exception):
    """A page was not what the story needs; the text says where and what."""


@dataclass
class Form:
    """One form of a page: where it goes and what stands in it. ``files`` names its file fields."""

    action: str
    method: str
    values: list[tuple[str, str]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Page:
    """One answer: final address, status, text (or bytes), and the forms in it."""

    url: str
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def path(self) -> str:
        """Path and query of the final address."""
        parts = urllib.parse.urlsplit(self.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def forms(self) -> list[Form]:
        """All forms, in order."""
        reader = _FormReader()
        reader.feed(self.text)
        reader.close()
        for form in reader.forms:
            form.action = form.action or self.path
        return reader.forms

    def form(self, action: str) -> Form:
        """The form that goes to ``action``: exactly, else the first whose address contains it, unsafe ones first. Raises Unexpected."""
        known = sorted(self.forms(), key=lambda form: form.method != "post")
        for found in (*(form for form in known if form.action == action), *(form for form in known if action in form.action)):
            return found
        raise Unexpected(f"no form to {action!r} on {self.url} (status {self.status}): {_essence(self.text)}")


class Browser:
    """One person's browser on one site; other sites are reached by whole addresses (the payment page)."""

    def __init__(self, base: str, language: str = "zh-CN") -> None:
        self.base = base.rstrip("/")
        self._language = language
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def get(self, path: str, *, accept: str = "text/html,*/*", expect: int = 200) -> Page:
        """Open a page, following redirects. Raises Unexpected for another status."""
        return self._send(urllib.request.Request(self._url(path), headers={"Accept": accept}), expect)

    def submit(self, page: Page, action: str, values: Mapping[str, Any] | None = None, *, expect: int = 200, **more: Any) -> Page:
        """Fill and send the form of ``page`` that goes to ``action``. Lists give several values, (name, bytes) a file."""
        form = page.form(action)
        filled = {**(values or {}), **more}
        kept = [(name, value) for name, value in form.values if name not in filled]
        fields: list[tuple[str, Any]] = [*kept]
        for name, value in filled.items():
            fields += [(name, each) for each in value] if isinstance(value, list) else [(name, value)]
        target = urllib.parse.urljoin(page.url, form.action or page.url)
        if form.method == "get":
            query = urllib.parse.urlencode([(n, str(v)) for n, v in fields])
            return self.get(f"{target.split('?')[0]}?{query}", expect=expect)
        body, content_type = _encode(fields)
        request = urllib.request.Request(target, data=body, headers={"Content-Type": content_type, "Referer": page.url})
        return self._send(request, expect)

    def post(self, path: str, data: bytes, content_type: str, headers: Mapping[str, str], *, expect: int) -> Page:
        """Send a raw body, as a device or a partner would."""
        request = urllib.request.Request(self._url(path), data=data, headers={"Content-Type": content_type, **headers})
        return self._send(request, expect)

    def sign_in(self, login: str, password: str) -> None:
        """Sign in. Raises Unexpected when it fails."""
        page = self.submit(self.get("/sign-in"), "/sign-in", name=login, password=password)
        if page.path.startswith("/sign-in"):
            raise Unexpected(f"could not sign in as {login}")

    def _url(self, path: str) -> str:
        return path if path.startswith("http") else self.base + path

    def _send(self, request: urllib.request.Request, expect: int) -> Page:
        request.add_header("Accept-Language", self._language)
        request.add_header("User-Agent", "Shanhai-story/1.0")
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                page = Page(answer.url, answer.status, answer.read(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                page = Page(error.url or request.full_url, error.code, error.read(), dict(error.headers))
        if page.status != expect:
            raise Unexpected(f"{request.get_method()} {request.full_url}: {page.status} instead of {expect}: {_essence(page.text)}")
        return page


def _encode(fields: list[tuple[str, Any]]) -> tuple[bytes, str]:
    if not any(isinstance(value, tuple) for _, value in fields):
        text = urllib.parse.urlencode([(name, str(value)) for name, value in fields])
        return text.encode(), "application/x-www-form-urlencoded"
    boundary = f"shanhai-{secrets.token_hex(12)}"
    parts = []
    for name, value in fields:
        if isinstance(value, tuple):
            file_name, content = value
            head = (
                f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: application/octet-stream'
            )
        else:
            head, content = f'Content-Disposition: form-data; name="{name}"', str(value).encode()
        parts.append(f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _essence(text: str) -> str:
    """What a page says, shortened: the alert and the main part without tags."""
    reader = _TextReader()
    reader.feed(text)
    return " ".join(" ".join(reader.words).split())[:400]


class _TextReader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._skip = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self._skip += tag in ("script", "style", "head", "nav", "header", "footer")

    def handle_endtag(self, tag: str) -> None:
        self._skip -= tag in ("script", "style", "head", "nav", "header", "footer")

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.words.append(data)


class _FormReader(html.parser.HTMLParser):
    """Collects forms with the values a browser would send untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._by_id: dict[str, Form] = {}
        self._elsewhere: list[dict[str, str]] = []
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._area: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
            self._by_id[given.get("id", "")] = self._form
        elif tag == "input" and "form" in given:  # it says by id to which form it belongs, which may come later
            self._elsewhere.append(given)
        elif self._form is None:
            return
        elif tag == "input":
            self._input(self._form, given)
        elif tag == "select":
            self._select, self._options = given.get("name"), []
        elif tag == "option" and self._select:
            self._options.append((given.get("value", ""), "selected" in given))
        elif tag == "textarea":
            self._area, self._text = given.get("name"), []

    def close(self) -> None:
        """The page is at its end."""
        super().close()
        for given in self._elsewhere:
            if form := self._by_id.get(given["form"]):
                self._input(form, given)

    def _input(self, form: Form, given: dict[str, str]) -> None:
        name, kind = given.get("name", ""), given.get("type", "text")
        if kind == "file":
            form.files.add(name)
        elif name and kind not in ("submit", "button") and (kind not in ("checkbox", "radio") or "checked" in given):
            form.values.append((name, given.get("value", "on" if kind == "checkbox" else "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select" and self._form is not None and self._select:
            chosen = [value for value, selected in self._options if selected] or [value for value, _ in self._options[:1]]
            self._form.values += [(self._select, value) for value in chosen[:1]]
            self._select = None
        elif tag == "textarea" and self._form is not None and self._area:
            self._form.values.append((self._area, "".join(self._text).lstrip("\n")))
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text.append(data)
