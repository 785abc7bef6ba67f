"""A recall from dry run to lifting, over all floors; each guard is switched off and must then let through what it holds back."""

from __future__ import annotations

import pytest
from sqlalchemy import select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Organization, OrganizationKind, Place, Role
from catalog.products.models import Product
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.quantity import Quantity
from logistics.shipments import requesting
from logistics.shipments.packing import close_shipment
from logistics.shipments.scanning import scan
from logistics.stock.models import StockLot
from logistics.stock.queries import available
from logistics.stock.reserving import OutOfStock
from shop.cases.models import Case
from shop.cases.states import CaseKind
from shop.notices.models import Notice
from shop.orders.models import Order
from shop.recalls import deciding
from shop.recalls.models import Recall
from shop.recalls.queries import list_reached_orders, list_recalls, trace_reach
from tests.factories.catalog import AT, make_actor, make_household, make_organization
from tests.factories.logistics import make_carrier, make_packer, make_serials, make_shipment
from tests.factories.lots import make_delivery
from tests.factories.shop import make_goods, make_order, pay
from traceability.events.models import TraceEvent
from traceability.lots import processing
from traceability.lots.models import Lot
from traceability.lots.queries import get_mark
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
    assert [(order.code, order.person_id) for order in list_reached_orders(session, reach.lot_ids)] == [
        (sold.order.code, sold.buyer.person_id)
    ]
    assert (reach.counts["orders"], reach.counts["buyers"], reach.counts["organizations"]) == (1, 1, 0)
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
    deciding.tell_buyers(session, recall.mark_code, trace_reach(session, sold.lot), AT)
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


def two_packs(session: Session, sold: Sold) -> tuple[Lot, Lot, Lot]:
    """The bulk lot the sold boxes were packed from, and another pack lot of the same."""
    cooperative = session.get_one(Organization, sold.product.cooperative_id)
    box = Quantity(sold.product.pack_amount, sold.product.pack_unit)
    raw = session.get_one(
        Lot,
        make_delivery(
            session, make_household(session, cooperative), Quantity(box.amount * 20, box.unit), material=sold.product.materials[0]
        ).lot_id,
    )
    packs = [
        processing.pack_lot(session, SYSTEM, lot_id=raw.id, product_sku=sold.product.sku, boxes=10, box=box, expires_on=None, at=AT)
        for _ in range(2)
    ]
    return raw, packs[0], packs[1]


def test_some_of_the_lots_only_and_why_the_others_not(session: Session, sold: Sold) -> None:
    raw, one, other = two_packs(session, sold)
    reach = trace_reach(session, raw, [one.code.lower()])
    assert ([lot.code for lot in reach.lots], {lot.code for lot in reach.left_out}) == ([one.code], {raw.code, other.code})
    assert reach.scope != trace_reach(session, raw).scope
    values = {"scope": reach.scope, "typed": raw.code, "reason": "封口不良。", "only": [one.code], "at": AT}
    with pytest.raises(Invalid), session.begin_nested():
        deciding.confirm_recall(session, sold.operator, raw.code, **values)  # why are the others left out?
    why = "另一条线包装。"
    with pytest.raises(Invalid), session.begin_nested():
        deciding.confirm_recall(session, sold.operator, raw.code, **values | {"only": [sold.lot.code]}, left_out_reason=why)
    session.expire_all()
    recall, _ = deciding.confirm_recall(session, sold.operator, raw.code, **values, left_out_reason=why)
    assert (one.recall_state, other.recall_state, raw.recall_state) == (RecallState.RECALLED, RecallState.NONE, RecallState.NONE)
    mark = get_mark(session, recall.mark_code)
    assert (set(mark.left_out), mark.left_out_reason) == ({raw.code, other.code}, why)
    said = session.scalars(select(TraceEvent.lot_code).where(TraceEvent.disposition == "recalled")).all()
    assert said == [one.code], "the log speaks of the lot that was recalled, not of the one it was made from"
    deciding.lift_recall(session, sold.operator, recall.mark_code, reason="复检合格。", at=AT)
    assert one.recall_state is RecallState.NONE


def test_the_database_wants_the_reason_too(session: Session, sold: Sold) -> None:
    mark = get_mark(session, confirm(session, sold).mark_code)
    mark.left_out = ["LOT-X"]
    with pytest.raises(IntegrityError, match="left_out_for_a_reason"), session.begin_nested():
        session.flush()


def test_parcels_that_have_not_left_stay_here(session: Session, sold: Sold, monkeypatch: pytest.MonkeyPatch) -> None:
    make_carrier(session)
    stock = session.scalars(select(StockLot).where(StockLot.lot_id == sold.lot.id)).one()
    waiting, packed, typed = (make_shipment(session, stock) for _ in range(3))
    packer = make_packer(session, session.get_one(Place, packed.from_place_id))
    serials = iter(make_serials(session, stock, 6))
    for shipment in (packed, typed):
        for _ in range(2):
            scan(session, packer, shipment.code, next(serials), AT)
    request = requesting.send_off(session, packer, packed.code, "fake", "", AT)
    close_shipment(session, packer, typed.code, AT)
    counts = trace_reach(session, sold.lot).counts
    assert (counts["shipments_here"], counts["shipments_on_way"]) == (counts["shipments"], 0)
    recall = confirm(session, sold)
    with pytest.raises(Conflict):
        scan(session, packer, waiting.code, next(serials), AT)
    with pytest.raises(Conflict, match="召回"):
        requesting.type_waybill(session, packer, typed.code, "fake", "SF12345678", AT)
    assert requesting.list_due(session, AT) == []
    assert requesting.claim_request(session, request.id, AT) is None, "no carrier is sent"
    with monkeypatch.context() as without:
        without.setattr(requesting, "not_stopped", lambda: true())
        assert requesting.list_due(session, AT) == [request.id], "the guard is what holds it"
    deciding.lift_recall(session, sold.operator, recall.mark_code, reason="复检合格。", at=AT)
    assert requesting.list_due(session, AT) == [request.id]
    assert requesting.claim_request(session, request.id, AT) is not None, "lifted, it goes by itself"
