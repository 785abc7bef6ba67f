"""The demo's pages, and what keeps them out of a real shop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shop.config import Config
from shop.demo import views


@pytest.fixture
def real(app: Flask, config: Config) -> Flask:
    """The same application in a shop without a demo."""
    app.config["SHANHAI"] = replace(config, demo=False)
    return app


@pytest.mark.parametrize("page", ["/demo/", "/demo/mail"])
def test_it_is_there_in_a_demo_and_not_in_a_real_shop(client: FlaskClient, app: Flask, config: Config, page: str) -> None:
    assert client.get(page).status_code == 200
    app.config["SHANHAI"] = replace(config, demo=False)
    assert client.get(page).status_code == 404


def test_without_the_look_at_the_setting_a_real_shop_would_show_it(
    client: FlaskClient, real: Flask, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: anybody then reads the letters of customers."""
    assert client.get("/demo/mail").status_code == 404
    monkeypatch.setattr(views, "_demo", lambda: config)
    assert client.get("/demo/mail").status_code == 200
