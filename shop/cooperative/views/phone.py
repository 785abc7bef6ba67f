"""The doors of a phone that takes deliveries without a network: what it keeps, its numbers, its entries, its questions.

A phone opens them with a token of its own (``Authorization: Bearer``, never a cookie, so no other site can make it call); the token opens
nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor
from catalog.parties.queries import get_organization, list_households
from kernel import clock
from kernel.db import reading
from kernel.errors import Unauthorized
from kernel.web import csrf, door, once
from shop.cooperative import asking, forms, numbering, queries, syncing
from shop.cooperative.models import Device, SlipNumber
from shop.cooperative.views import RAW, warn_near_cap
from shop.cooperative.views.photos import Taken, taken_photo
from traceability.lots import deciding
from traceability.lots.bounding import BeyondCapacity

bp = Blueprint("phone", __name__, url_prefix="/cooperative/offline")
csrf.exempt(bp)
PAGE = 500


def from_phone(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let a view be used by a phone that was let in, as its clerk. Raises Unauthorized."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        kind, _space, token = request.headers.get("Authorization", "").partition(" ")
        with reading() as session:
            found = queries.find_clerk(session, token.strip(), at=clock.now()) if kind.lower() == "bearer" else None
        if found is None:
            raise Unauthorized("这部手机的登录到期了，或被合作社停用了。请重新登录后再启用；手机里的记录不会丢。")
        g.device, g.actor = found
        g.actor_key = f"person:{found[1].person_id}"
        return view(*args, **kwargs)

    return door("a clerk's phone")(guarded)


def _device() -> Device:
    device: Device = g.device
    return device


@bp.get("/data.json")
@from_phone
def data() -> ResponseReturnValue:
    """What the phone keeps: products, open lots, and of each household the number, the masked name, initials and the mark of its card."""
    text = request.args.get("after", "0")
    after = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    device = _device()
    with reading() as session:
        organization = get_organization(session, device.organization_id)
        households = list_households(session, device.organization_id, after=after, limit=PAGE)
        products = queries.list_own_products(session, device.organization_id)
        lots = [] if after else queries.list_lots_for_phone(session, device.organization_id, RAW)
    response = jsonify(
        cooperative=[organization.name, organization.name_en],
        clerk=current_actor().name,
        now=clock.format_iso(clock.now()),
        products=[[product.sku, product.name, product.name_en, product.materials[0]] for product in products],
        households=[[row.member_no, row.masked_name, row.pinyin_initials, mark_card(row.card_token)] for row in households],
        lots=lots,
        following=households[-1].member_no if len(households) == PAGE else None,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def mark_card(token: str | None) -> str:
    """By what the phone knows a card that it is shown, without keeping what is on it: 48 bits of a hash; "" for no card."""
    return sha256(token.encode()).hexdigest()[:12] if token else ""


@bp.post("/numbers")
@from_phone
@once
def numbers(session: Session) -> ResponseReturnValue:
    """The numbers the phone may still use, filled up to a block; it says which of its entries were given up, and is told which of
    those had been taken in before.
    """
    spent = request.form.get("spent", "").split()[:1000]
    handed = numbering.hand_out_numbers(session, _device().id, spent=spent, at=clock.now())
    taken = [[slip, clock.format_iso(used_at)] for slip, used_at in numbering.list_taken(session, _device(), spent)]
    return jsonify(numbers=[[number.slip_code, number.lot_code] for number in handed], taken=taken)


@bp.post("/deliveries")
@from_phone
def sync() -> ResponseReturnValue:
    """Take in one delivery that was typed on the phone, under the number the phone gave it, with its photograph."""
    with taken_photo() as taken:
        return _sync(taken)


@once
def _sync(session: Session, taken: Taken) -> ResponseReturnValue:
    draft = replace(forms.read_delivery(session, request.form, _device().organization_id, happened=True), photo=taken.photo)
    paid = request.form.get("paid") == "1"
    delivery = syncing.sync_delivery(session, current_actor(), _ticket(), draft, paid=paid, at=clock.now())
    taken.used = True  # also where the delivery stood already: then no act names the file, and it is cleared away
    near = warn_near_cap(session, delivery)
    return jsonify(slip=delivery.slip_code, recorded=clock.format_iso(delivery.recorded_at), near=near)


def _ticket() -> numbering.Ticket:
    slip, key = request.form.get("slip", "").strip(), request.headers.get("Idempotency-Key", "")
    return numbering.Ticket(_device().organization_id, slip, key)


@bp.post("/mixings")
@from_phone
def sync_mixing() -> ResponseReturnValue:
    """Take in one mixing; its new lot has the number the phone gave it."""
    with taken_photo() as taken:
        return _sync_mixing(taken)


@once
def _sync_mixing(session: Session, taken: Taken) -> ResponseReturnValue:
    mixing = forms.read_mixing(request.form)
    number = syncing.sync_mixing(session, current_actor(), _ticket(), mixing, photo=taken.photo, at=clock.now())
    return _taken_in(number, taken)


@bp.post("/losses")
@from_phone
def sync_loss() -> ResponseReturnValue:
    """Take in one loss or sample."""
    with taken_photo() as taken:
        return _sync_loss(taken)


@once
def _sync_loss(session: Session, taken: Taken) -> ResponseReturnValue:
    loss = forms.read_loss(request.form)
    number = syncing.sync_loss(session, current_actor(), _ticket(), loss, photo=taken.photo, at=clock.now())
    return _taken_in(number, taken)


def _taken_in(number: SlipNumber, taken: Taken) -> ResponseReturnValue:
    taken.used = True
    assert number.used_at is not None
    return jsonify(slip=number.slip_code, recorded=clock.format_iso(number.used_at), near="")


@bp.post("/questions")
@from_phone
@once
def ask(session: Session) -> ResponseReturnValue:
    """Ask the county about an entry that was refused: to raise the cap when that stood in the way, else in words."""
    organization_id, question = _device().organization_id, request.form.get("question", "")
    if request.form.get("kind") == BeyondCapacity.type:
        draft = forms.read_delivery(session, request.form, organization_id, happened=True)
        deciding.request_capacity(
            session,
            current_actor(),
            household_id=draft.household_id,
            material=draft.material,
            quantity=draft.quantity,
            reason=question,
            happened_at=draft.happened_at,
            at=clock.now(),
        )
    else:
        asking.ask_county(
            session,
            current_actor(),
            organization_id,
            refusal=request.form.get("refusal", ""),
            question=question,
            household_id=forms.find_member(session, organization_id, request.form),
            at=clock.now(),
        )
    return jsonify(asked=True)
