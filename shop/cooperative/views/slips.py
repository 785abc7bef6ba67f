"""The household's door: whoever holds a slip (交货凭证) reads it by its own link and says whether it is right; and who answers.

The link is the key: these pages are kept by no cache, found by no search engine and told to no other site.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import timedelta

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import list_counties_of
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound
from kernel.quantity import Unit, plain
from kernel.web import everyone, kept, limiter, moment, named, once, yuan
from shop.cooperative import links, queries
from shop.cooperative.queries import Slip
from shop.cooperative.slip_sheet import SlipSheet, cached_draw
from traceability.lots import confirming
from traceability.lots.models import HouseholdDelivery
from traceability.lots.queries import get_delivery
from traceability.lots.states import DISPUTE_LABELS, SLIP_FLOW, DisputeSubject, SlipState
from traceability.scan.qrcodes import cached_svg
from traceability.scan.queries import find_public_url

bp = Blueprint("slips", __name__, template_folder="../templates")
bp.context_processor(lambda: slip_words())
GUESSES = "30 per minute"
UNIT_LABELS = {Unit.KG: "公斤"}  # as people say it who weigh
STATE_KINDS = {
    SlipState.WAITING: "warn",
    SlipState.CONFIRMED: "ok",
    SlipState.DISPUTED: "bad",
    SlipState.ANSWERED: "info",
    SlipState.CORRECTED: "",
}


@bp.after_request
def keep_to_the_holder(response: Response) -> Response:
    """The address is the key: nobody else keeps, indexes or hears of it."""
    if request.path.startswith("/slips/"):
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


def slip_link(session: Session, code: str) -> str:
    """The whole address of a slip, as its QR code says it."""
    config = current_app.config["SHANHAI"]
    return find_public_url(session, config.public_url) + links.slip_path(config.secret_key, code)


def own_slip(session: Session, code: str) -> Slip:
    """A slip of the clerk's own cooperative, or of the officer's own county. Raises NotFound."""
    slip = queries.get_slip(session, code)
    if not is_clerk_of(slip) and slip.lot.county_code not in list_counties_of(session, current_actor()):
        raise NotFound("没有这张交货凭证。")
    return slip


def is_clerk_of(slip: Slip) -> bool:
    """Whether the reader takes in deliveries there."""
    return current_actor().has(Role.clerk, slip.lot.organization_id)


def slip_words() -> dict[str, object]:
    """What every page that shows slips needs: labels, lines, and the QR code of a link."""
    return {
        "slip_label": SLIP_FLOW.label,
        "slip_kinds": STATE_KINDS,
        "dispute_labels": DISPUTE_LABELS,
        "slip_lines": slip_lines,
        "qr": lambda link: Markup(cached_svg(link)),  # noqa: S704 - our own SVG of our own address
        "plain": plain,
    }


def slip_lines(slip: Slip) -> list[tuple[str, str]]:
    """What stands on a slip, in the reader's language."""
    delivery = slip.delivery
    amounts = " = ".join(f"{plain(each.amount)} {_unit(each.unit)}" for each in slip.amounts)
    return [
        (_("哪一户"), f"{_('第 %(no)s 号农户', no=slip.household.member_no)} {slip.holder}"),
        (_("交货"), delivery.material),
        (_("数量"), amounts),
        (_("等级"), delivery.grade or ""),
        (_("约定价款"), yuan(delivery.agreed_price_fen)),
        (_("付款情况"), _("已付款，%(at)s", at=moment(delivery.paid_at)) if delivery.paid_at else _("未付款")),
        (_("时间"), moment(delivery.delivered_at) + _heard_of(delivery)),
        (_("经办"), slip.typed_by),
        (_("批次"), slip.lot.code),
    ]


def _unit(unit: Unit) -> str:
    """A unit beside its equal: without the bracket that explains it elsewhere, 斤 in English is "jin (0.5 kg)"."""
    label: str = _(UNIT_LABELS.get(unit, unit.label))
    return label.partition(" (")[0]


def _heard_of(delivery: HouseholdDelivery) -> str:
    """When a delivery that was typed without a network reached us."""
    late = delivery.recorded_at - delivery.delivered_at >= timedelta(minutes=1)
    return _("（%(at)s 同步）", at=moment(delivery.recorded_at)) if late else ""


@bp.get("/slips/<code>/<token>")
@limiter.limit(GUESSES, deduct_when=lambda response: response.status_code == 404)
@everyone
def show(code: str, token: str) -> ResponseReturnValue:
    """The slip for the household that holds it."""
    return _page({}, code, token), 200


def _page(errors: Mapping[str, str], code: str, token: str) -> str:
    _check(code, token)
    with reading() as session:
        slip, link = queries.get_slip(session, code), slip_link(session, code)
    actor = current_actor()
    new = slip.replaced_by if slip.replaced_for == slip.household.id else None  # of another household is not this one's to read
    return render_template(
        "cooperative/own_slip.html",
        new_path=links.slip_path(current_app.config["SHANHAI"].secret_key, new) if new else "",
        slip=slip,
        link=link,
        token=token,
        outside=not (actor.roles or actor.operator),
        may_confirm=slip.delivery.slip_state not in (SlipState.CONFIRMED, SlipState.CORRECTED),
        may_dispute=slip.delivery.slip_state not in (SlipState.DISPUTED, SlipState.CORRECTED),
        form=request.form,
        errors=errors,
    )


def _check(code: str, token: str) -> None:
    links.check(current_app.config["SHANHAI"].secret_key, code, token)


@bp.get("/slips/<code>/<token>/picture.png")
@limiter.limit(GUESSES)
@everyone
def picture(code: str, token: str) -> ResponseReturnValue:
    """The slip as a picture to keep in the album."""
    _check(code, token)
    with reading() as session:
        slip, link = queries.get_slip(session, code), slip_link(session, code)
    sheet = SlipSheet(
        title=_("交货凭证"),
        organization=named(slip.organization),
        code=slip.delivery.slip_code,
        state=_(SLIP_FLOW.label(slip.delivery.slip_state)),
        lines=tuple((term, value or "—") for term, value in slip_lines(slip)),
        scan=_("扫码核对、确认"),
        note=_("有不对的地方，扫码就能说，不用注册。"),
        sample=_("演示数据") if current_app.config["SHANHAI"].demo else "",
        link=link,
    )
    return send_file(io.BytesIO(cached_draw(sheet)), mimetype="image/png", download_name=f"{slip.delivery.slip_code}.png")


@bp.post("/slips/<code>/<token>/confirmed")
@limiter.limit(GUESSES)
@everyone
@once
def confirm(session: Session, code: str, token: str) -> ResponseReturnValue:
    """The household says: so it was."""
    _check(code, token)
    confirming.confirm_delivery(session, current_actor(), get_delivery(session, code).id, at=clock.now())
    flash(_("谢谢，已记下您的确认。"), "ok")
    return redirect(url_for(".show", code=code, token=token))


@bp.post("/slips/<code>/<token>/disputed")
@limiter.limit(GUESSES)
@everyone
def dispute(code: str, token: str) -> ResponseReturnValue:
    """The household says: so it was not."""
    return kept(_dispute, lambda errors: _page(errors, code, token), code, token)


@once
def _dispute(session: Session, code: str, token: str) -> ResponseReturnValue:
    _check(code, token)
    about = request.form.get("about", "")
    if about not in set(DisputeSubject):
        raise Invalid("请选一项哪里不对。", field="about")
    confirming.dispute_delivery(
        session,
        current_actor(),
        get_delivery(session, code).id,
        about=DisputeSubject(about),
        words=request.form.get("words", ""),
        at=clock.now(),
    )
    flash(_("已收到。合作社和县里都会看到，答复会写在这一页。"), "ok")
    return redirect(url_for(".show", code=code, token=token))


@bp.post("/cooperative/deliveries/<code>/answer")
@require(Role.clerk, Role.county_officer)
@once
def answer(session: Session, code: str) -> ResponseReturnValue:
    """Answer a dispute; the household reads it on its slip."""
    words = request.form.get("words", "")
    confirming.answer_dispute(session, current_actor(), get_delivery(session, code).id, words=words, at=clock.now())
    flash(_("已答复，农户在凭证页能看到。"), "ok")
    return redirect(url_for("cooperative.questions"))
