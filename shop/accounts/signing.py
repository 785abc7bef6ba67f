"""Signing up, in and out.

A wrong name and a wrong password give the same sentence and cost the same time, so the door does not tell who has an account.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel.errors import Conflict, FieldError, Invalid
from kernel.ids import new_token
from shop.accounts.models import Login, SignInSession

STAYS = timedelta(days=30)
MIN_PASSWORD = 10
TAKEN = "这个手机号或邮箱已经注册过，请直接登录。"
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP password storage, argon2id minimum
_NOBODY = _hasher.hash("nobody-has-this-password")
_PHONE = re.compile(r"^1[3-9][0-9]{9}$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


def normalise_login(name: str) -> str:
    """The name as it is stored: trimmed and casefolded."""
    return name.strip().casefold()


def add_login(session: Session, person_id: UUID, name: str, password: str, *, at: datetime) -> Login:
    """Give a person a name and password to sign in with. Raises Conflict when the name is taken, Invalid for a short password."""
    wanted = normalise_login(name)
    if len(password) < MIN_PASSWORD:
        raise Invalid("密码至少要 %(count)s 个字符。", params={"count": MIN_PASSWORD}, field="password")
    if session.scalar(select(Login.id).where(Login.name == wanted)):
        raise Conflict(TAKEN, field="name")
    login = Login(person_id=person_id, name=wanted, password_hash=_hasher.hash(password), created_at=at)
    session.add(login)
    session.flush()
    return login


def sign_up(session: Session, *, name: str, password: str, called: str, at: datetime) -> Person:
    """Open a consumer's account under a mainland mobile number or an e-mail address. Raises Invalid with every wrong field."""
    wanted = normalise_login(name)
    errors = []
    if not _PHONE.match(wanted) and not _EMAIL.match(wanted):
        errors.append(FieldError("name", "请填写 11 位手机号或邮箱地址。"))
    if not called.strip():
        errors.append(FieldError("called", "请填写怎么称呼您。"))
    if len(password) < MIN_PASSWORD:
        errors.append(FieldError("password", "密码至少要 %(count)s 个字符。", {"count": MIN_PASSWORD}))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    if session.scalar(select(Person.id).where(or_(Person.phone == wanted, Person.email == wanted))):
        raise Conflict(TAKEN, field="name")
    is_phone = bool(_PHONE.match(wanted))
    person = Person(
        name=called.strip(), phone=wanted if is_phone else None, email=None if is_phone else wanted, is_demo=False, created_at=at
    )
    session.add(person)
    session.flush()
    add_login(session, person.id, wanted, password, at=at)
    return person


def sign_in(session: Session, *, name: str, password: str, at: datetime) -> str:
    """A fresh session token for the right name and password. Raises Invalid otherwise."""
    login = session.scalar(select(Login).where(Login.name == normalise_login(name)))
    try:
        _hasher.verify(login.password_hash if login else _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        login = None
    if login is None:
        raise Invalid("账号或密码不对，请检查后再试。", field="password")
    return open_session(session, login.person_id, at=at)


def open_session(session: Session, person_id: UUID, *, at: datetime) -> str:
    """Start a signed-in session; the token is shown once and only its hash is kept."""
    token = new_token()
    session.add(SignInSession(token_hash=hash_token(token), person_id=person_id, created_at=at, expires_at=at + STAYS))
    session.flush()
    return token


def sign_out(session: Session, token: str) -> None:
    """End the session of ``token``; unknown tokens change nothing."""
    session.execute(delete(SignInSession).where(SignInSession.token_hash == hash_token(token)))


def forget_sessions(session: Session, *, at: datetime) -> None:
    """Delete the sessions that have run out."""
    session.execute(delete(SignInSession).where(SignInSession.expires_at <= at))


def hash_token(token: str) -> str:
    """SHA-256, hex: tokens are random, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
