"""Part a lot: some of it goes its own way, with the same households behind it in the same shares."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from kernel.errors import Invalid
from kernel.quantity import Dimension, Quantity
from traceability.lots.balancing import in_unit_of
from traceability.lots.models import Lot
from traceability.lots.states import LotKind, Step
from traceability.lots.transforming import OutputDraft, begin, finish

MEASURED = (Dimension.MASS, Dimension.VOLUME)
MOST_PARTS = 20


def split_lot(session: Session, actor: Actor, *, lot_id: UUID, parts: Sequence[Quantity], at: datetime) -> list[Lot]:
    """Take ``parts`` off a lot, each a lot of its own; what is not taken stays where it was. Best-before day and custody go along.

    Raises as ``processing.process_lot``, and Invalid for no part, one of nothing, or half an animal.
    """
    if not 1 <= len(parts) <= MOST_PARTS:
        raise Invalid("请填写要分出的数量，最多 %(most)s 份。", params={"most": MOST_PARTS}, field="parts")
    ((lot, _),) = begin(session, actor, [(lot_id, parts[0])], at)
    amounts = [in_unit_of(lot, part) for part in parts]
    counted = lot.unit.dimension not in MEASURED
    if any(each.amount <= 0 or (counted and each.amount != each.amount.to_integral_value()) for each in amounts):
        raise Invalid("每一份都要大于 0；按头、按件数的只能是整数。", field="parts")
    whole = Quantity(sum((each.amount for each in amounts), Decimal(0)), lot.unit)
    kind = LotKind.BULK if lot.kind is LotKind.DELIVERY else lot.kind
    made = [
        (
            OutputDraft(lot.material, each, Decimal(1), Decimal(1), product_sku=lot.product_sku, expires_on=lot.expires_on),
            kind,
            each,
        )
        for each in amounts
    ]
    return finish(session, actor, Step.SPLITTING, [(lot, whole)], made, None, at)
