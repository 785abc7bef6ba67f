"""Put boxes into a basket, change how many, take them out; a browser's basket becomes its person's on sign-in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.products.models import Product, ProductState
from catalog.products.queries import get_product
from kernel.errors import Conflict, Invalid
from kernel.ids import uuid7
from shop.basket.models import MOST_BOXES, MOST_LINES, Basket, BasketLine
from shop.basket.queries import Owner, find_basket


def add_boxes(session: Session, owner: Owner, sku: str, boxes: int, *, at: datetime) -> int:
    """Put ``boxes`` more of a product into the basket; returns how many of it are in there now.

    Raises NotFound, Conflict (not on the shelf, basket full), Invalid (more than one line may hold).
    """
    product = get_product(session, sku)
    if product.state is not ProductState.ON_SALE:
        raise Conflict("“%(name)s”已经下架，不能加入购物篮。", params={"name": product.name})
    basket = _open_basket(session, owner, at)
    line = _find_line(session, basket, product)
    return _write(session, basket, product, boxes + (line.quantity if line else 0), at)


def set_boxes(session: Session, owner: Owner, sku: str, boxes: int, *, at: datetime) -> int:
    """Have exactly ``boxes`` of a product in the basket; 0 takes it out. Raises NotFound, Conflict, Invalid."""
    product = get_product(session, sku)
    basket = _open_basket(session, owner, at)
    if boxes == 0:
        _remove(session, basket, [product.id])
        return 0
    return _write(session, basket, product, boxes, at)


def take_out(session: Session, owner: Owner, skus: list[str]) -> None:
    """Take products out of the basket, e.g. those an order was placed for; what is not in there is passed over."""
    basket = find_basket(session, owner)
    if basket is not None:
        ids = session.scalars(select(Product.id).where(Product.sku.in_(skus))).all()
        _remove(session, basket, list(ids))


def merge_on_sign_in(session: Session, person_id: UUID, owner: Owner, *, at: datetime) -> None:
    """Move a browser's or a guest's basket into the person's: of a product in both, the larger number stays, so twice changes nothing."""
    guest = find_basket(session, owner, lock=True)
    if guest is None:
        return
    basket = _open_basket(session, Owner(person_id=person_id), at)
    for line in session.scalars(select(BasketLine).where(BasketLine.basket_id == guest.id)).all():
        statement = insert(BasketLine).values(
            id=uuid7(), basket_id=basket.id, product_id=line.product_id, quantity=line.quantity, added_at=line.added_at
        )
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["basket_id", "product_id"],
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


def _find_line(session: Session, basket: Basket, product: Product) -> BasketLine | None:
    return session.scalar(select(BasketLine).where(BasketLine.basket_id == basket.id, BasketLine.product_id == product.id))


def _write(session: Session, basket: Basket, product: Product, boxes: int, at: datetime) -> int:
    if not 1 <= boxes <= MOST_BOXES:
        raise Invalid("每种商品的数量要在 1 到 %(most)s 盒之间。", params={"most": MOST_BOXES}, field="quantity")
    line = _find_line(session, basket, product)
    if line is None:
        count = session.scalar(select(func.count()).select_from(BasketLine).where(BasketLine.basket_id == basket.id)) or 0
        if count >= MOST_LINES:
            raise Conflict("购物篮里最多放 %(most)s 种商品，请先结算一部分。", params={"most": MOST_LINES})
        line = BasketLine(basket_id=basket.id, product_id=product.id, quantity=boxes, added_at=at)
        session.add(line)
    line.quantity = boxes
    session.flush()
    return boxes


def _remove(session: Session, basket: Basket, product_ids: list[UUID]) -> None:
    session.execute(delete(BasketLine).where(BasketLine.basket_id == basket.id, BasketLine.product_id.in_(product_ids)))
