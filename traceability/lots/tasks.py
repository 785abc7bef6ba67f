"""The clock's part: the files of erased photographs."""

from __future__ import annotations

from datetime import timedelta

from kernel import clock
from kernel.db import reading, work
from kernel.files import FileStore
from kernel.tasks import celery
from traceability.lots import erasing
from traceability.lots.queries import list_photos_to_delete, list_strange_photos

UNCLAIMED = timedelta(days=1)

_store: list[FileStore] = []


def use_store(store: FileStore) -> None:
    """Set where photographs lie; called once per process."""
    _store[:] = [store]


@celery.task(name="lots.delete_photos", max_retries=0)
def delete_photos() -> None:
    """Delete each file, then note that it is gone: a crash in between only means that it is deleted twice."""
    with reading() as session:
        digests = list_photos_to_delete(session)
    for digest in digests:
        _store[0].delete(digest)
        with work() as session:
            erasing.forget_file(session, digest)


@celery.task(name="lots.clear_photos", max_retries=0)
def clear_photos() -> None:
    """Once a day: files whose act was never recorded, because the machine stopped in between, are nobody's to erase."""
    old = _store[0].list_older(clock.now() - UNCLAIMED)
    with reading() as session:
        strange = list_strange_photos(session, old)
    for digest in strange:
        _store[0].delete(digest)
