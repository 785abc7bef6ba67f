"""The doors the tests of bad input knock at: one application and one house for a module, everything undone after each request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from kernel import db, outbox
from kernel.web import limiter
from shop.app import create_app
from tests.architecture.doors import Doors
from tests.conftest import make_config
from tests.factories.catalog import act_as, form
from tests.factories.house import House


@pytest.fixture(scope="module")
def all_doors(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A house with somebody's basket in it, on a connection of its own that is rolled back at the end of the module."""
    config = make_config(tmp_path_factory.mktemp("doors"), engine.url.render_as_string(hide_password=False))
    with engine.connect() as connection, pytest.MonkeyPatch.context() as patch:
        transaction = connection.begin()
        db.bind(connection, join_transaction_mode="create_savepoint")
        outbox.wake_with(None)
        patch.setattr(limiter, "enabled", False)
        with db.work() as session:
            house = House(session, config.secret_key)
            samples, fine = house.samples(), house.fields()
        app = create_app(config, connect=False, testing=True)
        app.config["WTF_CSRF_ENABLED"] = False
        act_as(app, house.owner)
        doors = Doors(app, config, connection, house, samples, fine)
        for presale in ("", house.presale.code):
            filled = form(sku=house.goods.sku, quantity="2", presale=presale)
            assert doors.client.post("/basket/lines", data=filled).status_code == 302
        yield doors
        doors.close()
        transaction.rollback()
    db.bind(engine, join_transaction_mode="conditional_savepoint")


@pytest.fixture
def doors(all_doors: Doors) -> Doors:
    """The doors as the owner of the house finds them, with a new browser."""
    act_as(all_doors.app, all_doors.house.owner)
    all_doors.client = all_doors.app.test_client()
    return all_doors
