"""Chapter 5: an organisation buys for its canteen on terms, and gifts for thirty colleagues by one Excel file."""

from __future__ import annotations

import io
import re

import xlsxwriter

from kernel.clock import now, today_shanghai
from shop.demo.browser import Browser, Page, Unexpected
from shop.demo.story.sending import ship
from shop.demo.story.teller import Teller, see
from shop.procurement.spreadsheet import COLUMNS

SKU = "P001"
CANTEEN_BOXES, GIFTS = 4, 30
ADDRESS = {
    "recipient": "林采购", "phone": "13800138001", "province_code": "350000", "city": "福州市", "district": "鼓楼区",
    "street": "示例机关食堂 1 号门",
}  # fmt: skip


def tell(teller: Teller) -> None:
    """The canteen order from request to matched transfer, then the gifts."""
    teller.chapter("5 单位采购：食堂 An organisation buys for its canteen")
    requester = teller.person("requester")
    code = _request(requester, "canteen", "食堂十二月肉类")
    page = requester.submit(
        requester.get(f"/procurement/requests/{code}"), "/lines", {"sku-1": SKU, "boxes-1": CANTEEN_BOXES, **ADDRESS}
    )
    requester.submit(page, "/submit")
    approved = _approve(teller, code)
    teller.tick("申请、占用预算、审批通过，先货后款下单", approved)
    order = _order_of(teller.wait("order", lambda: _with_order(requester.get(f"/procurement/requests/{code}"))))
    ship(teller, order)
    _accept(teller, code, order)
    _settle(teller, code)
    teller.chapter("5 单位采购：职工慰问 Gifts for thirty")
    _gifts(teller)


def _request(requester: Browser, purpose: str, title: str) -> str:
    page = requester.submit(requester.get("/procurement/requests/new"), "/procurement/requests", purpose=purpose, title=title)
    match = re.search(r"/procurement/requests/([A-Z]+-[0-9A-Z-]+)", page.path)
    if match is None:
        raise Unexpected(f"{page.url} is no request")
    return match[1]


def _approve(teller: Teller, code: str) -> Page:
    page = teller.person("approver").get(f"/procurement/requests/{code}")
    return teller.person("approver").submit(page, "/decision", do="approve", remark="同意")


def _with_order(page: Page) -> Page | None:
    return page if re.search(r"ORD-[0-9A-Z-]+", page.text) else None


def _order_of(page: Page) -> str:
    match = re.search(r"ORD-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{2}", page.text)
    if match is None:
        raise Unexpected(f"{page.url} shows no order")
    return match[0]


def _accept(teller: Teller, code: str, order: str) -> None:
    inspector = teller.person("inspector")
    path = f"/procurement/requests/{code}/acceptance/{order}"
    page = teller.wait("delivery to the canteen", lambda: _acceptable(inspector.get(path)))
    weights = {name: str(CANTEEN_BOXES) for name, _ in page.form("/acceptance/").values if name.startswith("weight-")}
    accepted = inspector.submit(page, "/acceptance/", weights)
    teller.tick(f"到货验收，实收 {CANTEEN_BOXES} 公斤，按验收数量结算", accepted)


def _acceptable(page: Page) -> Page | None:
    return page if any("/acceptance/" in form.action and form.method == "post" for form in page.forms()) else None


def _settle(teller: Teller, code: str) -> None:
    finance, operator = teller.person("finance"), teller.person("operator")
    listed = finance.get(f"/procurement/requests/{code}")
    match = re.search(r"/procurement/settlements/([^\"?]+)", listed.text)
    if match is None:
        raise Unexpected(f"{listed.url} shows no settlement")
    path = match[0]
    asked = finance.submit(finance.get(path), "/invoice", title="福州市示例机关食堂", tax_number="示例-USCC-000905")
    teller.tick("向销售方申请开票", see(asked, "开票申请号"))
    page = finance.submit(finance.get(path), "/transfer")
    memo = re.search(r"SH-[0-9A-Z]{5}-[0-9A-Z]+", page.text)
    amount = re.search(r"¥([0-9,]+\.[0-9]{2})", page.text)
    if memo is None or amount is None:
        raise Unexpected(f"{page.url} shows no remittance code")
    statement = f"日期,金额,付款人,附言\n{today_shanghai(now())},{amount[1].replace(',', '')},福州市示例机关食堂,{memo[0]} 货款\n"
    imported = operator.submit(
        operator.get("/payments/statement"),
        "/payments/statement",
        seller="DEMO-OPERATOR",
        file=("statement.csv", statement.encode()),
    )
    teller.tick("对公转账，银行流水 CSV 按附言码自动对上", imported)
    paid = teller.wait("settled", lambda: _settled(finance.get(path)))
    teller.tick("结算完成", paid)


def _settled(page: Page) -> Page | None:
    return page if "已付清" in page.text or "已结清" in page.text or "已付款" in page.text else None


def _gifts(teller: Teller) -> None:
    requester = teller.person("requester")
    template = requester.get("/procurement/template.xlsx", accept="*/*")
    teller.tick("下载名单模板", template)
    code = _request(requester, "staff_gift", "职工慰问三十份")
    page = requester.get(f"/procurement/requests/{code}")
    wrong = requester.submit(page, "/file", file=("gifts.xlsx", make_file(GIFTS, broken=True)), expect=422)
    marked = re.search(r'href="([^"]+marked\.xlsx)"', wrong.text)
    if marked is None:
        raise Unexpected(f"{wrong.url} does not offer the marked file")
    sheet = requester.get(marked[1], accept="*/*")
    if not sheet.body.startswith(b"PK"):
        raise Unexpected(f"{sheet.url} is no workbook")
    teller.tick("名单有错：逐行说明，同一文件标出问题后退回", sheet)
    page = requester.submit(requester.get(f"/procurement/requests/{code}"), "/file", file=("gifts.xlsx", make_file(GIFTS)))
    requester.submit(page, "/submit")
    _approve(teller, code)
    done = teller.wait("gift orders", lambda: _with_order(requester.get(f"/procurement/requests/{code}")))
    teller.memory.request_codes.append(code)
    teller.tick(f"{GIFTS} 位收件人，一次审批，逐人下单", done)


def make_file(rows: int, *, broken: bool = False) -> bytes:
    """A list of recipients as a colleague would fill it in; ``broken`` has a bad phone and no boxes in two rows."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_numbers": False}) as book:
        sheet = book.add_worksheet()
        for place, column in enumerate(COLUMNS):
            sheet.write_string(0, place, column.heading)
        for row in range(1, rows + 1):
            phone = "12" if broken and row == 3 else f"1380013{8100 + row}"
            boxes = "" if broken and row == 5 else "1"
            cells = (f"示例职工{row}", phone, "福建省", "福州市", "鼓楼区", f"示例小区 {row} 号楼", SKU, boxes)
            for place, text in enumerate(cells):
                sheet.write_string(row, place, text)
    return out.getvalue()
