"""Facts told by upper floors: once for each subject, kind and key; only in words that may stand on a public page."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from traceability.scan import telling
from traceability.scan.models import Fact
from traceability.scan.states import FactKind

HUB = {"hub": "示例仓", "province_code": "310000", "province": "上海市"}


def told(session: Session) -> list[Fact]:
    session.expire_all()
    return list(session.scalars(select(Fact).order_by(Fact.subject, Fact.kind, Fact.key)))


def test_telling_twice_is_once(session: Session, at: datetime) -> None:
    for _ in range(2):
        telling.tell_fact(session, "BOX1", "dispatched", HUB, at)
    assert [(fact.subject, fact.kind, fact.facts) for fact in told(session)] == [("BOX1", FactKind.DISPATCHED, HUB)]


def test_the_later_telling_stands_in_any_order(session: Session, at: datetime) -> None:
    late = {"warmest": "-15.0"}
    telling.tell_fact(session, "BOX1", "temperature", late, at + timedelta(hours=1))
    telling.tell_fact(session, "BOX1", "temperature", {"warmest": "-18.0"}, at)
    assert [fact.facts for fact in told(session)] == [late]


def test_keys_tell_moves_apart(session: Session, at: datetime) -> None:
    for key in ("1", "2"):
        telling.tell_fact(session, "BOX1", "moved", {"what": "receiving", "place": "示例仓"}, at, key=key)
    assert [fact.key for fact in told(session)] == ["1", "2"]


@pytest.mark.parametrize("word", ["carrier", "city", "recipient", "waybill"])
def test_what_must_not_be_public_is_refused(session: Session, at: datetime, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=word):
        telling.tell_fact(session, "BOX1", "dispatched", HUB | {word: "x"}, at)
    monkeypatch.setitem(telling.WORDS, FactKind.DISPATCHED, frozenset(HUB) | {word})  # the guard off: it would be kept
    telling.tell_fact(session, "BOX1", "dispatched", HUB | {word: "x"}, at)
    assert told(session)[0].facts[word] == "x"


def part(fen: object, payee: str = "household", **over: object) -> dict[str, object]:
    return {"payee": payee, "fen": fen, "state": "agreed"} | over


def test_shares_add_up_to_100_yuan(session: Session, at: datetime) -> None:
    telling.tell_fact(session, "LOT", "shares", {"parts": [part(6200), part(3800, "freight", state="paid", on="2026-11-01")]}, at)
    for parts in (
        [part(6200), part(3799, "freight")],
        [part(10_000.0)],
        [part(10_000, "landlord")],
        [part(10_000, state="paid", on="yesterday")],
        [part(-1), part(10_001)],
    ):
        with pytest.raises(ValueError, match=r".+"):
            telling.tell_fact(session, "LOT", "shares", {"parts": parts}, at)
