"""Every door of the url_map, opened by the tests of bad input.

A new route takes part by itself; one with a new parameter in its path must be given a sample in ``tests/factories/house.py``.
"""

from __future__ import annotations

import re
from typing import Any, cast
from uuid import uuid4

from flask import Flask, request
from sqlalchemy import Connection, event
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from kernel.web import ACCESS
from shop.config import Config
from tests.factories.catalog import form
from tests.factories.house import House

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
ASKS_NOTHING = {
    "account.end_sessions", "addresses.make_default", "addresses.remove_address", "backoffice.retry", "backoffice.show_review",
    "backoffice_orders.decide", "basket.change", "basket.end_coupon", "cards.make_card", "cases.take", "coldchain.retire", "containers.open_again",
    "cooperative.paid", "cooperative_consents.issue",
    "invoices.withdraw", "keys.revoke", "offline.end", "orders.cancel",
    "orders.receive", "packing.another_parcel", "photos.erase", "photos.erase_of_lot", "procurement_money.remove_rule",
    "signatures.erase_photo", "storefront_returns.withdraw", "withdrawals.withdraw",
}  # fmt: skip
"""A button is all there is to these: they do what they say when nothing is filled in."""
PROGRAMS = {
    "carrier_pushes.push", "coldchain.readings", "payment_webhooks.stripe", "phone.ask", "phone.numbers", "phone.sync",
    "phone.sync_loss", "phone.sync_mixing", "epcis.capture", "epcis.capture_event", "epcis.end_token", "epcis.name_query", "epcis.delete_query", "epcis.subscribe",
    "epcis.end_subscription",
}  # fmt: skip
"""Doors for programs: a signature or a key stands in for the form's token."""
FINE = {  # what a field of this name takes, so that a request gets further than its first field
    "quantity": "1", "boxes": "1", "count": "1", "stars": "5", "year": "2026", "level": "1", "amount": "1.00", "price": "12.80",
    "text": "一句话。", "reason": "抽检不合格。", "note": "一句话。", "name": "示例名", "title": "示例标题", "body": "正文。", "source": "示例",
    "relation": "示例关系", "valid_from": "2026-12-01", "valid_to": "2027-12-01", "last_day": "2027-12-01", "issued_on": "2026-01-01",
    "question": "请核定新的产能。", "answer": "已核定。", "unit": "kg", "county_code": "640323", "province_code": "310000", "city_code": "310115", "city": "上海市",
    "district": "浦东新区", "street": "示例路 1 号", "recipient": "示例收货人", "phone": "13900000000", "password": "harvest-moon-7",
    "kind": "cooperative", "holder": "示例", "bank": "示例银行", "number": "6222000000000000", "issuer": "示例机关", "category": "肉类",
    "cold_class": "frozen", "valid": "2026-12-01", "step": "1", "do": "approve", "sheet": "a4", "serials": "1", "stated": "1",
}  # fmt: skip


class Asked(ImmutableMultiDict[str, Any]):
    """A form, query or set of files that remembers which names a view asked it for."""

    def __init__(self, mapping: Any = None) -> None:
        super().__init__(mapping)
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(cast(str, key))
        return super().__contains__(key)

    def getlist(self, key: str, type: Any = None) -> Any:
        self.asked.add(key)
        return super().getlist(key, type) if type else super().getlist(key)


class Doors:
    """Every route of the application, what each asks for, and what a request leaves behind in the database."""

    def __init__(
        self, app: Flask, config: Config, connection: Connection, house: House, samples: dict[str, str], fine: dict[str, str]
    ) -> None:
        self.app, self.client, self.config, self.house = app, app.test_client(), config, house
        self.connection = connection
        self.learnt: dict[tuple[str, str], dict[str, Any]] = {}
        self.samples, self.fine = samples, FINE | fine
        self.form: dict[str, set[str]] = {}
        self.query: dict[str, set[str]] = {}
        self.files: dict[str, set[str]] = {}
        self.written: list[str] = []
        self._since: list[int] = []
        app.request_class = type("AskedRequest", (app.request_class,), {"parameter_storage_class": Asked})
        app.testing = app.config["PROPAGATE_EXCEPTIONS"] = False
        app.after_request_funcs.setdefault(None, []).append(self._note)
        self._listeners = [
            ("savepoint", lambda *_: self._since.append(len(self.written))),
            ("rollback_savepoint", self._rolled_back),
            ("release_savepoint", lambda *_: self._since.pop()),
            ("before_cursor_execute", self._executed),
        ]
        for name, listener in self._listeners:
            event.listen(connection.engine, name, listener)

    def close(self) -> None:
        for name, listener in self._listeners:
            event.remove(self.connection.engine, name, listener)

    def _note(self, response: Any) -> Any:
        read = vars(request)  # not by name: a body that was refused is not read again
        for kept, asked in ((self.form, read.get("form")), (self.query, request.args), (self.files, read.get("files"))):
            kept.setdefault(request.endpoint or "", set()).update(getattr(asked, "asked", ()))
        return response

    def _rolled_back(self, *_: Any) -> None:
        del self.written[self._since.pop() :]

    def _executed(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        words = statement.lstrip().split(maxsplit=3)
        if words[0].upper() in ("INSERT", "UPDATE", "DELETE", "COPY", "MERGE"):
            self.written.append(" ".join(words[:3]))

    def rules(self, methods: set[str]) -> list[tuple[Rule, str]]:
        """Each route with each of its methods among ``methods``."""
        rules = sorted(self.app.url_map.iter_rules(), key=lambda rule: (rule.endpoint, rule.rule))
        return [(rule, method) for rule in rules for method in sorted((rule.methods or set()) & methods)]

    def path(self, rule: Rule, wrong: str | None = None) -> str:
        """Its address, filled with samples; or every parameter that is free text with ``wrong``."""
        blueprint = rule.endpoint.rpartition(".")[0] or rule.endpoint

        def fill(found: re.Match[str]) -> str:
            converter, name = found[1] or "", found[2]
            if wrong is not None:
                return wrong if not converter.startswith(("uuid", "any")) else str(uuid4())
            sample = self.samples.get(f"{rule.endpoint}.{name}") or self.samples.get(f"{blueprint}.{name}")
            assert sample, f"tests/factories/house.py has no sample of {name} for {rule.endpoint}"
            return sample

        return re.sub(r"<(?:([^:<>]+):)?(\w+)>", fill, rule.rule)

    def access(self, rule: Rule) -> str:
        return str(getattr(self.app.view_functions[rule.endpoint], ACCESS, "everyone"))

    def ask(self, method: str, path: str, **sent: Any) -> tuple[TestResponse, list[str]]:
        """The answer, and what it left written; then everything is as before."""
        (found,) = self.ask_in_turn(method, path, sent)
        return found

    def ask_in_turn(self, method: str, path: str, *requests: dict[str, Any]) -> list[tuple[TestResponse, list[str]]]:
        """The same with several requests, each of which finds what the ones before it left."""
        del self._since[:]
        before, found = self.connection.begin_nested(), []
        for sent in requests:
            del self.written[:]
            answer = self.client.open(path, method=method, **sent)
            found.append((answer, list(self.written)))
            answer.get_data()
        del self.written[:]
        before.rollback()
        return found

    def fields(self, rule: Rule) -> list[str]:
        """Every form field the view asked for so far."""
        names = self.form.get(rule.endpoint, set()) - {"idempotency_key", "csrf_token"}
        return sorted(names - self.files.get(rule.endpoint, set()))


def plausible(doors: Doors, name: str) -> str:
    """Something a field of that name takes, as far as its name tells."""
    base = name.rstrip("0123456789")
    return doors.fine.get(base) or FINE.get(base.rpartition("_")[2], "1")


def lines(found: list[str]) -> str:
    return "\n".join(found)


def learn(doors: Doors, rule: Rule, method: str) -> dict[str, Any]:
    """A form with everything the view asks the owner of the house for: sent again as long as it asks for more, once for a module."""
    if (rule.rule, method) not in doors.learnt:
        known, fine = -1, form()
        while known < len(doors.fields(rule)):
            known = len(doors.fields(rule))
            doors.ask(method, doors.path(rule), data=fine)
            fine = form(**{name: plausible(doors, name) for name in doors.fields(rule)})
        doors.learnt[rule.rule, method] = fine
    return doors.learnt[rule.rule, method]
