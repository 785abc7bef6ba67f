"""Serial Shipping Container Codes: one row of numbers for each GLN, whatever they stand on (case, pallet, parcel)."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Organization, Place
from kernel.gs1 import Sscc, make_check
from traceability.pallets.models import SsccCounter

MOST = 100_000


def next_sscc(session: Session, place: Place) -> Sscc | None:
    """The next number of a place with a GLN (else its organisation's); None without one, or when its 100,000 numbers are used up.

    The twelve digits of a GLN before its check digit begin with the owner's company prefix, so GLN body + five digits (the first of them
    in front, as extension digit) is inside the owner's numbers whatever the prefix's length (GS1 General Specifications, section 2.2.1).
    The counter's row is locked until the end of the transaction: nobody else gets the number, and none is lost when it rolls back.
    """
    gln = place.gln or session.get_one(Organization, place.organization_id).gln
    if gln is None:
        return None
    counted = insert(SsccCounter).values(body=gln[:12], last=0)
    counted = counted.on_conflict_do_update(
        index_elements=["body"], set_={"last": SsccCounter.last + 1}, where=SsccCounter.last < MOST - 1
    )
    number = session.scalar(counted.returning(SsccCounter.last))
    return None if number is None else Sscc(make_check(f"{number // 10_000}{gln[:12]}{number % 10_000:04}"))
