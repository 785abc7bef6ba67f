"""Links beside the story: an operator sets them for a key, lot or box; resolver answers name them."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote, urlsplit

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel.errors import Invalid
from kernel.ids import uuid7
from traceability.scan.digital_link import parse_path
from traceability.scan.linkset import DEFAULT, bare
from traceability.scan.models import Link

# GS1 Web Vocabulary, link types that say something our own pages do not.
KINDS = frozenset(
    [
        "dpp",
        "epcis",
        "leaveReview",
        "masterData",
        "recallStatus",
        "recipeInfo",
        "safetyInfo",
        "support",
        "sustainabilityInfo",
        "verificationService",
    ]
)

_AS_TYPED = (
    "%:/?#[]@!$&'()*+,;=-._~"  # RFC 3986; the rest is encoded here, for a redirect does so and must say what the linkset says
)


def set_link(
    session: Session, actor: Actor, *, anchor: str, link_type: str, href: str, title: str, hreflang: str, at: datetime
) -> None:
    """Add a link, or give an existing one a new title. Only the operator may.

    Raises Forbidden, BadLink (anchor), Invalid (type not taken, target neither a path of this site nor https).
    """
    actor.must(Role.operator)
    kind = bare(link_type)
    if kind == DEFAULT or kind not in KINDS:
        raise Invalid("这种链接类型由系统自己生成，或不支持：%(kind)s。", params={"kind": kind[:40]}, field="link_type")
    parts = urlsplit(href)
    own = href.startswith("/") and not href.startswith("//")
    if not href.isprintable() or "\\" in href or not (own or (parts.scheme == "https" and parts.hostname)):
        raise Invalid("目标要么是本站的路径，要么以 https:// 开头。", field="href")
    if hreflang not in ("", "zh-CN", "en"):
        raise Invalid("语言请选中文、英文或不限。", field="hreflang")
    if not title.strip():
        raise Invalid("请填写链接的名称。", field="title")
    row = insert(Link).values(
        id=uuid7(),
        anchor=parse_path(anchor).path,
        link_type=f"gs1:{kind}",
        href=quote(href, safe=_AS_TYPED),
        title=title.strip()[:80],
        media_type="text/html",
        hreflang=hreflang,
        set_by=actor.label,
        set_at=at,
    )
    session.execute(
        row.on_conflict_do_update(
            constraint="uq_scan_link_target", set_={"title": row.excluded.title, "set_by": row.excluded.set_by, "set_at": at}
        )
    )
