"""The web application: composes rooms, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from flask import Blueprint, Flask
from sqlalchemy.orm import configure_mappers

from kernel import web
from shop import health, wiring
from shop.accounts.views.actor import know_the_actor
from shop.config import Config
from shop.rooms import DOOR_MODULES, import_all, import_models

KERNEL = Path(web.__file__).parent


def create_app(config: Config, *, connect: bool = True, testing: bool = False) -> Flask:
    """The Flask application for ``config``; ``connect=False`` leaves the database to the caller (tests)."""
    app = Flask("shanhai", static_folder=str(KERNEL / "static"), template_folder=str(KERNEL / "templates"))
    app.config.update(
        SECRET_KEY=config.secret_key, TESTING=testing, SHANHAI=config, RATELIMIT_STORAGE_URI=config.limiter_url or "memory://"
    )
    if connect:
        wiring.connect(config)
    else:
        wiring.register()
    web.prepare(app, demo=config.demo, secure=config.secure)
    know_the_actor(app)
    for module in import_all(DOOR_MODULES):
        for blueprint in _blueprints(module):
            app.register_blueprint(blueprint)
    _add_checks(app, config)
    return app


def _add_checks(app: Flask, config: Config) -> None:
    """What ``/readyz`` asks: database, broker, worker, payment server, freshness of the log."""
    web.add_check(app, "database", health.check_database)
    web.add_check(app, "broker", health.check_broker)
    web.add_check(app, "worker", health.check_worker)
    web.add_check(app, "payments", lambda: health.check_payments(config))
    web.add_check(app, "log", lambda: health.check_log(config))


def _blueprints(module: ModuleType) -> list[Blueprint]:
    """The blueprints a door module declares itself (``bp`` and its kin), each once."""
    return [value for value in vars(module).values() if isinstance(value, Blueprint) and value.import_name == module.__name__]


_prepared: Flask | None = None


def prepare_served_app(config: Config) -> None:
    """Make the application, all but its connections: what a web server does once before it forks its workers, which then share it."""
    global _prepared
    import_models()
    configure_mappers()
    _prepared = create_app(config, connect=False)


def create_served_app() -> Flask:
    """The application as the web server starts it: ``granian --factory shop.app:create_served_app``."""
    config = Config.from_env()
    if _prepared is None:
        return create_app(config)
    wiring.connect(config)
    return _prepared
