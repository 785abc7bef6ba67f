"""A passkey opens its person's account, from its own site, with consent, once for each challenge; anything else opens nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel.errors import Conflict, Invalid, NotFound
from shop.accounts import passkey, signing, unlocking
from shop.accounts.models import Passkey
from shop.accounts.passkey import Site, site_of
from shop.accounts.queries import list_passkeys
from tests.factories.authenticator import PRESENT, Authenticator
from tests.factories.catalog import make_person

SITE = Site("shop.example.cn", "https://shop.example.cn")


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session)


@pytest.fixture
def token(session: Session, person: Person, at: datetime) -> str:
    return signing.open_session(session, person.id, at=at)


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(SITE.origin, SITE.host)


def add(session: Session, person: Person, device: Authenticator, token: str, at: datetime) -> Passkey:
    asked = passkey.ask_to_make(SITE, person.id, person.name, [row.credential for row in list_passkeys(session, person.id)])
    made = passkey.read_made(SITE, asked.challenge, device.make(asked.options))
    return unlocking.add_passkey(session, person.id, made, label="手机", token=token, current="", at=at)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://shop.example.cn", "shop.example.cn"), ("https://shop.example.cn:8443", "shop.example.cn"), ("http://localhost:8000", "localhost"),
        ("http://shop.example.cn", None), ("http://127.0.0.1:8000", None), ("https://10.0.0.7", None), ("https://[::1]", None),
    ],
)  # fmt: skip
def test_only_a_host_name_has_passkeys(url: str, host: str | None) -> None:
    site = site_of(url)
    assert (site.host if site else None) == host
    assert site is None or site.origin == url


def use(session: Session, device: Authenticator, at: datetime) -> None:
    asked = passkey.ask_to_use(SITE)
    unlocking.use_passkey(session, SITE, asked.challenge, device.use(asked.options), at=at)


def test_it_opens_the_persons_account(session: Session, person: Person, device: Authenticator, token: str, at: datetime) -> None:
    kept = add(session, person, device, token, at)
    asked = passkey.ask_to_use(SITE)
    assert unlocking.use_passkey(session, SITE, asked.challenge, device.use(asked.options), at=at) == person.id
    assert (kept.used_count, kept.used_at) == (1, at)


def test_from_another_site_it_opens_nothing(
    session: Session, person: Person, device: Authenticator, token: str, at: datetime
) -> None:
    """What a phishing page gets is of no use here, nor a device that did not ask its owner."""
    add(session, person, device, token, at)
    for wrong in ({"origin": "https://shop.example.cm"}, {"host": "shop.example.cm"}, {"flags": PRESENT}, {"flags": 0}):
        with pytest.raises(Invalid):
            use(session, replace(device, **wrong), at)  # type: ignore[arg-type]
    use(session, device, at)


def test_an_answer_to_another_challenge_opens_nothing(
    session: Session, person: Person, device: Authenticator, token: str, at: datetime
) -> None:
    add(session, person, device, token, at)
    answer = device.use(passkey.ask_to_use(SITE).options)
    with pytest.raises(Invalid):
        unlocking.use_passkey(session, SITE, passkey.ask_to_use(SITE).challenge, answer, at=at)


def test_another_key_or_an_unknown_one_opens_nothing(
    session: Session, person: Person, device: Authenticator, token: str, at: datetime
) -> None:
    add(session, person, device, token, at)
    for stranger in (
        Authenticator(SITE.origin, SITE.host),
        Authenticator(SITE.origin, SITE.host, credential_id=device.credential_id),
    ):
        with pytest.raises(Invalid):
            use(session, stranger, at)


def test_a_copied_device_is_noticed(
    session: Session, person: Person, device: Authenticator, token: str, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(session, person, device, token, at)
    copy = replace(device)
    use(session, device, at)
    with pytest.raises(Invalid):
        use(session, copy, at)
    monkeypatch.setattr(unlocking, "is_copy", lambda *_: False)
    copy.count = 0
    use(session, copy, at)  # the guard switched off


@pytest.mark.parametrize(
    ("before", "now", "copy"), [(0, 0, False), (0, 1, False), (5, 6, False), (5, 5, True), (5, 4, True), (5, 0, True)]
)
def test_a_count_must_grow_where_there_is_one(before: int, now: int, copy: bool) -> None:
    assert unlocking.is_copy(before, now) is copy


def test_making_one_wants_the_same_care(session: Session, person: Person, device: Authenticator, at: datetime) -> None:
    asked = passkey.ask_to_make(SITE, person.id, person.name, [])
    for wrong in ({"origin": "https://evil.example"}, {"host": "evil.example"}, {"flags": PRESENT}):
        with pytest.raises(Invalid):
            passkey.read_made(SITE, asked.challenge, replace(device, **wrong).make(asked.options))  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        passkey.read_made(SITE, passkey.ask_to_use(SITE).challenge, device.make(asked.options))


@pytest.mark.parametrize(
    "answer", ["", "{", "[]", "null", '{"id": 1}', '{"id":"AA","rawId":"AA","type":"public-key","response":{}}']
)
def test_what_is_no_answer_is_a_clear_sentence(session: Session, answer: str, at: datetime) -> None:
    with pytest.raises(Invalid, match="用不了"):
        unlocking.use_passkey(session, SITE, "x", answer, at=at)
    with pytest.raises(Invalid, match="用不了"):
        passkey.read_made(SITE, "x", answer)


def test_a_found_phone_adds_and_removes_none(
    session: Session, person: Person, device: Authenticator, token: str, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, late = add(session, person, device, token, at), at + signing.FRESH
    with pytest.raises(Conflict):
        add(session, person, Authenticator(SITE.origin, SITE.host), token, late)
    with pytest.raises(Conflict):
        unlocking.remove_passkey(session, person.id, kept.id, token=token, current="", at=late)
    monkeypatch.setattr(unlocking, "check_owner", lambda *_args, **_more: None)
    unlocking.remove_passkey(session, person.id, kept.id, token=token, current="", at=late)  # the guard switched off
    assert session.scalar(select(func.count()).select_from(Passkey)) == 0


def test_one_device_once_and_ten_in_all(session: Session, person: Person, device: Authenticator, token: str, at: datetime) -> None:
    add(session, person, device, token, at)
    with pytest.raises(Conflict):
        add(session, person, device, token, at)
    for _ in range(unlocking.MOST - 1):
        add(session, person, Authenticator(SITE.origin, SITE.host), token, at)
    with pytest.raises(Conflict):
        add(session, person, Authenticator(SITE.origin, SITE.host), token, at)


def test_another_persons_is_not_removed(session: Session, person: Person, device: Authenticator, token: str, at: datetime) -> None:
    kept = add(session, person, device, token, at)
    other = make_person(session)
    with pytest.raises(NotFound):
        unlocking.remove_passkey(
            session, other.id, kept.id, token=signing.open_session(session, other.id, at=at), current="", at=at
        )
