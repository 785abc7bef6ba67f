"""The web application: composes rooms, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from flask import Blueprint, Flask

from kernel import web
from shop import wiring
from shop.accounts.views import know_the_actor
from shop.config import Config
from shop.rooms import DOOR_MODULES, import_all

KERNEL = Path(web.__file__).parent
BLUEPRINTS: tuple[str, ...] = (
    "catalog.areas.views",
    "catalog.parties.views.organizations",
    "catalog.parties.views.keys",
    "catalog.parties.views.households",
    "catalog.parties.views.pairings",
    "catalog.documents.views",
    "catalog.products.views",
    "catalog.prices.views",
    "traceability.ledger.views",
    "traceability.events.views",
    "traceability.lots.views",
)


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
    return app


def _blueprints(module: ModuleType) -> list[Blueprint]:
    """The blueprints a door module declares itself (``bp`` and its kin), each once."""
    return [value for value in vars(module).values() if isinstance(value, Blueprint) and value.import_name == module.__name__]


def create_served_app() -> Flask:
    """The application as the web server starts it: ``granian --factory shop.app:create_served_app``."""
    return create_app(Config.from_env())
