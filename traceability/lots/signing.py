"""A step outside its yield range is recorded only with a reason and the signature of a second person.

The second person is another clerk of the cooperative or an officer of the county; above what the county holds credible only the officer.
Until somebody has signed, nothing of the step exists: its inputs are still there, its outputs are not. Then it is recorded as of the
day it was asked, when the work was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.queries import find_actor, list_counties_of
from catalog.parties.roles import Actor, Role
from kernel import clock
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Term
from kernel.quantity import Quantity, Unit
from traceability.lots import yields
from traceability.lots.deciding import checked_reason, settle
from traceability.lots.models import Lot, LotEdge, StepRequest
from traceability.lots.photographing import Photo, let_wait, take_waiting
from traceability.lots.processing import process_lot
from traceability.lots.queries import list_edges_into, list_yield_rules
from traceability.lots.states import Step, Verdict
from traceability.lots.transforming import Input, OutputDraft, Signature, begin


def ask_signature(
    session: Session,
    actor: Actor,
    *,
    step: Step,
    inputs: Sequence[Input],
    outputs: Sequence[OutputDraft],
    place_id: UUID | None,
    reason: str,
    at: datetime,
    photo: Photo | None = None,
) -> StepRequest:
    """Put a step that is outside its range before a second person, with the photograph of it.

    Raises as ``process_lot``, OffYield (no reason), Conflict (in range).
    """
    taken = begin(session, actor, inputs, at)
    first = taken[0][0]
    rules = list_yield_rules(session, step, clock.today_shanghai(at), first.county_code)
    deviations = yields.find_deviations([quantity for _, quantity in taken], outputs, rules)
    if not deviations:
        raise Conflict("产出在正常范围内，直接记录就行。")
    try:
        why = checked_reason(reason)
    except Invalid as problem:
        raise yields.OffYield(deviations, problem.errors) from problem
    request = StepRequest(
        organization_id=first.organization_id,
        county_code=first.county_code,
        lot_id=first.id,
        step=step,
        body=_as_json(inputs, outputs, place_id),
        faults=[_fault(deviation) for deviation in deviations],
        county_only=any(deviation.county_only for deviation in deviations),
        reason=why,
        asked_by=actor.label,
        asked_at=at,
    )
    let_wait(request, photo)
    session.add(request)
    session.flush()
    return request


def decide_step(session: Session, actor: Actor, *, request_id: UUID, agree: bool, decision: str, at: datetime) -> StepRequest:
    """Sign a step, which is recorded with that, or refuse it.

    Raises NotFound, Forbidden (who asked, a stranger, or a clerk where the county must), Conflict (decided before, or the inputs are gone
    by now, or who asked works there no more: then it stays open), Invalid (no reason).
    """
    request = session.get(StepRequest, request_id, with_for_update=True, populate_existing=True)
    if request is None:
        raise NotFound("没有这条复核申请。")
    role = role_of(session, actor, request)
    settle(request, actor, Verdict.APPROVED if agree else Verdict.REFUSED, decision, at)
    photo = take_waiting(request)
    if agree:
        _must_still_work_there(session, request)
        signature = Signature(by=actor.label, role=role, reason=request.reason)
        # The step is theirs who did it; the signature stands beside.
        performer = Actor(None, "", roles={request.organization_id: frozenset({Role.clerk})}, label=request.asked_by)
        inputs, outputs, place_id = read_body(request.body)
        made = process_lot(
            session,
            performer,
            step=request.step,
            inputs=inputs,
            outputs=outputs,
            place_id=place_id,
            at=request.asked_at,
            recorded_at=at,
            signature=signature,
            photo=photo,
        )
        request.event_id = _event_of(session, made[0])
    session.flush()
    return request


def role_of(session: Session, actor: Actor, request: StepRequest) -> Role:
    """As what the actor may sign. Raises Forbidden."""
    if request.county_code in list_counties_of(session, actor):
        return Role.county_officer
    if request.county_only:
        raise Forbidden("超过核定出品率或还没有核定的产出只能由县里签字。")
    actor.must(Role.clerk, request.organization_id)
    return Role.clerk


def _must_still_work_there(session: Session, request: StepRequest) -> None:
    """The step goes into the log in the name of whoever asked: not of one who has left since. Raises Conflict."""
    asker = find_actor(session, request.asked_by)
    where = {Role.clerk: request.organization_id, Role.packer: request.organization_id, Role.operator: None}
    if asker is not None and not any(asker.has(role, organization) for role, organization in where.items()):
        raise Conflict("提出这一步的人已不在本单位经办，请由现在的经办重新提出。")


def faults_of(request: StepRequest) -> list[yields.Deviation]:
    """In which ways the step is outside its range, as it was judged when it was asked."""
    return [
        yields.Deviation(
            fault["message"],
            {key: Term(value) if key in fault["terms"] else value for key, value in fault["params"].items()},
            fault["county_only"],
        )
        for fault in request.faults
    ]


def read_body(body: dict[str, Any]) -> tuple[list[Input], list[OutputDraft], UUID | None]:
    """The step as typed: inputs, outputs, place."""
    inputs = [(UUID(lot), Quantity(Decimal(amount), Unit(unit))) for lot, amount, unit in body["inputs"]]
    outputs = [
        OutputDraft(
            material=row["material"],
            quantity=Quantity(Decimal(row["quantity"][0]), Unit(row["quantity"][1])),
            yield_low=Decimal(row["yield_low"]),
            yield_high=Decimal(row["yield_high"]),
            by_product=row["by_product"],
            product_sku=row["product_sku"],
            expires_on=date.fromisoformat(row["expires_on"]) if row["expires_on"] else None,
        )
        for row in body["outputs"]
    ]
    return inputs, outputs, UUID(body["place_id"]) if body["place_id"] else None


def _as_json(inputs: Sequence[Input], outputs: Sequence[OutputDraft], place_id: UUID | None) -> dict[str, Any]:
    return {
        "inputs": [[str(lot_id), f"{quantity.amount}", quantity.unit.value] for lot_id, quantity in inputs],
        "outputs": [
            {
                "material": output.material,
                "quantity": [f"{output.quantity.amount}", output.quantity.unit.value],
                "yield_low": f"{output.yield_low}",
                "yield_high": f"{output.yield_high}",
                "by_product": output.by_product,
                "product_sku": output.product_sku,
                "expires_on": output.expires_on.isoformat() if output.expires_on else None,
            }
            for output in outputs
        ],
        "place_id": str(place_id) if place_id else None,
    }


def _fault(deviation: yields.Deviation) -> dict[str, Any]:
    terms = [key for key, value in deviation.params.items() if isinstance(value, Term)]
    return asdict(deviation) | {"terms": terms}


def _event_of(session: Session, lot: Lot) -> UUID:
    edge: LotEdge = list_edges_into(session, lot.id)[0][0]
    return edge.event_id
