"""The doors of this installation with what opens them: for the table at start, and for ``./shanhai demo keys``."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.products.models import Product
from kernel.db import reading
from shop.config import Config
from shop.demo.models import DemoDoor
from shop.demo.passwords import password_of, token_of
from shop.demo.peopling import KEY_HOLDER
from traceability.lots.models import Lot, TradeItem
from traceability.scan.digital_link import build


@dataclass(frozen=True)
class DoorRow:
    """One line of the table: what it is, where, and the login or API key if it needs one."""

    what: str
    url: str
    login: str = ""
    password: str = ""
    key: str = ""

    @property
    def opens(self) -> str:
        """What opens it, as the table shows it."""
        return f"{self.login} / {self.password}" if self.login else self.key


def list_doors(config: Config) -> list[DoorRow]:
    """Every door worth showing; without a demo only the public ones."""
    base = config.public_url
    with reading() as session:
        doors = session.scalars(select(DemoDoor).order_by(DemoDoor.place)).all() if config.demo else []
        rows = [
            DoorRow(f"{door.what} {door.what_en}", base + door.path, door.login, password_of(config.secret_key, door.login))
            for door in doors
        ]
        rows[:0] = _public(session, base)
    rows.append(DoorRow("透明日志 Log checkpoint", f"{base}/log/checkpoint"))
    if config.demo:
        rows.append(DoorRow("演示导览 Demo tour", f"{base}/demo/"))
        rows.append(DoorRow("收件箱 Mail sink", f"{base}/demo/mail"))
        rows.append(DoorRow("EPCIS 接口 EPCIS API", f"{base}/epcis/events", key=token_of(config.secret_key, KEY_HOLDER)))
    return rows


def _public(session: Session, base: str) -> list[DoorRow]:
    rows = [DoorRow("商城 Shop", f"{base}/")]
    product = session.scalar(select(Product).where(Product.is_demo).order_by(Product.sku).limit(1))
    if product is not None:
        rows.append(DoorRow("商品 A product", f"{base}/products/{product.sku}"))
    if serial := find_sample_serial(session):
        rows.append(DoorRow("扫码 A scan link", base + serial))
    return rows


def find_sample_serial(session: Session) -> str | None:
    """The scan path of one box of the demo's first full history."""
    row = session.execute(
        select(TradeItem, Lot.code)
        .join(Lot, Lot.id == TradeItem.lot_id)
        .where(Lot.product_sku == "P001")
        .order_by(TradeItem.id)
        .limit(1)
    ).first()
    if row is None:
        return None
    item, lot_code = row
    if item.gtin is None:
        return f"/t/{item.serial}"
    return build([("01", item.gtin), ("10", lot_code), ("21", item.serial)]).path
