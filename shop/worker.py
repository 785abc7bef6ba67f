"""The Celery application: ``celery -A shop.worker worker`` and ``celery -A shop.worker beat``."""

from __future__ import annotations

import importlib

from celery import Celery
from celery.signals import worker_process_init

from kernel import tasks
from shop import wiring
from shop.config import Config

TASK_MODULES: tuple[str, ...] = ("kernel.tasks",)

BEAT = {
    "sweep": {"task": "kernel.sweep", "schedule": 5.0},
}


def create_worker(config: Config) -> Celery:
    """The configured Celery app with every task module imported."""
    for name in TASK_MODULES:
        importlib.import_module(name)
    celery = tasks.configure(config.broker_url, config.result_url, queue=config.queue)
    celery.conf.beat_schedule = BEAT
    celery.conf.beat_schedule_filename = f"{config.data_dir}/beat-schedule"
    worker_process_init.connect(lambda **_: wiring.connect(config, pool_size=2), weak=False)
    return celery
