"""What to do with the rest of a document when one event in it is wrong."""

from __future__ import annotations

from enum import StrEnum


class ErrorBehaviour(StrEnum):
    """The values of the header GS1-Capture-Error-Behaviour (EPCIS 2.0, section 12.6.1)."""

    ROLLBACK = "rollback"
    PROCEED = "proceed"
