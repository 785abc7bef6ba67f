"""Doors of the cold chain: loggers post readings with their token; staff register loggers and see what was too warm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Actor, Role
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Invalid, Unauthorized
from kernel.files import read_bounded
from kernel.web import csrf, door, once
from logistics.coldchain import queries
from logistics.coldchain.assigning import assign_logger, register_logger, retire_logger
from logistics.coldchain.models import ColdClass
from logistics.coldchain.recording import Measured, record_readings

bp = Blueprint("coldchain", __name__, url_prefix="/coldchain", template_folder="templates")

MOST_BYTES = 256 * 1024


@bp.post("/readings")
@door("logger token")
def readings() -> ResponseReturnValue:
    """``{"readings": [{"at": RFC 3339, "celsius": "-18.5"}]}`` or one such object; ``Authorization: Bearer <token>``.

    Needs no idempotency key: logger and moment are the key.
    """
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("请在 Authorization 头里带上记录仪的密钥。")
    measured = _parse(read_bounded(request.stream, MOST_BYTES))
    with work() as session:
        receipt = record_readings(session, token.strip(), measured, clock.now())
    return {"accepted": receipt.accepted, "repeated": receipt.repeated}, 201 if receipt.accepted else 200


csrf.exempt(readings)


def _parse(body: bytes) -> list[Measured]:
    try:
        # Degrees are read as they are written, without a detour through a float.
        content = json.loads(body, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid("内容不是有效的 JSON。") from error
    rows = content.get("readings", [content]) if isinstance(content, Mapping) else content
    if not isinstance(rows, list):
        raise Invalid("readings 应是一个列表。", field="readings")
    return [_parse_one(row) for row in rows]


def _no_number(text: str) -> Decimal:
    raise ValueError(text)


def _parse_one(row: Any) -> Measured:
    if not isinstance(row, Mapping) or not isinstance(row.get("at"), str):
        raise Invalid("每条温度记录都要有 at（时间）和 celsius（摄氏度）。", field="readings")
    celsius = row.get("celsius")
    if not isinstance(celsius, str | Decimal):
        raise Invalid("celsius 应是数字，例如 -18.5。", field="celsius")
    try:
        degrees = Decimal(celsius)
        if not degrees.is_finite():
            raise InvalidOperation
        return Measured(clock.parse_iso(row["at"], "at"), degrees.quantize(Decimal("0.01")))
    except InvalidOperation as error:
        raise Invalid("celsius 应是数字，例如 -18.5。", field="celsius") from error


@bp.get("/")
@require(Role.packer, Role.operator)
def board() -> ResponseReturnValue:
    """Loggers with their last word, and excursions."""
    actor = current_actor()
    mine = _organizations(actor)
    with reading() as session:
        watched = queries.list_watched(session, mine)
        found = queries.list_excursions(session, mine)
        places = queries.list_places(session, mine)
    return render_template("coldchain/board.html", watched=watched, found=found, places=places, may_register=mine != [], token=None)


@bp.post("/loggers")
@require(Role.packer)
def register() -> ResponseReturnValue:
    """A new logger; its token stands on the answering page and nowhere else, so this answer is not kept for repeats."""
    actor, name = current_actor(), request.form.get("name", "")
    calibrated_on = _parse_day(request.form.get("calibrated_on", ""))
    with work() as session:
        organization_id = actor.organization_with(Role.packer)
        logger, token = register_logger(session, actor, organization_id, name, clock.now(), calibrated_on=calibrated_on)
    return render_template("coldchain/token.html", logger=logger, token=token)


@bp.post("/loggers/<code>/assignments")
@require(Role.packer, Role.operator)
@once
def assign(session: Session, code: str) -> ResponseReturnValue:
    """The logger goes into a shipment (by code) or to a place."""
    shipment_code = request.form.get("shipment", "").strip().upper() or None
    try:
        cold_class = ColdClass(request.form.get("cold_class", ""))
        place_id = UUID(request.form["place"]) if not shipment_code else None
    except (ValueError, KeyError) as error:
        raise Invalid("请选择温层，并填写运单内部编号或选择地点。", field="shipment") from error
    assign_logger(session, current_actor(), code, cold_class, clock.now(), shipment_code=shipment_code, place_id=place_id)
    flash(_("记录仪已放入。"), "ok")
    return redirect(url_for("coldchain.board"))


@bp.post("/loggers/<code>/retirement")
@require(Role.packer, Role.operator)
@once
def retire(session: Session, code: str) -> ResponseReturnValue:
    """The logger is taken out of service."""
    retire_logger(session, current_actor(), code, clock.now())
    flash(_("记录仪已停用。"), "ok")
    return redirect(url_for("coldchain.board"))


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid("日期请写成 2026-01-31 的形式。", field="calibrated_on") from error


def _organizations(actor: Actor) -> list[UUID] | None:
    return None if actor.has(Role.operator) else actor.organizations_with(Role.packer)
