"""Rows of a table become deliveries: read all together, then tried or taken in by slices, each in a transaction of its own.

Every row goes through the same act as one that is typed. What a household may bring counts its rows together, so a slice never parts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Household
from kernel import clock
from kernel.errors import Conflict, FieldError, Invalid
from kernel.spreadsheet import Fault, Sheet
from shop.cooperative import day_sheet, forms
from shop.cooperative.models import ImportedRow
from shop.cooperative.queries import Register
from traceability.lots.harvesting import DeliveryDraft, record_delivery
from traceability.lots.moments import LATE

SLICE: Final = 20  # rows: some tenths of a second, in which others wait for these households


@dataclass(frozen=True)
class Row:
    """A row that reads well: what it asks for, its digest, and the digests it may have been kept under before."""

    number: int
    draft: DeliveryDraft
    digest: str
    former: Set[str]


def read_rows(session: Session, organization_id: UUID, sheet: Sheet, handed_in: datetime) -> tuple[list[Row], list[Fault]]:
    """What the rows ask for, and what is wrong with their words. The same file, handed in at the same moment, reads the same."""
    faults, rows, seen, tagged = list(sheet.faults), [], Counter[str](), dict[str, int]()
    faulty = {fault.row for fault in faults}
    read = [(row, *day_sheet.read_form(row.cells, handed_in)) for row in sheet.rows if row.number not in faulty]
    register = Register(session, organization_id)
    register.load(*forms.asked_for(form for _row, form, _errors in read))
    for row, form, errors in read:
        try:
            draft = forms.read_draft(register, form, happened=True)
        except Invalid as problem:
            errors = [*errors, *(problem.errors or ())]
        if errors:
            faults += [Fault(row.number, day_sheet.column_of(error.field), error.message, error.params) for error in _once(errors)]
            continue
        alike, written = day_sheet.digest(draft, 0), day_sheet.digest(draft, 0, f"as written: {row.cells['day']}")
        errors = _tags_of_before(draft, tagged)
        if errors:
            faults += [Fault(row.number, "ear_tags", error.message, error.params) for error in errors]
            continue
        tagged |= dict.fromkeys(draft.ear_tags, row.number)
        seen.update((alike, written))
        former = {*day_sheet.former_digests(draft, seen[alike]), day_sheet.digest(draft, seen[written], row.cells["day"])}
        paid_at = handed_in if day_sheet.is_paid(row.cells) else None
        rows.append(Row(row.number, replace(draft, paid_at=paid_at), day_sheet.digest(draft, seen[alike]), former))
    return rows, faults


def _tags_of_before(draft: DeliveryDraft, tagged: Mapping[str, int]) -> list[FieldError]:
    """Animals that an earlier row brings already: slices that are tried one by one and taken back would not see it."""
    twice = [tag for tag in draft.ear_tags if tag in tagged][:1]
    return [
        FieldError("ear_tags", "耳标 %(tag)s 在第 %(row)s 行已经填过。", {"tag": tag, "row": str(tagged[tag])}) for tag in twice
    ]


def _once(errors: Sequence[FieldError]) -> list[FieldError]:
    """One fault a column: the first says enough."""
    return list({day_sheet.column_of(error.field): error for error in reversed(errors)}.values())[::-1]


def cut(rows: Sequence[Row]) -> list[list[Row]]:
    """Slices of about ``SLICE`` rows, all rows of a household in one."""
    of: dict[UUID, list[Row]] = {}
    for row in rows:
        of.setdefault(row.draft.household_id, []).append(row)
    slices: list[list[Row]] = [[]]
    for own in of.values():
        if slices[-1] and len(slices[-1]) + len(own) > SLICE:
            slices.append([])
        slices[-1] += own
    return [found for found in slices if found]


def take(
    session: Session, actor: Actor, organization_id: UUID, rows: Sequence[Row], *, handed_in: datetime, at: datetime
) -> tuple[list[tuple[Row, UUID]], list[Fault]]:
    """Record the rows of a slice that did not come in before, each with the key of its delivery, and say why others are refused.

    The households are locked first, so of two imports of one file the second sees what the first took in. Raises Forbidden.
    """
    ids = {row.draft.household_id for row in rows}  # in the order of their keys, as everywhere (docs/locking.md, step 2c)
    locked = select(Household).where(Household.id.in_(ids)).order_by(Household.id).with_for_update(key_share=True)
    _held = session.scalars(locked).all()  # so that they stay in the session: nobody reads them again
    new = _leave_out_known(session, organization_id, rows)
    # Accounts of a site are opened in one order, or two tables would wait for each other.
    new = sorted(new, key=lambda row: (row.draft.material, row.number))
    # What was in time when it was handed in is in time when its turn comes; a table knows the day, so the whole of it.
    since = clock.day_shanghai(clock.today_shanghai(handed_in - LATE))[0]

    def record(row: Row) -> tuple[Row, UUID]:
        return row, record_delivery(session, actor, row.draft, at, since=since).id

    try:
        with session.begin_nested():
            return [record(row) for row in new], []
    except (Invalid, Conflict):
        made, faults = [], []
    for row in new:
        try:
            with session.begin_nested():
                made.append(record(row))
        except (Invalid, Conflict) as problem:
            faults += day_sheet.faults_of(row.number, problem)
    return made, faults


def _leave_out_known(session: Session, organization_id: UUID, rows: Sequence[Row]) -> list[Row]:
    wanted = {digest for row in rows for digest in (row.digest, *row.former)}
    query = select(ImportedRow.digest).where(ImportedRow.organization_id == organization_id, ImportedRow.digest.in_(wanted))
    known = set(session.scalars(query))
    return [row for row in rows if known.isdisjoint((row.digest, *row.former))]
