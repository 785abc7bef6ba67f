"""Doors of erasing people: find them by a code, look at what goes and what stays, propose; a second operator decides; how far it is."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.erasing import SubjectKind
from catalog.parties.models import Person, Role
from kernel import clock
from kernel.db import reading
from kernel.web import kept, once
from shop.backoffice import erasing
from shop.backoffice.models import ErasureState
from shop.backoffice.queries import find_erasure_progress, find_waiting_erasure, get_erasure, list_erasures
from shop.backoffice.tracing import find_footprint, find_subject

bp = Blueprint("backoffice_erasures", __name__, url_prefix="/backoffice/erasures", template_folder="../templates")
PAGE = 50
STATE_LABELS = {ErasureState.WAITING: "等复核", ErasureState.DECIDED: "已删除", ErasureState.REFUSED: "未同意"}
SUBJECT_LABELS = {SubjectKind.HOUSEHOLD: "农户家庭", SubjectKind.PERSON: "买家账号"}
PROGRESS_LABELS = {"done": "已完成", "pending": "正在处理", "parked": "停下了，要人工处理"}
REACTION_LABELS = {
    "erase_logged": "透明日志的密钥和保密内容",
    "forget_slip_words": "在交货凭证上说的话",
    "forget_requests": "请县里核定时说的话",
    "forget_photos": "交货和加工时拍的照片",
    "forget_account": "登录和收货地址",
    "forget_devices": "离线收货手机的名字",
    "forget_tables": "合作社上传后还没改好的表格",
    "forget_questions": "问过县里的话",
    "forget_basket": "购物车",
    "forget_notices": "消息",
    "forget_buyer": "订单和包裹上的收货人",
    "forget_address": "开票申请的邮箱和备注",
    "forget_words": "工单里说的话和照片",
}


@bp.get("/")
@require(Role.operator, Role.auditor)
def index() -> ResponseReturnValue:
    """Erasures so far; with ``?q=`` on to the dry run of whoever that code belongs to."""
    text, after = request.args.get("q", "").strip()[:80], request.args.get("after", type=UUID)
    may = current_actor().has(Role.operator)
    with reading() as session:
        found = find_subject(session, text) if may else None
        if found is not None:
            return redirect(url_for(".dry_run", kind=found[0].value, subject_id=found[1]))
        rows = list_erasures(session, after=after, limit=PAGE + 1)
    more = url_for(".index", after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    return render_template("backoffice/erasures.html", rows=rows[:PAGE], more=more, after=after, text=text, may=may, **_words())


def _words() -> dict[str, object]:
    return {"states": STATE_LABELS, "subjects": SUBJECT_LABELS, "reasons": erasing.REASON_LABELS}


@bp.get("/<any(household, person):kind>/<uuid:subject_id>")
@require(Role.operator)
def dry_run(kind: str, subject_id: UUID) -> ResponseReturnValue:
    """What would go, what stays and by which law. Changes nothing."""
    return _dry_run(kind, subject_id, {}), 200


def _dry_run(kind: str, subject_id: UUID, errors: dict[str, str]) -> str:
    with reading() as session:
        footprint = find_footprint(session, SubjectKind(kind), subject_id)
        waiting = find_waiting_erasure(session, subject_id)
    return render_template(
        "backoffice/erasure_dry_run.html",
        footprint=footprint,
        waiting=waiting,
        options=[(key, _(label)) for key, label in erasing.REASON_LABELS.items()],
        form=request.form,
        errors=errors,
        **_words(),
    )


@bp.post("/<any(household, person):kind>/<uuid:subject_id>")
@require(Role.operator)
def propose(kind: str, subject_id: UUID) -> ResponseReturnValue:
    """Ask for it (form: reason)."""
    return kept(_propose, lambda errors: _dry_run(kind, subject_id, errors), kind, subject_id)


@once
def _propose(session: Session, kind: str, subject_id: UUID) -> ResponseReturnValue:
    row = erasing.propose_erasure(
        session, current_actor(), SubjectKind(kind), subject_id, reason=request.form.get("reason", ""), at=clock.now()
    )
    flash(_("已提出，等另一位运营人员复核。"), "ok")
    return redirect(url_for(".show", code=row.code))


@bp.get("/<code>")
@require(Role.operator, Role.auditor)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}), 200


def _page(code: str, errors: dict[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        row = get_erasure(session, code)
        waits = row.state is ErasureState.WAITING
        people = session.scalars(select(Person).where(Person.id.in_({row.proposed_by, row.decided_by} - {None})))
        return render_template(
            "backoffice/erasure.html",
            row=row,
            waits=waits,
            footprint=find_footprint(session, row.subject_kind, row.subject_id) if waits and actor.has(Role.operator) else None,
            decides=waits and actor.has(Role.operator) and erasing.is_second(row, actor),
            progress=find_erasure_progress(session, row) if row.state is ErasureState.DECIDED else None,
            names={person.id: person.name for person in people},
            reactions=REACTION_LABELS,
            progress_labels=PROGRESS_LABELS,
            form=request.form,
            errors=errors,
            **_words(),
        )


@bp.post("/<code>/<any(agree, refuse):verdict>")
@require(Role.operator)
def decide(code: str, verdict: str) -> ResponseReturnValue:
    """The second person erases (form: typed) or refuses."""
    return kept(_decide, lambda errors: _page(code, errors), code, verdict)


@once
def _decide(session: Session, code: str, verdict: str) -> ResponseReturnValue:
    agree = verdict == "agree"
    erasing.decide_erasure(session, current_actor(), code, agree=agree, typed=request.form.get("typed", ""), at=clock.now())
    flash(_("已删除。各处的记录正在清理，这一页会显示进度。") if agree else _("已处理。"), "ok")
    return redirect(url_for(".show", code=code))
