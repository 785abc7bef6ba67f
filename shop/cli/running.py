"""Which installation a command is about: the one the environment names, else the one running from this checkout."""

from __future__ import annotations

import os

from shop.cli.run import FOLDER
from shop.config import RUN_FILE, Config


def running_config() -> Config:
    """Settings of the installation. Raises ConfigProblem when none is named and nothing runs here."""
    if os.environ.get(RUN_FILE) or os.environ.get("DATABASE_URL"):
        return Config.from_env()
    return Config.load(FOLDER / "run.json")
