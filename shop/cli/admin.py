"""``./shanhai admin create``: the first operator of a shop that has none."""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties import registering
from catalog.parties.models import SYSTEM, Organization, OrganizationKind, Person, Role
from kernel import clock
from kernel.db import work
from kernel.errors import Invalid
from shop import wiring
from shop.accounts.signing import add_login
from shop.cli.running import running_config
from shop.config import ConfigProblem

LEAST_KINDS = 2  # of: letters, digits, everything else
LEAST_DIFFERENT = 6


def register(commands: Any) -> None:
    """Add the parser."""
    acts = commands.add_parser("admin", help="people who run the shop").add_subparsers(required=True)
    create = acts.add_parser("create", help="make the first operator")
    create.add_argument("--name", required=True, help="the person's name")
    create.add_argument("--login", required=True, help="what they sign in with: phone, e-mail or a name")
    create.add_argument("--organization", default="", help="name of the operating company; needed the first time")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    create.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Ask for a password, then make the operator in one transaction."""
    config = running_config()
    password = sys.stdin.readline().rstrip("\n") if arguments.password_stdin else _ask()
    check_strength(password, arguments.login)
    engine = wiring.connect(config, pool_size=1)
    try:
        with work() as session:
            create_operator(
                session, name=arguments.name, login=arguments.login, password=password, organization=arguments.organization,
                at=clock.now(),
            )  # fmt: skip
    finally:
        engine.dispose()
    print(f"{arguments.login} can now sign in at {config.public_url}/sign-in and open {config.public_url}/backoffice/")
    return 0


def _ask() -> str:
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Once more: "):
        raise ConfigProblem("The two passwords differ; nothing was made.")
    return first


def check_strength(password: str, login: str) -> None:
    """Raises Invalid for a password that is easily guessed: one kind of characters, few different ones, or the login itself."""
    kinds = sum((any(c.isalpha() for c in password), any(c.isdigit() for c in password), any(not c.isalnum() for c in password)))
    guessable = login.strip().casefold() in password.casefold() or "shanhai" in password.casefold()
    if kinds < LEAST_KINDS or len(set(password)) < LEAST_DIFFERENT or guessable:
        raise Invalid("密码太容易猜到：请混用字母、数字和符号，不要用账号或“shanhai”。", field="password")


def create_operator(session: Session, *, name: str, login: str, password: str, organization: str, at: datetime) -> Person:
    """A person with the operator's role in the platform's own organisation, made if there is none. Raises Invalid, Conflict."""
    own = session.scalar(
        select(Organization).where(Organization.kind == OrganizationKind.OPERATOR).order_by(Organization.id).limit(1)
    )
    if own is None:
        own = registering.register_organization(
            session, SYSTEM, kind=OrganizationKind.OPERATOR, name=organization or f"{name} (operator)", at=at
        )
    person = registering.register_person(session, SYSTEM, name=name, at=at)
    registering.add_member(session, SYSTEM, person_id=person.id, organization_id=own.id, role=Role.operator, at=at)
    add_login(session, person.id, login, password, at=at)
    return person
