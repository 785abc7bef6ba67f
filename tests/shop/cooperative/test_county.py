"""What waits for a second person, through the doors (shop.cooperative.views.county,
shop.cooperative.views.signatures, shop.cooperative.views.claims): refused, asked with one button, decided on a phone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import CapacityClaim, OrganizationKind, Role
from kernel.errors import Conflict
from kernel.web import moment
from shop.cooperative.views import county
from tests.factories.catalog import JINGNING, act_as, form, make_actor, make_organization
from tests.shop.cooperative.test_views import Place, deliver
from traceability.lots import bounding, deciding
from traceability.lots.models import CapacityRequest, HouseholdDelivery, Lot, LotYield, StepRequest
from traceability.lots.states import LotKind, Verdict


class Office(Place):
    """A cooperative, its clerk at the door, a colleague, and an officer of the county."""

    def __init__(self, session: Session, app: Flask) -> None:
        super().__init__(session, app)
        self.app = app
        self.colleague = make_actor(session, Role.clerk, self.cooperative)
        self.officer = make_actor(session, Role.county_officer)
        self.elsewhere = make_actor(
            session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=JINGNING)
        )

    def become(self, actor: Any) -> None:
        act_as(self.app, actor)


@pytest.fixture
def office(session: Session, app: Flask) -> Office:
    return Office(session, app)


def ask(client: FlaskClient, office: Office, reason: str = "今年新包了地") -> Any:
    values = {"household_id": office.households[0].id, "product_sku": office.product.sku, "quantity": "7000", "unit": "jin"}
    return client.post("/county/capacity", data=form(reason=reason, **values))


def deliveries(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(HouseholdDelivery)) or 0


def test_refused_asked_decided_taken_in(client: FlaskClient, office: Office, session: Session) -> None:
    refused = deliver(client, office, quantity="7000", unit="jin")
    assert refused.status_code == 422
    assert "最多能交 3000 千克" in refused.text
    assert 'action="/county/capacity"' in refused.text
    asked = ask(client, office)
    assert asked.status_code == 302, asked.text
    request = session.scalars(select(CapacityRequest)).one()
    assert "待核定" in client.get(asked.location).text
    office.become(office.officer)
    assert "超出上限 500 千克" in client.get("/county/").text
    page = client.get(asked.location).text
    for seen in ("今年新包了地", "已核定", "耕地（亩） 30", "每亩最多 100 千克", "还没有别的农户交过", "每亩 116.67 千克"):
        assert seen in page, seen
    answer = client.post(asked.location, data=form(do="approve", granted="500", decision="去看过"))
    assert answer.status_code == 302, answer.text
    assert "没有要处理的" in client.get("/county/").text
    assert "已同意" in client.get("/county/?all=1").text
    office.become(office.clerk)
    page = client.get(asked.location).text
    assert "还能交 3500 千克" in page
    session.refresh(request)
    until = moment(bounding.stands_until(request) or pytest.fail("granted"))[:10]
    assert f"请在 {until}" in page
    assert f"核增 500 千克，{until}" in client.get("/county/").text
    slip = deliver(client, office, quantity="7000", unit="jin")
    assert slip.status_code == 302, slip.text
    assert "快到上限了" in client.get(slip.location).text
    session.refresh(request)
    assert (request.verdict, deliveries(session)) == (Verdict.APPROVED, 1)


def test_a_grant_nobody_used_says_so_to_the_clerk(client: FlaskClient, office: Office, session: Session) -> None:
    path = ask(client, office).location
    office.become(office.officer)
    assert "同意后 14 天内" in client.get(path).text
    client.post(path, data=form(do="approve", granted="500", decision="去看过"))
    granted = session.scalars(select(CapacityRequest)).one()
    assert granted.decided_at is not None
    granted.decided_at -= bounding.GRANT_STANDS
    session.flush()
    office.become(office.clerk)
    assert "核增的有 500 千克已失效" in client.get(path).text
    assert "核增" not in client.get("/county/").text
    refused = deliver(client, office, quantity="7000", unit="jin")
    assert refused.status_code == 422
    assert "过了 14 天还有 500 千克没有交，已失效" in refused.text
    assert 'action="/county/capacity"' in refused.text


def test_a_refusal_says_why_and_what_was_typed_stays(client: FlaskClient, office: Office, session: Session) -> None:
    path = ask(client, office).location
    office.become(office.officer)
    for fields, said in (
        ({"do": "approve", "granted": "501", "decision": "看过了一遍"}, "最多 500"),
        ({"do": "approve", "granted": "x", "decision": "看过了一遍"}, "请填写数字"),
        ({"do": "refuse", "decision": ""}, "请写明理由"),
        ({"decision": "看过了一遍"}, "请点"),
    ):
        answer = client.post(path, data=form(**fields))
        assert answer.status_code == 422
        assert said in answer.text
        assert fields["decision"] in answer.text
    client.post(path, data=form(do="refuse", decision="地还没种"))
    office.become(office.clerk)
    assert "地还没种" in client.get(path).text
    assert "未同意" in client.get("/county/").text
    assert deliver(client, office, quantity="7000", unit="jin").status_code == 422


def test_the_same_button_twice_is_one_request(client: FlaskClient, office: Office, session: Session) -> None:
    assert ask(client, office, reason="?").status_code == 422
    ask(client, office)
    assert ask(client, office).status_code == 409
    assert session.scalar(select(func.count()).select_from(CapacityRequest)) == 1


def test_who_may_see_and_decide(client: FlaskClient, office: Office, session: Session) -> None:
    path = ask(client, office).location
    for stranger in (office.elsewhere, make_actor(session, Role.clerk)):
        office.become(stranger)
        assert client.get(path).status_code == 404
        assert client.post(path, data=form(do="refuse", decision="不同意")).status_code in (403, 404)
        assert "超出上限" not in client.get("/county/?all=1").text
    office.become(office.clerk)
    assert client.post(path, data=form(do="refuse", decision="不同意")).status_code == 403
    assert 'name="do"' not in client.get(path).text


def test_with_the_guards_off_anybody_would_decide(
    client: FlaskClient, office: Office, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ask(client, office).location
    office.become(office.elsewhere)
    monkeypatch.setattr(county, "must_see", lambda *_: True)
    assert client.post(path, data=form(do="refuse", decision="不同意")).status_code == 403, "the act looks too"
    monkeypatch.setattr(deciding, "list_counties_of", lambda *_: {office.cooperative.county_code})
    assert client.post(path, data=form(do="refuse", decision="不同意")).status_code == 302


OFF = {"step": "sorting", "material0": "分选苹果", "quantity0": "50", "unit0": "kg", "low0": "0.8", "high0": "1"}


def test_a_step_outside_its_range_waits_for_a_colleague(client: FlaskClient, office: Office, session: Session) -> None:
    deliver(client, office)
    lot = session.scalars(select(Lot).where(Lot.kind == LotKind.DELIVERY)).one()
    work = f"/cooperative/lots/{lot.code}"
    refused = client.post(f"{work}/processing", data=form(**OFF))
    assert refused.status_code == 422
    assert "至少应产出 80 千克，填写的只有 50 千克" in refused.text
    assert f'formaction="{work}/signature"' in refused.text
    assert client.post(f"{work}/signature", data=form(reason="", **OFF)).status_code == 422
    asked = client.post(f"{work}/signature", data=form(reason="冰雹打坏了一半", **OFF))
    assert asked.status_code == 302, asked.text
    request = session.scalars(select(StepRequest)).one()
    path = f"/county/steps/{request.id}"
    assert path in client.get(work).text
    assert 'name="do"' not in client.get(path).text, "not who asked"
    office.become(office.colleague)
    assert "冰雹打坏了一半" in client.get(path).text
    signed = client.post(path, data=form(do="approve", decision="我在场"))
    assert signed.status_code == 302, signed.text
    kept = session.scalars(select(LotYield)).one()
    assert (kept.given, kept.signed_by) == (50, office.colleague.label)
    code = session.get_one(Lot, kept.lot_id).code
    page = client.get(f"/lots/{code}").text
    assert "冰雹打坏了一半" in page
    assert office.colleague.name in page


def test_above_the_rule_the_list_tells_a_clerk_that_the_county_signs(client: FlaskClient, office: Office, session: Session) -> None:
    deliver(client, office)
    lot = session.scalars(select(Lot).where(Lot.kind == LotKind.DELIVERY)).one()
    client.post(f"/cooperative/lots/{lot.code}/signature", data=form(reason="加了糖水", **(OFF | {"quantity0": "150"})))
    path = f"/county/steps/{session.scalars(select(StepRequest)).one().id}"
    office.become(office.colleague)
    assert "只能由县里签字" in client.get(path).text
    assert client.post(path, data=form(do="approve", decision="我在场")).status_code == 403
    office.become(office.officer)
    assert client.post(path, data=form(do="approve", decision="看过配方")).status_code == 302


def test_land_a_clerk_reports_is_confirmed_by_the_county(client: FlaskClient, office: Office, session: Session) -> None:
    household = office.households[0]
    page = f"/parties/households/{household.id}"
    answer = client.post(f"{page}/capacity", data=form(basis="land_mu", amount="40", note="新包了十亩"))
    assert answer.status_code == 302, answer.text
    assert "待县里核定" in client.get(page).text
    assert client.post(f"{page}/capacity", data=form(basis="land_mu", amount="-1")).status_code == 422
    path = f"/county/claims/{session.scalars(select(CapacityClaim)).one().id}"
    assert client.get(path).status_code == 200
    assert client.post(path, data=form(do="approve", found="40", decision="看过")).status_code == 403
    office.become(office.officer)
    assert "新包了十亩" in client.get(path).text
    assert client.post(path, data=form(do="approve", found="1e9", decision="看过")).status_code == 422
    assert client.post(path, data=form(do="approve", found="39.5", decision="量过")).status_code == 302
    session.refresh(household)
    assert household.capacity["land_mu"] == "39.5"


def test_the_county_corrects_the_land_beside_a_request(client: FlaskClient, office: Office, session: Session) -> None:
    path = f"{ask(client, office).location}/basis"
    assert client.post(path, data=form(basis="land_mu", found="35", grounds="量过")).status_code == 403
    office.become(office.elsewhere)
    assert client.post(path, data=form(basis="land_mu", found="35", grounds="量过")).status_code == 404
    office.become(office.officer)
    for wrong in ({"found": "x", "grounds": "量过"}, {"found": "35", "grounds": ""}):
        answer = client.post(path, data=form(basis="land_mu", **wrong))
        assert answer.status_code == 422
        assert wrong["found"] in answer.text
    assert client.post(path, data=form(basis="land_mu", found="35", grounds="量过")).status_code == 302
    office.become(office.clerk)
    assert deliver(client, office, quantity="7000", unit="jin").status_code == 302


def test_the_list_is_paged(client: FlaskClient, office: Office, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(county, "PAGE", 1)
    for household in office.households:
        deciding.request_capacity(
            session, office.clerk, household_id=household.id, material="静宁苹果", quantity=quantity(), reason="今年新包了地",
            at=office.product.created_at,
        )  # fmt: skip
    first = client.get("/county/").text
    assert first.count("超出上限") == 1
    following = next(part.split('"')[0] for part in first.split('href="') if "after=" in part.split('"')[0])
    second = client.get(following.replace("&amp;", "&")).text
    assert second.count("超出上限") == 1
    assert 'rel="next"' not in second


def quantity() -> Any:
    from kernel.quantity import Quantity, Unit

    return Quantity(Decimal(9000), Unit.KG)


def test_conflicts_are_pages_not_errors(client: FlaskClient, office: Office, session: Session) -> None:
    path = ask(client, office).location
    office.become(office.officer)
    client.post(path, data=form(do="refuse", decision="地还没种"))
    again = client.post(path, data=form(do="refuse", decision="地还没种"))
    assert again.status_code == Conflict.status
    assert "处理过" in again.text
