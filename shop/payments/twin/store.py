"""The twin's memory: one SQLite file with a write-ahead log, so that `kill -9` loses nothing answered.

One lock and one transaction per request. That is slower than Stripe and simpler to be right:
a second request with the same idempotency key waits for the first and gets its answer.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Obj = dict[str, Any]
Condition = tuple[str, tuple[Any, ...]]  # SQL with its values

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_intent ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS objects_charge ON objects (kind, json_extract(body, '$.charge'));
CREATE INDEX IF NOT EXISTS objects_status ON objects
    (kind, json_extract(body, '$.status'), json_extract(body, '$.expires_at'));
CREATE TABLE IF NOT EXISTS keys (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, made REAL NOT NULL,
    due REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting',
    answer TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Tx:
    """What one transaction may do. Objects are plain JSON; names that start with _ never leave."""

    def __init__(self, connection: sqlite3.Connection, news: threading.Event) -> None:
        self.run = connection.execute
        self.news = news

    def add(self, body: Obj) -> Obj:
        """Store a new object under its `object` kind and `id`."""
        self.run(
            "INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?)",
            (body["id"], body["object"], body["created"], json.dumps(body)),
        )
        return body

    def save(self, body: Obj) -> Obj:
        """Overwrite a stored object."""
        self.run("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))
        return body

    def find(self, kind: str, identifier: str) -> Obj | None:
        """The object, or None when there is none of that kind."""
        row = self.run("SELECT body FROM objects WHERE id = ? AND kind = ?", (identifier, kind)).fetchone()
        return json.loads(row[0]) if row else None

    def where(self, kind: str, field: str, value: str) -> list[Obj]:
        """All objects of a kind whose field has this value, oldest first."""
        rows = self.run(
            f"SELECT body FROM objects WHERE kind = ? AND json_extract(body, '$.{field}') = ? ORDER BY seq",  # noqa: S608 (our names)
            (kind, value),
        )
        return [json.loads(row[0]) for row in rows]

    def page(self, kind: str, conditions: list[Condition], order: str, limit: int) -> list[Obj]:
        """Objects that meet all conditions, in the order of creation (`ASC` or `DESC`)."""
        text = " AND ".join(["kind = ?", *(condition for condition, _ in conditions)])
        values = [value for _, several in conditions for value in several]
        rows = self.run(
            f"SELECT body FROM objects WHERE {text} ORDER BY seq {order} LIMIT ?",  # noqa: S608 (our text, bound values)
            (kind, *values, limit),
        )
        return [json.loads(row[0]) for row in rows]

    def seq(self, identifier: str) -> int | None:
        """The place of an object in the order of creation."""
        row = self.run("SELECT seq FROM objects WHERE id = ?", (identifier,)).fetchone()
        return row[0] if row else None

    def setting(self, name: str, default: Any = None) -> Any:
        """A stored setting (faults, clock, webhook behaviour)."""
        row = self.run("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def set(self, name: str, value: Any) -> None:
        """Store a setting."""
        self.run(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, json.dumps(value)),
        )


class Store:
    """The file, opened once per process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.news = threading.Event()  # set when there is a webhook to send
        self._lock = threading.RLock()
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def work(self) -> Iterator[Tx]:
        """One transaction: commit on success, roll back on any error."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Tx(self._connection, self.news)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @staticmethod
    @contextmanager
    def attempt(tx: Tx) -> Iterator[None]:
        """A savepoint: an error inside undoes only what was done inside, unless it says `keep`."""
        tx.run("SAVEPOINT attempt")
        try:
            yield
        except Exception as error:
            if not getattr(error, "keep", False):
                tx.run("ROLLBACK TO attempt")
            tx.run("RELEASE attempt")
            raise
        tx.run("RELEASE attempt")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
