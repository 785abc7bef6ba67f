"""Dividing money so that the parts always make the whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernel.errors import Invalid
from kernel.money import Money

HUNDRED_YUAN = Money(10_000)


def check_parts(parts: Mapping[str, int], payees: Sequence[str]) -> dict[str, int]:
    """Parts of 100 yuan in fen. Raises Invalid unless they are whole, not negative, of known payees, and 10,000 together."""
    if unknown := set(parts) - set(payees):
        raise Invalid("不认识的收款方：%(payee)s。", params={"payee": sorted(unknown)[0]}, field="parts")
    if any(type(fen) is not int or fen < 0 for fen in parts.values()) or sum(parts.values()) != HUNDRED_YUAN.minor:
        raise Invalid("每 100 元的各部分加起来要正好是 100 元。", field="parts")
    return {payee: fen for payee, fen in parts.items() if fen}


def divide(amount_fen: int, weights: Sequence[int]) -> list[int]:
    """``amount_fen`` over ``weights`` by largest remainder; sums to the amount exactly."""
    return [part.minor for part in Money(amount_fen).split(list(weights))]
