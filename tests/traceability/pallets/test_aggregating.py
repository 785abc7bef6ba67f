"""Boxes in cases, cases on pallets: who may, what is refused, what is said, and that nothing is in two places at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, OrganizationKind, Place, Role
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.gs1 import make_gln
from kernel.ids import new_serial, uuid7
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import AT, make_actor, make_organization, make_place
from tests.factories.lots import Chain, make_chain
from traceability.events.models import TraceEvent
from traceability.events.vocabulary import EventType
from traceability.ledger.models import LogEntry
from traceability.lots import balancing, recalling, serialising
from traceability.lots.states import ItemState
from traceability.pallets import aggregating
from traceability.pallets.aggregating import (
    close_case,
    epc_of_container,
    open_container,
    send_off,
    stack_pallet,
    take_out_boxes,
)
from traceability.pallets.models import Container, Content
from traceability.pallets.queries import (
    count_lots_inside,
    find_pallet_of,
    list_boxes_inside,
    list_cases_inside,
    list_containers,
    list_containers_of_lots,
    list_items_inside,
    map_materials,
)

GLN = str(make_gln("952", 4713))


class House:
    """A pack house of a cooperative with boxes to put into cases."""

    def __init__(self, session: Session, boxes: int = 6, *, activated: bool = True, gln: str | None = GLN) -> None:
        self.session = session
        self.chain: Chain = make_chain(session, boxes=boxes, activated=activated)
        self.place: Place = make_place(session, self.chain.cooperative, gln=gln)

    def close(self, serials: Sequence[str], at: datetime = AT) -> Container:
        return close_case(self.session, self.chain.clerk, place_id=self.place.id, serials=serials, at=at)

    def stack(self, cases: Sequence[Container], at: datetime = AT) -> Container:
        codes = [case.name for case in cases]
        return stack_pallet(self.session, self.chain.clerk, place_id=self.place.id, codes=codes, at=at)

    @property
    def serials(self) -> list[str]:
        return self.chain.serials

    def said(self) -> list[TraceEvent]:
        query = select(TraceEvent).where(TraceEvent.event_type == EventType.AGGREGATION).order_by(TraceEvent.id)
        return list(self.session.scalars(query))


@pytest.fixture
def house(session: Session) -> House:
    """The pack house."""
    return House(session)


def test_a_case_and_a_pallet_say_what_is_in_them(session: Session, house: House) -> None:
    first, second = house.close(house.serials[:3]), house.close(house.serials[3:5])
    pallet = house.stack([first, second])
    assert {case.sscc[1:13] for case in (first, second, pallet) if case.sscc} == {GLN[:12]}
    assert len({first.sscc, second.sscc, pallet.sscc}) == 3
    events = house.said()
    assert [(event.action, event.biz_step) for event in events] == [("ADD", "packing")] * 3
    assert events[0].body["parentID"] == f"https://id.gs1.org/00/{first.sscc}"
    assert events[0].body["childEPCs"] == sorted(events[0].body["childEPCs"])
    assert [serial for serial in house.serials[:3] if serial not in str(events[0].body["childEPCs"])] == []
    assert set(events[2].body["childEPCs"]) == {epc_of_container(first), epc_of_container(second)}
    assert session.scalar(select(func.count()).where(LogEntry.event_id.in_([event.id for event in events]))) == 3
    assert [item.serial for item in list_items_inside(session, pallet.id)] == house.serials[:5]
    assert [(inside.lot.code, inside.boxes) for inside in count_lots_inside(session, pallet.id)] == [(house.chain.pack.code, 5)]
    assert find_pallet_of(session, first.id) is pallet
    held = list_containers_of_lots(session, [house.chain.pack.id])
    assert [(each.container, each.boxes) for each in held] == [(first, 3), (second, 2), (pallet, 5)]
    assert [each.container for each in list_containers_of_lots(session, [house.chain.pack.id], after=first.id)] == [second, pallet]


def test_how_many_boxes_are_in_a_case_is_not_in_clear_in_the_log(session: Session, house: House) -> None:
    house.close(house.serials[:3])
    entry = session.get_one(LogEntry, house.said()[0].id)
    assert b"children" in entry.body
    assert b'"3"' not in entry.body
    assert b'"packing"' in entry.body


def test_without_a_gln_the_code_stands_on_the_label(session: Session) -> None:
    house = House(session, gln=None)
    case = house.close(house.serials[:1])
    assert case.sscc is None
    assert case.name == case.code
    assert house.said()[0].body["parentID"] == f"urn:uuid:{case.id}"
    assert house.stack([case]).code.startswith("PLT-")


def test_printed_labels_wake_up_in_the_case(session: Session, at: datetime) -> None:
    house = House(session, activated=False)
    with pytest.raises(Conflict, match="还没有打印"):
        house.close(house.serials[:1])
    serialising.mark_printed(session, SYSTEM, lot_id=house.chain.pack.id, serials=house.serials, at=at)
    case = house.close(house.serials[:2])
    assert [box.state for box in list_boxes_inside(session, case.id)] == [ItemState.ACTIVATED] * 2
    assert [item.state for item in house.chain.items[:3]] == [ItemState.ACTIVATED] * 2 + [ItemState.PRINTED]


def test_what_does_not_go_into_a_case(session: Session, house: House, at: datetime) -> None:
    for serials, sentence in (
        ([], "扫描每一盒"),
        ([house.serials[0]] * 2, "只扫一次"),
        ([new_serial()], "没有编号为"),
        ([new_serial() for _ in range(501)], "最多装 500 盒"),
    ):
        with pytest.raises(Invalid, match=sentence):
            house.close(serials)
    house.close(house.serials[:1])
    with pytest.raises(Conflict, match=f"{house.serials[0]}.*另一箱"):
        house.close(house.serials[:2])
    balancing.record_loss(
        session,
        SYSTEM,
        lot_id=house.chain.pack.id,
        quantity=Quantity(Decimal(1), Unit.BOX),
        reason="破损",
        at=at,
        serials=house.serials[1:2],
    )
    with pytest.raises(Conflict, match="作废"):
        house.close(house.serials[1:3])
    recalling.mark_lots(session, SYSTEM, house.chain.pack.code, "抽检不合格", at)
    with pytest.raises(Conflict, match="召回"):
        house.close(house.serials[2:3])
    with pytest.raises(NotFound):
        close_case(session, SYSTEM, place_id=uuid7(), serials=house.serials[:1], at=at)


def test_who_may_close_a_case(session: Session, house: House, at: datetime) -> None:
    stranger = make_organization(session)
    with pytest.raises(Forbidden):
        close_case(session, make_actor(session, Role.clerk, stranger), place_id=house.place.id, serials=house.serials[:1], at=at)
    away = make_place(session, stranger)
    with pytest.raises(Forbidden, match="别的单位"):
        close_case(session, make_actor(session, Role.clerk, stranger), place_id=away.id, serials=house.serials[:1], at=at)
    hub = make_place(session, make_organization(session, OrganizationKind.HUB))
    packer = make_actor(session, Role.packer, session.get_one(Organization, hub.organization_id))
    with pytest.raises(Forbidden, match="不在这里的货架上"):
        close_case(session, packer, place_id=hub.id, serials=house.serials[:1], at=at)
    lots = {house.chain.pack.id}
    case = close_case(session, packer, place_id=hub.id, serials=house.serials[:1], at=at, shelved=lots)
    with pytest.raises(Forbidden, match="别的单位"):
        house.stack([case])
    with pytest.raises(Forbidden):
        open_container(session, house.chain.clerk, case.code, at)


def test_what_does_not_go_on_a_pallet(session: Session, house: House, at: datetime) -> None:
    first, second, third = (house.close([serial]) for serial in house.serials[:3])
    pallet = house.stack([first])
    for cases, sentence in (([], "每一箱"), ([second, second], "只扫一次"), ([pallet], "是托盘")):
        with pytest.raises(Invalid, match=sentence):
            house.stack(cases)
    with pytest.raises(Invalid, match="没有箱码"):
        stack_pallet(session, house.chain.clerk, place_id=house.place.id, codes=["CTN-NONE"], at=at)
    with pytest.raises(Conflict, match="另一个托盘"):
        house.stack([first, second])
    open_container(session, house.chain.clerk, third.code, at)
    with pytest.raises(Conflict, match="已经拆开"):
        house.stack([third])
    recalling.mark_lots(session, SYSTEM, house.chain.pack.code, "抽检不合格", at)
    with pytest.raises(Conflict, match="召回"):
        house.stack([second])


def test_opening_lets_the_boxes_go(session: Session, house: House, at: datetime) -> None:
    first, second = house.close(house.serials[:2]), house.close(house.serials[2:3])
    pallet = house.stack([first, second])
    open_container(session, house.chain.clerk, first.name, at)
    assert open_container(session, house.chain.clerk, first.name, at).opened_by == house.chain.clerk.label
    assert [(event.action, event.biz_step) for event in house.said()[3:]] == [("DELETE", "unpacking")] * 2
    assert house.said()[3].body["childEPCs"] == [epc_of_container(first)]
    assert pallet.opened_at is None
    assert house.close(house.serials[:2]).sscc != first.sscc
    open_container(session, house.chain.clerk, pallet.name, at)
    assert second.opened_at is None
    assert house.stack([second]).standing
    assert [each.container for each in list_containers(session, [house.place.organization_id], "opened")] == [pallet, first]
    assert [box.taken_out for box in list_boxes_inside(session, first.id)] == [True, True]


def test_what_leaves_whole_goes_as_it_is_and_the_rest_is_taken_out_first(session: Session, house: House, at: datetime) -> None:
    first, second, third = (house.close(house.serials[n : n + 2]) for n in (0, 2, 4))
    one, two = house.stack([first]), house.stack([second, third])
    items = {item.serial: item for item in house.chain.items}

    def leave(serials: Sequence[str]) -> list[str]:
        (inside,) = send_off(session, house.chain.clerk, [[items[serial] for serial in serials]], at)
        return inside

    assert leave(house.serials[:2]) == [epc_of_container(one)]
    assert leave(house.serials[2:4]) == [epc_of_container(second)]
    (alone,) = leave(house.serials[4:5])
    assert alone.endswith(house.serials[4])
    assert (one.left_at, first.left_at, second.left_at) == (at, at, at)
    assert (two.standing, third.standing) == (True, True)
    assert [event.body["parentID"] for event in house.said() if event.action == "DELETE"] == [
        epc_of_container(two),
        epc_of_container(third),
    ]
    with pytest.raises(Conflict, match="已经发出"):
        open_container(session, house.chain.clerk, second.name, at)
    gone = list_containers(session, None, "gone")
    assert {each.container for each in gone} == {one, first, second}


def _send(session: Session, house: House, *parcels: Sequence[str], at: datetime) -> list[list[str]]:
    """These serials leave, parcel by parcel."""
    items = {item.serial: item for item in house.chain.items}
    return send_off(session, house.chain.clerk, [[items[serial] for serial in serials] for serials in parcels], at)


def test_figures_tell_what_is_inside_now(session: Session, house: House, at: datetime) -> None:
    first, second, third = (house.close(house.serials[n : n + 2]) for n in (0, 2, 4))
    pallet = house.stack([first, second, third])

    def boxes(container: Container) -> list[int]:
        return [inside.boxes for inside in count_lots_inside(session, container.id)]

    _send(session, house, house.serials[:2], at=at)
    assert (list_cases_inside(session, pallet.id), boxes(pallet)) == ([second, third], [4])
    _send(session, house, house.serials[2:3], at=at)
    assert (boxes(second), boxes(pallet)) == ([1], [3])
    assert {each.container: each.things for each in list_containers(session, None, "standing")} == {pallet: 2, second: 1, third: 2}
    assert [each.things for each in list_containers(session, None, "gone")] == [2]
    assert boxes(first) == [2]
    later = at + timedelta(hours=1)
    open_container(session, house.chain.clerk, third.name, later)
    assert (list_cases_inside(session, pallet.id), boxes(pallet), boxes(third)) == ([second], [1], [2])
    open_container(session, house.chain.clerk, pallet.name, later + timedelta(hours=1))
    open_container(session, house.chain.clerk, second.name, later + timedelta(hours=1))
    assert (list_cases_inside(session, pallet.id), boxes(pallet), boxes(second)) == ([second], [1], [1])
    assert {each.container: each.things for each in list_containers(session, None, "opened")} == {pallet: 1, third: 2, second: 1}
    assert list_items_inside(session, pallet.id) == []


def test_words_on_the_list_are_of_what_is_inside(session: Session, at: datetime) -> None:
    house, other = House(session), make_chain(session, boxes=1)
    other.pack.material = "别的东西"
    session.flush()
    serials = [house.serials[0], other.serials[0]]
    case = close_case(session, SYSTEM, place_id=house.place.id, serials=serials, at=at)
    assert len(map_materials(session, [case.id])[case.id]) == 2
    send_off(session, SYSTEM, [other.items], at)
    assert map_materials(session, [case.id]) == {case.id: [house.chain.pack.material]}


def test_a_case_with_nothing_left_in_it_is_open(session: Session, house: House, at: datetime) -> None:
    first, second = house.close(house.serials[:2]), house.close(house.serials[2:3])
    pallet = house.stack([first, second])
    take_out_boxes(session, house.chain.clerk, house.serials[1:3], at)
    assert (first.standing, second.standing, pallet.standing) == (True, False, True)
    assert [event.body["parentID"] for event in house.said()[3:]] == [epc_of_container(each) for each in (pallet, first, second)]
    assert _send(session, house, house.serials[:1], at=at) == [[epc_of_container(pallet)]]
    take_out_boxes(session, house.chain.clerk, house.serials[:1], at)
    assert (first.left_at, first.opened_at) == (at, None)


def _instead(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], *, nth: int = 1) -> None:
    """``act`` by somebody else comes between what was read and the ``nth`` lock on containers."""
    whole, calls = aggregating._lock, iter(range(1, 100))

    def lock(session: Session, ids: Iterable[UUID]) -> Sequence[Container]:
        wanted = set(ids)
        if next(calls) == nth:
            act()
        return whole(session, wanted)

    monkeypatch.setattr(aggregating, "_lock", lock)


@pytest.mark.parametrize("nth", [1, 2])
def test_opened_while_the_parcel_closes(
    session: Session, house: House, at: datetime, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """The case is opened before its lock (nth = 1), or the pallet before its own (2): the rest leaves as it then is."""
    case = house.close(house.serials[:2])
    pallet = house.stack([case])
    opened = case if nth == 1 else pallet
    _instead(monkeypatch, lambda: open_container(session, house.chain.clerk, opened.name, at), nth=nth)
    (inside,) = _send(session, house, house.serials[:2], at=at)
    assert (opened.opened_at, opened.left_at, pallet.left_at) == (at, None, None)
    if nth == 1:
        assert [epc[-len(serial) :] for epc, serial in zip(inside, sorted(house.serials[:2]), strict=True)] == sorted(
            house.serials[:2]
        )
    else:
        assert (inside, case.left_at) == ([epc_of_container(case)], at)


def test_a_case_comes_off_its_pallet_once(session: Session, house: House, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    case = house.close(house.serials[:2])
    pallet = house.stack([case])
    _instead(monkeypatch, lambda: open_container(session, house.chain.clerk, pallet.name, at), nth=2)
    open_container(session, house.chain.clerk, case.name, at)
    assert [event.body["parentID"] for event in house.said()[2:]] == [epc_of_container(pallet), epc_of_container(case)]


def test_all_cases_are_locked_before_any_pallet(
    session: Session, house: House, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [house.close(house.serials[n : n + 2]) for n in (0, 2, 4)]
    pallets = [house.stack([cases[0]]), house.stack(cases[1:])]
    locked: list[set[str]] = []
    whole = aggregating._lock

    def lock(session: Session, ids: Iterable[UUID]) -> Sequence[Container]:
        found = whole(session, ids)
        locked.append({each.code for each in found})
        return found

    monkeypatch.setattr(aggregating, "_lock", lock)
    inside = _send(session, house, house.serials[:2], house.serials[2:5], at=at)
    assert locked == [{each.code for each in cases}, {each.code for each in pallets}]
    assert inside[0] == [epc_of_container(pallets[0])]
    assert inside[1][0] == epc_of_container(cases[1])
    assert [len(things) for things in inside] == [1, 2]


def _race(make: Callable[[House], list[Callable[[Session], object]]]) -> list[str]:
    """Two people at once; what each of them heard."""
    with work() as session:
        tries = make(House(session))
    barrier = threading.Barrier(len(tries))

    def act(attempt: Callable[[Session], object]) -> str:
        barrier.wait(20)
        try:
            with work() as session:
                attempt(session)
            return "in"
        except Conflict:
            return "refused"

    with ThreadPoolExecutor(len(tries)) as pool:
        return sorted(pool.map(act, tries))


def _same_box(house: House) -> list[Callable[[Session], object]]:
    """Two cases of which one box is the same; the others are named in opposite order."""
    clerk, place_id, serials = house.chain.clerk, house.place.id, house.serials
    return [
        lambda session: close_case(session, clerk, place_id=place_id, serials=serials[:3], at=AT),
        lambda session: close_case(session, clerk, place_id=place_id, serials=serials[:1:-1], at=AT),
    ]


def _same_case(house: House) -> list[Callable[[Session], object]]:
    clerk, place_id = house.chain.clerk, house.place.id
    names = [house.close(house.serials[n : n + 2]).name for n in (0, 2, 4)]
    return [
        lambda session: stack_pallet(session, clerk, place_id=place_id, codes=names[:2], at=AT),
        lambda session: stack_pallet(session, clerk, place_id=place_id, codes=names[:0:-1], at=AT),
    ]


TWICE = (
    select(func.count())
    .select_from(Content)
    .where(Content.taken_out_at.is_(None))
    .group_by(Content.item_id, Content.container_id)
    .having(func.count() > 1)
)


@pytest.mark.parametrize("make", [_same_box, _same_case])
def test_one_box_and_one_case_are_in_one_place(database: str, make: Callable[[House], list[Callable[[Session], object]]]) -> None:
    assert _race(make) == ["in", "refused"]
    with work() as session:
        assert session.scalars(TWICE).all() == []


@pytest.mark.parametrize("make", [_same_box, _same_case])
def test_the_unique_indexes_are_the_guard(
    database: str, make: Callable[[House], list[Callable[[Session], object]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them one box goes into two cases, and one case on two pallets."""
    with work() as session:
        session.execute(text("DROP INDEX uq_pallets_content_item, uq_pallets_content_container"))
    whole = Insert.on_conflict_do_nothing
    monkeypatch.setattr(
        Insert,
        "on_conflict_do_nothing",
        lambda self, **over: self if self.table.name == "pallets_content" else whole(self, **over),
    )
    assert _race(make) == ["in", "in"]
    with work() as session:
        assert session.scalars(TWICE).all() == [2]
