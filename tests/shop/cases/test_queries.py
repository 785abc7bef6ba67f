"""Who may see a case, and the operator's list by state and kind."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import ANONYMOUS, Role
from kernel.errors import NotFound
from shop.cases import handling, queries
from shop.cases.states import CaseKind, CaseState
from tests.factories.catalog import AT, make_actor


def test_a_case_is_seen_by_its_reporter_and_staff(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = make_actor(session)
    case = handling.open_case(session, reporter, CaseKind.PARCEL, subjects=["X"], text="?", at=AT)
    for reader in (reporter, make_actor(session, Role.operator), make_actor(session, Role.auditor)):
        assert queries.get_case(session, case.code, reader) is case
    for stranger in (make_actor(session), ANONYMOUS):
        with pytest.raises(NotFound):
            queries.get_case(session, case.code, stranger)
    monkeypatch.setattr(queries, "may_see", lambda *_: True)
    assert queries.get_case(session, case.code, ANONYMOUS) is case


def test_lists_by_state_kind_and_person(session: Session) -> None:
    one, two = make_actor(session), make_actor(session)
    first = handling.open_case(session, one, CaseKind.PARCEL, subjects=["X"], text="?", at=AT)
    second = handling.open_case(session, two, CaseKind.PAYMENT, subjects=["Y"], text="?", at=AT)
    handling.close_case(session, two, second.code, "好了", at=AT)
    session.flush()
    assert list(queries.list_cases(session)) == [second, first]
    assert list(queries.list_cases(session, after=second.id)) == [first]
    assert list(queries.list_cases(session, state=CaseState.CLOSED)) == [second]
    assert list(queries.list_cases(session, kind=CaseKind.PARCEL)) == [first]
    assert one.person_id is not None
    assert list(queries.list_own_cases(session, one.person_id)) == [first]
