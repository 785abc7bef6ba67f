"""What partners say of their own lots is followed where it maps; everything else stays a statement and changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from tests.factories.catalog import AT, make_actor
from tests.factories.epcis import Partner, make_event
from tests.factories.lots import Chain, make_chain
from traceability.epcis import following
from traceability.lots import recalling, serialising
from traceability.lots.balancing import lock_lots
from traceability.lots.describing import epc_of, epc_of_item
from traceability.lots.models import Lot, TradeItem
from traceability.lots.states import ItemState


@pytest.fixture
def chain(session: Session) -> Chain:
    """Made before anything the partners of these tests say happened."""
    return make_chain(session, boxes=3, activated=False, at=datetime(2026, 1, 1, tzinfo=UTC), shelf_life_days=3650)


@pytest.fixture
def owner(client: FlaskClient, session: Session, chain: Chain) -> Partner:
    return Partner(client, session, chain.cooperative)


def labels_on(chain: Chain, *items: TradeItem, **over: Any) -> dict[str, Any]:
    return make_event(
        1, action="ADD", bizStep="commissioning", disposition="active", epcList=[epc_of_item(item) for item in items], **over
    )


def print_labels(session: Session, chain: Chain, *items: TradeItem) -> None:
    clerk = make_actor(session, Role.clerk, chain.cooperative)
    serialising.mark_printed(session, clerk, lot_id=chain.pack.id, serials=[item.serial for item in items], at=AT)
    session.flush()


def states(session: Session, chain: Chain) -> list[ItemState]:
    session.expire_all()
    return [item.state for item in chain.items]


def test_the_line_that_puts_labels_on_activates_boxes(session: Session, chain: Chain, owner: Partner) -> None:
    first, second, _third = chain.items
    print_labels(session, chain, first, second)
    before = len(owner.events(perPage=100))
    assert owner.capture(labels_on(chain, *chain.items))["success"]
    assert states(session, chain) == [ItemState.ACTIVATED, ItemState.ACTIVATED, ItemState.MADE], "only what was printed"
    assert len(owner.events(perPage=100)) == before + 1, "what happened once is said once"


def test_nobodys_word_changes_anothers_boxes(
    client: FlaskClient, session: Session, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    print_labels(session, chain, *chain.items)
    stranger = Partner(client, session)
    assert stranger.capture(labels_on(chain, *chain.items))["success"]
    assert states(session, chain) == [ItemState.PRINTED] * 3
    monkeypatch.setattr(following, "_own", lambda _: Lot.id.is_not(None))
    assert stranger.capture(labels_on(chain, *chain.items, eventTime="2026-01-02T00:00:00Z"))["success"]
    assert states(session, chain) == [ItemState.ACTIVATED] * 3, "without the guard it would"


def test_a_recalled_lot_stays_as_it_is(session: Session, chain: Chain, owner: Partner) -> None:
    print_labels(session, chain, *chain.items)
    recalling.mark_lots(session, chain.clerk, chain.pack.code, "抽检不合格。", AT)
    session.flush()
    assert owner.capture(labels_on(chain, *chain.items))["success"], "the statement is kept"
    assert states(session, chain) == [ItemState.PRINTED] * 3


def destroyed(lot: Lot, quantity: float, unit: str | None = "KGM", **over: Any) -> dict[str, Any]:
    line = {"epcClass": epc_of(lot), "quantity": quantity} | ({"uom": unit} if unit else {})
    return make_event(2, action="DELETE", bizStep="destroying", disposition="destroyed", epcList=[], quantityList=[line], **over)


def test_what_the_owner_destroyed_is_lost(session: Session, chain: Chain, owner: Partner) -> None:
    left, lost = chain.trimmings.left.amount, chain.trimmings.lost
    event = destroyed(chain.trimmings, 1500, "GRM")
    for _ in range(2):
        assert owner.capture(event)["success"]
    session.refresh(chain.trimmings)
    assert (chain.trimmings.left.amount, chain.trimmings.lost) == (left - Decimal("1.5"), lost + Decimal("1.5"))


@pytest.mark.parametrize("bend", ["too much", "wrong measure", "boxes", "a stranger", "a declaration", "another step", "too early"])
def test_what_does_not_map_changes_nothing(client: FlaskClient, session: Session, chain: Chain, owner: Partner, bend: str) -> None:
    partner, event = owner, destroyed(chain.trimmings, 1)
    if bend == "too much":
        event = destroyed(chain.trimmings, 1_000_000)
    elif bend == "wrong measure":
        event = destroyed(chain.trimmings, 1, "LTR")
    elif bend == "boxes":
        event = destroyed(chain.pack, 1, None)
    elif bend == "a stranger":
        partner = Partner(client, session)
    elif bend == "too early":
        event = destroyed(chain.trimmings, 1, eventTime="2025-12-31T23:59:59Z")
    elif bend == "a declaration":
        event |= {"errorDeclaration": {"declarationTime": "2026-01-02T00:00:00Z", "reason": "did_not_occur"}}
    else:
        event["bizStep"] = "inspecting"
    lost = (chain.trimmings.lost, chain.pack.lost)
    count = len(partner.events(perPage=100))
    assert partner.capture(event)["success"]
    for lot in (chain.trimmings, chain.pack):
        session.refresh(lot)
    assert (chain.trimmings.lost, chain.pack.lost) == lost
    assert len(partner.events(perPage=100)) == count + 1


def test_all_lots_of_a_document_are_locked_together(
    session: Session, chain: Chain, owner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locked event by event, two documents that name the same lots the other way round would wait for each other."""
    asked: list[set[UUID]] = []
    monkeypatch.setattr(following, "lock_lots", lambda session, ids: asked.append(set(ids)) or lock_lots(session, asked[-1]))
    print_labels(session, chain, *chain.items)
    assert owner.capture(
        destroyed(chain.trimmings, 1),
        destroyed(chain.hides, 1, "H87", eventTime="2026-01-02T00:00:00Z"),
        labels_on(chain, *chain.items, eventTime="2026-01-03T00:00:00Z"),
    )["success"]
    whole = {chain.trimmings.id, chain.hides.id, chain.pack.id}
    assert asked[0] == whole
    assert len(asked) == 4
    assert all(later <= whole for later in asked)


def test_one_that_cannot_be_followed_keeps_no_other_from_it(session: Session, chain: Chain, owner: Partner) -> None:
    assert owner.capture(destroyed(chain.trimmings, 1_000_000), destroyed(chain.trimmings, 1, eventTime="2026-01-03T00:00:00Z"))[
        "success"
    ]
    before = chain.trimmings.lost
    session.refresh(chain.trimmings)
    assert chain.trimmings.lost == before + 1
