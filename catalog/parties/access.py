"""Who may come through a door: reads ``g.actor`` (set before each request by accounts or by an API door) and nothing else."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import quote

from flask import g, redirect, request
from flask.typing import ResponseReturnValue

from catalog.parties.roles import ANONYMOUS, SYSTEM, Actor, Role
from kernel.errors import Forbidden, Unauthorized
from kernel.web import door, network_of_reader, wants_json

__all__ = ["ANONYMOUS", "SYSTEM", "Actor", "Role", "asking", "current_actor", "require"]

SIGN_IN = "/sign-in"
F = TypeVar("F", bound=Callable[..., Any])


def current_actor() -> Actor:
    """Who is asking; ANONYMOUS when nobody signed in."""
    return cast(Actor, getattr(g, "actor", ANONYMOUS))


def asking() -> str:
    """What limits of a person's own doors count by: the person, since a family or an office has one address; else the network."""
    person_id = current_actor().person_id
    return f"person:{person_id}" if person_id else network_of_reader()


def require(*roles: Role) -> Callable[[F], F]:
    """Let a view be used by those with one of ``roles`` in any organisation; the act checks which one.

    Nobody signed in: a page sends them to the sign-in page and back, a program gets 401. Wrong role: 403.
    """
    assert roles, "name at least one role; Role.consumer is any signed-in person"

    def wrap(view: F) -> F:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            actor = current_actor()
            if not any(actor.has(role) for role in roles):
                return _refuse(actor)
            return cast(ResponseReturnValue, view(*args, **kwargs))

        return cast(F, door(",".join(sorted(roles)))(guarded))

    return wrap


def _refuse(actor: Actor) -> ResponseReturnValue:
    if actor.signed_in or actor.roles:
        raise Forbidden("您的账号没有打开这一页的权限。请换账号登录，或请管理员添加权限。")
    if wants_json():
        raise Unauthorized("请先登录，或带上有效的接口密钥。")
    here = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(f"{SIGN_IN}?next={quote(here)}")
