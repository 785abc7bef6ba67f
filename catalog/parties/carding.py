"""A household's card (社员卡): a random token on paper, by which a clerk finds the household without typing.

The token opens nothing by itself: only a clerk of the cooperative, signed in, gets anywhere with it. So it is kept as it is, to be printed
again, and a lost card is simply replaced.
"""

from __future__ import annotations

import secrets
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import Household, Role
from catalog.parties.queries import get_household
from catalog.parties.roles import Actor
from kernel.errors import NotFound


def issue_card(session: Session, actor: Actor, household_id: UUID) -> Household:
    """Give a household a card, or a new one in place of a lost one, which no longer opens anything. Raises NotFound, Forbidden."""
    household = get_household(session, household_id)
    actor.must(Role.clerk, household.cooperative_id)
    if household.erased_at is not None:
        raise NotFound("没有这户。")
    household.card_token = secrets.token_urlsafe(16)
    session.flush()
    return household
