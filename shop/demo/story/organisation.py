"""Chapter 5: an organisation buys for its canteen on terms, and gifts for thirty by one Excel file."""

from __future__ import annotations

from shop.demo.story.teller import Teller


def tell(teller: Teller) -> None:
    """Filled in once the portal stands."""
    teller.chapter("5 单位采购 An organisation buys")
