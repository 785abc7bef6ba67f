"""The clock's part: the files of photos that erased persons sent."""

from __future__ import annotations

from kernel.db import reading, work
from kernel.files import FileStore
from kernel.tasks import celery
from shop.cases import erasing
from shop.cases.queries import list_photos_to_delete

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
