"""After erasing a person and scrubbing, no value, salt or key of theirs is anywhere: dump, base backup, published files, what programs say.

Before the scrubbing the same search finds them, or it would show nothing. Not searched is the write-ahead log: it, and backups made
before, hold the bytes until they are recycled or expire (docs/ledger.md).
"""

from __future__ import annotations

import subprocess
import uuid
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from sqlalchemy import select, text

from kernel.db import work
from kernel.local import Postgres
from kernel.local.binaries import find_postgres
from kernel.local.processes import server_identity
from tests.traceability.ledger.running import AT, RunningLog, running_log
from traceability.ledger import sealing
from traceability.ledger.appending import append_entry
from traceability.ledger.erasing import erase_subject
from traceability.ledger.models import SealedField, SubjectKey
from traceability.ledger.queries import find_disclosures
from traceability.ledger.scrubber import scrub

PERSON = uuid.uuid4()
VALUES = ("示例农户-7f3a91c2", "13900007777")


@pytest.fixture
def grown(durable: str, tmp_path: Path) -> Iterator[RunningLog]:
    """A published log in which one person stands among others."""
    with running_log(tmp_path, witnesses=0) as log:
        log.grow(20)
        with work() as session:
            for value in VALUES:
                private = {"name": (PERSON, value)}
                append_entry(
                    session, event_id=uuid.uuid4(), kind="lots.harvested", at=AT, public={"county": "640323"}, private=private
                )
        log.grow(20)
        yield log


def secrets_of(person: uuid.UUID) -> dict[str, bytes]:
    """Everything about this person that must not be found afterwards, in the form it has in memory and on the disk."""
    found = {}
    with work() as session:
        sealed_key = session.get_one(SubjectKey, person).sealed
        found["key"] = sealing._open(sealing._master(), sealed_key, person.bytes)
        found["sealed key"] = sealed_key
        for number, row in enumerate(session.scalars(select(SealedField).where(SealedField.subject_id == person))):
            opened = find_disclosures(session, row.event_id)[row.field]
            found[f"sealed value {number}"] = row.sealed
            found[f"value {number}"] = str(opened.value).encode()
            found[f"salt {number}"] = opened.salt
    return found


def spellings(secret: bytes) -> list[bytes]:
    """As it is, and as a dump or a log would write it."""
    return [secret, secret.hex().encode(), b64encode(secret)]


def found_in(data: bytes, secrets: dict[str, bytes]) -> set[str]:
    return {name for name, secret in secrets.items() if any(spelling in data for spelling in spellings(secret))}


def dump(url: str) -> bytes:
    """pg_dump of the database, by the programs of the server."""
    programs = find_postgres(server_identity())
    command = [programs.folder / "pg_dump", "--dbname", url.replace("+psycopg", "")]
    return subprocess.run(command, check=True, capture_output=True).stdout


def base_backup(cluster: Postgres, url: str) -> bytes:
    """The data folder as a base backup copies it, without the write-ahead log."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("CHECKPOINT")
        admin.execute("SELECT pg_backup_start('test', true)")
        files = [path for path in cluster.data.rglob("*") if path.is_file() and "pg_wal" not in path.parts]
        copied = b"\n".join(path.read_bytes() for path in files)
        admin.execute("SELECT pg_backup_stop()")
    return copied


def test_nothing_of_an_erased_person_is_left_on_the_disk(cluster: Postgres, durable: str, grown: RunningLog) -> None:
    secrets = secrets_of(PERSON)
    assert len(secrets) == 2 + 3 * len(VALUES)
    with work() as session:
        session.execute(text("ANALYZE"))  # the planner's samples are a place to leak to
    sealed = {name for name in secrets if name.startswith("sealed")}
    assert found_in(dump(durable), secrets) == sealed
    with structlog.testing.capture_logs() as said:
        with work() as session:
            assert len(erase_subject(session, PERSON, AT)) == len(VALUES)
        assert found_in(dump(durable), secrets) == set()  # DELETE is enough for a dump …
        assert found_in(base_backup(cluster, durable), secrets) & sealed  # … and not for the files
        assert scrub()
        grown.grow(1)
    assert found_in(dump(durable), secrets) == set()
    assert found_in(base_backup(cluster, durable), secrets) == set()
    published = b"\n".join(path.read_bytes() for path in grown.directory.rglob("*") if path.is_file())
    assert found_in(published, secrets) == set()
    assert found_in(repr(said).encode() + cluster.log.read_bytes(), secrets) == set()
    assert grown.publisher is not None
