"""Signing in and out, and the password that some people like to have.

A wrong name and a wrong password give the same sentence and cost the same time, so the door does not tell who has an account.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from catalog.parties.queries import get_person
from kernel.errors import Conflict, Invalid
from kernel.ids import new_token
from shop.accounts.models import Login, SignInSession

STAYS = timedelta(days=30)
MIN_PASSWORD = 10
TAKEN = "这个登录名已经有人用了。"
FRESH = timedelta(minutes=30)
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # OWASP password storage, argon2id minimum
_NOBODY = _hasher.hash("nobody-has-this-password")


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


def sign_in(session: Session, *, name: str, password: str, at: datetime) -> str:
    """A fresh session token for the right name and password. Raises Invalid otherwise."""
    login = session.scalar(select(Login).where(Login.name == normalise_login(name)))
    if not _matches(login, password) or login is None:
        raise Invalid("账号或密码不对，请检查后再试。", field="password")
    return open_session(session, login.person_id, at=at)


def open_session(session: Session, person_id: UUID, *, at: datetime) -> str:
    """Start a signed-in session; the token is shown once and only its hash is kept."""
    token = new_token()
    session.add(SignInSession(token_hash=hash_token(token), person_id=person_id, created_at=at, expires_at=at + STAYS))
    session.flush()
    return token


def set_password(session: Session, person_id: UUID, *, token: str, current: str, new: str, at: datetime) -> None:
    """Set or change the password; every other browser is signed out. Raises what ``check_owner`` does, Invalid, Conflict."""
    check_owner(session, person_id, token=token, current=current, at=at)
    if len(new) < MIN_PASSWORD:
        raise Invalid("密码至少要 %(count)s 个字符。", params={"count": MIN_PASSWORD}, field="password")
    if has_password(session, person_id):
        session.execute(update(Login).where(Login.person_id == person_id).values(password_hash=_hasher.hash(new)))
    else:
        person = get_person(session, person_id)
        name = person.phone or person.email
        if name is None:
            raise Conflict("请先用手机号或邮箱登录一次，再设密码。", field="password")
        add_login(session, person_id, name, new, at=at)
    end_sessions(session, person_id, but=token)


def remove_password(session: Session, person_id: UUID, *, token: str, current: str, at: datetime) -> None:
    """Sign in by code only from now on. Raises what ``check_owner`` does, Conflict for somebody no code reaches."""
    check_owner(session, person_id, token=token, current=current, at=at)
    person = get_person(session, person_id)
    if person.phone is None and person.email is None:
        raise Conflict("您的账号没有手机号和邮箱，去掉密码就登录不了了。", field="current")
    session.execute(delete(Login).where(Login.person_id == person_id))


def has_password(session: Session, person_id: UUID) -> bool:
    """Whether the person can sign in with one."""
    return session.scalar(select(Login.id).where(Login.person_id == person_id).limit(1)) is not None


def check_owner(session: Session, person_id: UUID, *, token: str, current: str, at: datetime) -> None:
    """Whether it is the person and not somebody who found the signed-in phone: by a sign-in just now, else by the password they have.

    Raises Invalid for a wrong password, Conflict when there is none and the sign-in is older than ``FRESH``.
    """
    if is_fresh(session, token, at=at):
        return
    login = session.scalar(select(Login).where(Login.person_id == person_id).limit(1))
    if login is None:
        raise Conflict("为了安全，请先退出，用验证码重新登录，再做这一步。", field="current")
    if not _matches(login, current):
        raise Invalid("现在的密码不对，请检查后再试。", field="current")


def is_fresh(session: Session, token: str, *, at: datetime) -> bool:
    """Whether the person signed in within ``FRESH``."""
    since = session.scalar(select(SignInSession.created_at).where(SignInSession.token_hash == hash_token(token)))
    return since is not None and since > at - FRESH


def _matches(login: Login | None, password: str) -> bool:
    """Whether the password is right; takes the same time when there is nobody to compare with."""
    try:
        _hasher.verify(login.password_hash if login else _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
    return login is not None


def end_sessions(session: Session, person_id: UUID, *, but: str | None = None) -> None:
    """Sign the person out everywhere, save the browser with the token ``but``."""
    ended = delete(SignInSession).where(SignInSession.person_id == person_id)
    session.execute(ended.where(SignInSession.token_hash != hash_token(but)) if but else ended)


def sign_out(session: Session, token: str) -> None:
    """End the session of ``token``; unknown tokens change nothing."""
    session.execute(delete(SignInSession).where(SignInSession.token_hash == hash_token(token)))


def forget_sessions(session: Session, *, at: datetime) -> None:
    """Delete the sessions that have run out."""
    session.execute(delete(SignInSession).where(SignInSession.expires_at <= at))


def hash_token(token: str) -> str:
    """SHA-256, hex: tokens are random, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()
