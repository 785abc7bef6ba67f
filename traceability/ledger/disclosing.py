"""Which private fields of an entry a reader may see now.

The log itself knows neither events nor boxes: the rooms above it answer, each for what it knows (joined in ``shop/wiring.py``). What no
rule opens stays shut.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from traceability.ledger.queries import find_disclosures
from traceability.ledger.verify import Disclosure

SERIALS = "serials"
Rule: TypeAlias = Callable[[Session, Actor, UUID, str], Collection[str] | None]

_rules: tuple[Rule, ...] = ()


def use_rules(*rules: Rule) -> None:
    """Set who opens what: a rule gets (session, reader, event id, the serial or lot code the request names or "") and gives the names of
    the fields it opens, None for all of them.
    """
    global _rules
    _rules = rules


def disclose(session: Session, actor: Actor, event_id: UUID, serial: str = "") -> Mapping[str, Disclosure]:
    """Salts and values of the entry's private fields that this reader may see now; what was erased is no longer there.

    Whatever the rules say, the list of serials opens only to a request that names one of them.
    """
    answers = [rule(session, actor, event_id, serial) for rule in _rules]
    if not any(answer is None or answer for answer in answers):
        return {}
    wanted = None if None in answers else {field for answer in answers for field in answer or ()}
    opened = find_disclosures(session, event_id, wanted)
    if SERIALS in opened and (not serial or serial not in str(opened[SERIALS].value).split()):
        del opened[SERIALS]
    return opened
