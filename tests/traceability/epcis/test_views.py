"""The page of an organisation's connections: states in words, both languages, own people only, its buttons."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel import clock
from tests.factories.catalog import act_as, form, make_actor, make_organization
from tests.factories.epcis import Partner, make_event
from traceability.epcis import delivering
from traceability.epcis.models import Subscription, SubscriptionDelivery
from traceability.epcis.states import DeliveryState


@pytest.fixture
def standing(partner: Partner, session: Session) -> Subscription:
    """A subscription that was given up."""
    partner.name("发货", {})
    wish = {"dest": "https://news.example.cn/in", "stream": True}
    assert partner.post("/queries/发货/subscriptions", wish, content_type="application/json").status_code == 201
    found = session.scalars(select(Subscription)).one()
    at = clock.now()
    session.add(
        SubscriptionDelivery(
            subscription_id=found.id, event_ids=[], begins=0, created_at=at, not_before=at, state=DeliveryState.PARKED, tries=8
        )
    )
    found.parked, found.last_error = True, "HTTP 503"
    session.flush()
    return found


def look(client: FlaskClient, partner: Partner, language: str = "zh-CN") -> Any:
    return client.get(f"/partners/{partner.organization.code}", headers={"Accept": "text/html", "Accept-Language": language})


def test_states_in_words_and_both_languages(
    app: Any, client: FlaskClient, session: Session, partner: Partner, standing: Subscription
) -> None:
    partner.capture(make_event(1))
    partner.capture(make_event(2), make_event(3, bizStep="harvesting"), behaviour="proceed")
    act_as(app, make_actor(session, Role.clerk, partner.organization))
    page = look(client, partner).text
    for words in (
        "发货",
        "news.example.cn",
        "已停下",
        "HTTP 503",
        "马上再送",
        "已收下",
        "收下 1 个，1 个有错",
        "/epcisBody/eventList/1",
    ):
        assert words in page, words
    assert "Stopped" in look(client, partner, "en").text


def test_the_buttons(app: Any, client: FlaskClient, session: Session, partner: Partner, standing: Subscription) -> None:
    act_as(app, make_actor(session, Role.clerk, partner.organization))
    address = f"/partners/{partner.organization.code}/subscriptions/{standing.id}"
    assert client.post(f"{address}/again", data=form()).status_code == 302
    session.expire_all()
    assert not standing.parked
    assert delivering.list_deliveries(session, clock.now()) != []
    assert client.post(f"{address}/end", data=form()).status_code == 302
    assert session.scalar(select(func.count()).select_from(Subscription)) == 0
    assert "还没有订阅" in look(client, partner).text


def test_only_own_people_and_the_operator(
    app: Any, client: FlaskClient, session: Session, partner: Partner, standing: Subscription
) -> None:
    address = f"/partners/{partner.organization.code}/subscriptions/{standing.id}"
    other = make_organization(session)
    act_as(app, make_actor(session, Role.clerk, other))
    assert look(client, partner).status_code == 403
    assert client.post(f"{address}/end", data=form()).status_code == 403
    own = f"/partners/{other.code}/subscriptions/{standing.id}"
    assert client.post(f"{own}/end", data=form()).status_code == 404, "not by way of one's own page either"
    act_as(app, make_actor(session, Role.operator))
    assert look(client, partner).status_code == 200


@pytest.mark.parametrize(
    ("error", "told", "exactly"),
    [
        ("HTTP 503", "没有接受", True),
        ("TLS: certificate has expired", "证书", True),
        ("TimeoutError: timed out", "及时", True),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "连不上", True),
        ("the name does not resolve", "查不到", False),
        ("the key that subscribed is no longer valid", "密钥", False),
    ],
)
def test_what_failed_is_told_in_words_a_clerk_can_pass_on(
    app: Any,
    client: FlaskClient,
    session: Session,
    partner: Partner,
    standing: Subscription,
    error: str,
    told: str,
    exactly: bool,
) -> None:
    standing.last_error = error
    session.flush()
    act_as(app, make_actor(session, Role.clerk, partner.organization))
    page = look(client, partner).text
    assert told in page
    assert (error in page) is exactly
