"""Shares add up to exactly 1, whatever was poured together."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.lots.shares import PLACES, mix

A, B, C = (UUID(int=n) for n in (1, 2, 3))
UNIT = Decimal(1).scaleb(-PLACES)

quantities = st.decimals(min_value="0.000001", max_value="1000000", places=6)
part_lists = st.lists(st.tuples(quantities, st.sets(st.integers(0, 40), min_size=1)), min_size=1, max_size=12)


def even(ids: set[int]) -> dict[UUID, Decimal]:
    return mix([(Decimal(1), {UUID(int=number): Decimal(1)}) for number in ids])


@given(part_lists)
def test_shares_add_up_to_one_and_nobody_vanishes(parts: list[tuple[Decimal, set[int]]]) -> None:
    mixed = mix([(quantity, even(ids)) for quantity, ids in parts])
    assert sum(mixed.values()) == 1
    assert set(mixed) == {UUID(int=number) for _, ids in parts for number in ids}
    assert all(share >= UNIT for share in mixed.values())


@given(part_lists, st.randoms())
def test_order_of_the_parts_does_not_matter(parts: list[tuple[Decimal, set[int]]], rng: object) -> None:
    given_parts = [(quantity, even(ids)) for quantity, ids in parts]
    shuffled = given_parts[::-1]
    assert mix(given_parts) == mix(shuffled)


def test_each_part_weighs_as_much_as_it_came_with() -> None:
    one, other = {A: Decimal(1)}, {B: Decimal("0.25"), C: Decimal("0.75")}
    assert mix([(Decimal(20), one), (Decimal(80), other)]) == {A: Decimal("0.2"), B: Decimal("0.2"), C: Decimal("0.6")}


def test_thirds_are_rounded_by_largest_remainder() -> None:
    thirds = mix([(Decimal(1), {A: Decimal(1)}), (Decimal(1), {B: Decimal(1)}), (Decimal(1), {C: Decimal(1)})])
    assert thirds == {A: Decimal("0.333333333334"), B: Decimal("0.333333333333"), C: Decimal("0.333333333333")}


def test_a_crumb_among_tonnes_is_kept() -> None:
    mixed = mix([(Decimal("0.000001"), {A: Decimal(1)}), (Decimal(10_000_000), {B: Decimal(1)})])
    assert mixed == {A: UNIT, B: 1 - UNIT}


def test_crumbs_are_not_taken_from_each_other() -> None:
    crumbs = [(Decimal("0.000001"), {household: Decimal(1)}) for household in (A, B, C)]
    whole = UUID(int=9)
    assert mix([*crumbs, (Decimal(10_000_000_000), {whole: Decimal(1)})]) == {A: UNIT, B: UNIT, C: UNIT, whole: 1 - 3 * UNIT}


def test_nothing_cannot_be_shared() -> None:
    with pytest.raises(ValueError, match="nothing"):
        mix([])
