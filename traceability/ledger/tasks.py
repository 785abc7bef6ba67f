"""The clock asks the scrubber to look for erasures whose bytes are still on the disk."""

from __future__ import annotations

from kernel.tasks import celery
from traceability.ledger import scrubber


@celery.task(name="ledger.scrub", max_retries=0)
def scrub() -> None:
    """Scrub what was erased since the last time, if anything was."""
    scrubber.scrub()
