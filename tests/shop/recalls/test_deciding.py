"""A recall from dry run to lifting, over all floors; each guard is switched off and must then let through what it holds back."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, OrganizationKind, Role
from catalog.products.models import Product
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from logistics.stock.queries import available
from logistics.stock.reserving import OutOfStock
from shop.cases.models import Case
from shop.cases.states import CaseKind
from shop.notices.models import Notice
from shop.orders.models import Order
from shop.recalls import deciding
from shop.recalls.models import Recall
from shop.recalls.queries import list_recalls, trace_reach
from tests.factories.catalog import AT, make_actor, make_organization
from tests.factories.shop import make_goods, make_order, pay
from traceability.lots.models import Lot
from traceability.lots.states import LotKind, RecallState


class Sold:
    """A product of which one consumer has two boxes, and the lot they are from."""

    def __init__(self, session: Session) -> None:
        self.product: Product = make_goods(session)
        self.buyer: Actor = make_actor(session)
        self.order: Order = pay(session, make_order(session, {self.product.sku: 2}, self.buyer))
        lots = select(Lot).where(Lot.product_sku == self.product.sku, Lot.kind == LotKind.PACK)
        self.lot: Lot = session.scalars(lots).one()
        self.operator: Actor = make_actor(session, Role.operator)


@pytest.fixture
def sold(session: Session) -> Sold:
    return Sold(session)


def confirm(session: Session, sold: Sold, actor: Actor | None = None, **over: str) -> Recall:
    values = {"scope": trace_reach(session, sold.lot).scope, "typed": sold.lot.code, "reason": "抽检不合格。"} | over
    return deciding.confirm_recall(session, actor or sold.operator, sold.lot.code, at=AT, **values)[0]


def test_the_dry_run_shows_all_floors_and_changes_nothing(session: Session, sold: Sold) -> None:
    reach = trace_reach(session, sold.lot)
    assert [order.code for order in reach.orders] == [sold.order.code]
    assert reach.people == {sold.buyer.person_id}
    assert (reach.counts["boxes_sold"], reach.counts["boxes_on_hand"]) == (2, 10)
    assert reach.counts["households"] >= 1
    assert sold.lot.recall_state is RecallState.NONE
    assert session.scalar(select(Recall)) is None


def test_confirming_stops_sale_and_tells_the_buyer_once(session: Session, sold: Sold) -> None:
    recall = confirm(session, sold)
    assert sold.lot.recall_state is RecallState.RECALLED
    assert available(session, [sold.product.id], AT) == {sold.product.id: 0}
    with pytest.raises((OutOfStock, Conflict)):
        make_order(session, {sold.product.sku: 1})
    told = session.scalars(select(Notice).where(Notice.kind == "recall")).all()
    assert [(n.person_id, n.order_code, n.params["lot"]) for n in told] == [(sold.buyer.person_id, sold.order.code, sold.lot.code)]
    assert session.scalars(select(Case.kind)).all() == [CaseKind.RECALL]
    assert recall.counts["orders"] == 1
    deciding._tell_buyers(session, recall.mark_code, trace_reach(session, sold.lot).orders, AT)
    assert len(session.scalars(select(Notice).where(Notice.kind == "recall")).all()) == 1


def test_a_bulk_lot_stops_everything_made_from_it(session: Session, sold: Sold) -> None:
    from traceability.lots.queries import list_upstream_lots

    sold.lot = list_upstream_lots(session, sold.lot.id)[0]
    confirm(session, sold)
    assert available(session, [sold.product.id], AT) == {sold.product.id: 0}


def test_the_code_must_be_typed_and_a_reason_given(session: Session, sold: Sold) -> None:
    with pytest.raises(Invalid):
        confirm(session, sold, typed="LOT-OTHER")
    with pytest.raises(Invalid), session.begin_nested():
        confirm(session, sold, reason="  ")
    assert session.scalar(select(Recall)) is None


def test_what_was_not_looked_at_is_not_recalled(session: Session, sold: Sold, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Conflict), session.begin_nested():
        confirm(session, sold, scope="0" * 64)
    session.expire_all()
    assert sold.lot.recall_state is RecallState.NONE, "the marks are rolled back with it"
    monkeypatch.setattr(deciding, "is_as_seen", lambda *_: True)
    assert confirm(session, sold, scope="0" * 64).lot_code == sold.lot.code


def test_a_county_officer_decides_at_home_only(session: Session, sold: Sold, monkeypatch: pytest.MonkeyPatch) -> None:
    there = make_actor(
        session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code="620826")
    )
    for stranger in (there, make_actor(session), make_actor(session, Role.auditor)):
        with pytest.raises(Forbidden):
            confirm(session, sold, stranger)
    here = make_actor(
        session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=sold.lot.county_code)
    )
    recall = confirm(session, sold, here)
    assert list_recalls(session, here) == [recall]
    assert list_recalls(session, there) == []
    with pytest.raises(Forbidden):
        deciding.lift_recall(session, there, recall.mark_code, reason="误报", at=AT)
    monkeypatch.setattr(deciding, "must_decide", lambda *_: None)
    assert deciding.lift_recall(session, there, recall.mark_code, reason="误报", at=AT).lifted_at == AT


def test_lifting_once(session: Session, sold: Sold) -> None:
    recall = confirm(session, sold)
    with pytest.raises(NotFound):
        deciding.lift_recall(session, sold.operator, "RCL-NONE", reason="误报", at=AT)
    deciding.lift_recall(session, sold.operator, recall.mark_code, reason="复检合格。", at=AT)
    assert sold.lot.recall_state is RecallState.NONE
    assert available(session, [sold.product.id], AT)[sold.product.id] == 8
    with pytest.raises(Conflict):
        deciding.lift_recall(session, sold.operator, recall.mark_code, reason="再来", at=AT)
