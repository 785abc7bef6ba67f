"""Take in a day's deliveries from a table: all rows or none; a row that came in before is passed over, so the same file twice is once.

Every row goes through the same act as one that is typed: what the table says is tried for real, and taken back when any row of it
cannot be taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Household, Role
from kernel.errors import Conflict, FieldError, Invalid, Term
from kernel.spreadsheet import Fault, Sheet
from shop.cooperative import day_sheet, forms
from shop.cooperative.models import DaySheet, ImportedRow
from shop.cooperative.queries import Register
from traceability.lots.harvesting import DeliveryDraft, record_delivery


@dataclass(frozen=True)
class _Row:
    """A row that reads well: what it asks for, its digest, and the digests it may have been kept under before."""

    number: int
    draft: DeliveryDraft
    digest: str
    former: Set[str]


class FaultySheet(Invalid):
    """Something in the table is wrong, so nothing of it was taken in: every fault of it."""

    type = "faulty-sheet"

    def __init__(self, faults: Sequence[Fault]) -> None:
        found = sorted(faults, key=lambda fault: (fault.row, day_sheet.place_of(fault.column)))
        super().__init__(
            "表格里有 %(count)s 处问题，一行也没有导入。",
            params={"count": len(found)},
            errors=[FieldError(f"row {fault.row}", fault.message, fault.params) for fault in found],
        )
        self.faults = found


def import_deliveries(
    session: Session, actor: Actor, organization_id: UUID, sheet: Sheet, *, file_name: str, at: datetime
) -> DaySheet:
    """Record every row of ``sheet`` that is new. ``sheet`` was read before the transaction began.

    A clerk may. Raises Forbidden, FaultySheet when anything in it is wrong: whoever opened the transaction takes it all back.
    """
    actor.must(Role.clerk, organization_id)
    # Two imports of one cooperative go one after the other, so that the second sees the rows of the first.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"day sheets {organization_id}", 0))))
    rows, faults, _register = _read_rows(session, organization_id, sheet, at)  # the register keeps in the session what it has read
    rows = _leave_out_known(session, organization_id, rows)
    faults += _record(session, actor, organization_id, rows, at, all_read=not faults)
    if faults:
        raise FaultySheet(faults)
    return _keep(session, actor, organization_id, sheet, file_name, at, new_count=len(rows))


def keep_faults(
    session: Session,
    actor: Actor,
    organization_id: UUID,
    sheet: Sheet,
    faults: Sequence[Fault],
    *,
    digest: str,
    file_name: str,
    at: datetime,
) -> DaySheet:
    """Keep what was wrong with a table whose file is in the store already, until ``forget_sheets``. A clerk may. Raises Forbidden."""
    actor.must(Role.clerk, organization_id)
    return _keep(session, actor, organization_id, sheet, file_name, at, digest=digest, faults=[_plain(fault) for fault in faults])


def _keep(
    session: Session, actor: Actor, organization_id: UUID, sheet: Sheet, file_name: str, at: datetime, **found: Any
) -> DaySheet:
    kept = DaySheet(
        organization_id=organization_id,
        file_name=file_name[:120],
        row_count=len(sheet.rows),
        imported_by=actor.label,
        at=at,
        **({"new_count": 0, "faults": [], "digest": None} | found),
    )
    session.add(kept)
    session.flush()
    return kept


def forget_sheets(session: Session, *, before: datetime) -> None:
    """Forget tables with faults that were uploaded before then; their files go with the next sweep."""
    session.execute(delete(DaySheet).where(DaySheet.digest.is_not(None), DaySheet.at < before))


def _read_rows(session: Session, organization_id: UUID, sheet: Sheet, at: datetime) -> tuple[list[_Row], list[Fault], Register]:
    faults, rows, seen = list(sheet.faults), [], Counter[str]()
    faulty = {fault.row for fault in faults}
    read = [(row, *day_sheet.read_form(row.cells, at)) for row in sheet.rows if row.number not in faulty]
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
        seen.update((alike, written))
        former = {*day_sheet.former_digests(draft, seen[alike]), day_sheet.digest(draft, seen[written], row.cells["day"])}
        paid_at = at if day_sheet.is_paid(row.cells) else None
        rows.append(_Row(row.number, replace(draft, paid_at=paid_at), day_sheet.digest(draft, seen[alike]), former))
    return rows, faults, register


def _once(errors: Sequence[FieldError]) -> list[FieldError]:
    """One fault a column: the first says enough."""
    return list({day_sheet.column_of(error.field): error for error in reversed(errors)}.values())[::-1]


def _leave_out_known(session: Session, organization_id: UUID, rows: Sequence[_Row]) -> list[_Row]:
    wanted = {digest for row in rows for digest in (row.digest, *row.former)}
    query = select(ImportedRow.digest).where(ImportedRow.organization_id == organization_id, ImportedRow.digest.in_(wanted))
    known = set(session.scalars(query))
    return [row for row in rows if known.isdisjoint((row.digest, *row.former))]


def _record(
    session: Session, actor: Actor, organization_id: UUID, rows: Sequence[_Row], at: datetime, *, all_read: bool
) -> list[Fault]:
    """Take every row in. When one is refused, all are taken back and tried one by one, so that every refusal is found."""
    if not rows:
        return []
    ids = {row.draft.household_id for row in rows}  # in the order of their keys, as everywhere (docs/locking.md, step 2c)
    session.execute(select(Household.id).where(Household.id.in_(ids)).order_by(Household.id).with_for_update(key_share=True)).all()
    if all_read:
        try:
            with session.begin_nested():
                made = [(row.digest, record_delivery(session, actor, row.draft, at).id) for row in rows]
                taken = ({"organization_id": organization_id, "digest": digest, "delivery_id": key} for digest, key in made)
                session.execute(insert(ImportedRow), [*taken])
            return []
        except (Invalid, Conflict):
            pass
    faults: list[Fault] = []
    for row in rows:
        try:
            with session.begin_nested():
                record_delivery(session, actor, row.draft, at)
        except (Invalid, Conflict) as problem:
            faults += day_sheet.faults_of(row.number, problem)
    return faults


def _plain(fault: Fault) -> dict[str, Any]:
    params = {key: {"term": value} if isinstance(value, Term) else str(value) for key, value in fault.params.items()}
    return {"row": fault.row, "column": fault.column, "message": fault.message, "params": params}


def faults_of(kept: DaySheet) -> list[Fault]:
    """The faults of an uploaded file, as they were found."""
    return [
        Fault(
            each["row"], each["column"], each["message"],
            {key: Term(value["term"]) if isinstance(value, dict) else value for key, value in each["params"].items()},
        )
        for each in kept.faults
    ]  # fmt: skip
