"""The audit passes on the running demo, and names the entry after one byte was changed by hand."""

from __future__ import annotations

import json

import psycopg

from tests.journeys.conftest import Running


def audit(running: Running) -> tuple[int, dict[str, object]]:
    """Exit code and what it found."""
    done = running.command("ledger", "audit", "--json")
    return done.returncode, json.loads(done.stdout)


def test_one_byte_changed_by_hand_is_named(running: Running) -> None:
    code, found = audit(running)
    assert (code, found["findings"]) == (0, [])
    with psycopg.connect(running.config.database_url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")  # an administrator, whom no trigger stops
        row = admin.execute(
            "SELECT idx, id, body::text FROM events_trace_event JOIN ledger_leaf ON event_id = id "
            "WHERE body::text LIKE %s ORDER BY idx OFFSET 3 LIMIT 1",
            ("%+08:00%",),
        ).fetchone()
        assert row is not None
        index, event, body = row
        change = "UPDATE events_trace_event SET body = %s WHERE id = %s"
        admin.execute(change, (body.replace("+08:00", "+09:00", 1), event))
        try:
            code, found = audit(running)
        finally:
            admin.execute(change, (body, event))
    assert (code, found["holds"], found["first_bad"]) == (1, False, index)
    assert audit(running)[0] == 0
