"""State machines as tables: what may follow what, checked for traps when the module is loaded.

FLOW = States({
    Order.OPEN: {Order.PAID, Order.CANCELLED},
    Order.PAID: {Order.SHIPPED},
    Order.SHIPPED: set(),            # an empty set says: here it may rest for good
    Order.CANCELLED: set(),
}, labels={Order.OPEN: "待付款", …})

FLOW.check(order.state, Order.PAID)  # Conflict when the table does not allow it
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

from kernel.errors import Conflict, Term

S = TypeVar("S", bound=StrEnum)


class States(Generic[S]):
    """The transitions of one aggregate.

    `start` is the state things are born in (by default the first key). `ends` are the states where
    they may rest (by default those with an empty set); give it when a machine may rest in a state
    that can still be left. `labels` are the msgids people read instead of the stored values.

    Raises ValueError at construction for a member of the enum that is missing, a state no path from
    `start` reaches, a loop onto itself, and a dead end: a state from which no end can be reached.
    """

    def __init__(
        self,
        transitions: Mapping[S, Collection[S]],
        *,
        start: S | None = None,
        ends: Iterable[S] | None = None,
        labels: Mapping[S, str] | None = None,
    ) -> None:
        self.transitions = {state: frozenset(nexts) for state, nexts in transitions.items()}
        if not self.transitions:
            raise ValueError("a state machine needs at least one state")
        self.start = next(iter(self.transitions)) if start is None else start
        resting = (s for s, nexts in self.transitions.items() if not nexts)
        self.ends = frozenset(resting if ends is None else ends)
        self.labels = dict(labels or {})
        faults = self._faults()
        if faults:
            raise ValueError("; ".join(faults))

    def _faults(self) -> list[str]:
        known = set(self.transitions)
        named = set(type(self.start)) | self.ends.union(*self.transitions.values())
        if named - known:
            return [f"without a row of their own: {_names(named - known)}"]
        ways_in: dict[S, set[S]] = {state: set() for state in known}
        for state, nexts in self.transitions.items():
            for after in nexts:
                ways_in[after].add(state)
        faults = {
            "unreachable from the start": known - _reached({self.start}, self.transitions),
            "dead end, no way to an end": known - _reached(self.ends, ways_in),
            "leads to itself": {s for s, nexts in self.transitions.items() if s in nexts},
            "without a label": known - set(self.labels) if self.labels else set(),
        }
        return [f"{fault}: {_names(states)}" for fault, states in faults.items() if states]

    def can(self, before: S, after: S) -> bool:
        """Whether the table allows this step."""
        return after in self.transitions[before]

    def after(self, state: S) -> frozenset[S]:
        """The states that may follow this one."""
        return self.transitions[state]

    def may_rest(self, state: S) -> bool:
        """Whether things may stay in this state for good."""
        return state in self.ends

    def label(self, state: S) -> Term:
        """The msgid people read for this state."""
        return Term(self.labels.get(state, state.value))

    def check(self, before: S, after: S) -> None:
        """Raises Conflict, in words, when the table does not allow this step."""
        if not self.can(before, after):
            raise Conflict(
                "现在的状态是“%(before)s”，不能改为“%(after)s”。请刷新页面，查看最新状态。",
                params={"before": self.label(before), "after": self.label(after)},
            )


def _reached(origins: Iterable[S], steps: Mapping[S, Collection[S]]) -> set[S]:
    seen: set[S] = set()
    waiting = list(origins)
    while waiting:
        state = waiting.pop()
        if state not in seen:
            seen.add(state)
            waiting.extend(steps[state])
    return seen


def _names(states: Iterable[S]) -> str:
    return ", ".join(sorted(state.name for state in states))
