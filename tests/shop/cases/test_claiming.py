"""坏果包赔: own, in time, with a photo, once at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Invalid, NotFound
from kernel.files import StoredFile
from shop.cases import claiming, handling
from shop.cases.models import Case
from shop.cases.states import CaseKind
from shop.orders.models import Order
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import deliver, make_order

PHOTO = StoredFile("0" * 64, "image/jpeg", 10)


@pytest.fixture
def buyer(session: Session) -> Actor:
    return make_actor(session)


@pytest.fixture
def order(session: Session, buyer: Actor) -> Order:
    return deliver(session, make_order(session, actor=buyer))


def claim(session: Session, actor: Actor, order: Order, **over: object) -> Case:
    values = {"text": "坏了三个。", "photo": PHOTO, "at": AT} | over
    return claiming.claim_damage(session, actor, order.code, order.lines[0].code, **values)  # type: ignore[arg-type]


def test_in_time_with_photo_once(session: Session, buyer: Actor, order: Order) -> None:
    case = claim(session, buyer, order, at=AT + timedelta(hours=48))
    assert case.kind is CaseKind.AFTER_SALES
    with pytest.raises(Conflict, match="在处理"):
        claim(session, buyer, order)
    handling.close_case(session, make_actor(session, Role.operator), case.code, "已赔付。", at=AT)
    session.flush()
    assert claim(session, buyer, order).code != case.code


def test_too_late_or_too_early(session: Session, buyer: Actor, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    late = AT + timedelta(hours=48, seconds=1)
    with pytest.raises(Conflict):
        claim(session, buyer, order, at=late)
    with pytest.raises(Conflict):
        claim(session, buyer, make_order(session, actor=buyer))
    monkeypatch.setattr(claiming, "in_time", lambda *_: True)
    claim(session, buyer, order, at=late)


def test_no_photo_no_claim(session: Session, buyer: Actor, order: Order) -> None:
    with pytest.raises(Invalid):
        claim(session, buyer, order, photo=None)


def test_other_peoples_orders_are_not_found(session: Session, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    for stranger in (make_actor(session), make_actor(session, Role.operator)):
        with pytest.raises(NotFound):
            claim(session, stranger, order)
        with pytest.raises(NotFound):
            claiming.ask_about_order(session, stranger, order.code, CaseKind.PARCEL, text="在哪", at=AT)
    monkeypatch.setattr(claiming, "is_own", lambda *_: True)
    claim(session, make_actor(session), order)


def test_kinds_for_buyers(session: Session, buyer: Actor, order: Order) -> None:
    assert claiming.ask_about_order(session, buyer, order.code, CaseKind.PAYMENT, text="扣了两次?", at=AT).kind is CaseKind.PAYMENT
    with pytest.raises(Invalid):
        claiming.ask_about_order(session, buyer, order.code, CaseKind.RECALL, text="召回", at=AT)
