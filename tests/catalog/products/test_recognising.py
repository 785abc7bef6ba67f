"""Recognition: three different people, in order, each step kept."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, OrganizationKind, Role
from catalog.products import recognising
from catalog.products.models import Product, ProductState
from catalog.products.queries import list_steps
from kernel.errors import Conflict, Forbidden, Invalid
from tests.factories.catalog import JINGNING, make_actor, make_draft, make_organization, make_person


@pytest.fixture
def product(session: Session) -> Product:
    return make_draft(session)


def officer(session: Session, county: str = "640323") -> Actor:
    return make_actor(session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=county))


def clerk(session: Session, product: Product) -> Actor:
    from catalog.parties.queries import get_organization

    return make_actor(session, Role.clerk, get_organization(session, product.cooperative_id))


def test_the_whole_way(session: Session, product: Product, at: datetime) -> None:
    recognising.apply(session, clerk(session, product), product, at)
    recognising.recommend(session, officer(session), product, at, "已到场核查")
    recognising.approve(session, make_actor(session, Role.operator), product, at, "资料齐全")
    assert product.state is ProductState.APPROVED
    steps = list_steps(session, product.id)
    assert [step.after for step in steps] == ["applied", "county_recommended", "approved"]
    assert all(step.by and step.person_id for step in steps)


def test_nobody_jumps_a_step(session: Session, product: Product, at: datetime) -> None:
    with pytest.raises(Conflict):
        recognising.recommend(session, officer(session), product, at, "x")
    with pytest.raises(Conflict):
        recognising.approve(session, make_actor(session, Role.operator), product, at, "x")


def test_each_step_has_its_people(session: Session, product: Product, at: datetime) -> None:
    with pytest.raises(Forbidden):
        recognising.apply(session, make_actor(session, Role.clerk), product, at)
    recognising.apply(session, clerk(session, product), product, at)
    for wrong in (officer(session, JINGNING), make_actor(session, Role.operator), clerk(session, product)):
        with pytest.raises(Forbidden):
            recognising.recommend(session, wrong, product, at, "x")
    recognising.recommend(session, officer(session), product, at, "x")
    with pytest.raises(Forbidden):
        recognising.approve(session, officer(session), product, at, "x")


def both_hats(session: Session, product: Product) -> tuple[Actor, Actor]:
    """One person who is officer and operator."""
    person = make_person(session)
    office = make_organization(session, OrganizationKind.COUNTY_OFFICE)
    make_actor(session, Role.county_officer, office, person=person)
    return make_actor(session, Role.operator, person=person), make_actor(session, Role.consumer, person=person)


def test_who_recommended_does_not_approve(session: Session, product: Product, at: datetime) -> None:
    recognising.apply(session, clerk(session, product), product, at)
    actor, _ = both_hats(session, product)
    recognising.recommend(session, actor, product, at, "x")
    with pytest.raises(Forbidden, match="不同的人"):
        recognising.approve(session, actor, product, at, "x")


def test_with_the_separation_switched_off_one_person_would_do_both(
    session: Session, product: Product, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognising.apply(session, clerk(session, product), product, at)
    actor, _ = both_hats(session, product)
    recognising.recommend(session, actor, product, at, "x")
    monkeypatch.setattr(recognising, "_must_be_another", lambda *_: None)
    recognising.approve(session, actor, product, at, "x")
    assert product.state is ProductState.APPROVED


def test_a_step_needs_a_remark(session: Session, product: Product, at: datetime) -> None:
    recognising.apply(session, SYSTEM, product, at)
    with pytest.raises(Invalid):
        recognising.recommend(session, SYSTEM, product, at, "  ")


def test_sent_back_it_is_a_draft_again(session: Session, product: Product, at: datetime) -> None:
    recognising.apply(session, SYSTEM, product, at)
    with pytest.raises(Forbidden):
        recognising.send_back(session, clerk(session, product), product, at, "缺检测报告")
    recognising.send_back(session, officer(session), product, at, "缺检测报告")
    assert product.state is ProductState.DRAFT
    recognising.apply(session, SYSTEM, product, at)
    recognising.recommend(session, SYSTEM, product, at, "x")
    with pytest.raises(Forbidden):
        recognising.send_back(session, officer(session), product, at, "x")
    recognising.send_back(session, make_actor(session, Role.operator), product, at, "图片不清")
    assert product.state is ProductState.DRAFT


def rewrite(session: Session) -> None:
    session.execute(text("UPDATE products_recognition_step SET by = 'nobody'"))


def test_the_history_is_not_rewritten(session: Session, product: Product, at: datetime) -> None:
    recognising.apply(session, SYSTEM, product, at)
    with pytest.raises(IntegrityError, match="append-only"), session.begin_nested():
        rewrite(session)


def test_without_the_trigger_it_could_be(session: Session, product: Product, at: datetime) -> None:
    recognising.apply(session, SYSTEM, product, at)
    session.execute(text("ALTER TABLE products_recognition_step DISABLE TRIGGER USER"))
    rewrite(session)
    session.expire_all()
    assert [step.by for step in list_steps(session, product.id)] == ["nobody"]
