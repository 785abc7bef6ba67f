"""The page of an organisation's connections: what its systems sent, and how the news it subscribed to fares."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Organization, Role
from catalog.parties.queries import get_organization_by_code
from kernel import clock
from kernel.db import reading
from kernel.web import once
from traceability.epcis import capturing, subscribing

bp = Blueprint("partners", __name__, url_prefix="/partners", template_folder="templates")

SHOWN_JOBS = 20
REASON_TEXTS = {
    "the name does not resolve": "网址里的域名查不到，请核对。",
    "the name leads into a private network": "这个域名指向内部网络，不能送。",
    "the address is not allowed": "这个网址不允许，请换成公网的 https 网址。",
    "the key that subscribed is no longer valid": "当初订阅用的接口密钥已停用或到期，请用新密钥重新订阅。",
}
"""Why nothing was brought, in words. Anything else is what the network or the other side said, and stands behind such words."""
HINT_TEXTS = {
    "HTTP ": "对方收到了，但没有接受，请对方检查：",
    "TLS: ": "对方网站的证书有问题，请对方检查：",
    "TimeoutError": "对方没有及时回答，请对方检查网络和服务：",
    "": "连不上对方的网址，请对方检查服务是否开着：",
}


def _why(error: str | None) -> tuple[str, str]:
    """What a person can do about the last failure (a msgid), and what exactly was said where that tells more."""
    if error in REASON_TEXTS:
        return REASON_TEXTS[error], ""
    return next(text for start, text in HINT_TEXTS.items() if (error or "").startswith(start)), error or ""


@bp.get("/<code>")
@require(Role.operator, Role.clerk)
def show(code: str) -> ResponseReturnValue:
    """Subscriptions, those that stand still first, and the latest documents."""
    with reading() as session:
        organization = _organization(session, code)
        subscriptions = [
            (query, standing, next_try, urlsplit(standing.dest).hostname, _why(standing.last_error))
            for query, standing, next_try in subscribing.list_of_organization(session, organization.id)
        ]
        jobs = [(job, capturing.tell_errors(job, _)) for job in capturing.list_jobs(session, organization.id, limit=SHOWN_JOBS)]
    return render_template("epcis/partner.html", organization=organization, subscriptions=subscriptions, jobs=jobs)


def _organization(session: Session, code: str) -> Organization:
    organization = get_organization_by_code(session, code)
    current_actor().must_any({Role.clerk: organization.id, Role.operator: None})
    return organization


@bp.post("/<code>/subscriptions/<uuid:subscription_id>/again")
@require(Role.operator, Role.clerk)
@once
def again(session: Session, code: str, subscription_id: UUID) -> ResponseReturnValue:
    """Try at once what was given up or waits for its next try."""
    organization = _organization(session, code)
    standing = subscribing.lock_of_organization(session, organization.id, subscription_id)
    subscribing.set_going(session, standing, clock.now())
    flash(_("马上再送一次。"), "ok")
    return redirect(url_for("partners.show", code=code))


@bp.post("/<code>/subscriptions/<uuid:subscription_id>/end")
@require(Role.operator, Role.clerk)
@once
def end(session: Session, code: str, subscription_id: UUID) -> ResponseReturnValue:
    """Bring nothing more."""
    organization = _organization(session, code)
    session.delete(subscribing.lock_of_organization(session, organization.id, subscription_id))
    flash(_("订阅已停止。"), "ok")
    return redirect(url_for("partners.show", code=code))
