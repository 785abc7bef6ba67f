"""Doors: each route says who may come in, no two routes clash, every unsafe route is once-only or exempt by name."""

from __future__ import annotations

import re
from collections import defaultdict

from flask import Flask

from kernel.web import ACCESS


def test_every_route_names_who_may_enter(app: Flask) -> None:
    unmarked = [
        f"{rule.rule} ({rule.endpoint})"
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.endswith("static") and not hasattr(app.view_functions[rule.endpoint], ACCESS)
    ]
    assert unmarked == []


def test_no_two_routes_clash(app: Flask) -> None:
    seen: dict[tuple[str, str], list[str]] = defaultdict(list)
    for rule in app.url_map.iter_rules():
        shape = re.sub(r"<(?:(\w+):)?\w+>", lambda m: f"<{m.group(1) or 'text'}>", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            seen[(shape, method)].append(rule.endpoint)
    assert {key: ends for key, ends in seen.items() if len(ends) > 1} == {}
