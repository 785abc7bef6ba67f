"""The operator writes the storefront's own pages; every save is a new version."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Invalid, NotFound
from shop.storefront.models import Page
from shop.storefront.wording import PAGE_LABELS

LONGEST = 40_000


def save_page(session: Session, actor: Actor, slug: str, *, body: str, body_en: str = "", at: datetime) -> Page:
    """Write a new version of a page. Raises Forbidden, NotFound (no such page), Invalid; the same text again saves nothing new."""
    actor.must(Role.operator)
    if slug not in PAGE_LABELS:
        raise NotFound("没有这个页面。")
    body, body_en = body.strip(), body_en.strip()
    if not body:
        raise Invalid("请填写正文。", field="body")
    if max(len(body), len(body_en)) > LONGEST:
        raise Invalid("正文最多 %(most)s 个字。", params={"most": LONGEST}, field="body")
    # Saves of one page queue up here, so that versions have no gap and no double.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"page {slug}", 0))))
    last = session.scalar(select(Page).where(Page.slug == slug).order_by(Page.version.desc()).limit(1))
    if last is not None and (last.body, last.body_en) == (body, body_en):
        return last
    page = Page(slug=slug, version=last.version + 1 if last else 1, body=body, body_en=body_en, saved_at=at, saved_by=actor.label)
    session.add(page)
    session.flush()
    return page
