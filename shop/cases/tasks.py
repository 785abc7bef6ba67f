"""The clock's part: the files of photos that erased persons sent, and those of no case."""

from __future__ import annotations

from datetime import timedelta

from kernel import clock
from kernel.db import reading, work
from kernel.files import FileStore
from kernel.tasks import celery
from shop.cases import erasing
from shop.cases.queries import list_photos_to_delete, list_strange_photos

UNCLAIMED = timedelta(days=1)  # a file is there before its case

_store: list[FileStore] = []


def use_store(store: FileStore) -> None:
    """Set where photos lie; called once per process."""
    _store[:] = [store]


@celery.task(name="cases.delete_photos", max_retries=0)
def delete_photos() -> None:
    """Delete each file nobody else sent too, then note that it is gone: a crash in between only means that it is deleted twice."""
    with reading() as session:
        digests = [(digest, erasing.is_sent_by_others(session, digest)) for digest in list_photos_to_delete(session)]
    for digest, shared in digests:
        if not shared:
            _store[0].delete(digest)
        with work() as session:
            erasing.forget_file(session, digest)


@celery.task(name="cases.clear_photos", max_retries=0)
def clear_photos() -> None:
    """Once a day: files whose case was never opened, because the machine stopped in between, are nobody's to erase."""
    old = _store[0].list_older(clock.now() - UNCLAIMED)
    with reading() as session:
        strange = list_strange_photos(session, old)
    for digest in strange:
        _store[0].delete(digest)
