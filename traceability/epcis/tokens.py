"""Page tokens: opaque, signed, good for one question of one asker and for a few minutes. Pure but for the clock of the signature."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from itsdangerous import BadSignature, URLSafeTimedSerializer

from traceability.epcis.conditions import QueryParameter

LIFE = 300  # seconds

State = Sequence[str | int]


def make_token(secret: str, asked: Mapping[str, str], state: State) -> str:
    """A token that goes on after ``state`` in the list that ``asked`` names."""
    return str(_signer(secret).dumps([sorted(asked.items()), list(state)]))


def read_token(secret: str, token: str, asked: Mapping[str, str]) -> State:
    """The state in a token. Raises QueryParameter when it is forged, too old, or of another question."""
    try:
        belongs_to, state = _signer(secret).loads(token, max_age=LIFE)
    except BadSignature as error:
        raise QueryParameter("nextPageToken 无效或已过期，请从第一页重新查询。", field="nextPageToken") from error
    if belongs_to != [list(item) for item in sorted(asked.items())]:
        raise QueryParameter("nextPageToken 属于另一个查询。", field="nextPageToken")
    return list(state)


def is_live(secret: str, token: str) -> bool:
    """Whether we gave this token out, and its time is not up."""
    try:
        _signer(secret).loads(token, max_age=LIFE)
    except BadSignature:
        return False
    return True


def digest_token(token: str) -> str:
    """What is kept of a token that was given back."""
    return hashlib.sha256(token.encode()).hexdigest()


def _signer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="epcis-page")
