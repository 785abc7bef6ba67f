"""The page where a delivery is declared wrong (shop.cooperative.views.corrections)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import ANONYMOUS, OrganizationKind, Role
from kernel import clock
from kernel.quantity import Unit
from shop.config import Config
from shop.cooperative import links
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization, make_product
from tests.factories.lots import kg, make_capacity, make_delivery
from traceability.lots import confirming
from traceability.lots.models import HouseholdDelivery
from traceability.lots.states import SlipState


class Wrong:
    """A delivery of 620 kg that should have been 62, and the clerk who typed it."""

    def __init__(self, session: Session, app: Flask, config: Config) -> None:
        self.session, self.app = session, app
        self.cooperative = make_organization(session)
        self.households = [make_household(session, self.cooperative, head_name=name) for name in ("马秀英", "曾志强")]
        self.product = make_product(
            session, self.cooperative, name="静宁苹果（一级）", category="水果", pack_unit=Unit.KG, needs=[]
        )
        make_capacity(session, "静宁苹果", Unit.KG)
        self.delivery: HouseholdDelivery = make_delivery(
            session, self.households[0], kg(620), material="静宁苹果", product_sku=self.product.sku
        )
        self.path = f"/cooperative/deliveries/{self.delivery.slip_code}/correction"
        self.own = links.slip_path(config.secret_key, self.delivery.slip_code)
        self.clerk = make_actor(session, Role.clerk, self.cooperative)
        act_as(app, self.clerk)

    def right(self, **over: Any) -> dict[str, Any]:
        values = {
            "how": "replace", "reason": "多打了一个 0", "household_id": self.households[0].id, "product_sku": self.product.sku,
            "quantity": "62", "unit": "kg", "agreed_price": "310", "grade": "一级",
        }  # fmt: skip
        return form(**(values | over))

    @property
    def state(self) -> SlipState:
        self.session.expire_all()
        return self.delivery.slip_state


@pytest.fixture
def wrong(session: Session, app: Flask, config: Config) -> Wrong:
    return Wrong(session, app, config)


@pytest.mark.parametrize("before", [True, False])
def test_a_corrected_delivery_was_paid_when_it_was_paid(client: FlaskClient, wrong: Wrong, before: bool) -> None:
    paid_at = clock.now() - timedelta(days=2)
    if before:
        wrong.delivery.paid_at = paid_at
        wrong.session.flush()
    assert client.post(wrong.path, data=wrong.right(paid="1")).status_code == 302
    right = wrong.session.scalars(select(HouseholdDelivery).order_by(HouseholdDelivery.id.desc())).first()
    assert right is not None
    assert right.paid_at is not None
    assert (right.paid_at == paid_at) is before


def test_the_right_one_takes_its_place(client: FlaskClient, wrong: Wrong) -> None:
    page = client.get(wrong.path).text
    assert 'value="620"' in page, "the form begins with what was recorded"
    sent = wrong.right(paid="1")
    answers = [client.post(wrong.path, data=sent) for _ in range(2)]
    assert answers[0].location == answers[1].location
    right = wrong.session.scalars(select(HouseholdDelivery).order_by(HouseholdDelivery.id.desc())).first()
    assert right is not None
    assert answers[0].location.endswith(right.slip_code)
    assert right.paid_at is not None
    assert wrong.state is SlipState.CORRECTED
    old = client.get(f"/cooperative/deliveries/{wrong.delivery.slip_code}").text
    assert "不再作数" in old
    assert right.slip_code in old
    assert "记为已付款" not in old
    assert client.get(wrong.path).status_code == 409
    assert "已更正" in client.get("/cooperative/deliveries").text
    act_as(wrong.app, ANONYMOUS)
    own = client.get(wrong.own).text
    assert "不再作数" in own
    assert "多打了一个 0" in own
    assert client.get(own.split(f"新凭证 {right.slip_code}")[0].rpartition('href="')[2].split('"')[0]).status_code == 200
    assert "都对，确认" not in own


def test_a_slip_of_another_household_is_not_shown_to_this_one(client: FlaskClient, wrong: Wrong) -> None:
    client.post(wrong.path, data=wrong.right(household_id=wrong.households[1].id))
    act_as(wrong.app, ANONYMOUS)
    assert "新凭证" not in client.get(wrong.own).text


@pytest.mark.parametrize(
    "over", [{"reason": ""}, {"how": ""}, {"quantity": "x"}, {"quantity": "99999999"}, {"product_sku": "none"}]
)
def test_what_is_refused_changes_nothing_and_keeps_what_was_typed(client: FlaskClient, wrong: Wrong, over: dict[str, str]) -> None:
    answer = client.post(wrong.path, data=wrong.right(**({"grade": "特别写的"} | over)))
    assert answer.status_code == 422
    assert "特别写的" in answer.text
    assert wrong.state is SlipState.WAITING
    assert len(wrong.session.scalars(select(HouseholdDelivery)).all()) == 1


def test_a_clerk_waits_for_the_household_and_an_officer_does_not(client: FlaskClient, wrong: Wrong) -> None:
    confirming.confirm_delivery(wrong.session, ANONYMOUS, wrong.delivery.id, at=wrong.delivery.delivered_at)
    wrong.session.flush()
    answer = client.post(wrong.path, data=wrong.right())
    assert answer.status_code == 403
    assert "农户已经确认" in answer.text
    office = make_organization(wrong.session, OrganizationKind.COUNTY_OFFICE)
    act_as(wrong.app, make_actor(wrong.session, Role.county_officer, office))
    page = client.get(wrong.path)
    assert page.status_code == 200
    assert "household_id" not in page.text, "an officer declares, and records nothing of his own"
    assert client.post(wrong.path, data=form(how="void", reason="县里核实有误")).status_code == 302
    assert wrong.state is SlipState.CORRECTED


def test_elsewhere_it_is_not_found(client: FlaskClient, wrong: Wrong) -> None:
    elsewhere = make_organization(wrong.session, OrganizationKind.COUNTY_OFFICE, county_code="620826")
    for stranger in (make_actor(wrong.session, Role.clerk), make_actor(wrong.session, Role.county_officer, elsewhere)):
        act_as(wrong.app, stranger)
        for path in (wrong.path, f"/cooperative/deliveries/{wrong.delivery.slip_code}"):
            assert client.get(path).status_code == 404
        assert client.post(wrong.path, data=form(how="void", reason="不该成功")).status_code == 404
