"""What people typed is shown as they typed it and never as markup: one mark in every text of the house, every page opened."""

from __future__ import annotations

import csv
import io
import re

import pytest
from markupsafe import Markup
from sqlalchemy import Connection, Enum, String, Table, Text, text
from sqlalchemy.exc import DBAPIError

from kernel.db import Base
from kernel.pages import Pages
from tests.architecture.doors import Doors, lines

MARK = "=\"><xss-7a onx='1'>&100%"
RAW = re.compile(rb"<xss-7a|\x22onx|onx='1'>")
ESCAPED = ("&lt;xss-7a", "\\u003cxss-7a")
MARKUP = ("text/html", "application/xml", "image/svg+xml")
MACHINES = re.compile(
    r"(^|_)(code|codes|sku|gtin|gln|uscc|serial|digest|hash|token|token_hash|url|phone|email|slug|state|kind|unit|basis|scheme|key|"
    r"fingerprint|signature|currency|method|event|reaction|login|picture|uri|role|label|author|by|type|media_type|province_code|"
    r"list_name|act|decision|verdict|id|ids|subject|material|materials|search|purpose|carrier|form|version|locale|payee)$"
)
"""Columns no person types free words into: a mark in them would only break what they stand for."""


def is_typed(table: Table, name: str) -> bool:
    """Whether a column holds words of people."""
    column = table.columns[name]
    plain = isinstance(column.type, String | Text) and not isinstance(column.type, Enum)
    return plain and not (column.primary_key or column.foreign_keys or column.unique or MACHINES.search(name))


def mark_everything(connection: Connection) -> set[str]:
    """Put the mark before every text of every row; returns the columns that took it. Triggers that keep words unchanged are off meanwhile."""
    marked = set()
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    for table in Base.metadata.sorted_tables:
        if table.name.startswith(("areas_", "kernel_")):
            continue  # reference data, and what the machine keeps
        for name in [column.name for column in table.columns]:
            if not is_typed(table, name):
                continue
            try:
                with connection.begin_nested():
                    done = connection.execute(
                        text(f'UPDATE {table.name} SET "{name}" = :mark || "{name}" WHERE "{name}" <> \'\''), {"mark": MARK}
                    )
            except DBAPIError:  # a CHECK says what may stand there
                continue
            if done.rowcount:
                marked.add(f"{table.name}.{name}")
    for key in ("recipient", "street", "district"):
        connection.execute(
            text(
                f"UPDATE orders_order SET address = jsonb_set(address::jsonb, '{{{key}}}', to_jsonb(:mark || (address->>'{key}')))"
            ),
            {"mark": MARK},
        )
    connection.execute(text("SET LOCAL session_replication_role = origin"))
    return marked


def open_all(doors: Doors, *, whole: bool) -> tuple[list[str], set[str]]:
    """Where the mark stands as markup, and the doors that show it escaped; every door that reads, in one language or the other."""
    wrong, shown = [], set()
    for number, (rule, method) in enumerate(doors.rules({"GET"})):
        for language in ("zh-CN", "en") if whole else (("zh-CN", "en")[number % 2],):
            answer, _left = doors.ask(method, doors.path(rule), headers={"Accept": "text/html", "Accept-Language": language})
            if answer.status_code >= 500 and rule.endpoint != "readyz":
                wrong.append(f"{rule.rule}: {answer.status_code}")
            if answer.mimetype == "text/csv":
                cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
                wrong += [f"{rule.rule}: the cell {cell!r} is a formula" for cell in cells if cell.startswith("=")]
            if answer.mimetype in MARKUP and (found := RAW.search(answer.data)):
                wrong.append(f"{rule.rule} {language}: {answer.data[max(found.start() - 90, 0) : found.end() + 20]!r}")
            if answer.mimetype in MARKUP and any(escaped in answer.text for escaped in ESCAPED):
                shown.add(rule.endpoint)
    return wrong, shown


def test_no_word_of_a_person_is_markup(doors: Doors, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Every door in both languages under ``--faults``, in one in turn otherwise."""
    marked = mark_everything(doors.connection)
    wrong, shown = open_all(doors, whole=request.config.option.faults)
    assert wrong == [], lines(wrong)
    assert len(marked) > 40, sorted(marked)
    assert {"storefront_product.show", "storefront.home", "reviews.of_product", "storefront_orders.show", "cases.show"} <= shown, (
        shown
    )

    environment = doors.app.jinja_env
    listed = doors.path(next(rule for rule, _ in doors.rules({"GET"}) if rule.endpoint == "reviews.of_product"))
    with monkeypatch.context() as patch:
        patch.setitem(environment.globals, "gettext", lambda sentence, **_params: Markup(sentence))
        doors.app.extensions["pages"] = Pages()
        assert RAW.search(doors.client.get("/").data), "taken for markup, as Babel does, a kind of goods would be some"
    monkeypatch.setattr(environment, "autoescape", lambda _name: False)
    environment.cache.clear()  # type: ignore[union-attr]
    try:
        assert RAW.search(doors.client.get(listed).data), "with the escaping off a buyer's words would be"
    finally:
        environment.cache.clear()  # type: ignore[union-attr]
