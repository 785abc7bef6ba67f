"""Give a program a key, and take it back. The token is shown once; only its hash is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import ApiKey, Organization, Role, has_place_in
from catalog.parties.queries import hash_key
from catalog.parties.roles import Actor
from kernel.errors import Invalid, NotFound
from kernel.ids import new_token

SCOPES = ("epcis:read", "epcis:write", "coldchain:write", "catalog:read")


def issue_key(
    session: Session,
    actor: Actor,
    *,
    organization_id: UUID,
    name: str,
    scopes: Sequence[str],
    at: datetime,
    roles: Sequence[Role] = (),
    expires_at: datetime | None = None,
    token: str = "",
) -> tuple[ApiKey, str]:
    """A new key of an organisation and its token; only the operator may.

    The token is random unless given: the demo derives its own, so as to tell it again.
    Raises Forbidden, NotFound, Invalid (no scope, a role that has no place in such an organisation).
    """
    actor.must(Role.operator)
    organization = session.get(Organization, organization_id)
    if organization is None:
        raise NotFound("没有这个单位。")
    if not all(has_place_in(role, organization.kind) for role in roles):
        raise Invalid("这个单位不能设这个角色。", field="roles")
    if not name.strip():
        raise Invalid("请给密钥起个名字，说明谁在用。", field="name")
    if not scopes or set(scopes) - set(SCOPES):
        raise Invalid("请至少选一项接口权限。", field="scopes")
    if expires_at is not None and expires_at <= at:
        raise Invalid("到期时间要晚于现在。", field="expires_at")
    token = token or new_token()
    key = ApiKey(
        organization_id=organization_id,
        name=name.strip()[:80],
        hash=hash_key(token),
        hint=token[:6],
        scopes=sorted(set(scopes)),
        roles=sorted(role.value for role in roles),
        created_at=at,
        created_by=actor.label,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, token


def revoke_key(session: Session, actor: Actor, *, key_id: UUID, at: datetime) -> ApiKey:
    """Make a key useless from now on; only the operator may. Raises Forbidden, NotFound."""
    actor.must(Role.operator)
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFound("没有这个密钥。")
    key.revoked_at = key.revoked_at or at
    session.flush()
    return key
