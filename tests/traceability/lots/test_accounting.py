"""The books of a site: what came before it leaves, at the place where it is, and never less than nothing at any moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, OrganizationKind
from kernel.errors import Conflict
from kernel.money import Money
from logistics.stock.receiving import discard_boxes, receive_pack_lot
from tests.factories.catalog import AT, make_household, make_organization, make_place
from tests.factories.lots import APPLES, kg, make_delivery, make_lot, make_pack_lot
from traceability.lots import accounting, balancing, correcting, mixing
from traceability.lots.harvesting import DeliveryDraft
from traceability.lots.models import Lot, LotMove, SiteAccount, SiteLot
from traceability.lots.queries import list_items
from traceability.lots.states import Flow

HOUR = timedelta(hours=1)


def moves_of(session: Session, lot: Lot) -> list[tuple[Flow, Decimal, datetime]]:
    query = select(LotMove).where(LotMove.lot_id == lot.id).order_by(LotMove.id)
    return [(move.flow, move.quantity, move.happened_at) for move in session.scalars(query)]


def test_a_loss_is_not_before_the_delivery(session: Session) -> None:
    """Typed later, dated earlier: 20 kg rotten at nine of a harvest that was brought at ten."""
    lot = make_lot(session, kg(100), at=AT)
    with pytest.raises(Conflict, match="才有的") as refused, session.begin_nested():
        balancing.record_loss(
            session, SYSTEM, lot_id=lot.id, quantity=kg(20), reason="腐烂", at=AT + 3 * HOUR, happened_at=AT - HOUR
        )
    assert refused.value.errors[0].field == "happened_at"
    session.refresh(lot)
    assert lot.lost == 0
    balancing.record_loss(session, SYSTEM, lot_id=lot.id, quantity=kg(20), reason="腐烂", at=AT + 3 * HOUR, happened_at=AT + HOUR)
    assert moves_of(session, lot)[1:] == [(Flow.LOST, Decimal(-20), AT + HOUR)]


def test_a_mixing_is_not_before_what_it_is_mixed_of(session: Session) -> None:
    lot = make_lot(session, kg(100), at=AT)
    then = {"at": AT + 3 * HOUR, "happened_at": AT - HOUR}
    with pytest.raises(Conflict, match="才有的"):
        mixing.mix_lots(session, SYSTEM, inputs=[(lot.id, kg(10))], material=APPLES, lot_code="LOT-EARLY", **then)


def test_the_check_holds_when_the_condition_is_forgotten_and_without_it_a_step_comes_before_its_input(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot = make_lot(session, kg(100), at=AT)
    monkeypatch.setattr(accounting, "_is_there", lambda amount, at: true())
    with pytest.raises(IntegrityError, match="ck_lots_site_lot_order"), session.begin_nested():
        balancing.take(session, lot.id, Decimal(10), "lost", AT - HOUR)
    session.execute(text("ALTER TABLE lots_site_lot DROP CONSTRAINT ck_lots_site_lot_order"))
    balancing.take(session, lot.id, Decimal(10), "lost", AT - HOUR)
    below = select(LotMove.quantity).where(LotMove.lot_id == lot.id, LotMove.happened_at < AT)
    assert session.scalars(below).all() == [Decimal(-10)], (
        "an hour before the delivery the site held ten kilograms less than nothing"
    )


def test_boxes_leave_only_the_shelf_they_lie_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = make_pack_lot(session, boxes=10)
    hub = make_place(session, make_organization(session, OrganizationKind.HUB))
    stock = receive_pack_lot(session, SYSTEM, pack.id, hub.id, 6, AT)
    assert moves_of(session, pack) == [(Flow.MADE, 10, AT), (Flow.MOVED, -6, AT), (Flow.ARRIVED, 6, AT)]
    serials = [item.serial for item in list_items(session, pack.id)]
    with pytest.raises(Conflict, match="在这里只剩 4 盒，不够 5 盒"), session.begin_nested():
        balancing.dispatch_items(session, pack.id, serials[:5], AT)
    with pytest.raises(Conflict, match="在这里只剩 0 盒"), session.begin_nested():
        balancing.dispatch_items(session, pack.id, serials[:1], AT, place_id=make_place(session, make_organization(session)).id)
    discard_boxes(session, SYSTEM, stock.id, serials[:1], "压坏了", AT)
    balancing.dispatch_items(session, pack.id, serials[1:6], AT, place_id=hub.id)
    held = select(SiteAccount.place_id, SiteLot.came - SiteLot.gone).join(SiteLot).where(SiteLot.lot_id == pack.id)
    assert dict(session.execute(held).all()) == {None: 4, hub.id: 0}
    monkeypatch.setattr(accounting, "_is_there", lambda amount, at: true())
    with pytest.raises(IntegrityError, match="ck_lots_site_lot_balance"), session.begin_nested():
        balancing.dispatch_items(session, pack.id, serials[6:7], AT, place_id=hub.id)
    session.execute(text("ALTER TABLE lots_site_lot DROP CONSTRAINT ck_lots_site_lot_balance"))
    balancing.dispatch_items(session, pack.id, serials[6:7], AT, place_id=hub.id)
    assert session.scalar(select(SiteLot.came - SiteLot.gone).join(SiteAccount).where(SiteAccount.place_id == hub.id)) == -1


def test_a_slow_clock_does_not_send_boxes_before_they_came(session: Session) -> None:
    """Two machines' clocks differ by a second: what is done on a shelf is done one after the other."""
    pack = make_pack_lot(session, boxes=10)
    hub = make_place(session, make_organization(session, OrganizationKind.HUB))
    receive_pack_lot(session, SYSTEM, pack.id, hub.id, 6, AT + timedelta(seconds=1))
    serials = [item.serial for item in list_items(session, pack.id)]
    balancing.dispatch_items(session, pack.id, serials[:2], AT, place_id=hub.id)
    assert moves_of(session, pack)[-1] == (Flow.DISPATCHED, -2, AT + timedelta(seconds=1))


def test_a_clock_that_is_a_little_slow_is_no_lie(session: Session) -> None:
    """A phone five minutes behind mixes what another has just brought: it counts as of the moment that was brought; six are too many."""
    lot = make_lot(session, kg(100), at=AT)
    for minutes in (5, 0):
        then = {"at": AT + HOUR, "happened_at": AT - timedelta(minutes=minutes)}
        mixed = mixing.mix_lots(session, SYSTEM, inputs=[(lot.id, kg(10))], material=APPLES, **then)
        assert moves_of(session, mixed) == [(Flow.MADE, 10, AT)]
    then = {"at": AT + HOUR, "happened_at": AT - timedelta(minutes=6)}
    with pytest.raises(Conflict, match="才有的"):
        balancing.record_loss(session, SYSTEM, lot_id=lot.id, quantity=kg(1), reason="腐烂", **then)


def test_what_was_declared_wrong_was_never_there(session: Session) -> None:
    """As of the delivery, so that no sheet of the month counts it twice; the right one takes its place."""
    household = make_household(session)
    wrong = make_delivery(session, household, kg(100), at=AT)
    draft = DeliveryDraft(household.cooperative_id, household.id, APPLES, kg(10), Money(0))
    correcting.correct_delivery(session, SYSTEM, wrong.id, reason="多写了一个零", replacement=draft, at=AT + 40 * HOUR)
    lot = session.get_one(Lot, wrong.lot_id)
    assert moves_of(session, lot) == [(Flow.DELIVERED, 100, AT), (Flow.CORRECTED, -100, AT)]
    moves = session.scalars(select(LotMove.quantity).where(LotMove.happened_at == AT))
    assert sum(moves) == 10


def test_lines_are_not_edited(session: Session) -> None:
    make_lot(session, kg(100), at=AT)
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(text("UPDATE lots_lot_move SET quantity = 1"))
