"""What is done with a lot: mixed, processed, packed, given its papers, its labels activated."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.models import DocumentKind, SubjectKind
from catalog.documents.queries import find_promise, find_standing_promise
from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization
from catalog.products.queries import find_product
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound, Problem
from kernel.quantity import Quantity, plain
from kernel.web import kept, once
from shop.cooperative import forms, queries
from shop.cooperative.views import RAW, STEP_TEXTS, own_cooperative
from shop.cooperative.views.photos import Taken, allow_photo, taken_photo
from traceability.lots import balancing, promising, serialising, signing, splitting
from traceability.lots.mixing import mix_lots
from traceability.lots.models import Lot
from traceability.lots.processing import pack_lot, process_lot
from traceability.lots.queries import get_lot, list_photos, list_step_requests
from traceability.lots.states import LotKind
from traceability.lots.yields import Deviation, OffYield
from traceability.scan.qrcodes import cached_svg
from traceability.scan.queries import find_public_url

bp = Blueprint("cooperative_lots", __name__, url_prefix="/cooperative/lots", template_folder="../templates")
PAPER_KINDS = (DocumentKind.ANIMAL_QUARANTINE, DocumentKind.MEAT_INSPECTION)
PAPER_TEXTS = {DocumentKind.ANIMAL_QUARANTINE: "动物检疫合格证明", DocumentKind.MEAT_INSPECTION: "肉品品质检验合格证"}
MIXED = 200  # at most in one act; so many stand on one page
LISTS = {"raw": RAW, "packs": (LotKind.PACK,), "by_products": (LotKind.BY_PRODUCT,)}
PAGES = {"raw": MIXED, "packs": 30, "by_products": 30}  # full, the page weighs 130 KB with all it loads
BASIS_TEXTS = {
    issuing.PromiseBasis.QUALITY_CONTROL: "质量安全控制符合要求",
    issuing.PromiseBasis.OWN_TEST: "自行检测合格",
    issuing.PromiseBasis.COMMISSIONED_TEST: "委托检测合格",
}


bp.url_value_preprocessor(allow_photo)


@bp.get("")
@require(Role.clerk)
def lots() -> ResponseReturnValue:
    """What lies there, and the form that mixes deliveries into one lot."""
    return _lots_page({})


def _lots_page(errors: Mapping[str, str]) -> str:
    with reading() as session:
        return render_template(
            "cooperative/lots.html",
            **{name: _list_lots(session, name, kinds) for name, kinds in LISTS.items()},
            form=request.form,
            errors=errors,
            plain=plain,
        )


def _list_lots(session: Session, name: str, kinds: Collection[LotKind]) -> tuple[list[Lot], str | None, str | None]:
    """A page of open lots, the address of the next page, and of the first one when this is another."""
    after, size = forms.read_uuid(text) if (text := request.args.get(name)) else None, PAGES[name]
    rows = queries.list_open_lots(session, own_cooperative(), kinds, after=after, limit=size + 1)
    values: dict[str, Any] = {name: rows[size - 1].id} if len(rows) > size else {}
    following = url_for(".lots", **values) if values else None
    return rows[:size], following, url_for(".lots") if after else None


@bp.post("/mixed")
@require(Role.clerk)
def mix() -> ResponseReturnValue:
    """Put the chosen lots together, each with all that is left of it."""
    return kept(_take_and_mix, _lots_page)


def _take_and_mix() -> ResponseReturnValue:
    with taken_photo() as taken:
        return _mix(taken)


@once
def _mix(session: Session, taken: Taken) -> ResponseReturnValue:
    chosen = [get_lot(session, code) for code in request.form.getlist("lot")[:MIXED]]
    if not chosen:
        raise Invalid("请先勾选要合并的批次。", field="lot")
    lot = mix_lots(
        session,
        current_actor(),
        inputs=[(lot.id, lot.left) for lot in chosen],
        material=chosen[0].material,
        product_sku=chosen[0].product_sku,
        averaged=request.form.get("averaged") == "1",
        certified=request.form.get("certified") == "1",
        photo=taken.photo,
        at=clock.now(),
    )
    taken.used = True
    flash(_("已合并成批次 %(code)s。", code=lot.code))
    return redirect(url_for("cooperative_lots.work", code=lot.code))


@bp.get("/<code>")
@require(Role.clerk)
def work(code: str) -> ResponseReturnValue:
    """What can be done with a lot: papers, a step of processing, packing, labels."""
    return _work_page(code, {}, {}), 200


def _work_page(code: str, form: Mapping[str, Any], errors: Mapping[str, str], deviations: Sequence[Deviation] = ()) -> str:
    with reading() as session:
        lot = get_lot(session, code)
        if lot.organization_id != own_cooperative():
            raise NotFound("没有这个批次。")
        return render_template(
            "cooperative/work.html",
            lot=lot,
            product=find_product(session, lot.product_sku) if lot.product_sku else None,
            products=[
                p
                for p in queries.list_own_products(session, lot.organization_id)
                if p.sku == lot.product_sku or not lot.product_sku
            ],
            items=queries.count_items(session, lot.id) if lot.kind is LotKind.PACK else {},
            steps=[(step.value, _(text)) for step, text in STEP_TEXTS.items()],
            papers=[(kind.value, _(text)) for kind, text in PAPER_TEXTS.items()],
            bases=[(basis.value, _(text)) for basis, text in BASIS_TEXTS.items()],
            units=[("kg", _("千克")), ("piece", _("件")), ("l", _("升"))],
            rows=range(forms.OUTPUT_ROWS),
            faults=[deviation.text(_) for deviation in deviations],
            county_only=any(deviation.county_only for deviation in deviations),
            certificate=find_standing_promise(session, lot.code),
            photos=list_photos(session, lot),
            waiting=list_step_requests(session, lot_id=lot.id, open_only=True),
            form=form,
            errors=errors,
            plain=plain,
        )


@bp.post("/<code>/<any(processing, signature, packing, papers, promise, activation, parts, losses):deed>")
@require(Role.clerk)
def act_on_lot(code: str, deed: str) -> ResponseReturnValue:
    """One act on a lot; a refusal comes back on the same page with everything that was typed."""
    try:
        with taken_photo("photo_processing" if deed == "signature" else f"photo_{deed}") as taken:
            return _act_on_lot(code, deed, taken)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        deviations = problem.deviations if isinstance(problem, OffYield) else ()
        return _work_page(code, request.form, problem.by_field(_), deviations), problem.status


@once
def _act_on_lot(session: Session, code: str, deed: str, taken: Taken) -> ResponseReturnValue:
    lot = get_lot(session, code)
    if lot.organization_id != own_cooperative():
        raise NotFound("没有这个批次。")
    return redirect(url_for("cooperative_lots.work", code=_DEEDS[deed](session, lot, taken)))


def _process(session: Session, lot: Lot, taken: Taken) -> str:
    step, outputs = forms.read_outputs(request.form, lot.product_sku)
    made = process_lot(
        session,
        current_actor(),
        step=step,
        inputs=[(lot.id, lot.left)],
        outputs=outputs,
        place_id=None,
        at=clock.now(),
        photo=taken.photo,
    )
    taken.used = True
    flash(_("已记录，产出 %(count)s 个批次。", count=len(made)))
    return made[0].code


def _ask_signature(session: Session, lot: Lot, taken: Taken) -> str:
    step, outputs = forms.read_outputs(request.form, lot.product_sku)
    signing.ask_signature(
        session,
        current_actor(),
        step=step,
        inputs=[(lot.id, lot.left)],
        outputs=outputs,
        place_id=None,
        reason=request.form.get("reason", ""),
        photo=taken.photo,
        at=clock.now(),
    )
    taken.used = True
    flash(_("已提交，签字后这一步才记录。"))
    return lot.code


def _pack(session: Session, lot: Lot, taken: Taken) -> str:
    read = forms.Reading(request.form)
    sku = read.text("product_sku", _("请选择产品。"))
    boxes = read.read("boxes", int, 0)
    expires_on = read.read("expires_on", forms.read_day, None)
    read.done()
    product = find_product(session, sku)
    if product is None:
        raise Invalid("请选择本合作社的产品。", field="product_sku")
    packed = pack_lot(
        session,
        current_actor(),
        lot_id=lot.id,
        product_sku=sku,
        boxes=boxes,
        box=Quantity(product.pack_amount, product.pack_unit),
        expires_on=expires_on,
        at=clock.now(),
        photo=taken.photo,
    )
    taken.used = True
    flash(_("已装 %(count)s 盒，每盒有自己的编号。下一步：打印标签。", count=boxes))
    return packed.code


def _split(session: Session, lot: Lot, _taken: Taken) -> str:
    parts = [Quantity.parse(part, lot.unit, "parts") for part in request.form.get("parts", "").split()]
    made = splitting.split_lot(session, current_actor(), lot_id=lot.id, parts=parts, at=clock.now())
    flash(_("已分出 %(count)s 个批次。", count=len(made)))
    return made[0].code if not lot.left else lot.code


def _write_off(session: Session, lot: Lot, taken: Taken) -> str:
    if lot.kind is LotKind.PACK:
        raise Invalid("装盒批次的损耗请在“库存”页登记，货架和批次会一起减少。", field="lost")
    sample = request.form.get("why") == "sample"
    balancing.record_loss(
        session,
        current_actor(),
        lot_id=lot.id,
        quantity=Quantity.parse(request.form.get("lost", ""), lot.unit, "lost"),
        reason=request.form.get("lost_reason", ""),
        sample=sample,
        at=clock.now(),
        photo=taken.photo,
    )
    taken.used = True
    flash(_("已登记抽样。") if sample else _("已登记损耗。"))
    return lot.code


def _add_paper(session: Session, lot: Lot, _taken: Taken) -> str:
    read = forms.Reading(request.form)
    kind = read.read("kind", DocumentKind, PAPER_KINDS[0])
    number, issuer = read.text("number"), read.text("issuer")
    read.done()
    if kind not in PAPER_KINDS:
        raise Invalid("这里只登记检疫和检验证明。", field="kind")
    today = clock.today_shanghai(clock.now())
    issuing.record_document(
        session,
        current_actor(),
        kind=kind,
        number=number,
        subject_kind=SubjectKind.LOT,
        subject_code=lot.code,
        issuer=issuer,
        issued_on=today,
        valid_from=today,
        valid_to=today + timedelta(days=365),
        demo=get_organization(session, lot.organization_id).is_demo,
        at=clock.now(),
    )
    flash(_("证明已登记。"))
    return lot.code


def _promise(session: Session, lot: Lot, _taken: Taken) -> str:
    bases = [issuing.PromiseBasis(value) for value in request.form.getlist("basis") if value in set(issuing.PromiseBasis)]
    origin = " ".join((request.form.get("origin", "").strip() or get_organization(session, lot.organization_id).name).split())
    promising.promise_lot(session, current_actor(), lot_code=lot.code, basis=bases, origin=origin, at=clock.now())
    flash(_("承诺达标合格证已开具。"))
    return lot.code


@bp.get("/<code>/certificate")
@require(Role.clerk)
def certificate(code: str) -> ResponseReturnValue:
    """The lot's 承诺达标合格证 to print: what the order asks for, and a QR code under those words."""
    with reading() as session:
        lot = get_lot(session, code)
        document = find_standing_promise(session, lot.code)
        if lot.organization_id != own_cooperative() or document is None:
            raise NotFound("这个批次还没有承诺达标合格证。")
        promise = find_promise(session, document.id)
        assert promise is not None
        root = find_public_url(session, current_app.config["SHANHAI"].public_url)
        return render_template(
            "cooperative/certificate.html",
            lot=lot,
            document=document,
            promise=promise,
            amount=Quantity(promise.quantity, promise.unit),
            bases=[BASIS_TEXTS[issuing.PromiseBasis(value)] for value in promise.basis],
            qr=Markup(cached_svg(f"{root}{url_for('documents.show', document_id=document.id)}")),  # noqa: S704 - our own SVG
        )


def _activate(session: Session, lot: Lot, _taken: Taken) -> str:
    serials = queries.list_printed_serials(session, lot.id)
    if not serials:
        raise Invalid("没有待启用的标签，请先打印。", field="activation")
    serialising.activate_items(session, current_actor(), lot_id=lot.id, serials=serials, at=clock.now())
    flash(_("已启用 %(count)s 张标签。", count=len(serials)))
    return lot.code


_DEEDS = {
    "processing": _process, "signature": _ask_signature, "packing": _pack, "papers": _add_paper, "promise": _promise,
    "activation": _activate, "parts": _split, "losses": _write_off,
}  # fmt: skip
