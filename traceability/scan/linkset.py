"""Resolver answers as data: linksets (RFC 9264, with GS1's link types) and the choice of one link among several. Pure.

Source: GS1 Digital Link resolver standard 1.2; GS1 Web Vocabulary for link types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

VOCABULARY = "https://ref.gs1.org/voc/"
CONTEXT = "https://ref.gs1.org/standards/resolver/linkset-context"
DEFAULT = "defaultLink"
LANGUAGES = ("zh-CN", "en")
WHOLE_SET = frozenset({"linkset", "all"})


@dataclass(frozen=True)
class Target:
    """Where one link leads; ``kind`` is a bare link type, e.g. ``pip``; no languages means any."""

    kind: str
    href: str
    title: str
    media_type: str = "text/html"
    languages: Sequence[str] = LANGUAGES


@dataclass(frozen=True)
class Level:
    """One level of an identifier (box, lot, product) with its links; ``anchor`` is the path of its Digital Link."""

    anchor: str
    description: str
    targets: Sequence[Target]


def bare(link_type: str) -> str:
    """``pip`` from ``gs1:pip`` or its full address."""
    return link_type.removeprefix(VOCABULARY).removeprefix("https://gs1.org/voc/").removeprefix("gs1:")


def build_linkset(levels: Iterable[Level], root: str) -> dict[str, Any]:
    """All levels, the finest first, as a linkset document; addresses are completed with ``root``."""
    return {"linkset": [_context(level, root) for level in levels]}


def find_targets(levels: Iterable[Level], kind: str) -> list[Target]:
    """The links of that kind at the finest level that has one."""
    for level in levels:
        if found := [target for target in level.targets if target.kind == kind]:
            return found
    return []


def choose(targets: Sequence[Target], language: str | None) -> list[Target]:
    """The links that suit the reader equally well: more than one only when nothing tells them apart.

    Who names no language gets a link of none, then a Chinese one.
    """
    fitting = [target for target in targets if (language or LANGUAGES[0]) in target.languages]
    open_ = [target for target in targets if not target.languages]
    return (fitting or open_ if language else open_ or fitting) or list(targets)


def complete(href: str, root: str) -> str:
    """The whole address of a target on this site or another."""
    return root + href if href.startswith("/") else href


def _context(level: Level, root: str) -> dict[str, Any]:
    context: dict[str, Any] = {"anchor": root + level.anchor, "itemDescription": level.description}
    for target in level.targets:
        link: dict[str, Any] = {"href": complete(target.href, root), "title": target.title}
        if target.kind != DEFAULT:
            link |= {"type": target.media_type}
            link |= {"hreflang": list(target.languages)} if target.languages else {}
        context.setdefault(VOCABULARY + target.kind, []).append(link)
    return context
