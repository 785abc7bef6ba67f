"""Fixtures of the command line's tests."""

from tests.traceability.ledger.conftest import log

__all__ = ["log"]
