"""The report of a period: purchases by county and eastern partner, each figure the sum of credits that can be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from catalog.areas.models import Area
from kernel.errors import Invalid
from shop.assistance.models import Channel, SaleCredit

OTHER = "other"


@dataclass(frozen=True)
class Figure:
    """One figure of the report. ``partner_code`` None is 其他地区; ``orders`` counts orders, each once."""

    county: Area
    partner: Area | None
    amount_fen: int
    orders: int


@dataclass(frozen=True)
class Report:
    """Figures of a period, both days included, with their total."""

    start: date
    end: date
    figures: Sequence[Figure]

    @property
    def total_fen(self) -> int:
        """The sum of all figures."""
        return sum(figure.amount_fen for figure in self.figures)

    @property
    def paired_fen(self) -> int:
        """The part counted to eastern partners."""
        return sum(figure.amount_fen for figure in self.figures if figure.partner is not None)


def work_out_report(session: Session, start: date, end: date) -> Report:
    """Purchases by county and partner. Raises Invalid when the period ends before it begins."""
    if end < start:
        raise Invalid("结束日期不能早于开始日期。", field="end")
    rows = session.execute(
        select(
            SaleCredit.county_code,
            SaleCredit.partner_code,
            func.sum(SaleCredit.amount_fen),
            func.count(SaleCredit.order_code.distinct()),
        )
        .where(SaleCredit.on.between(start, end))
        .group_by(SaleCredit.county_code, SaleCredit.partner_code)
        .order_by(func.sum(SaleCredit.amount_fen).desc(), SaleCredit.county_code)
    ).all()
    codes = {row[0] for row in rows} | {row[1] for row in rows if row[1]}
    areas = {area.code: area for area in session.scalars(select(Area).where(Area.code.in_(codes)))}
    figures = [
        Figure(areas[county], areas[partner] if partner else None, int(amount), int(orders))
        for county, partner, amount, orders in rows
    ]
    return Report(start, end, figures)


def list_credits(
    session: Session, start: date, end: date, *, county: str | None, partner: str | None, after: UUID | None = None, limit: int = 50
) -> Sequence[SaleCredit]:
    """The credits a figure is the sum of, oldest first; ``partner`` "other" is 其他地区, None is all."""
    conditions = [*_within(start, end, county, partner)]
    if after is not None:
        conditions.append(SaleCredit.id > after)
    return session.scalars(select(SaleCredit).where(*conditions).order_by(SaleCredit.id).limit(limit)).all()


def sum_credits(session: Session, start: date, end: date, *, county: str | None, partner: str | None) -> int:
    """Their sum in fen: what the figure must show."""
    return int(
        session.scalar(select(func.coalesce(func.sum(SaleCredit.amount_fen), 0)).where(*_within(start, end, county, partner))) or 0
    )


def sum_by_channel(session: Session, start: date, end: date) -> dict[Channel, int]:
    """The total of the period by channel, in fen."""
    rows = session.execute(
        select(SaleCredit.channel, func.sum(SaleCredit.amount_fen))
        .where(*_within(start, end, None, None))
        .group_by(SaleCredit.channel)
    )
    return {channel: int(amount) for channel, amount in rows}


def _within(start: date, end: date, county: str | None, partner: str | None) -> list[ColumnElement[Any]]:
    conditions: list[ColumnElement[Any]] = [SaleCredit.on.between(start, end)]
    if county:
        conditions.append(SaleCredit.county_code == county)
    if partner == OTHER:
        conditions.append(SaleCredit.partner_code.is_(None))
    elif partner:
        conditions.append(SaleCredit.partner_code == partner)
    return conditions
