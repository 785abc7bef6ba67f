"""The Celery application: ``celery -A shop.worker:app worker`` and ``celery -A shop.worker:clock beat``."""

from __future__ import annotations

from celery import Celery
from celery.signals import worker_process_init, worker_ready
from sqlalchemy.orm import configure_mappers

from kernel import mail, tasks
from kernel.files import FileStore
from shop.config import Config

BEAT = {
    "sweep": {"task": "kernel.sweep", "schedule": 5.0},
    "notices": {"task": "notices.send_due", "schedule": 3.0},
    "scans": {"task": "scan.tally", "schedule": 5.0},
    "labels": {"task": "scan.draw_waiting", "schedule": 10.0},
    "old-news": {"task": "kernel.forget", "schedule": 86_400.0},
    "old-sessions": {"task": "accounts.forget", "schedule": 86_400.0},
    "old-notices": {"task": "notices.forget", "schedule": 86_400.0},
    "old-baskets": {"task": "basket.forget", "schedule": 86_400.0},
    "old-guests": {"task": "storefront.forget_guests", "schedule": 86_400.0},
    "old-scans": {"task": "scan.forget", "schedule": 86_400.0},
    "orders": {"task": "orders.expire", "schedule": 30.0},
    "quiet-orders": {"task": "storefront.complete_orders", "schedule": 3600.0, "options": {"expires": 600}},
    "refunds": {"task": "payments.send_refunds", "schedule": 5.0, "options": {"expires": 30}},
    "payments": {"task": "payments.read_unsettled", "schedule": 20.0, "options": {"expires": 30}},
    "provider": {"task": "payments.catch_up", "schedule": 60.0, "options": {"expires": 60}},
    "holds": {"task": "stock.release_expired", "schedule": 30.0},
    "presales": {"task": "stock.serve_presales", "schedule": 30.0, "options": {"expires": 30}},
    "old-presales": {"task": "stock.end_presales", "schedule": 300.0, "options": {"expires": 300}},
    "photos": {"task": "lots.delete_photos", "schedule": 60.0, "options": {"expires": 60}},
    "strange-photos": {"task": "lots.clear_photos", "schedule": 86_400.0},
    "tables": {"task": "cooperative.take_in_waiting", "schedule": 5.0, "options": {"expires": 30}},
    "old-sheets": {"task": "cooperative.clear_sheets", "schedule": 3600.0, "options": {"expires": 600}},
    "case-photos": {"task": "cases.delete_photos", "schedule": 60.0, "options": {"expires": 60}},
    "strange-case-photos": {"task": "cases.clear_photos", "schedule": 86_400.0},
    "scrubs": {"task": "ledger.scrub", "schedule": 60.0, "options": {"expires": 60}},
    "subscribers": {"task": "epcis.sweep", "schedule": 2.0, "options": {"expires": 10}},
    "old-deliveries": {"task": "epcis.forget", "schedule": 86_400.0},
    "carriers": {"task": "shipments.sweep_requests", "schedule": 10.0},
}


def create_clock(config: Config) -> Celery:
    """The Celery app as beat needs it: addresses and schedule, without importing a single room."""
    celery = tasks.configure(config.broker_url, config.result_url, queue=config.queue)
    celery.conf.beat_schedule = BEAT
    celery.conf.beat_schedule_filename = f"{config.data_dir}/beat-schedule"
    return celery


def create_worker(config: Config) -> Celery:
    """The configured Celery app with every task module imported."""
    from shop import wiring
    from shop.cases import tasks as cases_tasks
    from shop.cooperative import tasks as cooperative_tasks
    from shop.notices.tasks import use_mailer, use_secret_key
    from shop.payments.cashier import open_cashier
    from shop.payments.tasks import use_cashier
    from shop.rooms import TASK_MODULES, import_all
    from traceability.lots import tasks as lots_tasks
    from traceability.scan.tasks import use_store

    import_all(TASK_MODULES)
    configure_mappers()  # once, before the pool forks
    celery = create_clock(config)
    use_mailer(mail.open_mailer(config.mail_url, config.sms_url))
    use_secret_key(config.secret_key)
    use_cashier(open_cashier(config))
    use_store(FileStore(config.files_dir))
    cases_tasks.use_store(FileStore(config.case_photos_dir, former=config.files_dir))
    cooperative_tasks.use_store(FileStore(config.sheets_dir))
    lots_tasks.use_store(FileStore(config.photos_dir))
    worker_ready.connect(_look_at_once, weak=False)
    worker_process_init.connect(lambda **_: wiring.connect(config, pool_size=2), weak=False)
    return celery


def _look_at_once(**_: object) -> None:
    """Look at what waits as soon as the worker can, instead of when beat comes round."""
    tasks.send(tasks.sweep)


def __getattr__(name: str) -> Celery:
    """``celery -A shop.worker:app worker`` and ``celery -A shop.worker:clock beat`` find these, made from this process's settings."""
    if name == "app":
        return create_worker(Config.from_env())
    if name == "clock":
        return create_clock(Config.from_env())
    raise AttributeError(name)
