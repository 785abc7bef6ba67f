"""Set prices. A price is never changed, only followed by another: what was paid can always be explained."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, OrganizationKind, Role
from catalog.parties.queries import get_organization
from catalog.prices.models import RETAIL, Price, PriceList
from catalog.products.models import Product
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.money import Money

LIST_LABELS = {RETAIL: "零售价"}
BEGINNING = date(2020, 1, 1)
DEAREST = Money(100_000_00)


def create_price_list(
    session: Session,
    actor: Actor,
    *,
    code: str,
    name: str,
    valid_from: date,
    valid_to: date | None = None,
    organization_id: UUID | None = None,
) -> PriceList:
    """A new list, for everybody or one buying organisation; only the operator may. Raises Forbidden, Invalid, Conflict."""
    actor.must(Role.operator)
    tidy = code.strip().lower()
    if not tidy or not name.strip():
        raise Invalid("价目表要有编号和名称。", field="code" if not tidy else "name")
    if valid_to is not None and valid_to < valid_from:
        raise Invalid("结束日期不能早于开始日期。", field="valid_to")
    if organization_id is not None and get_organization(session, organization_id).kind is not OrganizationKind.BUYING_ORGANIZATION:
        raise Invalid("专用价目表只能给采购单位。", field="organization_id")
    if session.scalar(select(PriceList.id).where(PriceList.code == tidy)) is not None:
        raise Conflict("编号为“%(code)s”的价目表已经有了。", params={"code": tidy}, field="code")
    price_list = PriceList(code=tidy, name=name.strip(), organization_id=organization_id, valid_from=valid_from, valid_to=valid_to)
    session.add(price_list)
    session.flush()
    return price_list


def set_price(
    session: Session,
    actor: Actor,
    *,
    product_id: UUID,
    price: Money,
    valid_from: date,
    min_quantity: int = 1,
    valid_to: date | None = None,
    price_list_code: str = RETAIL,
) -> Price:
    """Let a box cost ``price`` from a day on; the price before it ends the day before. The seller's clerk or the operator may.

    Raises Forbidden, NotFound, Invalid, Conflict when a price that begins later is there already or one begins on the same day.
    """
    product = session.get(Product, product_id)
    if product is None:
        raise NotFound("没有这个产品。")
    actor.must_any({Role.clerk: product.seller_id, Role.operator: None})
    _check_price(price, min_quantity, valid_from, valid_to)
    price_list = _list_for(session, actor, price_list_code)
    # Locking the product's row puts two people who set its price in a row.
    session.refresh(product, with_for_update=True)
    same = select(Price).where(
        Price.price_list_id == price_list.id, Price.product_id == product_id, Price.min_quantity == min_quantity
    )
    overlapping = session.scalars(
        same.where(
            (Price.valid_to.is_(None)) | (Price.valid_to >= valid_from), Price.valid_from <= (valid_to or date.max)
        ).order_by(Price.valid_from)
    ).all()
    if len(overlapping) > 1 or (overlapping and overlapping[0].valid_from >= valid_from):
        raise Conflict(
            "这段时间已定过价（从 %(day)s 起），请换一个开始日期。",
            params={"day": f"{overlapping[-1].valid_from}"},
            field="valid_from",
        )
    if overlapping:
        overlapping[0].valid_to = valid_from - timedelta(days=1)
        session.flush()
    row = Price(
        price_list_id=price_list.id,
        product_id=product_id,
        min_quantity=min_quantity,
        fen=price.minor,
        valid_from=valid_from,
        valid_to=valid_to,
        set_by=actor.label,
    )
    session.add(row)
    session.flush()
    return row


def _list_for(session: Session, actor: Actor, code: str) -> PriceList:
    price_list = session.scalar(select(PriceList).where(PriceList.code == code))
    if price_list is None and code == RETAIL:
        price_list = PriceList(code=RETAIL, name=LIST_LABELS[RETAIL], valid_from=BEGINNING, valid_to=None)
        session.add(price_list)
        session.flush()
    if price_list is None:
        raise NotFound("没有编号为“%(code)s”的价目表。", params={"code": code[:40]})
    if price_list.organization_id is not None:
        actor.must(Role.operator)
    return price_list


def _check_price(price: Money, min_quantity: int, valid_from: date, valid_to: date | None) -> None:
    errors = []
    if not Money(0) < price <= DEAREST:
        errors.append(FieldError("price", "价格要大于 0，且不超过 %(most)s。", {"most": str(DEAREST)}))
    if not 1 <= min_quantity <= 100_000:
        errors.append(FieldError("min_quantity", "起订数量要在 1 到 100000 之间。"))
    if valid_to is not None and valid_to < valid_from:
        errors.append(FieldError("valid_to", "结束日期不能早于开始日期。"))
    if errors:
        raise Invalid("请先改正标出的内容。", errors=errors)
