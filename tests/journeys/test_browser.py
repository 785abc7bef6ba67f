"""Three people's errands in Chromium on a phone 360 px wide: a consumer buys and scans, an organisation orders, a clerk takes in.

Every page on the way fits the screen, keeps the content security policy and says nothing in the console.
"""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Running
from tests.journeys.visitor import Visit, Visitor

pytestmark = pytest.mark.browser

ORDER = re.compile(r"ORD-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}")
LOT = re.compile(r"LOT-[0-9A-Z-]+")


def check_out(consumer: Visitor) -> str:
    """The basket goes to a new address in 福州; returns the address of the order's page."""
    page = consumer.page
    consumer.open("/checkout?new=1")
    consumer.fill(recipient="海小鲜", phone="13800138000", street="示例路 8 号")
    for level, code in (("province_code", "350000"), ("city_code", "350100"), ("district_code", "350102")):
        with page.expect_response(re.compile("/address-areas")):  # each brings the next
            page.locator(f"main [name={level}]").select_option(code)
        page.wait_for_timeout(100)  # htmx settles what came
    consumer.press("用这个地址")
    page.get_by_label("我知道生鲜商品不支持七天无理由退货").check()
    consumer.press("提交订单")
    consumer.see("待付款")
    return page.url.split("?")[0]


def test_a_consumer_finds_lamb_and_pays(visit: Visit) -> None:
    consumer = visit()
    page = consumer.sign_in("consumer")
    page.get_by_role("searchbox", name="搜索").fill("滩羊")
    consumer.follow(page.get_by_role("search").get_by_role("button", name="搜索"))
    consumer.follow(page.locator("main a[href='/products/P001']").first)
    consumer.press("加入购物篮")
    consumer.open("/basket")
    consumer.see("盐池滩羊")
    consumer.press("去结算")
    order = check_out(consumer)
    consumer.press("去付款")
    consumer.press(re.compile("^去付款 ¥"))
    page.get_by_label("银行卡", exact=True).check()
    page.get_by_label("测试卡号").fill("4242 4242 4242 4242")
    consumer.look()
    consumer.press(re.compile("^支付 ¥"))
    consumer.open(order)
    consumer.await_text("已付款", "main header")


def test_a_consumer_pays_by_alipay_gets_some_back_and_an_invoice(visit: Visit) -> None:
    consumer, operator = visit(), visit()
    page = consumer.sign_in("consumer")
    consumer.open("/products/P001")
    consumer.press("立即购买")
    order = check_out(consumer)
    consumer.press("去付款")
    consumer.press(re.compile("^去付款 ¥"))
    page.get_by_label("支付宝", exact=True).check()
    consumer.press(re.compile("^支付 ¥"))
    consumer.press("同意付款")
    consumer.open(order)
    consumer.await_text("已付款", "main header")

    desk = operator.sign_in("operator")
    operator.open(f"/backoffice/orders/{ORDER.findall(order)[0]}")
    desk.locator("details:has(form[action$='/refunds']) summary").click()
    refund = desk.locator("form[action$='/refunds']")
    refund.locator("[name=amount]").fill("10.00")
    refund.locator("[name=reason]").fill("有一盒化冻了")
    operator.follow(refund.locator("button"))
    consumer.await_text(re.compile(r"已退\s*¥10\.00"))

    consumer.press("申请发票")
    consumer.see("价税合计")
    page.get_by_label("单位", exact=True).check()
    consumer.fill(title="示例科技有限公司", tax_number="91110000600037341L")
    consumer.press("申请发票")
    consumer.see(re.compile("KP-[A-Z0-9-]+"))


def test_a_stranger_unfolds_the_story_of_a_box(visit: Visit, running: Running) -> None:
    rows = json.loads(running.command("demo", "keys", "--json").stdout)
    stranger = visit()
    stranger.open(next(row["url"] for row in rows if "/21/" in row["url"]))
    folds = stranger.page.locator("main .folds > details")
    assert folds.count() >= 5
    for fold in folds.all():
        inside = fold.locator(":scope > .in")
        expect(inside).to_be_hidden()
        fold.locator(":scope > summary").click()
        expect(inside).to_be_visible()
        stranger.look()


def test_an_organisation_asks_approves_and_orders(visit: Visit) -> None:
    requester, approver = visit(), visit()
    page = requester.sign_in("requester")
    requester.open("/procurement/requests/new")
    page.get_by_role("radio", name="食堂").check()
    requester.fill(title="食堂十二月肉类")
    requester.press("下一步：选商品和地址")
    path = page.url.split("?")[0]
    page.locator("[name=sku-1]").select_option("P001")
    page.locator("[name=boxes-1]").fill("2")
    requester.fill(
        recipient="林采购",
        phone="13800138001",
        province_code="350000",
        city="福州市",
        district="鼓楼区",
        street="示例机关食堂 1 号门",
    )
    requester.press("保存并算价")
    requester.press("提交审批")
    requester.see("审批中")
    approver.sign_in("approver")
    approver.open(path)
    approver.see("预算还可用")
    approver.page.locator("main [name=remark]").fill("同意")
    approver.press("批准")
    requester.open(path)
    requester.await_text(ORDER)


def test_a_clerk_takes_in_two_deliveries_and_mixes_them(visit: Visit) -> None:
    clerk = visit()
    page = clerk.sign_in("clerk")
    tag = 91_000_000 + int(time.time()) % 4_000_000 * 2
    lots = []
    for number in range(2):
        clerk.open("/cooperative/deliveries/new")
        page.locator("[name=household_id]").select_option(index=number + 1)
        clerk.fill(product_sku="P001", unit="head", quantity="1", ear_tags=f"3640323{tag + number:08d}", agreed_price="1200.00")
        clerk.follow(page.locator("main form[action='/cooperative/deliveries'] button"))
        clerk.see("交货凭证")
        clerk.see(re.compile("1,200"))
        found = LOT.search(page.locator("main").inner_text())
        assert found is not None
        lots.append(found[0])
    clerk.open("/cooperative/lots")
    for lot in lots:
        page.get_by_role("checkbox", name=f"选择 {lot}").check()
    clerk.press("合并所选批次")
    mixed = LOT.search(page.locator("main").inner_text())
    assert mixed is not None
    assert mixed[0] not in lots
    clerk.see("2 头")


@pytest.mark.parametrize("fault", ["<p style='color:red'>inline</p>", "<table><td><pre>" + "wide " * 100 + "</table>"])
def test_a_broken_page_is_noticed(visit: Visit, fault: str) -> None:
    guest = visit()
    guest.open("/")
    guest.page.evaluate("fault => document.querySelector('main').insertAdjacentHTML('beforeend', fault)", fault)
    guest.page.wait_for_timeout(500)
    with pytest.raises(AssertionError):
        guest.look()


@pytest.mark.parametrize("fault", ["<input>", "<img src='/static/favicon.svg'>", "<a href='/'></a>"])
def test_a_page_that_cannot_be_heard_is_noticed(visit: Visit, fault: str) -> None:
    guest = visit()
    guest.open("/")
    guest.look_closely()
    guest.page.evaluate("fault => document.querySelector('main').insertAdjacentHTML('beforeend', fault)", fault)
    with pytest.raises(AssertionError):
        guest.look_closely()
