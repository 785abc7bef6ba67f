"""The record only grows."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.backoffice import auditing
from shop.backoffice.models import AuditEntry
from shop.backoffice.queries import list_audit
from tests.factories.catalog import AT, make_actor


@pytest.mark.parametrize("harm", [update(AuditEntry).values(what="nothing"), delete(AuditEntry)], ids=["rewrite", "delete"])
def test_what_was_recorded_stays(session: Session, harm: object) -> None:
    actor = make_actor(session)
    auditing.note(session, actor, "refund.proposed", "ORD-1", {"a": 1}, {"a": 2}, AT)
    assert [(row.actor, row.before, row.after) for row in list_audit(session, subjects=["ORD-1"])] == [
        (actor.label, {"a": 1}, {"a": 2})
    ]
    with pytest.raises(IntegrityError, match="append-only"), session.begin_nested():
        session.execute(harm)  # type: ignore[call-overload]
    session.connection().exec_driver_sql("ALTER TABLE backoffice_audit DISABLE TRIGGER backoffice_audit_append_only")
    session.execute(harm)  # type: ignore[call-overload]
