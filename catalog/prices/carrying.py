"""What a seller charges and promises for carrying (运费模板), province by province.

A template is never changed, only ended or followed by another: what a buyer paid and was promised can always be explained.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.areas.codes import province_of
from catalog.areas.queries import get_area
from catalog.parties.models import Actor, Organization, Role
from catalog.parties.queries import get_organization
from catalog.prices.models import FreightChanged, FreightTemplate
from kernel.errors import Conflict, FieldError, Invalid
from kernel.money import Money
from kernel.outbox import publish

ANYWHERE = None
"""In place of a province: wherever no rule of its own holds."""
HEAVIEST = 1_000_000
DEAREST = Money(100_000_00)
LONGEST_DAYS = 60


@dataclass(frozen=True)
class FreightTerms:
    """First weight and price, then each further step (首重/续重), in grams and fen; days as ``FreightTemplate`` tells them.

    ``handling_days``, ``days_from`` and ``days_to`` must be said, unless nothing is carried there at all.
    """

    deliverable: bool = True
    first_grams: int = 1000
    first_fen: int = 0
    step_grams: int = 1000
    step_fen: int = 0
    cold_fen: int = 0
    free_over_fen: int | None = None
    handling_days: int | None = None
    days_from: int | None = None
    days_to: int | None = None


def set_freight(
    session: Session,
    actor: Actor,
    *,
    seller_id: UUID,
    provinces: Collection[str | None],
    terms: FreightTerms,
    valid_from: date,
    at: datetime,
) -> list[FreightTemplate]:
    """Let a seller charge and promise ``terms`` to each of ``provinces`` (``ANYWHERE``: where no other rule holds) from a day on.

    What holds there until then, also what was to end later, ends the day before. All provinces or none. The seller's clerk or the
    operator may. Raises Forbidden, Invalid, NotFound, Conflict (a rule begins there on that day or later).
    """
    seller = _lock_seller(session, actor, seller_id)
    _check(provinces, terms)
    for code in provinces:
        if code is not None and (get_area(session, code).code != province_of(code)):
            raise Invalid("请选省、自治区或直辖市。", field="provinces")
    written = []
    for before in _list_holding(session, seller, provinces, valid_from):
        if before.valid_from >= valid_from:
            raise Conflict(
                "其中有的地方从 %(day)s 起已经设过运费，请换更晚的开始日期。",
                params={"day": f"{before.valid_from}"},
                field="valid_from",
            )
        before.valid_to, before.ended_by = valid_from - timedelta(days=1), actor.label
    session.flush()
    for code in dict.fromkeys(provinces):
        written.append(
            FreightTemplate(
                seller_id=seller.id, province_code=code, valid_from=valid_from, valid_to=None, set_by=actor.label, **asdict(terms)
            )
        )
    session.add_all(written)
    session.flush()
    publish(session, FreightChanged(seller.id, at), at=at)
    return written


def end_freight(
    session: Session, actor: Actor, *, seller_id: UUID, provinces: Collection[str], last_day: date, at: datetime
) -> int:
    """End the own rules of these provinces with ``last_day``; afterwards the rule for anywhere else holds there. Returns how many ended.

    Raises Forbidden, Invalid (none named), Conflict when one begins after that day.
    """
    seller = _lock_seller(session, actor, seller_id)
    if not provinces:
        raise Invalid("请至少选一个地方。", field="provinces")
    rows = [row for row in _list_holding(session, seller, provinces, last_day) if row.valid_to is None]
    for row in rows:
        if row.valid_from > last_day:
            raise Conflict("这条规则从 %(day)s 才开始，到那天以后再停用。", params={"day": f"{row.valid_from}"})
        row.valid_to, row.ended_by = last_day, actor.label
    session.flush()
    if rows:
        publish(session, FreightChanged(seller.id, at), at=at)
    return len(rows)


def _lock_seller(session: Session, actor: Actor, seller_id: UUID) -> Organization:
    """The seller, locked: two people who set its freight come one after the other."""
    actor.must_any({Role.clerk: seller_id, Role.operator: None})
    seller = get_organization(session, seller_id)
    session.refresh(seller, with_for_update={"key_share": True})
    return seller


def _list_holding(session: Session, seller: Organization, provinces: Collection[str | None], day: date) -> list[FreightTemplate]:
    """The rules for these provinces that hold on a day or later."""
    named = FreightTemplate.province_code.in_([code for code in provinces if code is not None])
    where = or_(named, FreightTemplate.province_code.is_(None)) if ANYWHERE in provinces else named
    later = or_(FreightTemplate.valid_to.is_(None), FreightTemplate.valid_to >= day)
    query = select(FreightTemplate).where(FreightTemplate.seller_id == seller.id, later, where)
    return list(session.scalars(query.order_by(FreightTemplate.id)))


def _check(provinces: Collection[str | None], terms: FreightTerms) -> None:
    errors = []
    if not provinces:
        errors.append(FieldError("provinces", "请至少选一个地方。"))
    for name, grams in (("first_kg", terms.first_grams), ("step_kg", terms.step_grams)):
        if not 0 < grams <= HEAVIEST:
            errors.append(FieldError(name, "首重和续重要大于 0，最多 1000 千克。"))
    amounts = {"first": terms.first_fen, "step": terms.step_fen, "cold": terms.cold_fen, "free_over": terms.free_over_fen or 0}
    errors += [
        FieldError(name, "金额要在 0 到 %(most)s 之间。", {"most": DEAREST.format()})
        for name, fen in amounts.items()
        if not 0 <= fen <= DEAREST.minor
    ]
    errors += _check_days(terms)
    if errors:
        raise Invalid("请先改正标出的内容。", errors=errors)


def _check_days(terms: FreightTerms) -> list[FieldError]:
    days = {"handling_days": terms.handling_days, "days_from": terms.days_from, "days_to": terms.days_to}
    if not terms.deliverable and not any(value is not None for value in days.values()):
        return []
    errors = [
        FieldError(name, "请填天数，0 到 %(most)s 之间的整数。", {"most": LONGEST_DAYS})
        for name, value in days.items()
        if value is None or not 0 <= value <= LONGEST_DAYS
    ]
    if not errors and (terms.days_from or 0) > (terms.days_to or 0):
        errors.append(FieldError("days_to", "最慢的天数不能少于最快的天数。"))
    return errors
