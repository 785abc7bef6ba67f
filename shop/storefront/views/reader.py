"""In what readers of the same page differ."""

from __future__ import annotations

from collections.abc import Hashable

from flask import session

from catalog.parties.access import current_actor
from shop.accounts.workplaces import list_workplaces
from shop.basket.views import COUNT


def seen_by_reader() -> Hashable:
    """All that the layout shows of who reads: the menu of their work, whether they are signed in, the number beside the basket."""
    actor = current_actor()
    return actor.signed_in, tuple(path for _, path in list_workplaces(actor)), session.get(COUNT, 0)
