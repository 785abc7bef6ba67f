"""The questions ``/readyz`` asks: None means well, else one sentence."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import timedelta

from sqlalchemy import select

from kernel import clock, installation, tasks
from kernel.db import reading
from shop.config import Config

FRESH = timedelta(seconds=60)


def check_database() -> str | None:
    """Whether the database answers."""
    with reading() as session:
        session.execute(select(1))
    return None


def check_broker() -> str | None:
    """Whether the broker takes tasks."""
    return None if tasks.broker_answers() else "the broker does not answer"


def check_worker() -> str | None:
    """Whether a worker ran the sweep that beat sends every few seconds."""
    with reading() as session:
        seen = installation.last_beat(session, "worker")
    return None if seen is not None and clock.now() - seen < FRESH else "no worker has been seen for a minute"


def check_payments(config: Config) -> str | None:
    """Whether the local payment server answers; Stripe itself is asked only when somebody pays."""
    if not config.stripe_api_base:
        return None
    try:
        with urllib.request.urlopen(f"{config.stripe_api_base}/healthz", timeout=3):  # noqa: S310 - our own loopback address
            return None
    except (urllib.error.URLError, OSError):
        return "the payment server does not answer"


def check_log(config: Config) -> str | None:
    """Whether sequencer and publisher are at work and a checkpoint is published."""
    with reading() as session:
        for program in ("sequencer", "publisher"):
            seen = installation.last_beat(session, program)
            if seen is None or clock.now() - seen >= FRESH:
                return f"no {program} has been seen for a minute"
    return None if (config.log_dir / "checkpoint").exists() else "no checkpoint has been published yet"
