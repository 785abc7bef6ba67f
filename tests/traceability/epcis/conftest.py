"""One partner for the tests of this room."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.factories.epcis import Partner
from traceability.epcis import querying


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Database and product share this machine's clock, so that what was just recorded can be asked for at once."""
    monkeypatch.setattr(querying, "CLOCKS_APART", timedelta(0))


@pytest.fixture
def partner(client: FlaskClient, session: Session) -> Partner:
    return Partner(client, session)
