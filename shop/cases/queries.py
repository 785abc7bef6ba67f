"""Cases as reporters and staff look at them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Person, Role
from kernel.errors import NotFound
from logistics.shipments.queries import get_tracking
from logistics.stock.queries import list_allocations
from shop.cases.models import Case, CaseMessage, CaseSubject, ErasedPhoto, Return
from shop.cases.states import CaseKind, CaseState, ReturnState
from shop.orders.models import Order, OrderLine

STAFF = (Role.operator, Role.auditor)


def may_see(case: Case, actor: Actor) -> bool:
    """The reporter, the operator and the auditor may."""
    own = actor.person_id is not None and case.opened_by == actor.person_id
    return own or any(actor.has(role) for role in STAFF)


def get_case(session: Session, code: str, actor: Actor) -> Case:
    """The case when the actor may see it. Raises NotFound."""
    case = session.scalar(select(Case).where(Case.code == code))
    if case is None or not may_see(case, actor):
        raise NotFound("没有这张工单，请检查工单号。")
    return case


def list_messages(session: Session, case_id: UUID) -> Sequence[CaseMessage]:
    """What was said, oldest first."""
    return session.scalars(select(CaseMessage).where(CaseMessage.case_id == case_id).order_by(CaseMessage.id).limit(500)).all()


def list_subjects(session: Session, case_id: UUID) -> Sequence[str]:
    """The codes a case is about."""
    return session.scalars(select(CaseSubject.code).where(CaseSubject.case_id == case_id).order_by(CaseSubject.code)).all()


def list_own_cases(session: Session, person_id: UUID, *, after: UUID | None = None, limit: int = 50) -> Sequence[Case]:
    """What a person reported, newest first."""
    query = select(Case).where(Case.opened_by == person_id).order_by(Case.id.desc()).limit(limit)
    return session.scalars(query.where(Case.id < after) if after else query).all()


def list_cases(
    session: Session,
    *,
    state: CaseState | None = None,
    kind: CaseKind | None = None,
    owner_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Case]:
    """All cases, newest first: for staff. ``owner_id``: what that operator has taken and not closed."""
    query = select(Case).order_by(Case.id.desc()).limit(limit)
    if owner_id is not None:
        query = query.where(Case.owner_id == owner_id, Case.state != CaseState.CLOSED)
    if state is not None:
        query = query.where(Case.state == state)
    if kind is not None:
        query = query.where(Case.kind == kind)
    return session.scalars(query.where(Case.id < after) if after else query).all()


def list_late(session: Session, at: datetime, *, limit: int = 200) -> Sequence[Case]:
    """Open cases past their time, the one longest due first."""
    late = select(Case).where(Case.state == CaseState.OPEN, Case.due_at < at)
    return session.scalars(late.order_by(Case.due_at, Case.id).limit(limit)).all()


def map_subjects(session: Session, case_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The codes each of these cases is about."""
    found: dict[UUID, list[str]] = {}
    rows = select(CaseSubject).where(CaseSubject.case_id.in_(case_ids)).order_by(CaseSubject.case_id, CaseSubject.code)
    for row in session.scalars(rows):
        found.setdefault(row.case_id, []).append(row.code)
    return found


def map_owners(session: Session, cases: Collection[Case]) -> dict[UUID, str]:
    """The names of the operators who have taken these cases."""
    people = session.scalars(select(Person).where(Person.id.in_({case.owner_id for case in cases if case.owner_id})))
    return {person.id: person.name for person in people}


def list_cases_about(session: Session, codes: Collection[str], *, limit: int = 50) -> Sequence[Case]:
    """Cases about any of these codes, newest first."""
    about = select(CaseSubject.case_id).where(CaseSubject.code.in_(codes))
    return session.scalars(select(Case).where(Case.id.in_(about)).order_by(Case.id.desc()).limit(limit)).all()


def count_due(session: Session, at: datetime) -> tuple[int, int]:
    """Open cases, and how many of them are past their time."""
    query = select(func.count(), func.count().filter(Case.due_at < at)).where(Case.state == CaseState.OPEN)
    waiting, late = session.execute(query).one()
    return int(waiting), int(late)


def list_photos_to_delete(session: Session, *, limit: int = 100) -> Sequence[str]:
    """Files of photos that erased persons sent, oldest first."""
    return session.scalars(select(ErasedPhoto.digest).order_by(ErasedPhoto.asked_at, ErasedPhoto.digest).limit(limit)).all()


def list_strange_photos(session: Session, digests: Sequence[str]) -> list[str]:
    """Those of these files that no case names, a thousand at a time."""
    known: set[str] = set()
    for start in range(0, len(digests), 1000):
        part = digests[start : start + 1000]
        known.update(session.scalars(select(CaseMessage.photo_digest).where(CaseMessage.photo_digest.in_(part))))
    return [digest for digest in digests if digest not in known]


NOT_BACK = (ReturnState.REFUSED, ReturnState.WITHDRAWN)


@dataclass(frozen=True)
class ReturnedLine:
    """A return with its case and the line it is about."""

    returned: Return
    case: Case
    line: OrderLine


def get_return(session: Session, case_code: str) -> ReturnedLine:
    """The return that a case is about. Raises NotFound."""
    wanted = select(Return, Case, OrderLine).join(Case, Case.id == Return.case_id).join(OrderLine, OrderLine.id == Return.line_id)
    row = session.execute(wanted.where(Case.code == case_code).execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound("没有这张退货单，请检查工单号。")
    return ReturnedLine(*row)


def list_returns(session: Session, order: Order) -> list[ReturnedLine]:
    """Every return of an order's lines, oldest first."""
    wanted = select(Return, Case, OrderLine).join(Case, Case.id == Return.case_id).join(OrderLine, OrderLine.id == Return.line_id)
    rows = session.execute(wanted.where(Return.line_id.in_([line.id for line in order.lines])).order_by(Return.case_id).limit(200))
    return [ReturnedLine(*row) for row in rows]


def count_asked(session: Session, line: OrderLine) -> int:
    """Boxes of a line that are going back or have gone back."""
    asked = select(func.coalesce(func.sum(func.coalesce(Return.came, Return.boxes)), 0))
    return int(session.scalar(asked.where(Return.line_id == line.id, Return.state.not_in(NOT_BACK))) or 0)


def count_back(session: Session, line: OrderLine) -> int:
    """Boxes of a line that have come back."""
    came = select(func.coalesce(func.sum(Return.came), 0))
    return int(session.scalar(came.where(Return.line_id == line.id, Return.state.not_in(NOT_BACK))) or 0)


def map_boxes_of_line(session: Session, order_code: str, line: OrderLine) -> dict[str, UUID]:
    """The boxes that were sent for a line and in no return yet: the shelf row each came from, by serial."""
    shelves = {row.lot_code: row.stock_lot_id for row in list_allocations(session, order_code) if row.line_code == line.code}
    gone = {serial for serials in session.scalars(select(Return.serials).where(Return.line_id == line.id)) for serial in serials}
    boxes = [box for parcel in get_tracking(session, order_code) for box in parcel.boxes if box.line_code == line.code]
    return {box.serial: shelves[box.lot_code] for box in boxes if box.serial not in gone and box.lot_code in shelves}
