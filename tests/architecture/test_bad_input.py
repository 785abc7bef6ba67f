"""Bad input, in every door: no route of the url_map answers it with a 5xx, and none leaves anything half-written.

A new route takes part by itself; one with a new parameter in its path must be given a sample in ``tests/factories/house.py``.
"""

from __future__ import annotations

import gc
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from flask import Flask, Request, request
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from catalog.parties.models import ANONYMOUS, Role
from kernel import db
from kernel.web import ACCESS, limiter
from shop.config import Config
from tests.factories.catalog import act_as, form
from tests.factories.house import House

ROOT = Path(__file__).parents[2]
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
HOSTILE = {
    "nul": "一\x00二",
    "long": "啊" * 2000,
    "huge": "9" * 30,
    "negative": "-1",
    "formula": '=HYPERLINK("http://x","x")',
    "script": "<script>alert(1)</script>",
    "half a character": b"\xed\xa0\x80",
    "control": "\x07\x1b[31m\u202e",
    "not a number": "NaN",
    "power": "1e999",
    "other digits": "²",
}
WRONG_CODES = ("..%2F..%2Fetc", "%00", "%ED%A0%80", "9" * 300, "=1+1", "<script>", "ORD-NONE", "-1")
FINE = {  # what a field of this name takes, so that a request gets further than its first field
    "quantity": "1", "boxes": "1", "count": "1", "stars": "5", "year": "2026", "level": "1", "amount": "1.00", "price": "12.80",
    "text": "一句话。", "reason": "抽检不合格。", "note": "一句话。", "name": "示例名", "title": "示例标题", "body": "正文。", "source": "示例",
    "relation": "示例关系", "valid_from": "2026-12-01", "valid_to": "2027-12-01", "last_day": "2027-12-01", "issued_on": "2026-01-01",
    "question": "请核定新的产能。", "answer": "已核定。", "unit": "kg", "county_code": "640323", "province_code": "310000", "city": "上海市",
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


class AskedRequest(Request):
    parameter_storage_class = Asked


class Doors:
    """Every route of the application, what each asks for, and what a request leaves behind in the database."""

    def __init__(self, app: Flask, engine: Engine, house: House) -> None:
        self.app, self.client, self.house = app, app.test_client(), house
        self.samples = house.samples()
        self.form: dict[str, set[str]] = {}
        self.query: dict[str, set[str]] = {}
        self.files: dict[str, set[str]] = {}
        self.written: list[str] = []
        self._since: list[int] = []
        app.request_class = AskedRequest
        app.testing = app.config["PROPAGATE_EXCEPTIONS"] = False
        app.after_request_funcs.setdefault(None, []).append(self._note)
        self._listeners = [
            ("savepoint", lambda *_: self._since.append(len(self.written))),
            ("rollback_savepoint", self._rolled_back),
            ("release_savepoint", lambda *_: self._since.pop()),
            ("before_cursor_execute", self._executed),
        ]
        for name, listener in self._listeners:
            event.listen(engine, name, listener)
        self._engine = engine
        connection = db._sessions.kw["bind"]
        assert isinstance(connection, Connection)
        self.connection = connection

    def close(self) -> None:
        for name, listener in self._listeners:
            event.remove(self._engine, name, listener)

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


@pytest.fixture
def doors(session: Session, app: Flask, engine: Engine, config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    monkeypatch.setattr(limiter, "enabled", False)
    house = House(session, config.secret_key)
    session.commit()
    act_as(app, house.owner)
    doors = Doors(app, engine, house)
    assert doors.client.post("/basket/lines", data=form(sku=house.goods.sku, quantity="2")).status_code == 302
    yield doors
    doors.close()


def plausible(doors: Doors, name: str) -> str:
    """Something a field of that name takes, as far as its name tells."""
    base = name.rstrip("0123456789")
    return doors.house.fields().get(base) or FINE.get(base) or FINE.get(base.rpartition("_")[2], "1")


def lines(found: list[str]) -> str:
    return "\n".join(found)


def learn(doors: Doors, rule: Rule, method: str) -> dict[str, Any]:
    """A form with everything the view asks for: sent again as long as it asks for more."""
    known, fine = -1, form()
    while known < len(doors.fields(rule)):
        known = len(doors.fields(rule))
        doors.ask(method, doors.path(rule), data=fine)
        fine = form(**{name: plausible(doors, name) for name in doors.fields(rule)})
    return fine


ASKS_NOTHING = {
    "accounts.remove_address", "backoffice.retry", "backoffice.show_review", "backoffice_orders.decide",
    "basket.change", "cases.take", "coldchain.retire", "cooperative.paid", "invoices.withdraw", "keys.revoke", "orders.cancel",
    "orders.receive", "packing.another_parcel", "procurement_money.remove_rule",
}  # fmt: skip
"""A button is all there is to these: they do what they say when nothing is filled in."""


def test_an_empty_form_writes_nothing(doors: Doors) -> None:
    wrong, took = [], set()
    for rule, method in doors.rules(UNSAFE):
        for data in ({}, form()):
            answer, left = doors.ask(method, doors.path(rule), data=data)
            if answer.status_code >= 500 or (left and (answer.status_code >= 400 or "idempotency_key" not in data)):
                wrong.append(f"{method} {rule.rule}: {answer.status_code} {left}")
            elif left:
                took.add(rule.endpoint)
    assert wrong == [], lines(wrong)
    assert took == ASKS_NOTHING


def test_hostile_fields_are_refused_or_kept_as_text(doors: Doors, request: pytest.FixtureRequest) -> None:
    """One field hostile, the others fine. Every value in every field under ``--faults``, two of them in turn otherwise."""
    whole, turn, wrong, asked = request.config.option.faults, 0, [], 0
    words = [what for what in HOSTILE if what != "nul"]
    for rule, method in doors.rules(UNSAFE):
        fine, path = learn(doors, rule, method), doors.path(rule)
        for place, field in enumerate(doors.fields(rule)):
            turn += 1
            tried = (
                list(HOSTILE)
                if whole
                else [words[turn % len(words)], words[(turn + 4) % len(words)], *(["nul"] if place == 0 else [])]
            )
            for what in tried:
                answer, left = doors.ask(method, path, data=fine | {field: HOSTILE[what]})
                asked += 1
                if answer.status_code >= 500 or (left and (answer.status_code >= 400 or what == "nul")):
                    wrong.append(f"{method} {rule.rule} {field} {what}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)
    assert asked > 400, "the fields were found"


READING_MARKS = {"notices.messages"}
"""Opening these notes that they were read, and nothing else."""


def test_hostile_questions_are_answered(doors: Doors) -> None:
    wrong, turn = [], 0
    for rule, method in doors.rules({"GET"}):
        path = doors.path(rule)
        doors.ask(method, path)
        for name in sorted(doors.query.get(rule.endpoint, set()) - {"lang"}):
            turn += 1
            for what in (list(HOSTILE)[turn % len(HOSTILE)], "huge"):
                answer, left = doors.ask(method, path, query_string={name: HOSTILE[what]})
                if answer.status_code >= 500 or (left and rule.endpoint not in READING_MARKS):
                    wrong.append(f"{rule.rule} ?{name}= {what}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)


def test_wrong_codes_in_the_address(doors: Doors) -> None:
    wrong = []
    for number, (rule, method) in enumerate(doors.rules(UNSAFE | {"GET"})):
        if not rule.arguments:
            continue
        for code in {"%00", WRONG_CODES[number % len(WRONG_CODES)], "ORD-NONE"}:
            answer, left = doors.ask(method, doors.path(rule, code), data=form() if method in UNSAFE else None)
            if not 400 <= answer.status_code < 500 or left:
                wrong.append(f"{method} {doors.path(rule, code)[:90]} {rule.endpoint}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)


OPEN_TO_STAFF = {
    "documents.check", "documents.revoke",  # a certifier looks after the papers of all
    "lots.show_lot",  # a county officer follows a lot wherever it went
    "organizations.show",  # the public facts of an organisation, for every county officer
}  # fmt: skip


def test_codes_of_other_people(doors: Doors) -> None:
    """Somebody with every role, but elsewhere: what is here does not exist for them, or is not theirs to change."""
    wrong = []
    for rule, method in doors.rules(UNSAFE | {"GET"}):
        if not rule.arguments or doors.access(rule) == "everyone" or rule.endpoint in OPEN_TO_STAFF:
            continue
        act_as(doors.app, doors.house.stranger)
        answer, left = doors.ask(method, doors.path(rule), data=form() if method in UNSAFE else None)
        if answer.status_code == 422:  # the form was read first: then with a good one
            act_as(doors.app, doors.house.owner)
            fine = learn(doors, rule, method)
            act_as(doors.app, doors.house.stranger)
            answer, left = doors.ask(method, doors.path(rule), data=fine)
        if left or answer.status_code not in (401, 403, 404):
            wrong.append(f"{method} {rule.rule} {rule.endpoint}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)


def test_without_a_part_in_it_nobody_comes_in(doors: Doors) -> None:
    """Nobody signed in, then somebody without any role; told as a page and as problem+json, in both languages."""
    wrong, someone = [], replace(ANONYMOUS, person_id=uuid4(), name="路人")
    for rule, method in doors.rules(UNSAFE | {"GET"}):
        roles = set(doors.access(rule).split(",")) & {str(role) for role in Role}
        if not roles:
            continue
        data = form() if method in UNSAFE else None
        for actor, status in ((ANONYMOUS, 401), (someone, 403)):
            if actor is someone and Role.consumer in roles:
                continue
            act_as(doors.app, actor)
            answer, left = doors.ask(method, doors.path(rule), data=data, headers=ENGLISH_JSON)
            told = answer.get_json(force=True, silent=True) or {}
            if (
                left
                or answer.status_code != status
                or answer.mimetype != PROBLEM
                or CHINESE.search(f"{told}")
                or not told["detail"]
            ):
                wrong.append(f"{method} {rule.rule} {rule.endpoint}: {answer.status_code} {told} {left}")
    assert wrong == [], lines(wrong)


PROBLEM = "application/problem+json"
CHINESE = re.compile("[\u3000-\u9fff]")
ENGLISH_JSON = {"Accept": "application/json", "Accept-Language": "en"}


def test_problems_are_told_in_both_languages_with_a_way_back(doors: Doors) -> None:
    wrong = []
    for rule, method in doors.rules(UNSAFE):
        if rule.endpoint in ASKS_NOTHING | {"language", "accounts.sign_out"}:
            continue
        answer, _left = doors.ask(method, doors.path(rule), data={"quantity": "x"}, headers=ENGLISH_JSON)
        told = answer.get_json(force=True, silent=True) if answer.mimetype == PROBLEM else {}
        if answer.status_code >= 400 and CHINESE.search(f"{told}"):
            wrong.append(f"{rule.endpoint}: {told}")
    assert wrong == [], lines(wrong)
    for path, status in (("/nowhere", 404), ("/orders/ORD-NONE", 404), ("/products?q=%00", 422), ("/sign-out", 405)):
        for language, word in (("zh-CN", "回到首页"), ("en", "Back to the home page")):
            page, _left = doors.ask("GET", path, headers={"Accept": "text/html", "Accept-Language": language})
            assert page.status_code == status, path
            assert word in page.text, (path, language)
            assert 'class="button primary" href="/"' in page.text
    page, _left = doors.ask("GET", "/nowhere?lang=en", headers={"Accept-Language": "zh-CN"})
    assert "Back to the home page" in page.text, "the site's own switch goes before the browser's wish"


PROGRAMS = {"carrier_pushes.push", "coldchain.readings", "epcis.capture", "epcis.capture_event", "payment_webhooks.stripe"}
"""Doors for programs: a signature or a key stands in for the form's token."""
BODIES = [
    b"", b"{", b"\xff\xfe", b"null", b"[]", b'"x"', b"1e999", b"[" * 5000, b'{"a": "\\ud800"}', b'{"readings": [null]}',
    b'{"type": "\\u0000", "eventTime": "\\u0000"}', b'{"at": "\\u0000", "celsius": "\\u0000"}', b'{"@context": 3, "type": []}',
]  # fmt: skip


def test_what_is_no_json(doors: Doors) -> None:
    wrong = []
    house = doors.house
    tokens = {"epcis": house.key_token, "coldchain": house.logger_token}
    for rule, method in doors.rules(UNSAFE):
        own = rule.endpoint in PROGRAMS
        headers = {"Accept": "application/json"}
        if own and (token := tokens.get(rule.endpoint.partition(".")[0])):
            headers["Authorization"] = f"Bearer {token}"
        for body in BODIES if own else BODIES[:2]:
            answer, left = doors.ask(method, doors.path(rule), data=body, headers=headers, content_type="application/json")
            if rule.endpoint in {"language", "accounts.sign_out"}:
                continue
            if not 400 <= answer.status_code < 500 or left:
                wrong.append(f"{method} {rule.rule} {body[:30]!r}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)


def test_every_form_wants_its_token(doors: Doors) -> None:
    """The protection the other tests switch off; without it, the same request gets as far as its fields."""
    doors.app.config["WTF_CSRF_ENABLED"] = True
    wrong, open_ = [], set()
    for rule, method in doors.rules(UNSAFE):
        answer, left = doors.ask(method, doors.path(rule), data=form(), headers={"Accept": "text/html"})
        if "页面放得太久了" not in answer.text:
            open_.add(rule.endpoint)
        elif answer.status_code != 422 or left:
            wrong.append(f"{method} {rule.rule}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)
    assert open_ == PROGRAMS | {"language"}
    page = doors.client.get("/sign-in").text
    found = re.search('name="csrf_token"[^>]*value="([^"]+)"', page) or re.search('value="([^"]+)"[^>]*name="csrf_token"', page)
    assert found
    assert doors.client.post("/sign-out", data={"csrf_token": found[1]}).status_code == 302


def test_the_same_form_twice_is_done_once(doors: Doors) -> None:
    wrong, done = [], set()
    for rule, method in doors.rules(UNSAFE):
        fine = learn(doors, rule, method)
        first, again, other = doors.ask_in_turn(
            method, doors.path(rule), *({"data": d} for d in (fine, fine, fine | {"more": "x"}))
        )
        if "INSERT INTO kernel_claimed_key" not in first[1]:
            continue
        done.add(rule.endpoint)
        same = (first[0].status_code, first[0].headers.get("Location"), first[0].data)
        if (again[0].status_code, again[0].headers.get("Location"), again[0].data) != same or again[1]:
            wrong.append(f"{method} {rule.rule} again: {again[0].status_code} {again[1]}")
        if other[0].status_code != 422 or other[1]:
            wrong.append(f"{method} {rule.rule} other: {other[0].status_code} {other[1]}")
    assert wrong == [], lines(wrong)
    assert len(done) > 30, done


UPLOADS = {
    "cases.claim_damage": "photo",
    "documents.record": "scan",
    "payments.import_statement": "file",
    "procurement_requests.upload": "file",
    "products.picture": "picture",
}
TAKEN_FROM = {"shop/cases/views.py", "catalog/documents/forms.py", "shop/payments/views/office.py",
    "shop/procurement/views/requests.py", "catalog/products/views.py"}  # fmt: skip
PROGRAM = b"MZ\x90\x00" + b"\x00" * 600
FILES = {
    "empty": (b"", "a.pdf"),
    "program as pdf": (PROGRAM, "a.pdf"),
    "program as sheet": (PROGRAM, "a.xlsx"),
    "zip as sheet": (b"PK\x03\x04" + b"\x00" * 600, "a.xlsx"),
    "page as picture": (b"<html><script>alert(1)</script>", "a.png"),
    "name with NUL": (b"%PDF-1.4", "a\0.pdf"),
    "no name": (b"%PDF-1.4", ""),
}


class Large(io.RawIOBase):
    """A body of 20 MB that counts how much of it was read, and is nowhere in memory."""

    SIZE = 20 * 1024 * 1024

    def __init__(self, start: bytes) -> None:
        self.start, self.place, self.taken = start, 0, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, place: int, whence: int = 0) -> int:
        self.place = place + (self.SIZE if whence == io.SEEK_END else 0)
        return self.place

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), self.SIZE - self.place)
        buffer[:size] = self.start[self.place : self.place + size].ljust(size, b"x")
        self.place += size
        self.taken += size
        return size


def kept_files(config: Config) -> list[Path]:
    return sorted(path for path in Path(config.data_dir).rglob("*") if path.is_file())


def test_every_door_for_files_is_known() -> None:
    taking = {
        str(path.relative_to(ROOT))
        for package in ("kernel", "catalog", "traceability", "logistics", "shop")
        for path in (ROOT / package).rglob("*.py")
        if "request.files.get" in path.read_text("utf-8")
    }
    assert taking == TAKEN_FROM


@pytest.mark.parametrize("endpoint", sorted(UPLOADS))
def test_bad_files(doors: Doors, endpoint: str, config: Config) -> None:
    ((rule, method),) = [found for found in doors.rules(UNSAFE) if found[0].endpoint == endpoint]
    path, field, wrong, before = doors.path(rule), UPLOADS[endpoint], [], kept_files(config)
    fine = {name: value for name, value in learn(doors, rule, method).items() if name != field}
    for what, (content, name) in FILES.items():
        answer, left = doors.ask(method, path, data=fine | {field: (io.BytesIO(content), name)}, content_type="multipart/form-data")
        if not 400 <= answer.status_code < 500 or left or kept_files(config) != before:
            wrong.append(f"{what}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)
    start = f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="a.pdf"\r\n\r\n'.encode()
    for told in (True, False):
        body = Large(start)
        unsaid = {} if told else {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the parser leaves its half of a refused file to the collector
            answer, left = doors.ask(
                method, path, input_stream=body, content_type="multipart/form-data; boundary=b", environ_overrides=unsaid
            )
            gc.collect()
        assert (answer.status_code, left) == (413, [])
        assert "10 MB" in answer.text
        assert body.taken <= (0 if told else 13 * 1024 * 1024)
    assert kept_files(config) == before
