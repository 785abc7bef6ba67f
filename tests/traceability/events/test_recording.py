"""Rows written together carry every column the tables have."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

from traceability.events import recording
from traceability.events.models import EventEpc, TraceEvent


@pytest.mark.parametrize(("model", "columns"), [(TraceEvent, recording._EVENT), (EventEpc, recording._EPC)])
def test_a_new_column_is_not_forgotten(model: type[TraceEvent] | type[EventEpc], columns: dict[str, str]) -> None:
    assert isinstance(model.__table__, Table)
    assert list(columns) == [column.name for column in model.__table__.columns]
