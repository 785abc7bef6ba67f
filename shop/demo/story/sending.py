"""Chapter 4: the packer scans each box into the parcel, a logger measures, the carrier fetches and reports."""

from __future__ import annotations

import json
import re
from datetime import timedelta

from sqlalchemy import select

from kernel.clock import format_iso, now
from kernel.db import reading
from logistics.shipments.models import ParcelItem
from logistics.stock.models import Allocation, StockLot
from shop.demo.browser import Browser, Page, Unexpected
from shop.demo.story.teller import Teller, see
from traceability.lots.models import TradeItem
from traceability.lots.states import ItemState

A_CASE = 4


def tell(teller: Teller) -> None:
    """From a packing task to a signed-for parcel."""
    teller.chapter("4 打包发货 Packed and sent")
    memory = teller.memory
    memory.shipment_code, memory.serials = ship(teller, memory.order_code, measure=True)
    consumer = teller.person("consumer")
    arrived = teller.wait("delivery", lambda: _delivered(consumer, memory.order_code))
    teller.tick("买家看到轨迹和签收；承运商、城市和时间只有买家登录后能看", arrived)
    match = re.search(r'href="(/(?:01|t)/[^"]+)"', arrived.text)
    if match is None:
        raise Unexpected(f"{arrived.url} shows no scan link")
    memory.scan_path = match[1]


def ship(teller: Teller, order_code: str, *, measure: bool = False) -> tuple[str, list[str]]:
    """Pack and hand over every shipment of an order; returns the last shipment's code and all serials."""
    packer = teller.person("packer")
    codes = teller.wait("packing task", lambda: _tasks(packer, order_code))
    serials: list[str] = []
    for code in codes:
        page = packer.get(f"/packing/{code}")
        boxes = read_boxes(order_code)
        for code_text in [_close_case(teller, packer, boxes)] if len(boxes) >= A_CASE else boxes:
            page = packer.submit(page, "/scans", code=code_text)
        serials += boxes
        if measure:
            teller.tick("打包员逐盒扫码装箱，系统不替人选编号", see(page, boxes[0]))
            _measure(teller, packer, code)
        page = packer.submit(packer.get(f"/packing/{code}"), "/closing")
        if measure:
            teller.tick("封箱，承运商上门取件", page)
    return codes[-1], serials


def _close_case(teller: Teller, packer: Browser, boxes: list[str]) -> str:
    """Put the boxes of a big order into one case; returns the number on its label."""
    form = packer.get("/containers/new")
    case = packer.submit(form, "/containers/", codes="\n".join(boxes))
    teller.tick(f"{len(boxes)} 盒装成一箱，打印箱码；扫一次箱码，整箱装入", see(case, boxes[0]))
    return case.url.rsplit("/", 1)[1]


def _tasks(packer: Browser, order_code: str) -> list[str]:
    """The shipments of an order on the packer's list, page after page."""
    found: list[str] = []
    path: str | None = "/packing/"
    while path:
        listed = packer.get(path)
        found += [
            code for code in dict.fromkeys(re.findall(r"/packing/(SHP-[0-9A-Z-]+)", listed.text)) if _belongs(code, order_code)
        ]
        following = re.search(r'href="([^"]*[?&;]after=[^"]*)"', listed.text)
        path = following[1].replace("&amp;", "&") if following and not found else None
    return found


def _belongs(code: str, order_code: str) -> bool:
    from logistics.shipments.models import Shipment

    with reading() as session:
        return session.scalar(select(Shipment.order_code).where(Shipment.code == code)) == order_code


def read_boxes(order_code: str) -> list[str]:
    """What the packer's eyes do: read the serials on boxes of the lots that lie ready for this order."""
    with reading() as session:
        serials: list[str] = []
        for allocation in session.scalars(select(Allocation).where(Allocation.order_code == order_code).order_by(Allocation.id)):
            lot_id = session.scalars(select(StockLot.lot_id).where(StockLot.id == allocation.stock_lot_id)).one()
            taken = select(ParcelItem.trade_item_id)
            serials += session.scalars(
                select(TradeItem.serial)
                .where(TradeItem.lot_id == lot_id, TradeItem.state == ItemState.ACTIVATED, TradeItem.id.not_in(taken))
                .order_by(TradeItem.id)
                .limit(allocation.quantity - allocation.dispatched)
            )
        return serials


def _measure(teller: Teller, packer: Browser, shipment: str) -> None:
    """Register a logger, put it into the parcel, and let it post its temperatures as a device does."""
    shown = packer.submit(packer.get("/coldchain/"), "/coldchain/loggers", name=f"示例记录仪 {shipment[-4:]}")
    token = re.search(
        r"[A-Za-z0-9_-]{43}", re.sub(r'name="csrf_token" value="[^"]*"|name="idempotency_key" value="[^"]*"', "", shown.text)
    )
    code = re.search(r"LOG-[0-9A-Z-]+", shown.text)
    if token is None or code is None:
        raise Unexpected(f"{shown.url} shows no logger token")
    board = packer.get("/coldchain/")
    packer.submit(board, f"/coldchain/loggers/{code[0]}/assignments", cold_class="frozen", shipment=shipment)
    begin = now()
    rows = [
        {"at": format_iso(begin + timedelta(seconds=number)), "celsius": f"-{19 + number % 3}.{number % 10}"} for number in range(3)
    ]
    body = json.dumps({"readings": rows}).encode()
    device = {"Authorization": f"Bearer {token[0]}"}
    answer = teller.stranger().post("/coldchain/readings", body, "application/json", device, expect=201)
    teller.tick("记录仪随箱，温度上传", answer)


def _delivered(browser: Browser, code: str) -> Page | None:
    page = browser.get(f"/orders/{code}")
    return page if "已签收" in page.text and "/21/" in page.text else None
