"""Keys of programs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from catalog.parties import keying, queries
from catalog.parties.models import SYSTEM, Role
from catalog.parties.queries import find_key, find_key_actor, list_keys
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from tests.factories.catalog import make_actor, make_organization


def test_a_key_opens_its_scopes_in_its_organisation(session: Session, at: datetime) -> None:
    organization = make_organization(session)
    key, token = keying.issue_key(
        session, SYSTEM, organization_id=organization.id, name="示例系统", scopes=["epcis:write"], roles=[Role.clerk], at=at
    )
    actor = find_key_actor(session, token, "epcis:write", at)
    assert actor is not None
    assert actor.has(Role.clerk, organization.id)
    assert not actor.signed_in
    assert find_key_actor(session, token, "epcis:read", at) is None
    assert token not in key.hash
    assert list_keys(session, organization.id) == [key]


def test_a_key_ends_when_it_expires_or_is_revoked(session: Session, at: datetime) -> None:
    organization = make_organization(session)
    later = at + timedelta(hours=1)
    key, token = keying.issue_key(
        session, SYSTEM, organization_id=organization.id, name="x", scopes=["epcis:read"], expires_at=later, at=at
    )
    assert find_key(session, token, at) is key
    assert find_key(session, token, later) is None
    keying.revoke_key(session, SYSTEM, key_id=key.id, at=at)
    assert find_key(session, token, at) is None
    assert find_key(session, token + "x", at) is None


def test_an_organisations_key_does_not_read_what_is_everybodys(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guards switched off one after the other: at the giving, and where the actor is made."""
    organization = make_organization(session)

    def issue() -> str:
        return keying.issue_key(
            session, SYSTEM, organization_id=organization.id, name="x", scopes=["epcis:read"], roles=[Role.auditor], at=at
        )[1]

    with pytest.raises(Invalid):
        issue()
    monkeypatch.setattr(keying, "has_place_in", lambda *_: True)
    token = issue()
    actor = find_key_actor(session, token, "epcis:read", at)
    assert actor is not None
    assert not actor.has(Role.auditor)
    monkeypatch.setattr(queries, "has_place_in", lambda *_: True)
    actor = find_key_actor(session, token, "epcis:read", at)
    assert actor is not None
    assert actor.has(Role.auditor)


def test_bad_wishes_are_refused(session: Session, at: datetime) -> None:
    organization = make_organization(session)
    for over in ({"name": " "}, {"scopes": []}, {"scopes": ["everything"]}, {"expires_at": at}):
        values = {"name": "x", "scopes": ["epcis:read"]} | over
        with pytest.raises(Invalid):
            keying.issue_key(session, SYSTEM, organization_id=organization.id, at=at, **values)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        keying.issue_key(session, SYSTEM, organization_id=uuid7(), name="x", scopes=["epcis:read"], at=at)
    with pytest.raises(Forbidden):
        keying.issue_key(
            session, make_actor(session, Role.clerk), organization_id=organization.id, name="x", scopes=["epcis:read"], at=at
        )
    with pytest.raises(NotFound):
        keying.revoke_key(session, SYSTEM, key_id=uuid7(), at=at)
