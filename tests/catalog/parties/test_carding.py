"""A household's card (catalog.parties.carding)."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from catalog.parties.carding import issue_card
from catalog.parties.models import Actor, Role
from catalog.parties.queries import find_card_holder
from kernel.errors import Forbidden
from tests.factories.catalog import make_actor, make_household, make_organization


def test_a_new_card_ends_the_old_one(session: Session) -> None:
    cooperative = make_organization(session)
    clerk, household = make_actor(session, Role.clerk, cooperative), make_household(session, cooperative)
    assert find_card_holder(session, "") is None
    old = issue_card(session, clerk, household.id).card_token
    assert old is not None
    assert find_card_holder(session, old) is household
    issue_card(session, clerk, household.id)
    assert find_card_holder(session, old) is None


def test_only_its_own_cooperative_makes_it(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    household = make_household(session)
    stranger = make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        issue_card(session, stranger, household.id)
    monkeypatch.setattr(Actor, "must", lambda *_: None)
    assert issue_card(session, stranger, household.id).card_token, "with the guard off anybody makes one"
