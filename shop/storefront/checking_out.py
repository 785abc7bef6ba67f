"""From basket to order: what the buyer saw on the page, and nothing else, becomes the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from catalog.products.models import Product, ReturnClass
from kernel.errors import Invalid, NotFound
from kernel.money import Money
from shop.accounts import addressing
from shop.accounts.models import Address
from shop.basket.couponing import find_discount, use_coupon
from shop.basket.filling import take_out
from shop.basket.queries import Owner
from shop.orders.models import Order
from shop.orders.placing import OrderDraft, find_placed, place_order
from shop.orders.pricing import price_lines
from shop.storefront.rationing import hold_guest, ration


@dataclass(frozen=True)
class Checkout:
    """A confirmed checkout page. ``lines`` and ``expected_total`` are what it showed; ``key`` was made with the page.

    ``presale`` is the code of the pre-sale its one line is of; ``presale_agreed`` says that the buyer ticked by when it leaves, and that
    all money goes back when the harvest falls short.
    """

    lines: Mapping[str, int]
    address_id: UUID | None
    expected_total: Money
    key: str
    no_return_agreed: bool
    coupon: str = ""
    presale: str = ""
    presale_agreed: bool = False


def check_out(session: Session, actor: Actor, checkout: Checkout, *, at: datetime) -> Order:
    """Place the order and empty the basket of it. Raises what ``place_order`` does, and Invalid for a missing address or tick.

    A coupon is booked in the same transaction; CouponRefused says why one does not apply. The same page sent again gives the same order.
    """
    assert actor.person_id is not None, "the door makes a guest of whoever did not sign in"
    hold_guest(session, actor)
    address = get_own_address(session, actor.person_id, checkout.address_id)
    if not checkout.no_return_agreed and must_agree(session, list(checkout.lines)):
        raise Invalid("请先勾选：我知道生鲜商品不支持七天无理由退货。", field="no_return")
    must_know(checkout)
    key = f"{actor.person_id}:{checkout.key}"
    discounts = []
    if checkout.coupon and find_placed(session, key) is None:
        priced = price_lines(session, checkout.lines, province_code=None, at=at)
        discounts = [find_discount(session, actor, checkout.coupon, priced.quote, priced.sellers, at=at)]
    draft = OrderDraft(
        lines=checkout.lines,
        address={name: getattr(address, name) for name in addressing.FIELDS},
        checkout_key=key,
        expected_total=checkout.expected_total,
        no_return_agreed=checkout.no_return_agreed,
        discounts=discounts,
        presale=checkout.presale or None,
    )
    order = place_order(session, actor, draft, at=at)
    for discount in discounts:
        use_coupon(session, actor.person_id, order.code, discount, at=at)
    ration(session, actor, order, at=at)
    take_out(session, Owner(person_id=actor.person_id), list(checkout.lines), checkout.presale)
    return order


def must_know(checkout: Checkout) -> None:
    """Raises Invalid when the buyer of a pre-sale has not ticked that it is one."""
    if checkout.presale and not checkout.presale_agreed:
        raise Invalid("请先勾选：我知道这是预售，不是现货。", field="presale_agreed")


def get_own_address(session: Session, person_id: UUID, address_id: UUID | None) -> Address:
    """The person's address. Raises Invalid without one, NotFound for another's or a removed one."""
    if address_id is None:
        raise Invalid("请选择收货地址。", field="address")
    address = session.get(Address, address_id)
    if address is None or address.removed_at is not None or not addressing.owns(address, person_id):
        raise NotFound("没有这个地址。")
    return address


def must_agree(session: Session, skus: list[str]) -> bool:
    """Whether one of the products is not returned without cause, so that the buyer must be told before (消费者权益保护法 art. 25)."""
    fresh = select(Product.id).where(Product.sku.in_(skus), Product.return_class == ReturnClass.FRESH_NO_RETURN)
    return session.scalar(fresh.limit(1)) is not None
