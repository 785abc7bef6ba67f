"""The doors of one's addresses."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import list_children
from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid
from kernel.web import local_target, once
from shop.accounts import addressing
from shop.accounts.queries import list_addresses

bp = Blueprint("addresses", __name__, template_folder="../templates")


@bp.get("/account/addresses")
@require(Role.consumer)
def addresses() -> ResponseReturnValue:
    return _addresses_page({}, {}), 200


def _addresses_page(form: object, errors: object) -> str:
    actor = current_actor()
    assert actor.person_id is not None
    with reading() as open_session:
        return render_template(
            "accounts/addresses.html",
            addresses=list_addresses(open_session, actor.person_id),
            provinces=list_children(open_session, None, clock.today_shanghai(clock.now())),
            form=form,
            errors=errors,
        )


@bp.post("/account/addresses")
@require(Role.consumer)
def add_address() -> ResponseReturnValue:
    try:
        return _add_address()
    except Invalid as problem:
        return _addresses_page(request.form, problem.by_field(_)), problem.status


@once
def _add_address(open_session: Session) -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    addressing.add_address(open_session, person_id, request.form, at=clock.now())
    flash(_("地址已保存。"))
    return redirect(local_target(request.form.get("next"), "/account/addresses"))


@bp.post("/account/addresses/<uuid:address_id>/remove")
@require(Role.consumer)
@once
def remove_address(open_session: Session, address_id: UUID) -> ResponseReturnValue:
    person_id = current_actor().person_id
    assert person_id is not None
    addressing.remove_address(open_session, person_id, address_id, at=clock.now())
    return redirect("/account/addresses")
