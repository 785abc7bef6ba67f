"""Bad input, in every door: no route of the url_map answers it with a 5xx, and none leaves anything half-written."""

from __future__ import annotations

import pytest

from tests.architecture.doors import ASKS_NOTHING, PROGRAMS, UNSAFE, Doors, learn, lines
from tests.factories.catalog import form

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
    """One field hostile, the others fine. Every value in every field under ``--faults``; otherwise one value a field, each in its
    turn, and NUL in the first field of every form.
    """
    whole, turn, wrong = request.config.option.faults, 0, []
    words = [what for what in HOSTILE if what != "nul"]
    for rule, method in doors.rules(UNSAFE):
        fine, path = learn(doors, rule, method), doors.path(rule)
        for place, field in enumerate(doors.fields(rule)):
            turn += 1
            tried = list(HOSTILE) if whole else [words[turn % len(words)], *(["nul"] if place == 0 else [])]
            for what in tried:
                answer, left = doors.ask(method, path, data=fine | {field: HOSTILE[what]})
                if answer.status_code >= 500 or (left and (answer.status_code >= 400 or what == "nul")):
                    wrong.append(f"{method} {rule.rule} {field} {what}: {answer.status_code} {left}")
    assert wrong == [], lines(wrong)
    assert turn > 240, "the fields were found"


READING_MARKS = {"notices.messages"}
"""Opening these notes that they were read, and nothing else."""


def test_hostile_questions_are_answered(doors: Doors, request: pytest.FixtureRequest) -> None:
    """Every value in every question under ``--faults``; one in turn otherwise."""
    whole, wrong, turn = request.config.option.faults, [], 0
    for rule, method in doors.rules({"GET"}):
        path = doors.path(rule)
        doors.ask(method, path)
        for name in sorted(doors.query.get(rule.endpoint, set()) - {"lang"}):
            turn += 1
            for what in HOSTILE if whole else [list(HOSTILE)[turn % len(HOSTILE)]]:
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
