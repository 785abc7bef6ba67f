"""The pages behind the code on a box: the story, its proofs, a page to scan or type a code; and where labels are printed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

import structlog
from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.documents.models import CHECK_LABELS, KIND_LABELS
from catalog.parties.access import Role, current_actor, require
from catalog.parties.queries import find_place_by_gln, get_organization
from catalog.products.queries import get_product
from kernel import clock
from kernel.db import after_commit, reading, work
from kernel.errors import Conflict, Invalid, NotFound, Problem
from kernel.files import FileStore
from kernel.tasks import send
from kernel.web import everyone, language, limiter, once, wants_json
from traceability.ledger.queries import find_disclosures, get_proof_file
from traceability.lots.claims import Model
from traceability.lots.queries import get_lot
from traceability.lots.states import ITEM_FLOW, ItemState
from traceability.scan import counting, labelling, queries, tasks, tilemap
from traceability.scan.api import GUESSES, NEVER_MADE, is_miss, show_no_such_box
from traceability.scan.states import JOB_FLOW, PAYEE_LABELS, SHEET_LABELS, PartState, Sheet
from traceability.scan.story import STAGE_LABELS, STATUS_LABELS, STATUS_TEXTS, VOUCH_LABELS, Story
from traceability.scan.typed import find_path

bp = Blueprint("scan", __name__, template_folder="templates", static_folder="static", static_url_path="/scan/static")
log = structlog.get_logger()

bp.register_error_handler(queries.NoSuchBox, show_no_such_box)

VISITOR_COOKIE = "seen_box"
STATUS_KINDS = {"normal": "ok", "recalled": "bad", "held": "warn", "void": "bad", "inactive": "warn", "expired": "warn"}
STAGE_KINDS = {"recorded": "", "sequenced": "", "published": "info", "witnessed": "ok"}


@bp.after_request
def keep_private(response: Response) -> Response:
    """A serial stands in the address: no cache but the reader's own keeps the page, and no other site is told where they came from."""
    if response.mimetype == "text/html":
        response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.get(NEVER_MADE)
@everyone
def show_never_made() -> ResponseReturnValue:
    """Where the link of a box or lot leads that was never made: 404. Nothing is looked up, so nothing can be found out."""
    raise queries.NoSuchBox(request.args.get("code") or "none")


@bp.get("/t/<code>")
@limiter.limit(GUESSES, deduct_when=is_miss)
@everyone
def show_story(code: str) -> ResponseReturnValue:
    """The story of one box (by serial) or of one pack lot (by its code)."""
    with reading() as session:
        story = queries.tell_story(session, code, clock.today_shanghai(clock.now()))
    response = make_response(render_template("scan/story.html", story=story, **_words(story)))
    _count_after(response, story.code)
    return response


@bp.get("/t/<code>/proofs")
@limiter.limit(GUESSES, deduct_when=is_miss)
@everyone
def list_proofs(code: str) -> ResponseReturnValue:
    """Every event of a story with its place in the log."""
    with reading() as session:
        story = queries.tell_story(session, code, clock.today_shanghai(clock.now()))
    return render_template("scan/proofs.html", story=story, **_words(story))


@bp.get("/t/<code>/proofs/<uuid:event_id>")
@limiter.limit(GUESSES, deduct_when=is_miss)
@everyone
def show_proof(code: str, event_id: UUID) -> ResponseReturnValue:
    """The proof file of one event of this story, with the fields opened that tie it to the box: the lot code and the event's hash."""
    with reading() as session:
        story = queries.tell_story(session, code, clock.today_shanghai(clock.now()))
        if event_id not in {proof.event_id for proof in story.proofs}:
            raise NotFound("这条记录不属于这一盒。")
        opened = find_disclosures(session, event_id, queries.OPENED_FIELDS)
        proof = get_proof_file(session, current_app.config["SHANHAI"].log_dir.absolute(), event_id, disclosed=opened)
    if proof is None:
        raise NotFound("这条记录还没有公布，请过几秒再试。")
    response = Response(proof.encode(), mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="{event_id}.tlog-proof"'
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/t/product/<sku>")
@everyone
def show_product(sku: str) -> ResponseReturnValue:
    """What a product code alone tells: which product; the story needs the code of a box."""
    with reading() as session:
        product = get_product(session, sku)
        cooperative = get_organization(session, product.cooperative_id)
    return render_template("scan/product.html", product=product, cooperative=cooperative)


@bp.get("/t/place/<gln>")
@everyone
def show_place(gln: str) -> ResponseReturnValue:
    """A place by its GLN: what it is and whose."""
    with reading() as session:
        place = find_place_by_gln(session, gln)
        if place is None:
            raise NotFound("我们没有登记过这个编码。请核对后再试。")
        organization = get_organization(session, place.organization_id)
    return render_template("scan/place.html", place=place, organization=organization)


@bp.get("/scan")
@everyone
def scan() -> ResponseReturnValue:
    """Read a code with the camera, from a picture, or typed; then to its page."""
    text = request.args.get("code", "")
    if not text:
        return render_template("scan/scan.html", text="", error="")
    try:
        return redirect(find_path(text), 303)
    except Invalid as problem:
        return render_template("scan/scan.html", text=text[:200], error=problem.text(_)), problem.status


@bp.get("/labels/<code>")
@require(Role.clerk, Role.packer, Role.operator)
def show_labels(code: str) -> ResponseReturnValue:
    """Labels of a pack lot: how many are printed, the form to ask for more, and the jobs so far."""
    return _labels_page(code, {}, {})


@bp.post("/labels/<code>")
@require(Role.clerk, Role.packer, Role.operator)
def ask_labels(code: str) -> ResponseReturnValue:
    """Ask for labels; a task draws them. A refused form comes back as it was, with what to mend."""
    try:
        return _ask_labels(code)
    except Problem as problem:
        if wants_json() or not isinstance(problem, Invalid | Conflict):
            raise
        return _labels_page(code, request.form, problem.by_field(_)), problem.status


@once
def _ask_labels(session: Session, code: str) -> ResponseReturnValue:
    config = current_app.config["SHANHAI"]
    count, sheet = request.form.get("count", ""), request.form.get("sheet", "")
    if not (count.isascii() and count.isdigit() and len(count) < 7):
        raise Invalid("请填写张数，用阿拉伯数字。", field="count")
    if sheet not in list(Sheet):
        raise Invalid("请选择标签纸。", field="sheet")
    job = labelling.ask_labels(
        session,
        current_actor(),
        lot_code=code,
        count=int(count),
        sheet=Sheet(sheet),
        public_url=queries.find_public_url(session, config.public_url),
        demo=config.demo,
        again=bool(request.form.get("again")),
        at=clock.now(),
    )
    job_id = job.id
    after_commit(session, lambda: send(tasks.draw_labels, str(job_id)))
    return redirect(url_for("scan.show_label_job", code=code, job_id=job_id), 303)


def _labels_page(code: str, form: Mapping[str, str], errors: Mapping[str, str]) -> str:
    with reading() as session:
        lot = get_lot(session, code)
        labelling.must_label(current_actor(), lot)
        counts = queries.count_items(session, lot.id)
        jobs = queries.list_label_jobs(session, lot.id)
    return render_template(
        "scan/labels.html",
        lot=lot,
        counts=[(ITEM_FLOW.label(state), count) for state, count in counts.items()],
        waiting=counts.get(ItemState.MADE, 0),
        jobs=jobs,
        flow=JOB_FLOW,
        sheets=[(sheet.value, _(SHEET_LABELS[sheet])) for sheet in Sheet],
        most=labelling.MOST_LABELS,
        form=form,
        errors=errors,
    )


@bp.get("/labels/<code>/<uuid:job_id>")
@require(Role.clerk, Role.packer, Role.operator)
def show_label_job(code: str, job_id: UUID) -> ResponseReturnValue:
    """How far a print job has come; the page looks again by itself until the sheet is there."""
    with reading() as session:
        lot = get_lot(session, code)
        labelling.must_label(current_actor(), lot)
        job = labelling.get_job(session, lot, job_id)
    return render_template("scan/label_job.html", lot=lot, job=job, state=JOB_FLOW.label(job.state))


@bp.get("/labels/<code>/<uuid:job_id>/labels.pdf")
@require(Role.clerk, Role.packer, Role.operator)
def download_labels(code: str, job_id: UUID) -> ResponseReturnValue:
    """The finished sheet."""
    with reading() as session:
        lot = get_lot(session, code)
        labelling.must_label(current_actor(), lot)
        job = labelling.get_job(session, lot, job_id)
    if job.file_digest is None:
        raise NotFound("标签还没有生成好，请稍等。")
    sheet = FileStore(current_app.config["SHANHAI"].files_dir).open(job.file_digest)
    return send_file(sheet, mimetype="application/pdf", as_attachment=True, download_name=f"{code}-labels.pdf")


def _words(story: Story) -> dict[str, object]:
    """Tables of words and small formatters of the story's templates."""
    return {
        "lang_code": language(),
        "sentence": _sentence(story),
        "short_day": lambda day: _short_day(day, story.on),
        "status_kind": STATUS_KINDS[story.status],
        "stage_kinds": STAGE_KINDS,
        "labels": {
            "status": STATUS_LABELS,
            "status_text": STATUS_TEXTS,
            "vouch": VOUCH_LABELS,
            "stage": STAGE_LABELS,
            "paper": KIND_LABELS,
            "check": CHECK_LABELS,
            "payee": PAYEE_LABELS,
        },
        "PAID": PartState.PAID,
        "route": tilemap.line(story.tiles),
    }


def _sentence(story: Story) -> list[str]:
    """盐池县 · 示例合作社 · 12户 · 10月18日屠宰, in its parts."""
    parts = [story.county.text(language()), story.cooperative.text(language())]
    if story.growers.count:
        averaged = story.growers.custody is Model.MASS_BALANCE
        count = story.growers.count
        parts.append(_("平均来自 %(num)s 户", num=count) if averaged else ngettext("%(num)d户", "%(num)d户", count))
    if story.key is not None:
        first, last = _short_day(story.key.first, story.on), _short_day(story.key.last, story.on)
        days = first if first == last else _("%(first)s至%(last)s", first=first, last=last)
        parts.append(_(story.key.act, day=days))
    return parts


def _short_day(day: date | datetime, on: date) -> str:
    """10月18日; with the year when it is another one. A moment counts as its day in China."""
    if isinstance(day, datetime):
        day = clock.today_shanghai(day)
    return str(format_date(day, _("M月d日") if day.year == on.year else _("y年M月d日")))


def _count_after(response: Response, code: str) -> None:
    """Note this look once the answer is on its way (the clock tallies); a failure there is logged and never seen by the reader."""
    if request.method != "GET" or "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        return
    cookie = request.cookies.get(VISITOR_COOKIE, "")
    if len(cookie) != 43:
        cookie = secrets.token_urlsafe(32)
        config = current_app.config["SHANHAI"]
        age = int(counting.KEPT.total_seconds())
        response.set_cookie(VISITOR_COOKIE, cookie, max_age=age, httponly=True, samesite="Lax", secure=config.secure)
    visitor, at = counting.hash_visitor(cookie), clock.now()

    def record() -> None:
        try:
            with work() as session:
                counting.record_scan(session, code, at, visitor=visitor)
        except Exception as error:
            log.warning("a look was not counted", error=repr(error))

    response.call_on_close(record)
