"""Events are sought by index, page by page, under any spelling of an identifier."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories.lots import make_chain
from traceability.events.models import TraceEvent
from traceability.events.queries import list_events_of
from traceability.lots import balancing, describing

SEEK = """
EXPLAIN SELECT event_time, event_id FROM events_event_epc WHERE epc = 'https://id.gs1.org/01/09520123456788/21/X'
ORDER BY event_time, event_id LIMIT 50
"""


def test_an_identifier_is_sought_by_index(session: Session) -> None:
    session.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"))
    plan = "\n".join(session.scalars(text(SEEK)))
    assert "ix_events_event_epc_seek" in plan
    assert "Sort" not in plan


def test_pages_follow_each_other_without_gap_or_repeat(session: Session) -> None:
    chain = make_chain(session, boxes=3)
    box = describing.epc_of_item(chain.items[0])
    balancing.dispatch_items(session, chain.pack.id, chain.serials[:1], chain.pack.created_at)
    seen: list[TraceEvent] = []
    while page := list_events_of(session, box, after=(seen[-1].event_time, seen[-1].id) if seen else None, limit=1):
        seen += page
    assert [event.biz_step for event in seen] == ["commissioning", "shipping"]


def test_urn_and_link_name_the_same_box(session: Session) -> None:
    chain = make_chain(session, boxes=1, gtin="09520123456788")
    serial = chain.serials[0]
    spellings = [
        f"https://id.gs1.org/01/09520123456788/21/{serial}",
        f"https://shop.example/01/09520123456788/10/{chain.pack.code}/21/{serial}?17=271122",
        f"urn:epc:id:sgtin:9520123.045678.{serial}",
    ]
    assert [len(list_events_of(session, spelling)) for spelling in spellings] == [1, 1, 1]
