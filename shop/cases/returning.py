"""七天无理由退货 (消费者权益保护法 art. 25): the buyer asks and sends back, staff note what came and what becomes of it.

The days count from the one after the signature (网络购买商品七日无理由退货暂行办法). What was paid
for the boxes goes back, less their share of a discount; freight does not, and the way back is the buyer's to pay. Every act locks the
order first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.acting import tell_act
from catalog.parties.models import Actor, Role
from catalog.products.models import ReturnClass
from kernel.clock import today_shanghai
from kernel.errors import Conflict, Invalid, NotFound
from kernel.money import Money
from logistics.stock.receiving import take_back_boxes
from shop.cases.claiming import get_own_line, is_own
from shop.cases.handling import check_words, end_case, note_step, open_case
from shop.cases.models import Case, Return
from shop.cases.queries import ReturnedLine, count_asked, count_back, get_return, map_boxes_of_line
from shop.cases.states import CaseKind, ReturnState
from shop.orders.cancelling import lock_order
from shop.orders.models import Order, OrderKind, OrderLine
from traceability.lots.models import TradeItem
from traceability.lots.states import ItemState

DAYS = 7
PAID_WITHIN = timedelta(days=7)  # the law gives the seller seven days from the goods' arrival
LONGEST_NUMBER = 40


def last_day(order: Order) -> date | None:
    """The last day on which one may ask; None before the signature."""
    return today_shanghai(order.delivered_at) + timedelta(days=DAYS) if order.delivered_at is not None else None


def in_days(order: Order, at: datetime) -> bool:
    """Whether the seven days still run."""
    last = last_day(order)
    return last is not None and today_shanghai(at) <= last


def is_returnable(line: OrderLine) -> bool:
    """Whether what the buyer agreed to lets this line go back without cause: not fresh goods, and only what consumers bought."""
    return line.return_class is ReturnClass.SEVEN_DAYS and line.sub_order.order.kind is OrderKind.CONSUMER


def count_left(session: Session, line: OrderLine) -> int:
    """How many boxes of the line may still be asked for."""
    return max(line.quantity - count_asked(session, line), 0)


def price_of(line: OrderLine, boxes: int, before: int = 0) -> Money:
    """What was paid for ``boxes`` of a line when ``before`` others have gone back: rounded down so that all together are the whole."""
    return Money(line.amount_fen * (before + boxes) // line.quantity - line.amount_fen * before // line.quantity)


def ask_return(session: Session, actor: Actor, order_code: str, line_code: str, *, boxes: int, text: str, at: datetime) -> Case:
    """Ask to send boxes of one's own line back; no reason is asked for.

    Raises NotFound (not one's own), Conflict (fresh goods, not signed for, after the days), Invalid (more boxes than
    are left, words too long).
    """
    order, line = get_own_line(session, actor, order_code, line_code)
    lock_order(session, order.code)
    if not is_returnable(line):
        raise Conflict("这件商品不支持七天无理由退货。")
    if not in_days(order, at):
        raise Conflict("七天无理由退货要在签收次日起七天内申请。")
    left = count_left(session, line)
    if not 1 <= boxes <= left:
        raise Invalid("这件商品还可以退 %(left)s 件，请填 1 到 %(left)s。", params={"left": left}, field="boxes")
    words = text.strip() or "七天无理由退货。"
    case = open_case(session, actor, CaseKind.RETURN, subjects=[order.code, line.code], text=words, at=at)
    session.add(Return(case_id=case.id, line_id=line.id, boxes=boxes, state=ReturnState.ASKED, serials=[], asked_at=at))
    session.flush()
    return case


def send_back(session: Session, actor: Actor, case_code: str, *, carrier: str, waybill: str, at: datetime) -> Return:
    """The buyer says by whom and under what number the parcel is on its way. Raises NotFound, Invalid, Conflict."""
    found = _lock_own(session, actor, case_code)
    company, number = " ".join(carrier.split()), "".join(waybill.split())
    if not 1 <= len(company) <= LONGEST_NUMBER:
        raise Invalid("请填写快递公司。", field="carrier")
    if not 4 <= len(number) <= LONGEST_NUMBER:
        raise Invalid("请填写快递单号，4 到 40 个字。", field="waybill")
    returned = found.returned
    returned.move(ReturnState.SENT)
    returned.carrier, returned.waybill, returned.sent_at = company, number, at
    note_step(session, actor, case_code, f"已寄回：{company} {number}", due_at=at + PAID_WITHIN, at=at)
    return returned


def withdraw_return(session: Session, actor: Actor, case_code: str, *, at: datetime) -> Return:
    """The buyer keeps the goods after all. Raises NotFound, Conflict (sent by then)."""
    returned = _lock_own(session, actor, case_code).returned
    _end(returned, ReturnState.WITHDRAWN, at)
    end_case(session, actor, case_code, "不退了。", at=at)
    return returned


def receive_return(
    session: Session, actor: Actor, case_code: str, *, boxes: int, serials: Collection[str] = (), at: datetime
) -> Return:
    """The parcel came: how many boxes, and which, where their numbers are known; they are void and never sold again.

    What is to be given back is fixed here. Raises Forbidden, NotFound, Conflict, Invalid (boxes that were not sent, or more than asked
    for).
    """
    actor.must(Role.operator)
    found, order = _lock(session, case_code)
    returned, line = found.returned, found.line
    shelves = map_boxes_of_line(session, order.code, line)
    if not set(serials) <= set(shelves):
        raise Invalid("勾选的盒子不是这件商品发出去的，请刷新后再核对。", field="serials")
    came = len(set(serials)) if shelves else boxes
    if not 1 <= came <= returned.boxes:
        raise Invalid(
            "买家申请退 %(boxes)s 件，收到的要在 1 到 %(boxes)s 件之间。", params={"boxes": returned.boxes}, field="boxes"
        )
    amount = price_of(line, came, count_back(session, line))
    returned.move(ReturnState.RECEIVED)
    returned.came, returned.serials, returned.amount_fen, returned.received_at = came, sorted(set(serials)), amount.minor, at
    _take_back(session, actor, {serial: shelves[serial] for serial in returned.serials}, f"七天无理由退货 {case_code}", at)
    after = {"state": "received", "boxes": came, "amount_fen": amount.minor}
    tell_act(session, actor, "return.received", case_code, {"boxes": returned.boxes}, after, at=at)
    note_step(session, actor, case_code, f"收到退回的 {came} 件，将退 {amount}。", due_at=at + PAID_WITHIN, at=at)
    return returned


def _take_back(session: Session, actor: Actor, shelves: Mapping[str, UUID], reason: str, at: datetime) -> None:
    """Note on the shelves they came from that these boxes are back, but for those the packer has noted already."""
    noted = select(TradeItem.serial).where(TradeItem.serial.in_(shelves), TradeItem.state == ItemState.VOID)
    serials = sorted(set(shelves) - set(session.scalars(noted)))
    for shelf in sorted({shelves[serial] for serial in serials}):
        take_back_boxes(session, actor, shelf, [serial for serial in serials if shelves[serial] == shelf], reason, at)


def refuse_return(session: Session, actor: Actor, case_code: str, reason: str, *, at: datetime) -> Return:
    """Nothing goes back, in words the buyer reads. Raises Forbidden, NotFound, Invalid (no words), Conflict (ended)."""
    actor.must(Role.operator)
    found, _ = _lock(session, case_code)
    returned, words = found.returned, check_words(reason)
    before = {"state": returned.state.value}
    _end(returned, ReturnState.REFUSED, at)
    tell_act(session, actor, "return.refused", case_code, before, {"state": "refused"}, at=at)
    end_case(session, actor, case_code, words, at=at)
    return returned


def check_received(session: Session, case_code: str) -> ReturnedLine:
    """The return, its order locked, when its goods are there and its money is owed. Raises NotFound, Conflict."""
    found, _ = _lock(session, case_code)
    if found.returned.state is not ReturnState.RECEIVED:
        raise Conflict("退回的货还没有登记收到，或者这次退货已经办完了。")
    return found


def finish_return(session: Session, actor: Actor, case_code: str, *, at: datetime) -> None:
    """All the money of a return was given back. Raises NotFound, Conflict."""
    returned = check_received(session, case_code).returned
    _end(returned, ReturnState.REFUNDED, at)
    tell_act(session, actor, "return.refunded", case_code, {"state": "received"}, {"state": "refunded"}, at=at)
    end_case(session, actor, case_code, f"已办理退款 {Money(returned.amount_fen or 0)}，原路退回。", at=at)


def _end(returned: Return, state: ReturnState, at: datetime) -> None:
    returned.move(state)
    returned.ended_at = at


def _lock(session: Session, case_code: str) -> tuple[ReturnedLine, Order]:
    """The return as it is once its order is locked. Raises NotFound."""
    order = lock_order(session, get_return(session, case_code).line.sub_order.order.code)
    return get_return(session, case_code), order


def _lock_own(session: Session, actor: Actor, case_code: str) -> ReturnedLine:
    found, order = _lock(session, case_code)
    if not is_own(order, actor):
        raise NotFound("没有这张退货单，请检查工单号。")
    return found
