"""The clock's part: uploaded tables of deliveries that nobody mended."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from kernel import clock
from kernel.db import reading, work
from kernel.files import FileStore
from kernel.tasks import celery
from shop.cooperative import importing
from shop.cooperative.queries import list_kept_sheets

KEPT: Final = timedelta(days=7)
UNCLAIMED: Final = timedelta(hours=1)  # a file is there before its row

_store: list[FileStore] = []


def use_store(store: FileStore) -> None:
    """Set where uploaded tables lie; called once per process."""
    _store[:] = [store]


@celery.task(name="cooperative.clear_sheets", max_retries=0)
def clear_sheets() -> None:
    """Forget tables of more than a week, then delete every file that no row names: also those of an erased household's cooperative."""
    now = clock.now()
    with work() as session:
        importing.forget_sheets(session, before=now - KEPT)
    old = _store[0].list_older(now - UNCLAIMED)
    with reading() as session:
        kept = list_kept_sheets(session)
    for digest in old:
        if digest not in kept:
            _store[0].delete(digest)
