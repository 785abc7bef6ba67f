"""Doors of cases: a report from the scan page by anybody, a buyer's claims and questions, the conversation, the operator's list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import asking, current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound, Problem
from kernel.files import FileStore, StoredFile, read_bounded
from kernel.pictures import shrink
from kernel.web import everyone, kept, limiter, once, wants_json
from shop.accounts.contact import mask_contact, parse_contact
from shop.cases import claiming, handling
from shop.cases.models import LONGEST, Case, Side
from shop.cases.queries import (
    STAFF,
    get_case,
    list_cases,
    list_late,
    list_messages,
    list_own_cases,
    list_subjects,
    map_owners,
    map_subjects,
)
from shop.cases.states import KIND_LABELS, STATES, CaseKind, CaseState

bp = Blueprint("cases", __name__, url_prefix="/cases", template_folder="templates")
PAGE = 50
REPORTS = "5 per minute; 30 per day"
CLAIMS = "10 per minute; 60 per day"
REPLIES = "20 per minute; 300 per day"
FROM_SCAN = (CaseKind.SCAN_REPORT, CaseKind.SUSPECTED_COPY)
T = TypeVar("T", bound=StrEnum)
OPENED = "opened_cases"
"""Cookie: whose contact this operator asked for, and when; the back office records it."""
OPEN_FOR_SECONDS = 300
BADGES = {CaseState.OPEN: "warn", CaseState.WAITING: "info", CaseState.CLOSED: ""}


@bp.context_processor
def _words() -> dict[str, object]:
    return {"kind_labels": KIND_LABELS, "state_label": STATES.label, "badges": BADGES, "longest": LONGEST, "now": clock.now()}


def _is_staff() -> bool:
    return any(current_actor().has(role) for role in STAFF)


@bp.get("/")
@require(Role.consumer)
def index() -> ResponseReturnValue:
    """One's own cases; for staff all of them, by state and kind, their own (``?mine=1``), or those past their time (``?late=1``)."""
    mine, late = bool(request.args.get("mine")), bool(request.args.get("late"))
    after, state = request.args.get("after", type=UUID), _choice(CaseState, "state")
    kind, actor = _choice(CaseKind, "kind"), current_actor()
    assert actor.person_id is not None
    with reading() as session:
        if not _is_staff():
            rows = list_own_cases(session, actor.person_id, after=after, limit=PAGE + 1)
        elif late:
            rows = list_late(session, clock.now(), limit=PAGE)
        else:
            owner_id = actor.person_id if mine else None
            rows = list_cases(session, state=state, kind=kind, owner_id=owner_id, after=after, limit=PAGE + 1)
        subjects = map_subjects(session, [row.id for row in rows])
        owners = map_owners(session, rows) if _is_staff() else {}
    chosen: dict[str, Any] = {"state": state.value if state else None, "kind": kind.value if kind else None, "mine": mine or None}
    more = url_for(".index", after=rows[PAGE - 1].id, **chosen) if len(rows) > PAGE else None
    return render_template(
        "cases/cases.html",
        rows=rows[:PAGE],
        more=more,
        after=after,
        staff=_is_staff(),
        state=state,
        kind=kind,
        mine=mine,
        late=late,
        subjects=subjects,
        owners=owners,
        states=list(CaseState),
    )


def _choice(values: type[T], name: str) -> T | None:
    text = request.values.get(name, "")
    return values(text) if text in set(values) else None


@bp.get("/report")
@everyone
def report() -> ResponseReturnValue:
    """The form behind a scan page (``?serial=``): anybody may tell us about a box."""
    return _report_page(request.args, {}), 200


def _report_page(form: object, errors: dict[str, str]) -> str:
    return render_template("cases/report.html", form=form, errors=errors, kinds=FROM_SCAN)


@bp.post("/report")
@limiter.limit(REPORTS)
@everyone
def send_report() -> ResponseReturnValue:
    """Send it (form: serial, kind, text, contact). At most 5 a minute from one address."""
    return kept(_send_report, lambda errors: _report_page(request.form, errors))


@once
def _send_report(session: Session) -> ResponseReturnValue:
    form, kind = request.form, _choice(CaseKind, "kind")
    if kind not in FROM_SCAN:
        raise Invalid("请选择问题的类型。", field="kind")
    serial = form.get("serial", "").strip()
    if not 1 <= len(serial) <= handling.LONGEST_CODE:
        raise Invalid("请填写盒子上的编号。", field="serial")
    case = handling.open_case(
        session,
        current_actor(),
        kind,
        subjects=[serial],
        text=form.get("text", ""),
        contact=form.get("contact", ""),
        at=clock.now(),
    )
    return Response(render_template("cases/thanks.html", case=case), 201)


@bp.get("/new")
@require(Role.consumer)
def new() -> ResponseReturnValue:
    """The form to ask about one's own order (``?order=``)."""
    return _new_page(request.args, {}), 200


def _new_page(form: object, errors: dict[str, str]) -> str:
    kinds = [(kind.value, _(label)) for kind, label in KIND_LABELS.items() if kind in claiming.ABOUT_ORDER]
    return render_template("cases/new.html", form=form, errors=errors, kinds=kinds)


@bp.post("/new")
@limiter.limit(REPORTS, key_func=asking)
@require(Role.consumer)
def ask() -> ResponseReturnValue:
    """Ask (form: order, kind, text)."""
    try:
        return _ask()
    except Problem as problem:
        if wants_json():
            raise
        return _new_page(request.form, problem.by_field(_)), problem.status


@once
def _ask(session: Session) -> ResponseReturnValue:
    kind, form = _choice(CaseKind, "kind"), request.form
    if kind is None:
        raise Invalid("请选择问题的类型。", field="kind")
    order_code = form.get("order", "").strip()
    case = claiming.ask_about_order(session, current_actor(), order_code, kind, text=form.get("text", ""), at=clock.now())
    flash(_("工单已提交，我们会尽快答复。"), "ok")
    return redirect(url_for(".show", code=case.code))


@bp.get("/damage/<order>/<line>")
@require(Role.consumer)
def damage(order: str, line: str) -> ResponseReturnValue:
    """坏果包赔: the form for one line of one's own order."""
    return _damage_page(order, line, {}), 200


def _damage_page(order_code: str, line_code: str, errors: dict[str, str]) -> str:
    with reading() as session:
        order, line = claiming.get_own_line(session, current_actor(), order_code, line_code)
        standing = claiming.find_claim(session, line.code)
        in_time = claiming.in_time(order, clock.now())
        return render_template(
            "cases/damage.html", order=order, line=line, standing=standing, in_time=in_time, form=request.form, errors=errors
        )


@bp.post("/damage/<order>/<line>")
@limiter.limit(CLAIMS, key_func=asking)
@require(Role.consumer)
def claim_damage(order: str, line: str) -> ResponseReturnValue:
    """Claim (form: text, photo). The photo is read and kept before the transaction opens, once it is known that one could be opened."""
    with reading() as session:
        wanted = claiming.may_claim(session, current_actor(), order, line, at=clock.now())
    return kept(lambda: _claim_with_photo(wanted, order, line), lambda errors: _damage_page(order, line, errors))


def _claim_with_photo(wanted: bool, order: str, line: str) -> ResponseReturnValue:
    with _taken_photo(wanted) as taken:
        return _claim_damage(taken, order, line)


@once
def _claim_damage(session: Session, taken: Taken, order: str, line: str) -> ResponseReturnValue:
    text = request.form.get("text", "")
    case = claiming.claim_damage(session, current_actor(), order, line, text=text, photo=taken.photo, at=clock.now())
    taken.used = True
    flash(_("售后申请已提交，我们会在 24 小时内答复。"), "ok")
    return redirect(url_for(".show", code=case.code))


def _files() -> FileStore:
    return FileStore(current_app.config["SHANHAI"].case_photos_dir)


@dataclass
class Taken:
    """The photo that came with a claim, in the store already; ``used`` once a case was opened with it."""

    photo: StoredFile | None
    used: bool = False


@contextmanager
def _taken_photo(wanted: bool) -> Iterator[Taken]:
    """What came as ``photo``, drawn anew without place and camera, and kept; without a case its file goes again."""
    taken = Taken(_save_photo() if wanted else None)
    try:
        yield taken
    except BaseException:
        taken.used = False
        raise
    finally:
        if taken.photo is not None and not taken.used:
            _files().delete(taken.photo.digest)


def _save_photo() -> StoredFile | None:
    upload = request.files.get("photo")
    if upload is None or not upload.filename:
        return None
    try:
        content = read_bounded(upload.stream)
    except Problem as problem:
        raise type(problem)(problem.message, params=problem.params, field="photo") from problem  # the form's own name for it
    return _files().keep(shrink(content))


@bp.get("/<code>")
@require(Role.consumer)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}), 200


def _page(code: str, errors: dict[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        case = get_case(session, code, actor)
        return render_template(
            "cases/case.html",
            case=case,
            messages=list_messages(session, case.id),
            subjects=list_subjects(session, case.id),
            side=handling.side_of(case, actor),
            Side=Side,
            CLOSED=CaseState.CLOSED,
            returning=handling.is_returning(session, case),
            staff=_is_staff(),
            owner=map_owners(session, [case]).get(case.owner_id) if case.owner_id else None,
            contact=_contact(case),
            may_open=_is_staff() and actor.has(Role.operator),
            form=request.form,
            errors=errors,
        )


def _contact(case: Case) -> tuple[str, bool]:
    """What somebody without an account left to be reached by, and whether it is masked: until this operator asked for it, on record."""
    opened = cookie.get(OPENED, {}).get(case.code, 0)
    if current_actor().has(Role.operator) and clock.now().timestamp() - opened < OPEN_FOR_SECONDS:
        return case.contact, False
    return _masked(case.contact), True


def _masked(contact: str) -> str:
    """A number or an address keeps its ends; anything else its first character."""
    known = parse_contact(contact)
    return mask_contact(known) if known else f"{contact[:1]}***" if contact else ""


@bp.get("/<code>/photos/<digest>")
@require(Role.consumer)
def photo(code: str, digest: str) -> ResponseReturnValue:
    """A photo of a case, for those who may see the case."""
    with reading() as session:
        case = get_case(session, code, current_actor())
        found = [m.photo_type for m in list_messages(session, case.id) if m.photo_digest == digest]
    if not found or found[0] is None:
        raise NotFound("没有这个文件。")
    with FileStore(_files().folder, former=current_app.config["SHANHAI"].files_dir).open(digest) as opened:
        return Response(opened.read(), mimetype=found[0])


@bp.post("/<code>/reply")
@limiter.limit(REPLIES, key_func=asking)
@require(Role.consumer)
def reply(code: str) -> ResponseReturnValue:
    """Say something (form: text)."""
    return kept(_reply, lambda errors: _page(code, errors), code)


@once
def _reply(session: Session, code: str) -> ResponseReturnValue:
    handling.reply(session, current_actor(), code, request.form.get("text", ""), at=clock.now())
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/close")
@limiter.limit(REPLIES, key_func=asking)
@require(Role.consumer)
def close(code: str) -> ResponseReturnValue:
    """Close it (form: text: how it ended)."""
    return kept(_close, lambda errors: _page(code, errors), code)


@once
def _close(session: Session, code: str) -> ResponseReturnValue:
    handling.close_case(session, current_actor(), code, request.form.get("text", ""), at=clock.now())
    flash(_("工单已结案。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/take")
@require(Role.operator)
@once
def take(session: Session, code: str) -> ResponseReturnValue:
    """The operator takes the case."""
    handling.take_case(session, current_actor(), code, at=clock.now())
    return redirect(url_for(".show", code=code))
