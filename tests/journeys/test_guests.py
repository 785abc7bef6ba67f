"""Two guests in Chromium, 360 px wide: one buys by keyboard alone, in English; one begins inside WeChat and pays in another browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.visitor import WECHAT, Visit

pytestmark = pytest.mark.browser


def test_a_guest_buys_by_keyboard_in_english(visit: Visit) -> None:
    """Tab, arrows, Space and Enter, from the product to the paid order; each page is looked at closely."""
    guest = visit(locale="en")
    page, main, keys = guest.page, guest.page.locator("main"), guest.page.keyboard
    guest.open("/products/P001")
    guest.look_closely()
    keys.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    guest.enter(main.get_by_role("button", name="Buy now", exact=True))
    expect(page).to_have_url(re.compile("/checkout"))

    guest.type_in("recipient", "Hai Xiaoxian")
    guest.type_in("phone", "13800138111")
    for level, letter, code in (("province_code", "F", "350000"), ("city_code", "F", "350100"), ("district_code", "G", "350102")):
        select = page.locator(f"main [name={level}]")
        guest.tab_to(select)
        with page.expect_response(re.compile("/address-areas")):  # each brings the next
            keys.press(letter)
        expect(page.locator(f"main [name={level}]")).to_have_value(code)
        page.wait_for_timeout(100)  # htmx settles what came
        assert page.evaluate("document.activeElement.name") == level, "the focus stays where one is"
    guest.type_in("street", "8 Example Road")
    guest.tab_to(page.locator("#f-agree"))
    keys.press("Space")
    expect(page.locator("#f-agree")).to_be_checked()
    guest.enter(main.get_by_role("button", name="Use this address", exact=True))

    guest.tab_to(main.locator("[name=no_return]"))
    keys.press("Space")
    guest.enter(main.get_by_role("button", name="Place the order"))
    order = page.url.split("?")[0]
    expect(main).to_contain_text("Waiting for payment")

    guest.enter(main.get_by_role("button", name="Pay", exact=True))
    guest.enter(main.get_by_role("button", name=re.compile("^Pay ¥")))
    card = page.get_by_role("radio", name="Bank card")
    guest.tab_to(page.locator("[name=method]:checked"))
    while not card.is_checked():
        keys.press("ArrowDown")
    guest.enter(page.get_by_role("button", name=re.compile("^Pay ¥")))
    expect(main).to_contain_text("Payment received")
    guest.enter(main.get_by_role("link", name="View the order"))
    expect(page).to_have_url(order)
    guest.await_text("Paid", "main header")
    chinese = page.locator("main").evaluate("node => node.innerText.match(/[\\u3400-\\u9fff]+/g) || []")
    assert set(chinese) <= {"福州市", "鼓楼区"}, "but for the address, as the carrier reads it, all is English"


def test_a_guest_comes_from_wechat_and_pays_in_another_browser(visit: Visit) -> None:
    inside, outside = visit(agent=WECHAT), visit()
    page = inside.page
    inside.open("/products/P001")
    inside.press("立即购买")
    inside.fill(recipient="海小鲜", phone="13800138222", street="示例路 8 号")
    for level, code in (("province_code", "350000"), ("city_code", "350100"), ("district_code", "350102")):
        with page.expect_response(re.compile("/address-areas")):
            page.locator(f"main [name={level}]").select_option(code)
        page.wait_for_timeout(100)
    page.locator("#f-agree").check()
    inside.press("用这个地址")
    page.locator("main [name=no_return]").check()
    inside.press("提交订单")
    order = page.url.split("?")[0]
    inside.press("去付款")
    inside.see("请在浏览器打开")
    link = page.locator("#f-link").input_value()

    outside.open(link)
    outside.press(re.compile("^去付款 ¥"))
    outside.page.get_by_label("支付宝", exact=True).check()
    outside.press(re.compile("^支付 ¥"))
    outside.press("同意付款")
    outside.see("付款成功")
    outside.press("查看订单")
    code = order.rsplit("/", 1)[1]
    expect(outside.page.locator("main [name=code]")).to_have_value(code)
    outside.fill(tail="8222")
    outside.press("查一查")
    outside.await_text("已付款", "main header")

    inside.press("我已付款")
    inside.see("付款成功")
    inside.press("查看订单")
    expect(page).to_have_url(order)
    inside.await_text("已付款", "main header")
