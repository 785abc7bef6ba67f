"""No picture beside itself; seasons in order of waiting."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shop.storefront.arrangement import first_of_each, months_until, season_runs, spread


def same(item: str) -> str:
    return item


def neighbours(items: list[str]) -> int:
    return sum(a == b for a, b in pairwise(items))


def test_alike_ones_are_moved_apart_and_the_rest_stays() -> None:
    assert spread(["a", "a", "b", "c"], same) == ["a", "b", "a", "c"]
    assert spread(["a", "b", "c"], same) == ["a", "b", "c"]
    assert spread(["b", "c", "a", "a"], same) == ["b", "a", "c", "a"]
    assert spread(["a", "a"], same) == ["a", "a"], "nothing else there is"


@given(st.lists(st.sampled_from("abcd"), max_size=20))
def test_nothing_is_lost_and_nothing_is_moved_without_need(items: list[str]) -> None:
    laid = spread(items, same)
    assert sorted(laid) == sorted(items)
    assert laid == items or neighbours(items) > 0, "what needs no mending is left as it was"


def test_different_ones_come_first_and_alike_ones_fill_up() -> None:
    assert first_of_each(["a", "a", "b", "b", "c"], same, 3) == ["a", "b", "c"]
    assert first_of_each(["a", "a", "b"], same, 3) == ["a", "b", "a"]


def test_months_until_a_season() -> None:
    assert months_until([9, 10], 10) == 0
    assert months_until([6, 7], 11) == 7
    assert months_until([1], 12) == 1
    assert months_until([], 5) == 12


def test_runs_of_months() -> None:
    assert season_runs([11, 12, 1, 2]) == [(1, 2), (11, 2)]
    assert season_runs(range(1, 13)) == [(1, 12)]
    assert season_runs([]) == []
