"""A household speaks to its slip (交货凭证): it was so, or it was not; the cooperative or the county answers.

Whoever opens the household's own link speaks for it, without an account. Those who type, buy or supervise may hold that link in their
hands too, so they are refused by who they are: a confirmation is worth something only when nobody gives it to himself.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.queries import list_counties_of
from catalog.parties.roles import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from traceability.lots.models import HouseholdDelivery, Lot, SlipWord
from traceability.lots.states import SLIP_FLOW, DisputeSubject, SlipState

LONGEST = 300


def confirm_delivery(session: Session, actor: Actor, delivery_id: UUID, *, at: datetime) -> HouseholdDelivery:
    """The household says that the slip is right. Twice changes nothing.

    Raises NotFound, Forbidden (somebody who works for an organisation here), Conflict (the slip was corrected).
    """
    _must_be_outside(actor)
    delivery = lock_delivery(session, delivery_id)
    if delivery.slip_state is not SlipState.CONFIRMED:
        move_slip(session, delivery, SlipState.CONFIRMED, said_by="", at=at)
    return delivery


def dispute_delivery(
    session: Session, actor: Actor, delivery_id: UUID, *, about: DisputeSubject, words: str, at: datetime
) -> HouseholdDelivery:
    """The household says that the slip is wrong, and in what; also after it had confirmed. One dispute is open at a time.

    Raises as ``confirm_delivery``, Invalid (``other`` without a word), Conflict (disputed and not yet answered).
    """
    _must_be_outside(actor)
    delivery = lock_delivery(session, delivery_id)
    tidy = " ".join(words.split())[:LONGEST]
    if about is DisputeSubject.OTHER and len(tidy) < 2:
        raise Invalid("请用几个字写明哪里不对。", field="words")
    if delivery.slip_state is SlipState.DISPUTED:
        raise Conflict("您的异议已经收到，正等合作社答复。")
    move_slip(session, delivery, SlipState.DISPUTED, said_by="", at=at, about=about, words=tidy)
    return delivery


def answer_dispute(session: Session, actor: Actor, delivery_id: UUID, *, words: str, at: datetime) -> HouseholdDelivery:
    """Answer what a household found wrong, as a clerk of the cooperative or an officer of its county; the household reads it on its slip.

    Raises NotFound, Forbidden, Invalid (2 to 300 characters), Conflict (nothing to answer).
    """
    delivery = lock_delivery(session, delivery_id)
    lot = session.get_one(Lot, delivery.lot_id)
    if not actor.has(Role.clerk, lot.organization_id) and lot.county_code not in list_counties_of(session, actor):
        raise Forbidden("只有这个合作社的经办和本县的工作人员可以答复。")
    tidy = " ".join(words.split())
    if not 2 <= len(tidy) <= LONGEST:
        raise Invalid("请填写答复，2 到 300 字。", field="words")
    if delivery.slip_state is not SlipState.DISPUTED:
        raise Conflict("这张凭证没有等答复的异议。")
    move_slip(session, delivery, SlipState.ANSWERED, said_by=actor.label, at=at, words=tidy)
    return delivery


def lock_delivery(session: Session, delivery_id: UUID) -> HouseholdDelivery:
    """The delivery, locked until the end of the transaction and read afresh. Raises NotFound."""
    delivery = session.get(HouseholdDelivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None:
        raise NotFound("没有这张交货凭证。")
    return delivery


def _must_be_outside(actor: Actor) -> None:
    """Nobody who works for an organisation here speaks in a household's stead."""
    if actor.operator or actor.system or actor.roles:
        raise Forbidden("经办和工作人员不能替农户确认。请让农户用自己的手机扫凭证上的码。")


def move_slip(
    session: Session,
    delivery: HouseholdDelivery,
    to: SlipState,
    *,
    said_by: str,
    at: datetime,
    about: DisputeSubject | None = None,
    words: str = "",
) -> None:
    """Bring a slip, which the caller has locked, into another state and keep what was said. Raises Conflict."""
    SLIP_FLOW.check(delivery.slip_state, to)
    delivery.slip_state = to
    session.add(SlipWord(delivery_id=delivery.id, state=to, about=about, words=words or None, said_by=said_by, said_at=at))
    session.flush()
