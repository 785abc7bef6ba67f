"""Every module that declares tables, floor by floor: importing this file fills ``Base.metadata``."""

from __future__ import annotations

import importlib

MODEL_MODULES = (
    "kernel.outbox",
    "kernel.idempotency",
    "catalog.areas.models",
    "catalog.parties.models",
    "catalog.documents.models",
    "catalog.products.models",
    "catalog.prices.models",
    "traceability.ledger.models",
    "traceability.events.models",
    "traceability.lots.models",
    "logistics.stock.models",
    "logistics.coldchain.models",
    "logistics.shipments.models",
)


def import_models() -> None:
    """Import all models, so that metadata is complete (migrations, tests, wiring)."""
    for name in MODEL_MODULES:
        importlib.import_module(name)
