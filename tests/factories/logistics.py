"""Valid rows of the logistics floor: stock ready for sale, allocated orders, shipments at the packing table, carriers, loggers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Organization, OrganizationKind, Place, Role
from catalog.products.models import Product
from kernel.clock import today_shanghai
from logistics.coldchain.assigning import register_logger
from logistics.coldchain.models import Logger
from logistics.shipments.connecting import connect_carrier
from logistics.shipments.models import Shipment
from logistics.shipments.packing import Destination, open_shipments
from logistics.shipments.scanning import scan
from logistics.stock.announcing import PresaleDraft, announce, decide
from logistics.stock.models import Allocation, Presale, StockLot
from logistics.stock.receiving import receive_pack_lot
from logistics.stock.reserving import allocate
from tests.factories.catalog import AT, make_actor, make_household, make_organization, make_place, make_product
from tests.factories.lots import make_capacity, make_pack_lot
from traceability.lots.models import Lot, TradeItem

SALT = "0123456789abcdef-test-salt"
ADDRESS = Destination("收件人示例", "13900000000", "310000", "上海市", "310115", "示例路1号")

_orders = count(1)


def make_hub(session: Session, *, at: datetime = AT, **over: Any) -> Place:
    """A hub of its own organisation."""
    return make_place(session, make_organization(session, OrganizationKind.HUB, at=at), **over)


def make_packer(session: Session, place: Place, *, at: datetime = AT) -> Actor:
    """A packer at that place."""
    return make_actor(session, Role.packer, session.get_one(Organization, place.organization_id), at=at)


def make_stock(
    session: Session,
    product: Product | None = None,
    *,
    boxes: int = 10,
    place: Place | None = None,
    at: datetime = AT,
    expires_on: date | None = None,
    **over: Any,
) -> StockLot:
    """Boxes of a product on sale, on the shelf of a hub, with papers and activated labels: ready to be sold and shipped."""
    lot = make_pack_lot(session, product, boxes=boxes, expires_on=expires_on, at=at, **over)
    return receive_pack_lot(session, SYSTEM, lot.id, (place or make_hub(session, at=at)).id, boxes, at)


def make_presale(
    session: Session,
    product: Product | None = None,
    *,
    boxes: int = 50,
    per_person: int = 10,
    decided: bool = True,
    at: datetime = AT,
    **over: Any,
) -> Presale:
    """A pre-sale of a product on sale: harvested from today for ten days, shipped within twenty, announced and let by the county."""
    product = product or make_product(session, at=at)
    make_capacity(session, product.materials[0], product.pack_unit, county=product.county_code)
    make_household(session, session.get_one(Organization, product.cooperative_id), county_code=product.county_code, at=at)
    today = today_shanghai(at)
    days: dict[str, Any] = {
        "harvest_from": today,
        "harvest_until": today + timedelta(days=10),
        "ship_by": today + timedelta(days=20),
        "closes_on": today + timedelta(days=5),
    }
    draft = PresaleDraft(**(days | {"boxes": boxes, "per_person": per_person} | over))
    presale = announce(session, replace(SYSTEM, label="clerk"), product, draft, at=at)
    return decide(session, SYSTEM, presale.code, boxes=boxes, note="", at=at) if decided else presale


def make_serials(session: Session, stock: StockLot, number: int, *, skip: int = 0) -> list[str]:
    """Serials of boxes of that stock row's lot, in the order they were made."""
    query = select(TradeItem.serial).where(TradeItem.lot_id == stock.lot_id).order_by(TradeItem.id)
    return list(session.scalars(query.offset(skip).limit(number)))


def make_allocations(
    session: Session, product_id: UUID, quantity: int = 2, *, order_code: str | None = None, at: datetime = AT
) -> list[Allocation]:
    """An order of one line with its boxes promised."""
    order_code = order_code or f"ORD-TEST-{next(_orders)}"
    return allocate(session, order_code, [(f"{order_code}-1", product_id, quantity)], at)


def make_shipment(session: Session, stock: StockLot | None = None, quantity: int = 2, *, at: datetime = AT) -> Shipment:
    """An open shipment of ``quantity`` boxes at the packing table."""
    stock = stock or make_stock(session, at=at)
    order_code = make_allocations(session, stock.product_id, quantity, at=at)[0].order_code
    return open_shipments(session, SYSTEM, order_code=order_code, address=ADDRESS, at=at)[0]


def fill_shipment(session: Session, shipment: Shipment, stock: StockLot, quantity: int = 2, *, at: datetime = AT) -> list[str]:
    """Scan boxes into it as the packer would; returns their serials."""
    packer = make_packer(session, session.get_one(Place, shipment.from_place_id), at=at)
    serials = make_serials(session, stock, quantity)
    for serial in serials:
        scan(session, packer, shipment.code, serial, at)
    return serials


def make_carrier(session: Session, code: str = "fake", base_url: str = "http://127.0.0.1:9", adapter: str = "fake") -> None:
    """A connected carrier that nobody answers for."""
    connect_carrier(
        session,
        SYSTEM,
        code=code,
        adapter=adapter,
        name="示例快递",
        name_en="Example Express",
        base_url=base_url,
        push_url="http://127.0.0.1:9/webhooks",
        push_salt=SALT,
    )


def make_logger(session: Session, place: Place | None = None, *, at: datetime = AT) -> tuple[Logger, str]:
    """A temperature logger of a hub, and its token."""
    place = place or make_hub(session, at=at)
    return register_logger(session, make_packer(session, place, at=at), place.organization_id, "示例记录仪", at)


def lot_of(session: Session, stock: StockLot) -> Lot:
    """The lot of a stock row, as the database has it now."""
    return session.get_one(Lot, stock.lot_id, populate_existing=True)
