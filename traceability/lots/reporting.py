"""The balance of a site for a period: opening + came − left = closing, by material, owner and county; each figure opens to its lots."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true, tuple_
from sqlalchemy.orm import Session

from catalog.areas.models import Area
from catalog.parties.models import Organization, Place
from catalog.parties.queries import list_counties_of
from catalog.parties.roles import Actor, Role
from kernel.clock import SHANGHAI, day_shanghai
from kernel.errors import Invalid, NotFound
from kernel.quantity import Unit
from traceability.lots.models import Lot, LotMove, SiteAccount
from traceability.lots.states import Flow

_PERIOD = re.compile(r"(20[0-9]{2})(?:-(0[1-9]|1[0-2]))?")


@dataclass(frozen=True)
class Span:
    """A month (2026-11) or a season, which is a calendar year (2026), in China: from ``start`` up to but not including ``end``."""

    text: str
    start: datetime
    end: datetime

    @classmethod
    def parse(cls, text: str) -> Span:
        """Raises Invalid for what is neither."""
        found = _PERIOD.fullmatch(text)
        if found is None:
            raise Invalid("时间段请写成 2026-11（一个月）或 2026（一个产季）。", field="period")
        year, month = int(found[1]), int(found[2] or 1)
        last = date(year + 1, 1, 1) if found[2] is None else (date(year, month, 1) + timedelta(days=31)).replace(day=1)
        return cls(text, day_shanghai(date(year, month, 1))[0], day_shanghai(last)[0])


def list_recent_spans(at: datetime, months: int = 18) -> list[str]:
    """Seasons and months one may choose from, the present ones first."""
    now = at.astimezone(SHANGHAI)
    counted = [divmod(now.year * 12 + now.month - 1 - back, 12) for back in range(months)]
    return [str(now.year), str(now.year - 1), *(f"{year}-{month + 1:02d}" for year, month in counted)]


@dataclass(frozen=True)
class Balance:
    """One account over a period. ``flows`` are signed: what came is above zero, what left below."""

    account_id: UUID
    material: str
    unit: Unit
    owner: str
    place: str | None
    county: str
    opening: Decimal
    flows: Mapping[Flow, Decimal]

    @property
    def closing(self) -> Decimal:
        """What was there at the end."""
        return self.opening + sum(self.flows.values())


@dataclass(frozen=True)
class Site:
    """A place where lots are or were, or an organisation that named none; ``key`` is its own."""

    key: UUID
    owner: str
    place: str | None


@dataclass(frozen=True)
class Line:
    """So much of one lot: one line of an account, or all that was there of it at a moment (then without flow)."""

    key: UUID
    lot_code: str
    quantity: Decimal
    happened_at: datetime
    flow: Flow | None


def scope_of(session: Session, actor: Actor) -> ColumnElement[bool]:
    """The accounts an actor may read: all for operator and auditor; else those of its organisations, at their places, of its counties."""
    if actor.operator or actor.has(Role.auditor):
        return true()
    mine = list(actor.roles)
    places = select(Place.id).where(Place.organization_id.in_(mine))
    counties = list_counties_of(session, actor)
    return or_(SiteAccount.organization_id.in_(mine), SiteAccount.place_id.in_(places), SiteAccount.county_code.in_(counties))


def list_balances(
    session: Session,
    scope: ColumnElement[bool],
    span: Span,
    *,
    site: UUID | None = None,
    material: str | None = None,
    account_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[Balance]:
    """Accounts with anything there or moving in the period, by material; after the account ``after``. One statement."""
    moved = LotMove.happened_at >= span.start
    sums = (
        select(
            func.coalesce(func.sum(LotMove.quantity).filter(~moved), 0).label("opening"),
            func.count().filter(moved).label("lines"),
            *(func.coalesce(func.sum(LotMove.quantity).filter(moved, LotMove.flow == flow), 0).label(flow.value) for flow in Flow),
        )
        .where(LotMove.account_id == SiteAccount.id, LotMove.happened_at < span.end)
        .correlate(SiteAccount)
        .lateral("sums")
    )
    query = (
        select(SiteAccount, Organization.name.label("owner"), Place.name.label("place"), Area.name.label("county"), sums)
        .join(Organization, Organization.id == SiteAccount.organization_id)
        .outerjoin(Place, Place.id == SiteAccount.place_id)
        .outerjoin(Area, Area.code == SiteAccount.county_code)
        .join(sums, or_(sums.c.opening != 0, sums.c.lines > 0))
        .where(scope)
        .order_by(SiteAccount.material, SiteAccount.id)
        .limit(limit)
    )
    if site is not None:
        query = query.where(
            or_(SiteAccount.place_id == site, and_(SiteAccount.organization_id == site, SiteAccount.place_id.is_(None)))
        )
    if material is not None:
        query = query.where(SiteAccount.material == material)
    if account_id is not None:
        query = query.where(SiteAccount.id == account_id)
    if after is not None:
        last = select(SiteAccount.material, SiteAccount.id).where(SiteAccount.id == after).scalar_subquery()
        query = query.where(tuple_(SiteAccount.material, SiteAccount.id) > last)
    return [
        Balance(
            row.SiteAccount.id,
            row.SiteAccount.material,
            row.SiteAccount.unit,
            row.owner,
            row.place,
            row.county or row.SiteAccount.county_code,
            Decimal(row.opening),
            {flow: Decimal(getattr(row, flow.value)) for flow in Flow},
        )
        for row in session.execute(query)
    ]


def list_sites(session: Session, scope: ColumnElement[bool], limit: int = 300) -> list[Site]:
    """The sites one may choose from."""
    query = (
        select(func.coalesce(SiteAccount.place_id, SiteAccount.organization_id), func.min(Organization.name), Place.name)
        .join(Organization, Organization.id == SiteAccount.organization_id)
        .outerjoin(Place, Place.id == SiteAccount.place_id)
        .where(scope)
        .group_by(func.coalesce(SiteAccount.place_id, SiteAccount.organization_id), Place.name)
        .order_by(Place.name.nulls_first(), func.min(Organization.name))
        .limit(limit)
    )
    return [Site(*row) for row in session.execute(query)]


def list_materials(session: Session, scope: ColumnElement[bool], limit: int = 300) -> list[str]:
    """The materials one may choose from."""
    return list(session.scalars(select(SiteAccount.material).where(scope).distinct().order_by(SiteAccount.material).limit(limit)))


def get_account(session: Session, scope: ColumnElement[bool], account_id: UUID) -> SiteAccount:
    """An account one may read. Raises NotFound."""
    account = session.scalar(select(SiteAccount).where(SiteAccount.id == account_id, scope))
    if account is None:
        raise NotFound("没有这个台账，或者它不归您查看。")
    return account


def list_lines(
    session: Session, account_id: UUID, span: Span, *, flows: Collection[Flow] = (), after: UUID | None = None, limit: int = 50
) -> Sequence[Line]:
    """The lines behind the figures of a period, in order of time; of some flows only, after the line ``after``."""
    query = select(LotMove, Lot.code).join(Lot, Lot.id == LotMove.lot_id).where(LotMove.account_id == account_id)
    query = query.where(LotMove.happened_at >= span.start, LotMove.happened_at < span.end)
    if flows:
        query = query.where(LotMove.flow.in_(flows))
    if after is not None:
        last = select(LotMove.happened_at, LotMove.id).where(LotMove.id == after).scalar_subquery()
        query = query.where(tuple_(LotMove.happened_at, LotMove.id) > last)
    query = query.order_by(LotMove.happened_at, LotMove.id).limit(limit)
    return [Line(move.id, code, move.quantity, move.happened_at, move.flow) for move, code in session.execute(query)]


def list_standing(
    session: Session, account_id: UUID, before: datetime, *, after: UUID | None = None, limit: int = 50
) -> Sequence[Line]:
    """The lots that were there just before a moment, with how much of each and since when, by key."""
    left = func.sum(LotMove.quantity)
    query = (
        select(Lot.id, Lot.code, left, func.min(LotMove.happened_at))
        .join(LotMove, LotMove.lot_id == Lot.id)
        .where(LotMove.account_id == account_id, LotMove.happened_at < before)
        .group_by(Lot.id)
        .having(left != 0)
        .order_by(Lot.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Lot.id > after)
    return [Line(key, code, quantity, since, None) for key, code, quantity, since in session.execute(query)]
