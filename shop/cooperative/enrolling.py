"""A clerk's phone is let in to take deliveries without a network, and is shut out again."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Invalid, NotFound
from shop.cooperative.models import Device

STAYS = timedelta(days=30)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def enrol_device(session: Session, actor: Actor, organization_id: UUID, *, name: str, token_hash: str, at: datetime) -> Device:
    """Let the clerk's phone in for 30 days. Raises Forbidden, Invalid (name, no hash of a token), Conflict (a token let in before).

    Only the hash of the token comes here: nothing that opens a door is in our answers, logs or tables.
    """
    actor.must(Role.clerk, organization_id)
    assert actor.person_id is not None
    called = " ".join(name.split())
    if not 1 <= len(called) <= 30:
        raise Invalid("请给这部手机起个名字，30 字以内，例如“收购点的红米”。", field="name")
    if not _SHA256.fullmatch(token_hash):
        raise Invalid("手机没有备好钥匙，请刷新页面后再试。", field="token_hash")
    if session.scalar(select(Device.id).where(Device.token_hash == token_hash)):
        raise Conflict("这部手机刚刚已经启用，请刷新页面。")
    device = Device(
        organization_id=organization_id,
        person_id=actor.person_id,
        name=called,
        token_hash=token_hash,
        created_at=at,
        expires_at=at + STAYS,
    )
    session.add(device)
    session.flush()
    return device


def end_device(session: Session, actor: Actor, device_id: UUID, *, at: datetime) -> Device:
    """Shut a phone out from its next request; any clerk of the cooperative may. Ending it twice changes nothing. Raises NotFound."""
    device = session.get(Device, device_id, with_for_update=True)
    if device is None or not actor.has(Role.clerk, device.organization_id):
        raise NotFound("没有这部手机。")
    if device.ended_at is None:
        device.ended_at, device.ended_by = at, actor.label
        session.flush()
    return device
