"""How many boxes a coming harvest can give at most: what the cooperative's households may still bring of the material, in packs.

The bound is the one deliveries are held to (``traceability.lots.bounding``): land, herd and hives as the county has confirmed them, less
what has been brought this season. Nothing grows on the way into a box unless the county holds a yield in other units credible. It bounds
what may be asked for; the county lets the seller promise that or less.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.products.models import Product
from kernel.errors import Conflict
from kernel.periods import valid_on
from kernel.quantity import Quantity, Unit
from logistics.stock.models import Presale
from logistics.stock.states import PresaleState
from traceability.lots.bounding import find_room
from traceability.lots.models import YieldRule
from traceability.lots.units import in_standard_unit


def measure_forecast(session: Session, product: Product, until: date, at: datetime, *, but: UUID | None = None) -> int:
    """Boxes the harvest of that season can give at most, less what other pre-sales of the material may promise (``but`` leaves one out).

    Raises Conflict where the county has no rule for the material, or none for what it becomes.
    """
    material = str(product.materials[0])
    pack = in_standard_unit(Quantity(product.pack_amount, product.pack_unit))
    households = session.scalars(
        select(Household).where(Household.cooperative_id == product.cooperative_id, Household.erased_at.is_(None))
    )
    left: dict[Unit, Decimal] = {}
    for household in households:
        room = find_room(session, household, material, f"{until:%Y}", at)
        if room is not None:
            left[room.unit] = left.get(room.unit, Decimal(0)) + room.left
    if not left:
        raise Conflict("县里还没有核定“%(material)s”的产能标准，暂时不能预售。", params={"material": material}, field="boxes")
    made = sum((amount * _most_made(session, product, unit, pack.unit, until) for unit, amount in left.items()), Decimal(0))
    boxes = int((made / pack.amount).to_integral_value(ROUND_DOWN))
    return max(boxes - _promised_elsewhere(session, product, pack.amount, until, but), 0)


def hold_harvest(session: Session, product: Product) -> None:
    """Let those who count on the same harvest, of one cooperative and material, pass one after the other until the transaction ends."""
    key = f"harvest {product.cooperative_id} {product.materials[0]}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


def _most_made(session: Session, product: Product, brought: Unit, packed: Unit, on: date) -> Decimal:
    """How much goes into boxes, at most, of one unit that is brought."""
    if brought is packed:
        return Decimal(1)
    most = select(func.max(YieldRule.high)).where(YieldRule.per_unit == brought, YieldRule.unit == packed, valid_on(YieldRule, on))
    of_county = session.scalar(most.where(YieldRule.county_code == product.county_code))
    high = of_county if of_county is not None else session.scalar(most.where(YieldRule.county_code.is_(None)))
    if high is None:
        params = {"material": str(product.materials[0]), "brought": brought.label, "packed": packed.label}
        raise Conflict(
            "县里还没有核定“%(material)s”从%(brought)s到%(packed)s的出品率，暂时不能预售。", params=params, field="boxes"
        )
    return Decimal(high)


def _promised_elsewhere(session: Session, product: Product, pack_amount: Decimal, until: date, but: UUID | None) -> int:
    """What standing pre-sales of the cooperative's other products of the same material may promise this season, in boxes of this one."""
    others = (
        select(Presale, Product)
        .join(Product, Product.id == Presale.product_id)
        .where(
            Product.cooperative_id == product.cooperative_id,
            Product.materials[0].astext == str(product.materials[0]),
            Presale.state.in_((PresaleState.ASKED, PresaleState.OPEN)),
            func.extract("year", Presale.harvest_until) == until.year,
        )
    )
    taken = Decimal(0)
    for presale, other in session.execute(others):
        if presale.id != but:
            boxes = presale.forecast if presale.state is PresaleState.OPEN else presale.asked_boxes
            taken += boxes * in_standard_unit(Quantity(other.pack_amount, other.pack_unit)).amount
    return int(-(-taken // pack_amount))
