"""A seller asks, the county decides how much of the harvest may be promised, and each of them leaves a row."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, OrganizationKind, Role
from catalog.products.listing import NotForSale
from catalog.products.models import Product
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.quantity import Unit
from logistics.stock import announcing
from logistics.stock.announcing import PresaleDraft, announce, decide, end
from logistics.stock.forecasting import measure_forecast
from logistics.stock.models import Presale, PresaleStep
from logistics.stock.states import PresaleState
from tests.factories.catalog import make_actor, make_draft, make_household, make_organization, make_product
from tests.factories.logistics import make_presale
from tests.factories.lots import kg, make_capacity, make_delivery, make_yield
from traceability.lots.states import Basis


def draft(at: datetime, **over: Any) -> PresaleDraft:
    today = at.date()
    values: dict[str, Any] = {
        "harvest_from": today,
        "harvest_until": today + timedelta(days=9),
        "ship_by": today + timedelta(days=12),
        "closes_on": today + timedelta(days=5),
        "boxes": 10,
        "per_person": 2,
    }
    return PresaleDraft(**(values | over))


def orchard(session: Session, land: str = "2", per_mu: int = 100, **over: Any) -> Product:
    """A product of one household's 2 亩 of 100 kg: 200 kg, in boxes of 2 kg."""
    product = make_product(session, materials=["山地苹果"], pack_amount=Decimal(2), pack_unit=Unit.KG, **over)
    make_capacity(session, "山地苹果", Unit.KG, per_mu, county=product.county_code)
    cooperative = session.get_one(Organization, product.cooperative_id)
    make_household(session, cooperative, county_code=product.county_code, capacity={"land_mu": land})
    return product


def test_the_harvest_bounds_what_may_be_announced(session: Session, at: datetime) -> None:
    product = orchard(session)
    assert measure_forecast(session, product, date(2026, 12, 1), at) == 100
    cooperative = session.get_one(Organization, product.cooperative_id)
    clerk = make_actor(session, Role.clerk, cooperative)
    with pytest.raises(Invalid, match="100 盒"):
        announce(session, clerk, product, draft(at, boxes=101), at=at)
    presale = announce(session, clerk, product, draft(at, boxes=60), at=at)
    assert (presale.state, presale.forecast, presale.left) == (PresaleState.ASKED, 0, 0)
    other = make_product(session, cooperative, materials=["山地苹果"], pack_amount=Decimal(5), pack_unit=Unit.KG)
    assert measure_forecast(session, other, date(2026, 12, 1), at) == (200 - 120) // 5
    assert measure_forecast(session, product, date(2026, 12, 1), at, but=presale.id) == 100
    household = make_household(session, cooperative, capacity={"land_mu": "1"})
    make_delivery(session, household, kg(30), material="山地苹果")
    assert measure_forecast(session, product, date(2026, 12, 1), at, but=presale.id) == 135


def test_without_a_rule_of_the_county_nothing_is_promised(session: Session, at: datetime) -> None:
    product = make_product(session, materials=["没有标准的果子"])
    make_household(session, session.get_one(Organization, product.cooperative_id))
    with pytest.raises(Conflict, match="产能标准"):
        announce(session, SYSTEM, product, draft(at), at=at)


def test_sheep_become_boxes_by_the_yield_of_the_county(session: Session, at: datetime) -> None:
    product = make_product(session, materials=["示例羊"], pack_amount=Decimal(2), pack_unit=Unit.KG)
    make_capacity(session, "示例羊", Unit.HEAD, 1, Basis.HEADS, product.county_code)
    make_household(session, session.get_one(Organization, product.cooperative_id), capacity={"heads": "10"})
    session.execute(text("DELETE FROM lots_yield_rule"))
    with pytest.raises(Conflict, match="出品率"):
        measure_forecast(session, product, date(2026, 12, 1), at)
    make_yield(session, "胴体", 14, 24, county=product.county_code)
    assert measure_forecast(session, product, date(2026, 12, 1), at) == 10 * 24 // 2


def test_only_those_who_sell_or_grow_it_announce(session: Session, at: datetime) -> None:
    product = orchard(session)
    with pytest.raises(Forbidden):
        announce(session, make_actor(session, Role.clerk), product, draft(at), at=at)
    with pytest.raises(Forbidden):
        announce(session, make_actor(session, Role.county_officer), product, draft(at), at=at)
    announce(session, make_actor(session, Role.clerk, session.get_one(Organization, product.seller_id)), product, draft(at), at=at)
    with pytest.raises(Conflict, match="已经有一个预售"):
        announce(session, SYSTEM, product, draft(at), at=at)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"harvest_from": date(2026, 11, 20), "harvest_until": date(2026, 11, 21)}, "harvest_until"),
        ({"harvest_from": date(2026, 10, 22)}, "harvest_from"),
        ({"ship_by": date(2026, 11, 30)}, "ship_by"),
        ({"ship_by": date(2028, 1, 1)}, "ship_by"),
        ({"closes_on": date(2026, 11, 21)}, "closes_on"),
        ({"closes_on": date(2026, 12, 30)}, "closes_on"),
        ({"boxes": 0}, "boxes"),
        ({"per_person": 0}, "per_person"),
        ({"per_person": 101}, "per_person"),
    ],
)
def test_days_and_numbers_must_make_sense(session: Session, at: datetime, over: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as problem:
        announce(session, SYSTEM, orchard(session), draft(at, **over), at=at)
    assert {error.field for error in problem.value.errors} == {field}


def test_what_may_not_be_sold_may_not_be_promised(session: Session, at: datetime) -> None:
    with pytest.raises(NotForSale):
        announce(session, SYSTEM, make_draft(session), draft(at), at=at)


def test_somebody_else_of_that_county_decides(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    product = orchard(session)
    both = make_actor(session, Role.clerk, session.get_one(Organization, product.seller_id))
    office = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=product.county_code)
    both = make_actor(session, Role.county_officer, office, person=_person(session, both))
    presale = announce(session, both, product, draft(at), at=at)
    with pytest.raises(Forbidden, match="另一位"):
        decide(session, both, presale.code, boxes=5, note="", at=at)
    elsewhere = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code="620826")
    with pytest.raises(Forbidden, match="本县"):
        decide(session, make_actor(session, Role.county_officer, elsewhere), presale.code, boxes=5, note="", at=at)
    officer = make_actor(session, Role.county_officer, office)
    for boxes, note in ((11, ""), (0, ""), (None, " ")):
        with pytest.raises(Invalid):
            decide(session, officer, presale.code, boxes=boxes, note=note, at=at)
    decide(session, officer, presale.code, boxes=6, note="留四盒做样品", at=at)
    assert (presale.state, presale.forecast, presale.left) == (PresaleState.OPEN, 6, 6)
    with pytest.raises(Conflict):
        decide(session, officer, presale.code, boxes=6, note="", at=at)
    with pytest.raises(NotFound):
        decide(session, officer, "PRE-NONE", boxes=6, note="", at=at)
    steps = session.scalars(select(PresaleStep).order_by(PresaleStep.id)).all()
    assert [(row.state, row.boxes, row.note, row.by) for row in steps] == [
        (PresaleState.ASKED, 10, "", both.label),
        (PresaleState.OPEN, 6, "留四盒做样品", officer.label),
    ]


def _person(session: Session, actor: Any) -> Any:
    from catalog.parties.models import Person

    return session.get_one(Person, actor.person_id)


def test_when_code_forgets_a_check_holds_two_people(session: Session, at: datetime) -> None:
    presale = make_presale(session, decided=False)
    presale.state, presale.decided_by = PresaleState.OPEN, presale.asked_by
    with pytest.raises(IntegrityError, match="two_people"):
        session.flush()


def test_when_code_forgets_an_index_holds_one_presale_a_product(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    presale = make_presale(session)
    product = session.get_one(Product, presale.product_id)
    monkeypatch.setattr(announcing, "find_standing", lambda *_: None)
    with pytest.raises(IntegrityError, match="standing"):
        announce(session, SYSTEM, product, draft(at), at=at)


def test_a_refused_one_makes_room_for_the_next(session: Session, at: datetime) -> None:
    presale = make_presale(session, decided=False)
    decide(session, SYSTEM, presale.code, boxes=None, note="还没有套袋", at=at)
    assert presale.state is PresaleState.REFUSED
    assert make_presale(session, session.get_one(Product, presale.product_id)).code != presale.code


def test_who_sells_ends_it_with_a_reason(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    product = session.get_one(Product, presale.product_id)
    with pytest.raises(Forbidden):
        end(session, make_actor(session, Role.clerk), presale.code, note="霜冻", at=at)
    clerk = make_actor(session, Role.clerk, session.get_one(Organization, product.seller_id))
    with pytest.raises(Invalid):
        end(session, clerk, presale.code, note=" ", at=at)
    end(session, clerk, presale.code, note="霜冻", at=at)
    assert session.scalars(select(Presale.state)).all() == [PresaleState.ENDED]
