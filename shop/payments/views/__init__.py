"""Doors of payments: the buyer's pay page, the provider's webhook, and the office's pages."""

from __future__ import annotations

from flask import current_app

from shop.config import Config
from shop.payments.cashier import Cashier, open_cashier


def config() -> Config:
    """The settings of this process."""
    found: Config = current_app.config["SHANHAI"]
    return found


def cashier() -> Cashier:
    """The cashier of this process, made at its first use."""
    found: Cashier = current_app.extensions.get("cashier") or current_app.extensions.setdefault("cashier", open_cashier(config()))
    return found
