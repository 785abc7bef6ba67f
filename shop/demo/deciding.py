"""What waits on the demo county officer's list: a delivery beyond the cap, a step outside its yield, land to confirm. By the real acts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Household, Organization, Role
from catalog.parties.surveying import claim_capacity
from catalog.products.models import Product
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from shop.demo.catalogue import SampleProduct
from shop.demo.peopling import make_households
from traceability.lots import deciding, signing
from traceability.lots.harvesting import DeliveryDraft, record_delivery
from traceability.lots.states import Step
from traceability.lots.transforming import OutputDraft

SMALL_HERD = {"heads": "20"}


def ask_the_county(session: Session, sample: SampleProduct, at: datetime) -> None:
    """Two small households of the cooperative beside the twelve: one is for trying out, the other has asked already.

    The last one brings ten of its twenty sheep; of its twenty-four more the county is asked, of the light carcasses a second person.
    """
    cooperative = session.scalars(select(Organization).where(Organization.code == f"COOP-{sample.county_code}")).one()
    product = session.scalars(select(Product).where(Product.sku == sample.sku)).one()
    _, household = make_households(session, cooperative, count=2, capacity=SMALL_HERD, at=at)
    clerk = Actor(None, "示例经办", roles={cooperative.id: frozenset({Role.clerk})}, label="示例经办")
    lot_id = _bring_ten(session, clerk, household, product, at)
    deciding.request_capacity(
        session, clerk, household_id=household.id, material=sample.material, quantity=Quantity(Decimal(24), Unit.HEAD),
        reason="今年从亲戚家接了二十多只羊，圈在一起养。", at=at,
    )  # fmt: skip
    light = OutputDraft(
        f"{sample.material}胴体", Quantity(Decimal(126), Unit.KG), Decimal(16), Decimal("20.5"), product_sku=sample.sku
    )
    signing.ask_signature(
        session, clerk, step=Step.SLAUGHTERING, inputs=[(lot_id, Quantity(Decimal(10), Unit.HEAD))], outputs=[light], place_id=None,
        reason="三只羊检疫不合格，已无害化处理。", at=at,
    )  # fmt: skip
    claim_capacity(session, clerk, household_id=household.id, basis="heads", amount=Decimal(45), note="接了亲戚家的羊。", at=at)


def _bring_ten(session: Session, clerk: Actor, household: Household, product: Product, at: datetime) -> UUID:
    first = 99_000_000 + household.member_no * 100
    draft = DeliveryDraft(
        organization_id=household.cooperative_id,
        household_id=household.id,
        material=product.materials[0],
        quantity=Quantity(Decimal(10), Unit.HEAD),
        agreed_price=Money(1_200_000),
        ear_tags=[f"3{household.county_code}{first + number:08d}" for number in range(10)],
        product_sku=product.sku,
    )
    return record_delivery(session, clerk, draft, at).lot_id
