"""The life of a case: open it, answer it, take it, close it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.acting import tell_act
from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Invalid, NotFound
from kernel.files import StoredFile
from kernel.ids import new_code, uuid7
from kernel.outbox import publish
from shop.cases.models import LONGEST, Case, CaseAnswered, CaseMessage, CaseSubject, Return, Side
from shop.cases.states import ANSWER_WITHIN, RETURNS, CaseKind, CaseState

MOST_SUBJECTS = 20
LONGEST_CODE = 80
ANSWER_AGAIN_WITHIN = timedelta(hours=24)


def open_case(
    session: Session,
    actor: Actor,
    kind: CaseKind,
    *,
    subjects: Iterable[str],
    text: str,
    at: datetime,
    contact: str = "",
    photo: StoredFile | None = None,
) -> Case:
    """Open a case about some codes, in the words of the one who reports it. Raises Invalid for no words or too many.

    Whether a code is the reporter's to complain about is checked by who calls (``claiming``); a scan report may be about any box.
    """
    words = check_words(text)
    case = Case(
        code=new_code("CAS"),
        kind=kind,
        state=CaseState.OPEN,
        opened_by=actor.person_id,
        contact=" ".join(contact.split())[:100],
        due_at=at + ANSWER_WITHIN[kind],
        opened_at=at,
    )
    session.add(case)
    session.flush()
    codes = dict.fromkeys(code.strip()[:LONGEST_CODE] for code in subjects if code.strip())
    session.add_all(CaseSubject(case_id=case.id, code=code) for code in list(codes)[:MOST_SUBJECTS])
    _say(session, case, actor, Side.REPORTER, words, at, photo)
    return case


def reply(session: Session, actor: Actor, code: str, text: str, *, at: datetime) -> Case:
    """Say something in a case: the operator's answer makes it wait for the reporter; the reporter's opens it again.

    Raises NotFound for anybody else, Invalid for no words.
    """
    case, side = _lock(session, actor, code)
    before = _standing(case)
    _say(session, case, actor, side, check_words(text), at)
    if side is Side.STAFF:
        case.owner_id = case.owner_id or actor.person_id
        if case.state is CaseState.OPEN:
            case.move(CaseState.WAITING)
            case.due_at = None
        tell_act(session, actor, "case.answered", case.code, before, _standing(case), at=at)
        _tell_reporter(session, case, at)
    elif case.state is not CaseState.OPEN:
        case.move(CaseState.OPEN)
        case.due_at, case.closed_at = at + ANSWER_AGAIN_WITHIN, None
    session.flush()
    return case


def take_case(session: Session, actor: Actor, code: str, *, at: datetime) -> Case:
    """The operator says: mine, also of one that a colleague had. Raises Forbidden, NotFound."""
    actor.must(Role.operator)
    case, _ = _lock(session, actor, code)
    before = _standing(case)
    case.owner_id = actor.person_id
    if _standing(case) != before:
        tell_act(session, actor, "case.taken", case.code, before, _standing(case), at=at)
    return case


def close_case(session: Session, actor: Actor, code: str, text: str, *, at: datetime) -> Case:
    """End a case with a word on how. Raises NotFound, Invalid (no words), Conflict (closed before, or a return that goes on)."""
    case, _ = _lock(session, actor, code)
    if is_returning(session, case):
        raise Conflict("退货还没有办完，办完了工单会自己结案。")
    return end_case(session, actor, code, text, at=at)


def is_returning(session: Session, case: Case) -> bool:
    """Whether the case is a return that has not ended."""
    returned = session.get(Return, case.id)
    return returned is not None and returned.state not in RETURNS.ends


def note_step(session: Session, actor: Actor, code: str, text: str, *, due_at: datetime, at: datetime) -> Case:
    """Say what happened in what a case is about; the next step is ours until ``due_at``. Raises NotFound, Invalid."""
    case, side = _lock(session, actor, code)
    _say(session, case, actor, side, check_words(text), at)
    if case.state is not CaseState.OPEN:
        case.move(CaseState.OPEN)
    case.due_at, case.closed_at = due_at, None
    session.flush()
    if side is Side.STAFF:
        _tell_reporter(session, case, at)
    return case


def end_case(session: Session, actor: Actor, code: str, text: str, *, at: datetime) -> Case:
    """What a case is about has ended, and so does the case. Raises NotFound, Invalid (no words), Conflict (closed before)."""
    case, side = _lock(session, actor, code)
    words, before = check_words(text), _standing(case)
    case.move(CaseState.CLOSED)
    case.due_at, case.closed_at = None, at
    _say(session, case, actor, side, words, at)
    if side is Side.STAFF:
        tell_act(session, actor, "case.closed", case.code, before, _standing(case), at=at)
        _tell_reporter(session, case, at)
    return case


def _standing(case: Case) -> dict[str, str]:
    """State and owner, for the record."""
    return {"state": case.state.value, "owner": str(case.owner_id or "")}


def _tell_reporter(session: Session, case: Case, at: datetime) -> None:
    """Whoever reported it, with an account or as a guest, hears that there is an answer."""
    if case.opened_by is not None:
        publish(session, CaseAnswered(case.opened_by, "case_answered", str(uuid7()), {"case": case.code}, None, at), at=at)


def side_of(case: Case, actor: Actor) -> Side | None:
    """Which side the actor stands on: staff, the reporter, or none of this case."""
    if actor.person_id is not None and case.opened_by == actor.person_id:
        return Side.REPORTER
    return Side.STAFF if actor.has(Role.operator) else None


def check_words(text: str) -> str:
    """The trimmed text. Raises Invalid when there is none or too much."""
    words = text.strip()
    if not 1 <= len(words) <= LONGEST:
        raise Invalid("请写清楚情况，最多 %(most)s 个字。", params={"most": LONGEST}, field="text")
    return words


def _lock(session: Session, actor: Actor, code: str) -> tuple[Case, Side]:
    query = select(Case).where(Case.code == code).with_for_update().execution_options(populate_existing=True)
    case = session.scalar(query)
    side = side_of(case, actor) if case is not None else None
    if case is None or side is None:
        raise NotFound("没有这张工单，请检查工单号。")
    return case, side


def _say(session: Session, case: Case, actor: Actor, side: Side, words: str, at: datetime, photo: StoredFile | None = None) -> None:
    session.add(
        CaseMessage(
            case_id=case.id,
            side=side,
            author=actor.label,
            text=words,
            photo_digest=photo.digest if photo else None,
            photo_type=photo.media_type if photo else None,
            at=at,
        )
    )
    session.flush()
