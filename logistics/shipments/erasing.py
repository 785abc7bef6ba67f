"""Parcels stay on record, who received them does not."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import update
from sqlalchemy.orm import Session

from logistics.shipments.models import Shipment


def erase_recipients(session: Session, order_codes: Collection[str]) -> None:
    """Take name, telephone and street from the shipments of these orders; province and city stay."""
    gone = update(Shipment).where(Shipment.order_code.in_(order_codes))
    session.execute(gone.values(recipient_name="", recipient_phone="", county_code="", street=""))
