"""Whoever calls at a door: other people, nobody, a forged form, the same form twice; and how each is told."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import uuid4

import pytest

from catalog.parties.models import ANONYMOUS, Role
from tests.architecture.doors import ASKS_NOTHING, PROGRAMS, UNSAFE, Doors, learn, lines
from tests.factories.catalog import act_as, form

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


def test_every_form_wants_its_token(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """The protection the other tests switch off; without it, the same request gets as far as its fields."""
    monkeypatch.setitem(doors.app.config, "WTF_CSRF_ENABLED", True)
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
