"""Questions with a name (EPCIS 2.0 section 8.2.6): each organisation has its own, and nobody sees another's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from kernel.errors import Conflict, Invalid, NotFound
from traceability.epcis.capturing import organization_of
from traceability.epcis.conditions import QueryParameter
from traceability.epcis.models import NamedQuery
from traceability.epcis.querying import QueryTooComplex, parse_query

MOST_QUERIES = 100
MOST_CHARACTERS = 50_000  # of names and values; a question is asked again and again, and each value is a parameter of SQL
MOST_VALUES = 2_000
RESERVED = "SimpleEventQuery"
_NAME = re.compile(r"[\w.~-]{1,80}")


class QueryValidation(Invalid):
    """A query that cannot be kept, because it could not be asked."""


class NoSuchName(NotFound):
    """No query of that name, or none of this organisation."""


def name_query(session: Session, actor: Actor, body: object, at: datetime) -> NamedQuery:
    """Keep a query under a name. Raises QueryValidation, Conflict for a used name, QueryTooComplex when there are too many."""
    name, query = _read(body)
    words = words_of(query)
    _must_be_short(words)
    try:
        parse_query(words)
    except QueryParameter as problem:
        raise QueryValidation(problem.message, params=problem.params, errors=problem.errors) from problem
    owner = organization_of(actor)
    count = session.scalar(select(func.count()).select_from(NamedQuery).where(NamedQuery.organization_id == owner)) or 0
    if count >= MOST_QUERIES:
        raise QueryTooComplex("一个单位最多 %(most)s 个命名查询，请先删掉不用的。", params={"most": MOST_QUERIES})
    if name == RESERVED or _find(session, actor, name) is not None:
        raise Conflict("已有叫 %(name)s 的查询。", params={"name": name}, field="/name")
    kept = NamedQuery(organization_id=owner, name=name, query=dict(query), words=words, created_at=at)
    session.add(kept)
    session.flush()
    return kept


def _read(body: object) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(body, dict) or not isinstance(body.get("query"), dict) or body.keys() - {"name", "query"}:
        raise QueryValidation("命名查询只有两项：name（名称）和 query（参数和值）。", field="/query")
    name = body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise QueryValidation("名称只能用文字、数字和 . _ ~ -，最多 80 个。", field="/name")
    return name, body["query"]


def _must_be_short(words: Mapping[str, str]) -> None:
    """Raises QueryTooComplex for a question no database is asked in earnest."""
    values = sum(value.count("|") + 1 for value in words.values())
    if values > MOST_VALUES or sum(len(name) + len(value) for name, value in words.items()) > MOST_CHARACTERS:
        raise QueryTooComplex(
            "一个命名查询最多 %(values)s 个值，共 %(characters)s 个字符。",
            params={"values": MOST_VALUES, "characters": MOST_CHARACTERS},
            field="/query",
        )


def words_of(query: Mapping[str, Any]) -> dict[str, str]:
    """A query in JSON as the words of a URL. Raises QueryValidation for values that no URL could say."""
    words = {}
    for name, value in query.items():
        parts = [_word(name, part) for part in (value if isinstance(value, list) else [value])]
        if name == "perPage" or (len(parts) > 1 and any("|" in part for part in parts)):
            raise QueryValidation("参数值“%(value)s”不对。", params={"value": str(value)[:80]}, field=f"/query/{name[:60]}")
        words[name] = "|".join(parts)
    return words


def _word(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise QueryValidation("参数值“%(value)s”不对。", params={"value": str(value)[:80]}, field=f"/query/{name[:60]}")


def get_query(session: Session, actor: Actor, name: str) -> NamedQuery:
    """The actor's own query of that name. Raises NoSuchName."""
    found = _find(session, actor, name)
    if found is None:
        raise NoSuchName("没有叫这个名称的查询。")
    return found


def _find(session: Session, actor: Actor, name: str) -> NamedQuery | None:
    own = NamedQuery.organization_id == organization_of(actor)
    return session.scalar(select(NamedQuery).where(own, NamedQuery.name == name))


def list_queries(session: Session, actor: Actor, *, after: str = "", limit: int = 30) -> Sequence[NamedQuery]:
    """The actor's own queries by name."""
    own = NamedQuery.organization_id == organization_of(actor)
    return session.scalars(select(NamedQuery).where(own, NamedQuery.name > after).order_by(NamedQuery.name).limit(limit)).all()


def delete_query(session: Session, actor: Actor, name: str) -> None:
    """Forget a query and, with it, its subscriptions. Raises NoSuchName."""
    session.delete(get_query(session, actor, name))
    session.flush()
