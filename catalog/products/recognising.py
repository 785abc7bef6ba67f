"""Recognition (认定): the cooperative applies, its county recommends, the platform approves; three different people.

Each step leaves a row with who, when and why. A product sent back becomes a draft again.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, OrganizationKind, Role
from catalog.products.models import Product, ProductState, RecognitionStep
from catalog.products.states import FLOW
from kernel.errors import Forbidden, Invalid


def apply(session: Session, actor: Actor, product: Product, at: datetime, note: str = "") -> RecognitionStep:
    """The cooperative asks for recognition. Raises Forbidden, Conflict (wrong state)."""
    actor.must(Role.clerk, product.cooperative_id)
    return _step(session, actor, product, ProductState.APPLIED, note, at)


def recommend(session: Session, actor: Actor, product: Product, at: datetime, note: str) -> RecognitionStep:
    """The county's office recommends it, saying what it checked. Raises Forbidden, Invalid (no remark), Conflict."""
    _must_be_officer(session, actor, product)
    _must_be_another(session, actor, product, ProductState.APPLIED)
    return _step(session, actor, product, ProductState.COUNTY_RECOMMENDED, _reason(note), at)


def approve(session: Session, actor: Actor, product: Product, at: datetime, note: str) -> RecognitionStep:
    """The platform approves it; never the person who applied or recommended. Raises Forbidden, Invalid, Conflict."""
    actor.must(Role.operator)
    _must_be_another(session, actor, product, ProductState.APPLIED, ProductState.COUNTY_RECOMMENDED)
    return _step(session, actor, product, ProductState.APPROVED, _reason(note), at)


def send_back(session: Session, actor: Actor, product: Product, at: datetime, note: str) -> RecognitionStep:
    """Return it to the cooperative with a reason: the county while it recommends, the platform while it reviews, or after delisting.

    Raises Forbidden, Invalid (no reason), Conflict.
    """
    if product.state is ProductState.APPLIED and not actor.operator:
        _must_be_officer(session, actor, product)
    else:
        actor.must(Role.operator)
    return _step(session, actor, product, ProductState.DRAFT, _reason(note), at)


def move(session: Session, actor: Actor, product: Product, after: ProductState, note: str, at: datetime) -> RecognitionStep:
    """One step along the flow, recorded; the caller has checked who may. Raises Conflict."""
    return _step(session, actor, product, after, note, at)


def _step(session: Session, actor: Actor, product: Product, after: ProductState, note: str, at: datetime) -> RecognitionStep:
    session.refresh(product, with_for_update=True)
    FLOW.check(product.state, after)
    step = RecognitionStep(
        product_id=product.id,
        before=product.state,
        after=after,
        person_id=actor.person_id,
        by=actor.label,
        note=note.strip()[:500],
        at=at,
    )
    product.state = after
    session.add(step)
    session.flush()
    return step


def _must_be_officer(session: Session, actor: Actor, product: Product) -> None:
    """An officer of an office of the product's own county."""
    if actor.system:
        return
    offices = session.scalars(
        select(Organization.id).where(
            Organization.id.in_(actor.organizations_with(Role.county_officer)),
            Organization.kind == OrganizationKind.COUNTY_OFFICE,
            Organization.county_code == product.county_code,
        )
    ).all()
    if not offices:
        raise Forbidden("只有产品所在县的部门人员可以推荐或退回。")


def _must_be_another(session: Session, actor: Actor, product: Product, *steps: ProductState) -> None:
    """Separation of duties: who took the latest of ``steps`` may not take the next one."""
    if actor.person_id is None:
        return
    for step in steps:
        last = session.scalar(
            select(RecognitionStep.person_id)
            .where(RecognitionStep.product_id == product.id, RecognitionStep.after == step)
            .order_by(RecognitionStep.id.desc())
            .limit(1)
        )
        if last == actor.person_id:
            raise Forbidden("申请、推荐、审核要由不同的人来做。")


def _reason(note: str) -> str:
    if not note.strip():
        raise Invalid("请写明核查情况或原因。", field="note")
    return note
