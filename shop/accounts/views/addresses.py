"""The doors of one's addresses; the address form, which checkout shows too, fills itself in step by step without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.web import everyone, kept, limiter, local_target, once
from shop.accounts import addressing
from shop.accounts.models import Address
from shop.accounts.queries import codes_above, get_address, list_addresses, list_choices, load_gazetteer
from shop.accounts.recognition import recognise

bp = Blueprint("addresses", __name__, template_folder="../templates")
STEPS = ("areas", "recognise")
"""Buttons of the form that save nothing: show what lies below the province picked; read the pasted text."""


def is_step() -> bool:
    """Whether the form came to be filled in further, not to be saved."""
    return request.form.get("step") in STEPS


def _reads_nothing() -> bool:
    return request.form.get("step") != "recognise"


few_readings = limiter.shared_limit("30 per minute", scope="recognise", exempt_when=_reads_nothing)
"""Reading a pasted text takes longer than showing a form."""


def fill_in(open_session: Session, typed: Mapping[str, str]) -> dict[str, Any]:
    """``form`` and ``choices`` of the address form for what was typed so far, and for what a pasted text says."""
    on, form = clock.today_shanghai(clock.now()), dict(typed)
    if typed.get("step") == "recognise":
        found = recognise(typed.get("pasted", ""), load_gazetteer(open_session, on))
        parts = {"recipient": found.recipient, "phone": found.phone, "street": found.street}
        form |= {name: text for name, text in parts.items() if text}
        if found.area_code:
            form = {name: text for name, text in form.items() if name not in addressing.PICKED}
            form |= codes_above(open_session, found.area_code)
    return {"form": form, "choices": list_choices(open_session, form, on)}


@bp.get("/address-areas")
@everyone
def areas() -> ResponseReturnValue:
    """The pickers alone, for what is picked so far (``province_code``, ``city_code``, ``district_code``)."""
    with reading() as open_session:
        picked = {name: request.args.get(name, "") for name in ("province_code", *addressing.PICKED)}
        filled = fill_in(open_session, picked)
    return render_template("accounts/area_fields.html", errors={}, alone=True, **filled)


@bp.get("/account/addresses")
@require(Role.consumer)
def addresses() -> ResponseReturnValue:
    return _addresses_page({})


def _addresses_page(errors: dict[str, str]) -> str:
    with reading() as open_session:
        return render_template(
            "accounts/addresses.html",
            addresses=list_addresses(open_session, _me()),
            errors=errors,
            **fill_in(open_session, request.form),
        )


def _me() -> UUID:
    person_id = current_actor().person_id
    assert person_id is not None
    return person_id


@bp.post("/account/addresses")
@require(Role.consumer)
@few_readings
def add_address() -> ResponseReturnValue:
    """A new one, or the form filled in further (form: step)."""
    return _addresses_page({}) if is_step() else kept(_add_address, _addresses_page)


@once
def _add_address(open_session: Session) -> ResponseReturnValue:
    addressing.add_address(open_session, _me(), request.form, at=clock.now())
    flash(_("地址已保存。"), "ok")
    return redirect(local_target(request.form.get("next"), "/account/addresses"))


@bp.get("/account/addresses/<uuid:address_id>")
@require(Role.consumer)
def edit_address(address_id: UUID) -> ResponseReturnValue:
    """The form with what the address says now."""
    with reading() as open_session:
        return _edit_page(open_session, _say(open_session, get_address(open_session, _me(), address_id)), {}, address_id)


def _say(open_session: Session, address: Address) -> dict[str, str]:
    """The fields of the form for an address; one whose areas were typed has them read once more."""
    fields = {name: getattr(address, name) for name in addressing.FIELDS}
    area = address.area_code
    if area is None:
        gazetteer = load_gazetteer(open_session, clock.today_shanghai(clock.now()))
        spot = gazetteer.read(f"{gazetteer.spots[address.province_code].name}{address.city}{address.district}")[0]
        area = spot.code if spot is not None else address.province_code
    return fields | codes_above(open_session, area)


def _edit_page(open_session: Session, typed: Mapping[str, str], errors: dict[str, str], address_id: UUID) -> str:
    return render_template("accounts/address.html", address_id=address_id, errors=errors, **fill_in(open_session, typed))


@bp.post("/account/addresses/<uuid:address_id>")
@require(Role.consumer)
@few_readings
def change_address(address_id: UUID) -> ResponseReturnValue:
    """Another address in its place, or the form filled in further (form: step)."""

    def again(errors: dict[str, str]) -> ResponseReturnValue:
        with reading() as open_session:
            get_address(open_session, _me(), address_id)
            return _edit_page(open_session, request.form, errors, address_id)

    return again({}) if is_step() else kept(_change_address, again, address_id)


@once
def _change_address(open_session: Session, address_id: UUID) -> ResponseReturnValue:
    addressing.change_address(open_session, _me(), address_id, request.form, at=clock.now())
    flash(_("地址已保存。"), "ok")
    return redirect(url_for(".addresses"))


@bp.post("/account/addresses/<uuid:address_id>/default")
@require(Role.consumer)
@once
def make_default(open_session: Session, address_id: UUID) -> ResponseReturnValue:
    """It comes first at checkout."""
    addressing.make_default(open_session, _me(), address_id)
    return redirect(url_for(".addresses"))


@bp.post("/account/addresses/<uuid:address_id>/remove")
@require(Role.consumer)
@once
def remove_address(open_session: Session, address_id: UUID) -> ResponseReturnValue:
    addressing.remove_address(open_session, _me(), address_id, at=clock.now())
    return redirect(url_for(".addresses"))
