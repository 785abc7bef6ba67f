"""Take over a list of recipients from a spreadsheet: all of it or nothing; the file is kept, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict, Problem, Term
from shop.procurement.drafting import EDITABLE, change_request
from shop.procurement.guarding import lock_own
from shop.procurement.matching import match_rows
from shop.procurement.models.requests import ImportFile, PurchaseRequest
from shop.procurement.quoting import price_deliveries
from shop.procurement.spreadsheet import Fault, Sheet


def import_recipients(
    session: Session, actor: Actor, code: str, sheet: Sheet, *, digest: str, file_name: str, at: datetime
) -> ImportFile:
    """Replace the deliveries of a request by those of ``sheet``, unless anything in it is wrong: then only the faults are kept.

    ``sheet`` was read before the transaction began; ``digest`` is the stored file. Raises NotFound (not one's own), Conflict (ordered).
    """
    request = lock_own(session, actor, code)
    if request.state not in EDITABLE:
        raise Conflict("已经下单或结束的申请不能再修改。要再买，请新建一份申请。")
    faulty = frozenset((fault.row, fault.column) for fault in sheet.faults)
    matched = match_rows(session, sheet.rows, faulty=faulty, at=at)
    faults = [*sheet.faults, *matched.faults]
    if not faults:
        faults = _find_unpriced(session, request, matched.deliveries, at)
    if not faults:
        change_request(session, actor, code, matched.deliveries, at=at, act="imported")
    kept = ImportFile(
        request_id=request.id,
        digest=digest,
        file_name=file_name[:120],
        row_count=len(sheet.rows),
        faults=[_plain(fault) for fault in sorted(faults, key=lambda fault: fault.row)],
        person_id=actor.person_id,
        at=at,
    )
    session.add(kept)
    session.flush()
    return kept


def _find_unpriced(session: Session, request: PurchaseRequest, deliveries: list[Any], at: datetime) -> list[Fault]:
    """Deliveries that cannot be carried or priced, as faults of their first rows."""
    prices = price_deliveries(session, deliveries, organization_id=request.organization_id, at=at)
    return [
        Fault(delivery.row, None, priced.message, priced.params)
        for delivery, priced in zip(deliveries, prices, strict=True)
        if isinstance(priced, Problem)
    ]


def _plain(fault: Fault) -> dict[str, Any]:
    params = {key: {"term": value} if isinstance(value, Term) else str(value) for key, value in fault.params.items()}
    return {"row": fault.row, "column": fault.column, "message": fault.message, "params": params}


def faults_of(kept: ImportFile) -> list[Fault]:
    """The faults of an uploaded file, as they were found."""
    return [Fault(each["row"], each["column"], each["message"], _params(each["params"])) for each in kept.faults]


def _params(plain: Mapping[str, Any]) -> dict[str, object]:
    return {key: Term(value["term"]) if isinstance(value, dict) else value for key, value in plain.items()}
