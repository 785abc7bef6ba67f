"""A household's consent."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties import consenting
from catalog.parties.consent_texts import CURRENT
from catalog.parties.consenting import ConsentChanged
from catalog.parties.models import SYSTEM, Consent, ConsentScope, Role
from catalog.parties.queries import standing_consents, visible_household_names
from kernel import outbox
from kernel.errors import Forbidden, NotFound
from tests.factories.catalog import make_actor, make_household, make_organization

heard: list[ConsentChanged] = []


def hear(_session: Session, event: ConsentChanged) -> None:
    heard.append(event)


def test_a_name_is_shown_with_consent_only_and_hidden_at_once(session: Session, at: datetime) -> None:
    household = make_household(session, member_no=7, head_name="王示例")
    assert visible_household_names(session, [household])[household.id] == "第7号农户"
    consenting.give_consent(session, SYSTEM, household_id=household.id, scope=ConsentScope.NAME, at=at)
    assert visible_household_names(session, [household])[household.id] == "王示例"
    consenting.withdraw_consent(session, SYSTEM, household_id=household.id, scopes=[ConsentScope.NAME], at=at)
    assert visible_household_names(session, [household])[household.id] == "第7号农户"


def test_another_scope_does_not_show_the_name(session: Session, at: datetime) -> None:
    household = make_household(session)
    consenting.give_consent(session, SYSTEM, household_id=household.id, scope=ConsentScope.VILLAGE, at=at)
    assert visible_household_names(session, [household])[household.id] == "第1号农户"
    assert standing_consents(session, [household.id]) == {household.id: {ConsentScope.VILLAGE}}


def test_consents_are_kept_with_their_dates(session: Session, at: datetime) -> None:
    household = make_household(session)
    first = consenting.give_consent(session, SYSTEM, household_id=household.id, scope=ConsentScope.NAME, at=at)
    again = consenting.give_consent(session, SYSTEM, household_id=household.id, scope=ConsentScope.NAME, at=at)
    assert first is again
    later = at + timedelta(days=1)
    consenting.withdraw_consent(session, SYSTEM, household_id=household.id, scopes=[ConsentScope.NAME], at=later)
    second = consenting.give_consent(session, SYSTEM, household_id=household.id, scope=ConsentScope.NAME, at=later)
    assert (first.given_at, first.withdrawn_at) == (at, later)
    assert second.withdrawn_at is None
    assert second.text_version == CURRENT


def test_the_news_goes_out_with_each_change(session: Session, at: datetime) -> None:
    outbox.react(ConsentChanged, hear)
    household = make_household(session)
    consenting.give_consent(session, SYSTEM, household_id=household.id, scope=ConsentScope.NAME, at=at)
    consenting.give_consent(session, SYSTEM, household_id=household.id, scope=ConsentScope.NAME, at=at)
    consenting.withdraw_consent(session, SYSTEM, household_id=household.id, scopes=[ConsentScope.NAME], at=at)
    session.flush()
    bodies = session.scalars(
        select(outbox.OutboxRow.body).where(outbox.OutboxRow.reaction.endswith(":hear")).order_by(outbox.OutboxRow.id)
    ).all()
    assert [(body["household_id"], body["scope"], body["given"]) for body in bodies] == [
        (str(household.id), "name", True),
        (str(household.id), "name", False),
    ]
    outbox._reactions["ConsentChanged"].remove(f"{hear.__module__}:hear")


def test_only_the_own_clerk_records_consent(session: Session, at: datetime) -> None:
    cooperative = make_organization(session)
    household = make_household(session, cooperative)
    stranger, own = make_actor(session, Role.clerk), make_actor(session, Role.clerk, cooperative)
    with pytest.raises(Forbidden):
        consenting.give_consent(session, stranger, household_id=household.id, scope=ConsentScope.NAME, at=at)
    consenting.give_consent(session, own, household_id=household.id, scope=ConsentScope.NAME, at=at)
    with pytest.raises(Forbidden):
        consenting.withdraw_consent(session, stranger, household_id=household.id, scopes=[ConsentScope.NAME], at=at)


def test_nothing_to_withdraw_is_said(session: Session, at: datetime) -> None:
    with pytest.raises(NotFound):
        consenting.withdraw_consent(session, SYSTEM, household_id=make_household(session).id, scopes=[ConsentScope.NAME], at=at)


def standing_twin(session: Session, at: datetime, household_id: object) -> None:
    for _ in range(2):
        session.add(Consent(household_id=household_id, scope=ConsentScope.NAME, text_version="1", given_at=at, typed_by="x"))
    session.flush()


def test_the_database_keeps_one_standing_consent(session: Session, at: datetime) -> None:
    household = make_household(session)
    with pytest.raises(IntegrityError, match="uq_parties_consent_standing"), session.begin_nested():
        standing_twin(session, at, household.id)


def test_without_the_index_two_would_stand(session: Session, at: datetime) -> None:
    household = make_household(session)
    session.execute(text("DROP INDEX uq_parties_consent_standing"))
    standing_twin(session, at, household.id)
    assert session.query(Consent).filter_by(household_id=household.id).count() == 2


def test_names_of_many_take_one_look(session: Session, at: datetime) -> None:
    cooperative = make_organization(session)
    households = [make_household(session, cooperative) for _ in range(3)]
    consenting.give_consent(session, SYSTEM, household_id=households[1].id, scope=ConsentScope.NAME, at=at)
    shown = visible_household_names(session, households)
    assert [shown[household.id] for household in households] == ["第1号农户", "王示例", "第3号农户"]
