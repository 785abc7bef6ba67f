"""Chapter 1: twelve households, forty-two Tan sheep, licensed slaughter, cutting, freezing, boxes; and a short chain of apples."""

from __future__ import annotations

import re
import time

from catalog.documents.numbers import NumberKind, make_demo_number
from shop.demo.browser import Browser, Page, Unexpected
from shop.demo.story.teller import Teller, see

SHEEP, HOUSEHOLDS, BOXES = 42, 12, 40


def tell(teller: Teller) -> None:
    """盐池 lamb from delivery to labelled boxes on the hub's shelf, then 静宁 apples with their 承诺达标合格证."""
    teller.chapter("1 盐池滩羊 Yanchi lamb")
    clerk = teller.person("clerk")
    lots = _deliver_sheep(teller, clerk)
    page = _mix(clerk, lots)
    page = _add_paper(clerk, page, "animal_quarantine", _number(NumberKind.QUARANTINE), "示例动物卫生监督机构")
    teller.tick(f"{HOUSEHOLDS} 户交来 {SHEEP} 只滩羊，合并成一个批次，动物检疫合格证明已登记", page)
    page = _slaughter(teller, clerk, page)
    _beyond_the_cap(teller, clerk)
    _apples(teller)


def _deliver_sheep(teller: Teller, clerk: Browser) -> list[str]:
    first = 10_000_000 + int(time.time() * 2) % 1_600_000 * 50
    lots = []
    for number in range(HOUSEHOLDS):
        page = clerk.get("/cooperative/deliveries/new")
        household = _options(page, "household_id")[number]
        count = SHEEP // HOUSEHOLDS + (number < SHEEP % HOUSEHOLDS)
        tags = [f"3640323{first + number * 4 + place:08d}" for place in range(count)]
        slip = clerk.submit(
            page, "/cooperative/deliveries", household_id=household, product_sku="P001", quantity=count, unit="head",
            agreed_price=f"{count * 1200}.00", grade="一级", paid="1", ear_tags="\n".join(tags),
        )  # fmt: skip
        lots.append(_found(slip, r"LOT-[0-9A-Z-]+"))
        if number == 0:
            teller.tick("第一户按头交羊，耳标逐只登记，拿到交货凭证", see(slip, "交货凭证"))
    return lots


def _mix(clerk: Browser, lots: list[str]) -> Page:
    return clerk.submit(clerk.get("/cooperative/lots"), "/lots/mixed", lot=lots)


def _add_paper(clerk: Browser, page: Page, kind: str, number: str, issuer: str) -> Page:
    return see(clerk.submit(page, "/papers", kind=kind, number=number, issuer=issuer), "证明已登记")


def _number(kind: NumberKind) -> str:
    """A made-up number nobody used before."""
    return make_demo_number(kind, time.time_ns() // 10_000_000 % 1_000_000)


def _slaughter(teller: Teller, clerk: Browser, page: Page) -> Page:
    page = clerk.submit(
        page, "/processing", step="slaughtering",
        material0="盐池滩羊肉胴体", quantity0="747.6", unit0="kg", low0="16", high0="20.5",
        material1="皮张", quantity1=SHEEP, unit1="piece", low1="0.9", high1="1", by_product1="1",
    )  # fmt: skip
    page = _add_paper(clerk, page, "meat_inspection", _number(NumberKind.OTHER), "盐池县示例定点屠宰厂")
    teller.tick("定点屠宰，肉品品质检验合格，胴体按每头出肉核定", page)
    page = clerk.submit(
        page, "/processing", step="cutting",
        material0="羊腿", quantity0="42", unit0="kg", low0="0.05", high0="0.4",
        material1="羊排和其余分割肉", quantity1="560", unit1="kg", low1="0.3", high1="0.9",
        material2="骨", quantity2="60", unit2="kg", low2="0", high2="0.2", by_product2="1",
    )  # fmt: skip
    page = clerk.submit(
        page, "/processing", step="freezing", material0="速冻羊腿", quantity0="41", unit0="kg", low0="0.95", high0="1"
    )
    teller.tick("分割成羊腿、羊排和骨，羊腿速冻", page)
    page = clerk.submit(page, "/packing", product_sku="P001", boxes=BOXES)
    teller.memory.lamb_lot = _found(page, r"LOT-[0-9A-Z-]+")
    teller.tick(f"装成 {BOXES} 盒 1 公斤羊腿，每盒一个编号", page)
    _print_and_shelve(teller, clerk, teller.memory.lamb_lot)
    return page


def _beyond_the_cap(teller: Teller, clerk: Browser) -> None:
    """A household with twenty sheep brings twenty-one: refused, decided by the county, taken in."""
    page = clerk.get("/cooperative/deliveries/new")
    first = 91_000_000 + int(time.time() * 2) % 380_000 * 21
    typed = {
        "household_id": _option_with(page, "household_id", f"{HOUSEHOLDS + 1} "), "product_sku": "P001", "quantity": 21, "unit": "head",
        "agreed_price": "25200.00", "ear_tags": "\n".join(f"3640323{first + place:08d}" for place in range(21)),
    }  # fmt: skip
    refused = see(clerk.submit(page, "/cooperative/deliveries", typed, expect=422), "超出了。确有增产，请先由县里核定。")
    teller.tick("第 13 户只有 20 只羊，却交来 21 只：系统拦下并说明原因", refused)
    asked = see(clerk.submit(refused, "/county/capacity", reason="今年多养了几只。"), "待核定")
    officer = teller.person("officer")
    decided = officer.submit(officer.get(asked.path), asked.path, do="approve", decision="去圈里数过。")
    teller.tick("县里看过依据，同意提高这一季的上限", decided)
    slip = see(clerk.submit(clerk.get("/cooperative/deliveries/new"), "/cooperative/deliveries", typed), "交货凭证")
    teller.tick("同一批羊现在收得下，凭证上写着快到上限", slip)


def _print_and_shelve(teller: Teller, clerk: Browser, lot: str) -> None:
    printing = clerk.submit(clerk.get(f"/labels/{lot}"), f"/labels/{lot}", sheet="a4")
    done = teller.wait("labels", lambda: _pdf_link(clerk.get(printing.path)))
    sheet = clerk.get(done, accept="application/pdf")
    if not sheet.body.startswith(b"%PDF"):
        raise Unexpected(f"{sheet.url} is no PDF")
    teller.tick("标签打印成 PDF，每张一个二维码", sheet)
    clerk.submit(clerk.get(f"/cooperative/lots/{lot}"), "/activation")
    packer = teller.person("packer")
    page = packer.get("/stock/")
    received = packer.submit(page, "/stock/receipts", lot=_option_with(page, "lot", lot), boxes=BOXES)
    teller.tick("标签贴好启用，盒子到集配中心入库", received)


def _pdf_link(page: Page) -> str | None:
    match = re.search(r'href="([^"]+\.pdf[^"]*)"', page.text)
    return match[1] if match else None


def _apples(teller: Teller) -> None:
    teller.chapter("1 静宁苹果 Jingning apples")
    clerk = teller.person("clerk2")
    lots = []
    for number in range(2):
        page = clerk.get("/cooperative/deliveries/new")
        sku = _options(page, "product_sku")[0]
        slip = clerk.submit(
            page, "/cooperative/deliveries", household_id=_options(page, "household_id")[number], product_sku=sku,
            quantity="60", unit="jin", agreed_price="126.00",
        )  # fmt: skip
        lots.append(_found(slip, r"LOT-[0-9A-Z-]+"))
    page = clerk.submit(clerk.get("/cooperative/lots"), "/lots/mixed", lot=lots)
    page = clerk.submit(
        page, "/processing", step="sorting", material0="分选苹果", quantity0="57", unit0="kg", low0="0.85", high0="1"
    )
    page = see(clerk.submit(page, "/promise", basis=["quality_control"], origin="甘肃省静宁县"), "承诺达标合格证已开具")
    teller.tick("两户交苹果，分选后按批次开出承诺达标合格证", page)
    page = clerk.submit(page, "/packing", product_sku=sku, boxes=5)
    teller.tick("装成 5 箱", page)


def _options(page: Page, name: str) -> list[str]:
    """The values of a select that are not empty."""
    match = re.search(rf'<select[^>]*name="{name}".*?</select>', page.text, re.S)
    return [value for value in re.findall(r'<option value="([^"]*)"', match[0] if match else "") if value]


def _option_with(page: Page, name: str, text: str) -> str:
    match = re.search(rf'<select[^>]*name="{name}".*?</select>', page.text, re.S)
    for value, shown in re.findall(r'<option value="([^"]*)"[^>]*>([^<]*)', match[0] if match else ""):
        if text in shown or text in value:
            return str(value)
    raise Unexpected(f"{page.url} offers no {text} under {name}")


def _found(page: Page, pattern: str) -> str:
    match = re.search(pattern, page.text)
    if match is None:
        raise Unexpected(f"{page.url} shows nothing like {pattern}")
    return match[0]
