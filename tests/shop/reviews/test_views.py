"""The buyer's form: refusals keep what was typed, the act happens once."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shop.reviews.models import Review
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.shop import deliver, make_order


def test_a_buyer_writes_once_through_the_door(session: Session, app: Flask, client: FlaskClient) -> None:
    buyer = make_actor(session)
    order = deliver(session, make_order(session, actor=buyer))
    url = f"/reviews/{order.lines[0].code}"
    assert client.get(url).status_code == 302, "sign in first"
    act_as(app, buyer)
    assert "打几颗星" in client.get(url).text
    refused = client.post(url, data=form(stars="9", text="留着的话"))
    assert refused.status_code == 422
    assert "留着的话" in refused.text
    sent = form(stars="4", text="<b>好吃</b>")
    assert client.post(url, data=sent).status_code == 302
    assert client.post(url, data=sent).status_code == 302
    assert session.scalar(select(func.count()).select_from(Review)) == 1
    assert "&lt;b&gt;好吃" in client.get(url).text
    act_as(app, make_actor(session))
    assert client.get(url).status_code == 404
    assert client.post(url, data=form(stars="1", text="别人的")).status_code == 404
    public = client.get(f"/reviews/products/{order.lines[0].sku}?lang=en")
    assert public.status_code == 200
    assert "&lt;b&gt;好吃" in public.text
