"""Coupons: issued by a seller for its own goods, used with an order, given back when the order ends unfulfilled.

Budget and turns hold under any number of buyers: the coupon's row is taken by one conditional UPDATE, whose lock lasts until the order is
committed; a CHECK and a unique index stand behind it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from catalog.parties.acting import tell_act
from catalog.parties.models import Actor, Role
from catalog.prices.quoting import Discount, Quote
from kernel.clock import today_shanghai
from kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from kernel.money import Money
from shop.basket.models import Coupon, CouponUse
from shop.orders.models import Order, OrderClosed
from shop.orders.states import OrderState

_CODE = re.compile(r"^[A-Z0-9][A-Z0-9-]{5,19}$")
_MOST_FEN = 1_000_000_00


class CouponRefused(Conflict):
    """The coupon does not apply to this order now; the message says why."""

    title = "优惠码用不了"


@dataclass(frozen=True)
class CouponDraft:
    """What is to be issued; ``per_person`` is how many orders of one person may use it."""

    code: str
    off: Money
    at_least: Money
    budget: Money
    per_person: int
    valid_from: date
    valid_to: date | None


def tidy_code(text: str) -> str:
    """A code as it is stored: capitals, no blanks, full-width letters and digits made plain."""
    plain = "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else c for c in text)
    return "".join(plain.split()).upper()[:40]


def issue_coupon(session: Session, actor: Actor, seller_id: UUID, draft: CouponDraft, *, at: datetime) -> Coupon:
    """Give buyers ``draft.off`` of what ``seller_id`` sells. Its clerks may, and the operator. Raises Forbidden, Invalid, Conflict."""
    actor.must_any({Role.clerk: seller_id, Role.operator: None})
    code = tidy_code(draft.code)
    _check(draft, code, today_shanghai(at))
    if session.scalar(select(Coupon.id).where(Coupon.code == code)) is not None:
        raise Conflict("优惠码“%(code)s”已经有了，请换一个。", params={"code": code}, field="code")
    coupon = Coupon(
        code=code,
        seller_id=seller_id,
        off_fen=draft.off.minor,
        from_fen=draft.at_least.minor,
        budget_fen=draft.budget.minor,
        per_person=draft.per_person,
        valid_from=draft.valid_from,
        valid_to=draft.valid_to,
        issued_by=actor.label,
        issued_at=at,
    )
    session.add(coupon)
    session.flush()
    after = {
        "off_fen": coupon.off_fen,
        "from_fen": coupon.from_fen,
        "budget_fen": coupon.budget_fen,
        "per_person": coupon.per_person,
    }
    tell_act(session, actor, "coupon.issued", code, {}, after, at=at)
    return coupon


def _check(draft: CouponDraft, code: str, today: date) -> None:
    errors = []
    if not _CODE.match(code):
        errors.append(FieldError("code", "优惠码用 6 到 20 个字母、数字或短横。"))
    if not 0 < draft.off.minor <= _MOST_FEN:
        errors.append(FieldError("off", "优惠金额要大于 0。"))
    if draft.at_least <= draft.off:
        errors.append(FieldError("at_least", "满额要大于优惠金额：一分不用付的订单没法结清。"))
    if not draft.off.minor <= draft.budget.minor <= 100 * _MOST_FEN:
        errors.append(FieldError("budget", "总预算至少要够用一次。"))
    if not 1 <= draft.per_person <= 100:
        errors.append(FieldError("per_person", "每人次数在 1 到 100 之间。"))
    if draft.valid_from < today:
        errors.append(FieldError("valid_from", "请从今天或以后开始。"))
    if draft.valid_to is not None and draft.valid_to < draft.valid_from:
        errors.append(FieldError("valid_to", "结束日期不能早于开始日期。"))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)


def end_coupon(session: Session, actor: Actor, code: str, *, at: datetime) -> Coupon:
    """No further order may use it; those that did keep what they got. Raises NotFound, Forbidden; the second call changes nothing."""
    coupon = get_coupon(session, code, lock=True)
    actor.must_any({Role.clerk: coupon.seller_id, Role.operator: None})
    if coupon.ended_at is None:
        coupon.ended_at = at
        tell_act(session, actor, "coupon.ended", coupon.code, {"spent_fen": coupon.spent_fen}, {"ended": at.isoformat()}, at=at)
    return coupon


def get_coupon(session: Session, code: str, *, lock: bool = False) -> Coupon:
    """The coupon with this code. Raises NotFound."""
    query = select(Coupon).where(Coupon.code == tidy_code(code))
    found = session.scalar(query.with_for_update().execution_options(populate_existing=True) if lock else query)
    if found is None:
        raise NotFound("没有这个优惠码，请看看有没有输错。", field="coupon")
    return found


def find_discount(
    session: Session, actor: Actor, code: str, quote: Quote, sellers: Mapping[str, UUID], *, at: datetime
) -> Discount:
    """What the coupon takes off the goods of ``quote`` for ``actor``; ``sellers`` are its sellers by code.

    Raises NotFound, Forbidden (a guest: turns are counted by account), CouponRefused with the reason: not begun, over, none of its
    seller's goods, too little of them, budget or turns used up.
    """
    if actor.person_id is None or actor.guest:
        raise Forbidden("优惠码按账号计次数，请先登录再用。", field="coupon")
    coupon, today = get_coupon(session, code), today_shanghai(at)
    if today < coupon.valid_from:
        raise CouponRefused("这个优惠码从 %(day)s 起才能用。", params={"day": f"{coupon.valid_from}"}, field="coupon")
    if not coupon.covers(today) or coupon.ended_at is not None:
        raise CouponRefused("这个优惠码已经结束了。", field="coupon")
    seller = next((code for code, key in sellers.items() if key == coupon.seller_id), None)
    if seller is None:
        raise CouponRefused("这个优惠码不能用在这些商品上：它只减发放方自己的商品。", field="coupon")
    part = quote.for_seller(seller)
    if part.items.minor < coupon.from_fen:
        params = {"least": Money(coupon.from_fen).format(), "now": part.items.format()}
        raise CouponRefused("这个优惠码要满 %(least)s 才能用，现在是 %(now)s。", params=params, field="coupon")
    if coupon.spent_fen + coupon.off_fen > coupon.budget_fen:
        raise CouponRefused("这个优惠码已经用完了。", field="coupon")
    if _count_turns(session, coupon.id, actor.person_id) >= coupon.per_person:
        raise CouponRefused("这个优惠码每人可用 %(count)s 次，您已经用过了。", params={"count": coupon.per_person}, field="coupon")
    skus = frozenset(line.line.sku for line in part.lines)
    return Discount(coupon.code, Money(coupon.off_fen), skus)


def use_coupon(session: Session, person_id: UUID, order_code: str, discount: Discount, *, at: datetime) -> CouponUse:
    """Book the coupon for an order placed with ``discount``, in its transaction. Raises CouponRefused when somebody was faster."""
    coupon_id = session.scalar(
        update(Coupon)
        .where(Coupon.code == discount.label, Coupon.ended_at.is_(None), _in_budget(discount.amount.minor))
        .values(spent_fen=Coupon.spent_fen + discount.amount.minor)
        .returning(Coupon.id)
        .execution_options(synchronize_session=False)
    )
    if coupon_id is None:
        raise CouponRefused("这个优惠码刚刚用完了。去掉优惠码就可以照常下单。", field="coupon")
    coupon = session.get_one(Coupon, coupon_id, populate_existing=True)
    if _count_turns(session, coupon.id, person_id) >= coupon.per_person:
        raise CouponRefused("这个优惠码每人可用 %(count)s 次，您已经用过了。", params={"count": coupon.per_person}, field="coupon")
    use = CouponUse(
        order_code=order_code, coupon_id=coupon.id, person_id=person_id, turn=_free_turn(session, coupon.id, person_id),
        amount_fen=discount.amount.minor, used_at=at,
    )  # fmt: skip
    session.add(use)
    session.flush()
    return use


def _in_budget(amount_fen: int) -> ColumnElement[bool]:
    return Coupon.spent_fen + amount_fen <= Coupon.budget_fen


def _count_turns(session: Session, coupon_id: UUID, person_id: UUID) -> int:
    standing = (CouponUse.coupon_id == coupon_id, CouponUse.person_id == person_id, CouponUse.returned_at.is_(None))
    return session.scalar(select(func.count()).select_from(CouponUse).where(*standing)) or 0


def _free_turn(session: Session, coupon_id: UUID, person_id: UUID) -> int:
    """The smallest turn no standing use of the person has."""
    standing = (CouponUse.coupon_id == coupon_id, CouponUse.person_id == person_id, CouponUse.returned_at.is_(None))
    taken = set(session.scalars(select(CouponUse.turn).where(*standing)))
    return next(turn for turn in range(1, len(taken) + 2) if turn not in taken)


def return_coupon(session: Session, event: OrderClosed) -> None:
    """The reaction: an order ended unfulfilled, so its coupon may be used again. One that was placed anew meanwhile keeps it."""
    state = session.scalar(select(Order.state).where(Order.code == event.order_code).with_for_update())
    use = session.get(CouponUse, event.order_code, with_for_update=True)
    if use is None or use.returned_at is not None or state not in (OrderState.CANCELLED, OrderState.EXPIRED):
        return
    use.returned_at = event.at
    session.execute(
        update(Coupon).where(Coupon.id == use.coupon_id).values(spent_fen=Coupon.spent_fen - use.amount_fen)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
