"""The schematic grid of the 34 province-level units with a way drawn over it. Pure. No boundaries: squares only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from traceability.scan.story import Tile

ROLES = ("origin", "hub", "destination")


def mark(tiles: Sequence[Tile], way: Mapping[str, str | None]) -> list[Tile]:
    """The tiles with their roles; ``way`` says which province has which role. A tile with two roles keeps the first of ``ROLES``."""
    return [replace(tile, role=next((role for role in ROLES if way.get(role) == tile.code), "")) for tile in tiles]


def line(tiles: Sequence[Tile]) -> str:
    """The way over the middles of its tiles, as the points of an SVG polyline in tile units; empty for fewer than two."""
    stops = [tile for role in ROLES for tile in tiles if tile.role == role]
    return " ".join(f"{stop.x + 0.5},{stop.y + 0.5}" for stop in stops) if len(stops) > 1 else ""
