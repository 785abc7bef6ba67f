"""Put boxes into a basket, change how many, take them out; a browser's basket becomes its person's on sign-in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.products.models import Product, ProductState
from catalog.products.queries import get_product
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import uuid7
from logistics.stock.models import Presale
from logistics.stock.preselling import find_presale
from shop.basket.models import MOST_BOXES, MOST_LINES, Basket, BasketLine
from shop.basket.queries import Owner, find_basket


def add_boxes(session: Session, owner: Owner, sku: str, boxes: int, *, at: datetime, presale: str = "") -> int:
    """Put ``boxes`` more of a product, or of a pre-sale of it (its code), into the basket; returns how many of it are in there now.

    Raises NotFound, Conflict (not on the shelf, pre-sale over, basket full), Invalid (more than one line may hold).
    """
    product = get_product(session, sku)
    if product.state is not ProductState.ON_SALE:
        raise Conflict("“%(name)s”已经下架，不能加入购物篮。", params={"name": product.name})
    ahead = _find_presale(session, product, presale)
    if ahead is not None and not ahead.takes_orders(at):
        raise Conflict("这个预售已经截止，不能再订。")
    basket = _open_basket(session, owner, at)
    line = _find_line(session, basket, product, ahead)
    return _write(session, basket, product, boxes + (line.quantity if line else 0), at, ahead)


def set_boxes(session: Session, owner: Owner, sku: str, boxes: int, *, at: datetime, presale: str = "") -> int:
    """Have exactly ``boxes`` of a product (or of a pre-sale) in the basket; 0 takes it out. Raises NotFound, Conflict, Invalid."""
    product = get_product(session, sku)
    ahead = _find_presale(session, product, presale)
    basket = _open_basket(session, owner, at)
    if boxes == 0:
        _remove(session, basket, [product.id], ahead)
        return 0
    return _write(session, basket, product, boxes, at, ahead)


def take_out(session: Session, owner: Owner, skus: list[str], presale: str = "") -> None:
    """Take products out of the basket, e.g. those an order was placed for; what is not in there is passed over."""
    basket = find_basket(session, owner)
    if basket is not None:
        ids = session.scalars(select(Product.id).where(Product.sku.in_(skus))).all()
        _remove(session, basket, list(ids), find_presale(session, presale) if presale else None)


def _find_presale(session: Session, product: Product, code: str) -> Presale | None:
    """The pre-sale of the product that was named; none for boxes from the shelf. Raises NotFound."""
    presale = find_presale(session, code) if code else None
    if code and (presale is None or presale.product_id != product.id):
        raise NotFound("没有这个预售。")
    return presale


def merge_on_sign_in(session: Session, person_id: UUID, owner: Owner, *, at: datetime) -> None:
    """Move a browser's or a guest's basket into the person's: of a product in both, the larger number stays, so twice changes nothing."""
    guest = find_basket(session, owner, lock=True)
    if guest is None:
        return
    basket = _open_basket(session, Owner(person_id=person_id), at)
    for line in session.scalars(select(BasketLine).where(BasketLine.basket_id == guest.id)).all():
        statement = insert(BasketLine).values(
            id=uuid7(),
            basket_id=basket.id,
            product_id=line.product_id,
            presale_id=line.presale_id,
            quantity=line.quantity,
            added_at=line.added_at,
        )
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["basket_id", "product_id", "presale_id"],
                set_={"quantity": func.greatest(BasketLine.quantity, statement.excluded.quantity)},
            )
        )
    session.execute(delete(BasketLine).where(BasketLine.basket_id == guest.id))
    session.delete(guest)
    session.flush()


def forget_baskets(session: Session, *, before: datetime) -> None:
    """Delete the baskets of browsers nobody has touched since; a person's basket stays."""
    old = select(Basket.id).where(Basket.token_hash.is_not(None), Basket.changed_at < before)
    session.execute(delete(BasketLine).where(BasketLine.basket_id.in_(old)))
    session.execute(delete(Basket).where(Basket.token_hash.is_not(None), Basket.changed_at < before))


def _open_basket(session: Session, owner: Owner, at: datetime) -> Basket:
    """The owner's basket, made if need be and locked, so that two requests of one person change it one after the other."""
    values = {"id": uuid7(), "person_id": owner.person_id, "token_hash": owner.token_hash, "changed_at": at}
    session.execute(insert(Basket).values(values).on_conflict_do_nothing())
    basket = find_basket(session, owner, lock=True)
    assert basket is not None
    basket.changed_at = at
    return basket


def _find_line(session: Session, basket: Basket, product: Product, presale: Presale | None) -> BasketLine | None:
    line = select(BasketLine).where(BasketLine.basket_id == basket.id, BasketLine.product_id == product.id, _of(presale))
    return session.scalar(line)


def _of(presale: Presale | None) -> ColumnElement[bool]:
    return BasketLine.presale_id.is_(None) if presale is None else BasketLine.presale_id == presale.id


def _write(session: Session, basket: Basket, product: Product, boxes: int, at: datetime, presale: Presale | None) -> int:
    if not 1 <= boxes <= MOST_BOXES:
        raise Invalid("每种商品的数量要在 1 到 %(most)s 盒之间。", params={"most": MOST_BOXES}, field="quantity")
    line = _find_line(session, basket, product, presale)
    if line is None:
        count = session.scalar(select(func.count()).select_from(BasketLine).where(BasketLine.basket_id == basket.id)) or 0
        if count >= MOST_LINES:
            raise Conflict("购物篮里最多放 %(most)s 种商品，请先结算一部分。", params={"most": MOST_LINES})
        line = BasketLine(
            basket_id=basket.id, product_id=product.id, presale_id=presale.id if presale else None, quantity=boxes, added_at=at
        )
        session.add(line)
    line.quantity = boxes
    session.flush()
    return boxes


def _remove(session: Session, basket: Basket, product_ids: list[UUID], presale: Presale | None) -> None:
    these = (BasketLine.basket_id == basket.id, BasketLine.product_id.in_(product_ids), _of(presale))
    session.execute(delete(BasketLine).where(*these))
