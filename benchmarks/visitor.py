"""A visitor with a cookie jar who fills in the shop's own forms: what a buyer does, over HTTP and with nothing switched off."""

from __future__ import annotations

import functools
import http.client
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import urlencode

from benchmarks.figures import WrongAnswer
from benchmarks.load import Burst, addresses

ADDRESS = {
    "recipient": "示例收货人",
    "phone": "13900000000",
    "province_code": "310000",
    "city": "上海市",
    "district": "浦东新区",
    "street": "示例路 1 号",
}
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_FORM = re.compile(r'<form method="post" action="/checkout".*?</form>', re.DOTALL)
_PAY = re.compile(r'<form method="post" action="/orders/[^"]+/pay".*?</form>', re.DOTALL)
GUESTS_FROM_ONE_PLACE = 8  # the limiter takes ten new guests a minute from one address
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class Visitor:
    """One buyer on one keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port, self._jar, self._count = port, dict[str, str](), 0
        self._line = self._connect()
        self._token = ""

    @property
    def cookie(self) -> str:
        """The ``Cookie`` header."""
        return "; ".join(f"{name}={value}" for name, value in self._jar.items())

    def buy(self, sku: str) -> None:
        """One whole checkout of somebody new, without an account: product, basket, address, order, and the payment that is begun."""
        self._jar.clear()
        self._learn_token(self.get(f"/products/{sku}"))
        self.post("/basket/lines", [("sku", sku), ("quantity", "1"), ("then", "checkout")])
        self._learn_token(self.get("/checkout"))
        phone = f"139{secrets.randbelow(10**8):08}"
        place = self.post("/checkout/address", [*(ADDRESS | {"phone": phone}).items(), ("agree", "1")])
        form = _FORM.search(self.get(place))
        if form is None:
            raise WrongAnswer("the checkout page had no form to place the order with")
        fields = [(name, unescape(value)) for name, value in _HIDDEN.findall(form[0])]
        order = self.post("/checkout", [*fields, ("no_return", "1")])
        page = self.get(order)
        if pay := _PAY.search(page):
            by = [("by", "bank_transfer")] if 'value="bank_transfer"' in pay[0] else []
            hidden = [(name, unescape(value)) for name, value in _HIDDEN.findall(pay[0])]
            self.post(f"{order.partition('?')[0]}/pay", [*hidden, *by])

    def get(self, path: str) -> str:
        """The page at ``path``. Raises WrongAnswer unless it is answered 200."""
        status, _, body = self._ask("GET", path)
        if status != 200:
            raise WrongAnswer(f"GET {path} was answered {status}")
        return body

    def post(self, path: str, fields: Iterable[tuple[str, str]]) -> str:
        """Send a form; returns where it leads. Raises WrongAnswer unless it leads on."""
        values = {name for name, _ in fields}
        extra = [] if "csrf_token" in values else [("csrf_token", self._token)]
        extra += [] if "idempotency_key" in values else [("idempotency_key", secrets.token_urlsafe(18))]
        status, place, body = self._ask("POST", path, urlencode([*fields, *extra]).encode())
        if status not in (302, 303):
            said = " ".join(unescape(re.sub(r"<[^>]+>", " ", body.partition("<main")[2])).split())
            raise WrongAnswer(f"POST {path} was answered {status}: {said[:200]}")
        return place

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def _connect(self) -> http.client.HTTPConnection:
        self._count = 0
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=30, source_address=(next(addresses), 0))

    def _learn_token(self, page: str) -> None:
        if found := _TOKEN.search(page):
            self._token = unescape(found[1])

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, str]:
        self._count += 1
        if self._count > GUESTS_FROM_ONE_PLACE * 8:
            self._line.close()
            self._line = self._connect()
        headers = {"Accept": "text/html", "Accept-Language": "zh-CN", "Cookie": self.cookie}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        self._line.request(method, path, body, headers)
        answer = self._line.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self._jar[name] = value
        return answer.status, answer.headers.get("Location", ""), text


def invite(port: int, count: int) -> list[Visitor]:
    """So many connections, each from an address of its own."""
    return [Visitor(port) for _ in range(count)]


def buy_for(visitors: list[Visitor], skus: Iterable[str], seconds: float) -> Burst:
    """All visitors buy at once for so long; whole checkouts and how long each took. Raises what a visitor met."""
    begun = time.perf_counter()
    done, wanted, lock = list[float](), iter(skus), threading.Lock()

    def shop(visitor: Visitor) -> None:
        while (asked := time.perf_counter()) - begun < seconds:
            with lock:
                sku = next(wanted)
            visitor.buy(sku)
            done.append(time.perf_counter() - asked)

    _all_at_once([functools.partial(shop, visitor) for visitor in visitors])
    return Burst(time.perf_counter() - begun, done)


def _all_at_once(acts: Iterable[Callable[[], object]]) -> None:
    with ThreadPoolExecutor(max_workers=64) as pool:
        for future in [pool.submit(act) for act in acts]:
            try:
                future.result()
            except (OSError, http.client.HTTPException) as error:
                raise WrongAnswer(f"a visitor could not go on: {error!r}") from error
