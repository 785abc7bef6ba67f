"""The certifier's pages: record a paper, look it up at its source, revoke it; and the public page of one paper."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, flash, g, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.forms import file_store, is_demo, read_document_form, store_scan
from catalog.documents.gating import holds_on
from catalog.documents.models import CHECK_LABELS, KIND_LABELS, SUBJECT_LABELS, Document, DocumentKind
from catalog.documents.queries import find_promise, get_document, list_documents, list_expiring
from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import NotFound, Problem
from kernel.quantity import Quantity
from kernel.web import everyone, once, wants_json

bp = Blueprint("documents", __name__, url_prefix="/documents", template_folder="templates")
PAGE = 50
STANDING_LABELS = {"revoked": "已撤销", "valid": "有效", "later": "未生效", "over": "已到期", "replaced": "已作废"}


@bp.get("/")
@require(Role.certifier, Role.operator, Role.auditor)
def index() -> ResponseReturnValue:
    return _list_page({}, {}), 200


def _list_page(form: object, errors: object) -> str:
    wanted = request.args.get("kind") or None
    kind = DocumentKind(wanted) if wanted in set(DocumentKind) else None
    search, after = request.args.get("q", "")[:80], request.args.get("after", type=UUID)
    today = clock.today_shanghai(clock.now())
    with reading() as session:
        rows = list_documents(session, kind=kind, search=search, after=after, limit=PAGE + 1)
        more = url_for(".index", kind=wanted, q=search or None, after=rows[PAGE - 1].id) if len(rows) > PAGE else None
        return render_template(
            "documents/documents.html",
            rows=[(row, *_standing(row)) for row in rows[:PAGE]],
            expiring=list_expiring(session, today),
            more=more,
            first=url_for(".index", kind=wanted, q=search or None) if after else None,
            kind=kind,
            search=search,
            kinds=KIND_LABELS,
            subjects=SUBJECT_LABELS,
            checks=CHECK_LABELS,
            may_record=any(current_actor().has(role) for role in (Role.certifier, Role.operator)),
            form=form,
            errors=errors,
        )


def _standing(document: Document) -> tuple[str, str]:
    """A word for how a paper stands today, and the colour of its badge."""
    today = clock.today_shanghai(clock.now())
    if document.revoked_at is not None:
        return STANDING_LABELS["revoked"], "bad"
    if holds_on(document, today):
        return STANDING_LABELS["valid"], "ok"
    if document.valid_from > today:
        return STANDING_LABELS["later"], "warn"
    return STANDING_LABELS["over"], "bad"


@bp.post("/")
@require(Role.certifier, Role.operator)
def record() -> ResponseReturnValue:
    """Record a paper with its scan; a wrong field stands beside its input again."""
    try:
        g.scan = store_scan()
        return _record()
    except Problem as problem:
        if wants_json() or problem.status == 403:
            raise
        return _list_page(request.form, problem.by_field(_)), problem.status


@once
def _record(session: Session) -> ResponseReturnValue:
    form = read_document_form()
    document = issuing.record_document(
        session,
        current_actor(),
        kind=form.kind,
        number=form.number,
        subject_kind=form.subject_kind,
        subject_code=form.subject_code,
        issuer=form.issuer,
        issued_on=form.issued_on,
        valid_from=form.valid_from,
        valid_to=form.valid_to,
        scan=g.scan,
        demo=is_demo(),
        at=clock.now(),
    )
    flash(_("已登记%(kind)s %(number)s。", kind=_(KIND_LABELS[document.kind]), number=document.number), "ok")
    return redirect(url_for(".show", document_id=document.id))


@bp.get("/<uuid:document_id>")
@everyone
def show(document_id: UUID) -> ResponseReturnValue:
    """What anybody may know of a paper: kind, number, who issued it, for whom, its days, how far it was checked. Never the scan."""
    return _page(document_id, {}), 200


def _page(document_id: UUID, errors: object) -> str | Response:
    actor = current_actor()
    with reading() as session:
        document = get_document(session, document_id)
        promise = find_promise(session, document.id)
        word, colour = (
            _standing(document) if promise is None or promise.replaced_by is None else (STANDING_LABELS["replaced"], "bad")
        )
        if wants_json():
            return jsonify(_shown(document, word))
        return render_template(
            "documents/document.html",
            document=document,
            promise=promise,
            amount=Quantity(promise.quantity, promise.unit) if promise else None,
            bases=[issuing.BASIS_LABELS[issuing.PromiseBasis(value)] for value in promise.basis] if promise else [],
            standing=(word, colour),
            kind=KIND_LABELS[document.kind],
            subject=SUBJECT_LABELS[document.subject_kind],
            check=CHECK_LABELS[document.check_state],
            may_edit=any(actor.has(role) for role in (Role.certifier, Role.operator)),
            errors=errors,
        )


def _shown(document: Document, word: str) -> dict[str, str | None]:
    return {
        "kind": document.kind.value,
        "number": document.number,
        "issuer": document.issuer,
        "subject_kind": document.subject_kind.value,
        "subject_code": document.subject_code,
        "valid_from": document.valid_from.isoformat(),
        "valid_to": document.valid_to.isoformat() if document.valid_to else None,
        "check_state": document.check_state.value,
        "standing": _(word),
    }


@bp.get("/<uuid:document_id>/scan")
@require(Role.certifier, Role.operator, Role.auditor)
def scan(document_id: UUID) -> ResponseReturnValue:
    """The scan itself, for those who check papers; it may hold names and numbers of people."""
    with reading() as session:
        document = get_document(session, document_id)
    if document.file_digest is None or document.file_type is None:
        raise NotFound("这份证书没有上传扫描件。")
    answer = send_file(file_store().open(document.file_digest), mimetype=document.file_type)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@bp.post("/<uuid:document_id>/revoke")
@require(Role.certifier, Role.operator)
def revoke(document_id: UUID) -> ResponseReturnValue:
    try:
        return _revoke(document_id)
    except Problem as problem:
        if wants_json() or problem.status in (403, 404):
            raise
        return _page(document_id, problem.by_field(_)), problem.status


@once
def _revoke(session: Session, document_id: UUID) -> ResponseReturnValue:
    issuing.revoke_document(
        session, current_actor(), document_id=document_id, reason=request.form.get("reason", ""), at=clock.now()
    )
    flash(_("已撤销。需要它的产品从现在起不能销售。"), "ok")
    return redirect(url_for(".show", document_id=document_id))


@bp.post("/<uuid:document_id>/check")
@require(Role.certifier, Role.operator)
def check(document_id: UUID) -> ResponseReturnValue:
    try:
        return _check(document_id)
    except Problem as problem:
        if wants_json() or problem.status in (403, 404):
            raise
        return _page(document_id, problem.by_field(_)), problem.status


@once
def _check(session: Session, document_id: UUID) -> ResponseReturnValue:
    issuing.check_at_source(
        session, current_actor(), document_id=document_id, found_at=request.form.get("found_at", ""), at=clock.now()
    )
    flash(_("已记录核对。"), "ok")
    return redirect(url_for(".show", document_id=document_id))
