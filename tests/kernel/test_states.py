from enum import StrEnum

import pytest

from kernel.errors import Conflict, Term
from kernel.states import States


class Step(StrEnum):
    OPEN = "open"
    PAID = "paid"
    DONE = "done"


GOOD: dict[Step, set[Step]] = {Step.OPEN: {Step.PAID, Step.DONE}, Step.PAID: {Step.DONE}, Step.DONE: set()}
LABELS = {Step.OPEN: "待付款", Step.PAID: "已付款", Step.DONE: "已完成"}


def test_the_table_answers() -> None:
    flow = States(GOOD)
    assert flow.start is Step.OPEN
    assert flow.can(Step.OPEN, Step.PAID)
    assert not flow.can(Step.PAID, Step.OPEN)
    assert flow.after(Step.OPEN) == {Step.PAID, Step.DONE}
    assert [flow.may_rest(s) for s in Step] == [False, False, True]
    flow.check(Step.PAID, Step.DONE)


def test_a_forbidden_step_is_a_conflict_in_words() -> None:
    with pytest.raises(Conflict) as caught:
        States(GOOD, labels=LABELS).check(Step.DONE, Step.OPEN)
    assert "“已完成”" in str(caught.value)
    assert "“待付款”" in str(caught.value)
    assert isinstance(caught.value.params["before"], Term)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({}, "at least one"),
        ({Step.OPEN: {Step.DONE}, Step.DONE: set()}, "row of their own: PAID"),
        (
            {Step.OPEN: {Step.DONE}, Step.PAID: {Step.DONE}, Step.DONE: set()},
            "unreachable from the start: PAID",
        ),
        ({Step.OPEN: {Step.PAID, Step.DONE}, Step.PAID: {Step.OPEN}, Step.DONE: {Step.OPEN}}, "dead end"),
        ({**GOOD, Step.PAID: {Step.PAID, Step.DONE}}, "leads to itself: PAID"),
    ],
)
def test_faults_are_found_at_construction(table: dict[Step, set[Step]], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        States(table)


def test_a_trap_that_is_left_by_no_way_to_an_end_is_found() -> None:
    class Trap(StrEnum):
        START = "start"
        LEFT = "left"
        RIGHT = "right"
        END = "end"

    with pytest.raises(ValueError, match="dead end, no way to an end: LEFT, RIGHT"):
        States(
            {
                Trap.START: {Trap.LEFT, Trap.END},
                Trap.LEFT: {Trap.RIGHT},
                Trap.RIGHT: {Trap.LEFT},
                Trap.END: set(),
            }
        )


def test_a_machine_may_rest_in_a_state_it_can_leave() -> None:
    class Door(StrEnum):
        OPEN = "open"
        SHUT = "shut"

    table = {Door.OPEN: {Door.SHUT}, Door.SHUT: {Door.OPEN}}
    with pytest.raises(ValueError, match="dead end"):
        States(table)
    assert States(table, ends={Door.SHUT}).may_rest(Door.SHUT)


def test_an_undeclared_last_state_is_a_dead_end_when_ends_are_named() -> None:
    with pytest.raises(ValueError, match="dead end, no way to an end: DONE"):
        States(GOOD, ends={Step.PAID})


def test_labels_are_all_or_none() -> None:
    with pytest.raises(ValueError, match="without a label: DONE"):
        States(GOOD, labels={Step.OPEN: "待付款", Step.PAID: "已付款"})
