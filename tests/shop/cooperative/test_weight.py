"""A clerk's pages on a cheap phone and a thin line: each at most 150 KB from an empty browser, with all that it loads, uncompressed."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from catalog.parties.models import Organization, Role
from kernel import clock
from kernel.ids import new_code, uuid7
from kernel.quantity import Unit
from shop.cooperative import asking
from tests.factories.catalog import act_as, make_actor, make_household, make_organization, make_product
from tests.factories.lots import kg, make_capacity, make_delivery
from traceability.lots import deciding
from traceability.lots.models import Lot
from traceability.lots.states import Custody, LotKind, RecallState

MOST = 150_000
APPLE = "静宁苹果"
LOADED = re.compile(r'<(?:script|img|link rel="(?:stylesheet|icon|preload|manifest)")[^>]*?(?:src|href)="(/[^"]+)"')
DRAWN = re.compile(r"url\([\"']?([^\"')]+)[\"']?\)")


def weigh(client: FlaskClient, path: str) -> dict[str, int]:
    """Bytes of a page and of each file it loads, also those its style sheets name."""
    page = client.get(path)
    assert page.status_code == 200, (path, page.status_code)
    weight, waiting = {path: len(page.data)}, LOADED.findall(page.text)
    while waiting:
        address = waiting.pop().replace("&amp;", "&")
        if address in weight or address.startswith("data:"):
            continue
        with client.get(address) as answer:
            assert answer.status_code == 200, address
            weight[address] = len(answer.data)
        if "css" in answer.content_type:
            waiting += [f"/static/{each}" if not each.startswith(("/", "data:")) else each for each in DRAWN.findall(answer.text)]
    return weight


def lie_there(session: Session, cooperative: Organization, sku: str) -> None:
    """As many open lots as a page of each list has."""
    for kind, unit in ((LotKind.BULK, Unit.KG), (LotKind.PACK, Unit.BOX), (LotKind.BY_PRODUCT, Unit.KG)):
        rows = [
            {
                "id": uuid7(), "code": new_code("LOT"), "kind": kind, "product_sku": sku, "material": APPLE, "organization_id": cooperative.id,
                "county_code": cooperative.county_code, "unit": unit, "made": Decimal("123.5"), "produced_on": clock.today_shanghai(clock.now()),
                "custody": Custody.SEGREGATED, "recall_state": RecallState.NONE, "used": 0, "lost": 0, "dispatched": 0,
                "created_at": clock.now(),
            }
            for _ in range(201)
        ]  # fmt: skip
        session.execute(insert(Lot), rows)


@pytest.fixture
def full(session: Session, app: Flask) -> Organization:
    """A cooperative whose lists are full pages: members, deliveries, lots, boxes, questions, requests."""
    cooperative = make_organization(session, name="静宁县示例苹果种植专业合作社")
    clerk = make_actor(session, Role.clerk, cooperative)
    households = [make_household(session, cooperative, head_name="欧阳示例", village="示例镇示例村") for _ in range(62)]
    product = make_product(
        session, cooperative, name="静宁苹果（一级）", category="水果", pack_unit=Unit.KG, pack_amount=Decimal(1), needs=[]
    )
    make_capacity(session, APPLE, Unit.KG, 100)
    for number in range(31):
        make_delivery(session, households[number], kg(10), material=APPLE, actor=clerk, product_sku=product.sku, at=clock.now())
    lie_there(session, cooperative, product.sku)
    for household in households[31:62]:
        deciding.request_capacity(
            session, clerk, household_id=household.id, material=APPLE, quantity=kg(9000), reason="今年新包了十亩地", at=clock.now()
        )
    for number in range(51):
        asking.ask_county(
            session, clerk, cooperative.id, refusal="超出了上限" * 5, question=f"第 {number} 个问题，请核定。", at=clock.now()
        )
    act_as(app, clerk)
    return cooperative


def test_a_clerks_pages_are_light(client: FlaskClient, session: Session, full: Organization) -> None:
    lot = session.scalars(select(Lot.code).where(Lot.organization_id == full.id).order_by(Lot.id).limit(1)).one()
    slip = re.findall(r"/cooperative/deliveries/(DLV-[^\"/]+)", client.get("/cooperative/deliveries").text)[0]
    heavy = {}
    for path in (
        "/cooperative/", "/cooperative/deliveries/new", "/cooperative/deliveries", f"/cooperative/deliveries/{slip}", "/cooperative/lots",
        f"/cooperative/lots/{lot}", "/cooperative/questions", "/cooperative/imports/new", "/cooperative/offline/",
        "/cooperative/offline/devices", "/county/", "/parties/households/", "/stock/",
        f"/cooperative/deliveries/{slip}/correction",
    ):  # fmt: skip
        weight = weigh(client, path)
        assert any(address.startswith("/static/shanhai.css") for address in weight), "the style is among what is weighed"
        heavy[path] = sum(weight.values())
    assert max(heavy.values()) <= MOST, {path: bytes_ for path, bytes_ in heavy.items() if bytes_ > MOST}
