"""Page tokens: opaque, signed, good for one query and for a few minutes. Pure but for the clock of the signature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from itsdangerous import BadSignature, URLSafeTimedSerializer

from traceability.epcis.querying import Position, QueryParameter

LIFE = 300  # seconds


def make_token(secret: str, position: Position, words: Mapping[str, str]) -> str:
    """A token that goes on after ``position`` in the query ``words``."""
    seen = [position.until.isoformat(), position.moment.isoformat(), str(position.event_id), position.seen, sorted(words.items())]
    return str(_signer(secret).dumps(seen))


def read_token(secret: str, token: str, words: Mapping[str, str]) -> Position:
    """The position in a token. Raises QueryParameter when it is forged, too old, or of another query."""
    try:
        until, moment, event_id, seen, asked = _signer(secret).loads(token, max_age=LIFE)
    except BadSignature as error:
        raise QueryParameter("nextPageToken 无效或已过期，请从第一页重新查询。", field="nextPageToken") from error
    if asked != [list(item) for item in sorted(words.items())]:
        raise QueryParameter("nextPageToken 属于另一个查询。", field="nextPageToken")
    return Position(datetime.fromisoformat(until), datetime.fromisoformat(moment), UUID(event_id), int(seen))


def _signer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="epcis-page")
