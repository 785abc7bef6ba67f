"""Keeping a person's passkeys, and signing in with one."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.errors import Conflict, Invalid, NotFound
from shop.accounts import passkey
from shop.accounts.models import Passkey
from shop.accounts.passkey import Answered, Site
from shop.accounts.queries import list_passkeys
from shop.accounts.signing import check_owner

MOST = 10


def add_passkey(
    session: Session, person_id: UUID, made: Answered, *, label: str, token: str, current: str, at: datetime
) -> Passkey:
    """Keep a passkey that was made. Raises what ``check_owner`` does, Conflict for one that is known or one too many."""
    check_owner(session, person_id, token=token, current=current, at=at)
    if len(list_passkeys(session, person_id)) >= MOST:
        raise Conflict("最多存 %(most)s 个通行密钥，请先去掉一个。", params={"most": MOST})
    if _find(session, made.credential_id) is not None:
        raise Conflict("这台设备已经有通行密钥了。")
    kept = Passkey(
        person_id=person_id, credential_id=made.credential_id, credential=made.credential, used_count=made.count,
        label=label.strip()[:40], created_at=at,
    )  # fmt: skip
    session.add(kept)
    session.flush()
    return kept


def use_passkey(session: Session, site: Site, challenge: str, answer: str, *, at: datetime) -> UUID:
    """The person whose passkey gave this answer. Raises Invalid.

    A device that counts and says it was used no more often than before is a copy of another: refused.
    """
    kept = _find(session, passkey.read_credential_id(answer))
    if kept is None:
        raise Invalid("这个通行密钥用不了。请再试一次，或用验证码登录。", field="credential")
    used = passkey.read_used(site, challenge, kept.credential, answer)
    if is_copy(kept.used_count, used.count):
        raise Invalid("这个通行密钥用不了。请再试一次，或用验证码登录。", field="credential")
    kept.used_count, kept.used_at = used.count, at
    return kept.person_id


def is_copy(before: int, now: int) -> bool:
    """Whether the count did not grow though the device counts (Web Authentication, section 7.2, step 22)."""
    return (before or now) != 0 and now <= before


def remove_passkey(session: Session, person_id: UUID, passkey_id: UUID, *, token: str, current: str, at: datetime) -> None:
    """Take one back. Raises what ``check_owner`` does, NotFound for somebody else's."""
    kept = session.get(Passkey, passkey_id)
    if kept is None or kept.person_id != person_id:
        raise NotFound("没有这个通行密钥。")
    check_owner(session, person_id, token=token, current=current, at=at)
    session.delete(kept)
    session.flush()


def _find(session: Session, credential_id: bytes) -> Passkey | None:
    return session.scalar(select(Passkey).where(Passkey.credential_id == credential_id).with_for_update())
