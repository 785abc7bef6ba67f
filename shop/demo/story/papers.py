"""Chapter 2: a certifier records documents; a product whose document has expired is refused for sale, with the reason."""

from __future__ import annotations

import re
import time
from datetime import timedelta

from catalog.documents.numbers import NumberKind, make_demo_number
from kernel.clock import now, today_shanghai
from shop.demo.browser import Browser, Page, Unexpected
from shop.demo.story.teller import Teller, see

SKU = "P022"
KIND = "geographical_indication"


def tell(teller: Teller) -> None:
    """Revoke, record an expired one, be refused, record a valid one, be on sale again."""
    teller.chapter("2 证书 Papers")
    certifier, consumer = teller.person("certifier"), teller.person("consumer")
    today = today_shanghai(now())
    _record(certifier, today - timedelta(days=400), today + timedelta(days=365))  # in case an earlier story was cut short here
    for page in _standing(certifier):
        certifier.submit(page, "/revoke", reason="演示：换发新证")
    _record(certifier, today - timedelta(days=400), today - timedelta(days=30))
    refused = consumer.get(f"/products/{SKU}")
    if "/basket/lines" in refused.text:
        raise Unexpected(f"{refused.url} still offers a product whose document has expired")
    teller.tick("证书过期，商品当天就不能买，页面写明原因", see(refused, "今天不能销售", "到期"))
    recorded = _record(certifier, today - timedelta(days=1), today + timedelta(days=365))
    teller.tick("登记员登记了新证书", recorded)
    teller.tick("证书有效，商品又能买了", see(consumer.get(f"/products/{SKU}"), "/basket/lines"))


def _record(certifier: Browser, begin: object, end: object) -> Page:
    number = make_demo_number(NumberKind.AGI_CERTIFICATE, time.time_ns() // 10_000_000 % 1_000_000)
    return certifier.submit(
        certifier.get("/documents/"), "/documents/", kind=KIND, number=number, subject_kind="product", subject_code=SKU,
        issuer="示例发证机关", issued_on=begin, valid_from=begin, valid_to=end,
    )  # fmt: skip


def _standing(certifier: Browser) -> list[Page]:
    """The pages of this product's documents of the kind that still stand."""
    listed = certifier.get(f"/documents/?q={SKU}")
    pages = [certifier.get(path) for path in sorted(set(re.findall(r"/documents/[0-9a-f-]{36}", listed.text)))]
    return [page for page in pages if SKU in page.text and "地理标志" in page.text and "/revoke" in page.text]
