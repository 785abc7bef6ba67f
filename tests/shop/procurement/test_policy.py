"""The rules of buying, as tables and properties."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.parties.roles import Role
from kernel.errors import Conflict, Forbidden
from kernel.money import Money
from shop.orders.models import Purpose
from shop.procurement.policy import Rule, check_decider, check_inspector, may_see, must_have_deciders, needed_steps
from shop.procurement.states import RequestState

ANN, BOB, EVE = uuid4(), uuid4(), uuid4()
RULES = [
    Rule(1, Role.approver, Money(0)),
    Rule(2, Role.finance, Money(500_000)),
    Rule(3, Role.approver, Money(5_000_000)),
    Rule(2, Role.finance, Money(100_000), Purpose.UNION),
]


@pytest.mark.parametrize(
    ("purpose", "fen", "steps"),
    [
        (Purpose.CANTEEN, 1, [(1, Role.approver)]),
        (Purpose.CANTEEN, 499_999, [(1, Role.approver)]),
        (Purpose.CANTEEN, 500_000, [(1, Role.approver), (2, Role.finance)]),
        (Purpose.CANTEEN, 5_000_000, [(1, Role.approver), (2, Role.finance), (3, Role.approver)]),
        (Purpose.UNION, 100_000, [(1, Role.approver), (2, Role.finance)]),
    ],
)
def test_which_approvals_an_amount_needs(purpose: Purpose, fen: int, steps: list[tuple[int, Role]]) -> None:
    assert needed_steps(RULES, purpose, Money(fen)) == steps
    assert needed_steps(reversed(RULES), purpose, Money(fen)) == steps, "the order of the rules does not matter"


def test_without_rules_one_approver_is_needed() -> None:
    assert needed_steps([], Purpose.CANTEEN, Money(1)) == [(1, Role.approver)]
    high = [Rule(1, Role.finance, Money(10))]
    assert needed_steps(high, Purpose.CANTEEN, Money(9)) == [(1, Role.approver)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from([Role.approver, Role.finance]), st.integers(0, 10**9)), max_size=9))
def test_more_money_never_needs_fewer_approvals(rules: list[tuple[int, Role, int]]) -> None:
    made = [Rule(level, role, Money(fen)) for level, role, fen in rules]
    counts = [len(needed_steps(made, Purpose.CANTEEN, Money(fen))) for fen in (0, 10**3, 10**6, 10**9)]
    assert counts == sorted(counts)
    assert counts[0] >= 1


@pytest.mark.parametrize(
    ("person", "held", "before", "allowed"),
    [
        (BOB, {Role.approver}, [], True),
        (BOB, {Role.finance}, [], False),
        (ANN, {Role.requester, Role.approver}, [], False),
        (BOB, {Role.approver}, [BOB], False),
        (BOB, {Role.approver}, [EVE], True),
        (None, {Role.approver}, [], False),
    ],
)
def test_nobody_approves_their_own_request_nor_twice(
    person: UUID | None, held: set[Role], before: list[UUID], allowed: bool
) -> None:
    def check() -> None:
        check_decider(person, held, Role.approver, requester_id=ANN, decided_before=before)

    if allowed:
        check()
    else:
        with pytest.raises(Forbidden):
            check()


@pytest.mark.parametrize(
    ("person", "held"), [(ANN, {Role.inspector}), (BOB, {Role.inspector}), (EVE, {Role.finance}), (None, set())]
)
def test_who_asked_or_approved_does_not_accept(person: UUID | None, held: set[Role]) -> None:
    with pytest.raises(Forbidden):
        check_inspector(person, held, requester_id=ANN, approvers=[BOB])


def test_an_uninvolved_inspector_accepts() -> None:
    check_inspector(EVE, {Role.inspector}, requester_id=ANN, approvers=[BOB])


SEEN = {
    Role.requester: set(),
    Role.approver: set(RequestState) - {RequestState.DRAFT},
    Role.finance: set(RequestState) - {RequestState.DRAFT},
    Role.inspector: {RequestState.ORDERED, RequestState.ACCEPTED, RequestState.SETTLED},
}


@pytest.mark.parametrize("role", list(SEEN))
@pytest.mark.parametrize("state", list(RequestState))
def test_each_sees_what_is_theirs(role: Role, state: RequestState) -> None:
    assert may_see(BOB, {role}, requester_id=ANN, state=state) is (state in SEEN[role])
    assert may_see(ANN, {Role.requester}, requester_id=ANN, state=state)
    assert not may_see(BOB, set(), requester_id=ANN, state=state)


def test_steps_need_as_many_different_people() -> None:
    two = [(1, Role.approver), (2, Role.finance)]
    must_have_deciders(two, {ANN: [Role.requester], BOB: [Role.approver, Role.finance], EVE: [Role.approver]}, ANN)
    for people in ({BOB: [Role.approver, Role.finance]}, {ANN: [Role.approver], BOB: [Role.finance]}, {}):
        with pytest.raises(Conflict):
            must_have_deciders(two, people, ANN)


def test_many_members_are_no_riddle() -> None:
    """One role nobody holds is found at once, not after trying every order of forty people."""
    steps = [*((level, Role.approver) for level in range(1, 9)), (9, Role.finance)]
    people = {uuid4(): [Role.approver] for _ in range(40)}
    with pytest.raises(Conflict):
        must_have_deciders(steps, people, ANN)
    must_have_deciders(steps, people | {BOB: [Role.finance]}, ANN)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([Role.approver, Role.finance]), max_size=4),
    st.lists(st.sets(st.sampled_from([Role.approver, Role.finance])), max_size=4),
)
def test_deciders_are_found_exactly_when_there_are_some(wanted: list[Role], held: list[set[Role]]) -> None:
    possible = any(
        all(role in each for role, each in zip(wanted, order, strict=False)) for order in permutations(held, len(wanted))
    )
    try:
        must_have_deciders(list(enumerate(wanted)), {uuid4(): roles for roles in held}, ANN)
        found = True
    except Conflict:
        found = False
    assert found is possible
