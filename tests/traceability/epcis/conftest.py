"""One partner for the tests of this room."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.factories.epcis import Partner


@pytest.fixture
def partner(client: FlaskClient, session: Session) -> Partner:
    return Partner(client, session)
