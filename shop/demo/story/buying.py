"""Chapter 3: a consumer finds the lamb by pinyin, puts two in the basket, checks out, pays on the payment page, gets a message."""

from __future__ import annotations

import re

from shop.demo.browser import Browser, Page
from shop.demo.story.teller import Teller, see

ADDRESS = {
    "recipient": "海小鲜",
    "phone": "13800138000",
    "province_code": "350000",
    "city": "福州市",
    "district": "鼓楼区",
    "street": "示例路 8 号",
}


def tell(teller: Teller) -> None:
    """From search to a paid order."""
    teller.chapter("3 消费者下单 A consumer buys")
    consumer = teller.person("consumer")
    teller.tick("搜 tanyang，找到盐池滩羊", see(consumer.get("/search?q=tanyang"), "盐池滩羊"))
    _empty_basket(consumer)
    basket = consumer.submit(consumer.get("/products/P001"), "/basket/lines", quantity=2)
    teller.tick("两盒放进购物篮", basket)
    checkout = consumer.get("/checkout")
    if "/checkout/address" in checkout.text:
        checkout = consumer.submit(checkout, "/checkout/address", ADDRESS)
    order = consumer.submit(_form_page(consumer, checkout), "/checkout", no_return="1")
    teller.memory.order_code = order.path.split("/")[2].split("?")[0]
    teller.tick("下单，先有订单再付款", see(order, teller.memory.order_code))
    paid = pay(teller, consumer, order)
    teller.tick("在支付页付款，签名通知核对后订单已付款", paid)
    messages = teller.wait("message", lambda: _told(consumer, teller.memory.order_code))
    teller.tick("收到付款消息", messages)


def pay(teller: Teller, browser: Browser, order: Page) -> Page:
    """Pay an order's first open part by card on the provider's page; returns the order's page once it is paid."""
    cashier = browser.submit(order, "/pay")
    hosted = cashier if "/pay/cs_" in cashier.url else browser.submit(cashier, "stripe")
    browser.submit(hosted, "/pay/", method="card", number="4242424242424242", act="pay")
    code = teller.memory.order_code
    return Page(**vars(teller.wait("payment", lambda: _paid(browser, code))))


def _paid(browser: Browser, code: str) -> Page | None:
    page = browser.get(f"/orders/{code}")
    return page if "已付款" in page.text and "待付款" not in re.sub(r"<ol.*?</ol>", "", page.text, flags=re.S) else None


def _told(browser: Browser, code: str) -> Page | None:
    page = browser.get("/account/messages")
    return page if code in page.text and "已收到您的付款" in page.text else None


def _empty_basket(browser: Browser) -> None:
    """Take out what an earlier story left behind."""
    for _ in range(20):
        page = browser.get("/basket")
        lines = [form.action for form in page.forms() if re.search(r"/basket/lines/[^/]+$", form.action)]
        if not lines:
            return
        browser.submit(page, lines[0], quantity=0)


def _form_page(browser: Browser, page: Page) -> Page:
    """The checkout page with the form that places the order."""
    for form in page.forms():
        if form.action.endswith("/checkout") and form.method == "post":
            return page
    return browser.get("/checkout")
