"""The web application: composes rooms, and nothing else."""

from __future__ import annotations

import importlib
from typing import Any

from flask import Blueprint, Flask

from kernel import web
from shop import wiring
from shop.accounts.views import know_the_actor
from shop.config import Config

BLUEPRINTS: tuple[str, ...] = (
    "traceability.events.views",
    "traceability.lots.views",
)
BLUEPRINTS: tuple[str, ...] = ("shop.accounts.views",)
    "shop.accounts.views",
    "shop.notices.views",
)


def create_app(config: Config, *, connect: bool = True, testing: bool = False) -> Flask:
    """The Flask application for ``config``; ``connect=False`` leaves the database to the caller (tests)."""
    app = Flask("shanhai", static_folder=_static_folder(), template_folder=_template_folder())
    app.config.update(
        SECRET_KEY=config.secret_key, TESTING=testing, SHANHAI=config, RATELIMIT_STORAGE_URI=config.limiter_url or "memory://"
    )
    if connect:
        wiring.connect(config)
    else:
        wiring.register()
    web.prepare(app, demo=config.demo, secure=config.secure)
    know_the_actor(app)
    for name in BLUEPRINTS:
        app.register_blueprint(_blueprint(name))
    return app


def _blueprint(name: str) -> Blueprint:
    module, _, attribute = name.partition(":")
    blueprint: Any = getattr(importlib.import_module(module), attribute or "bp")
    assert isinstance(blueprint, Blueprint)
    return blueprint


def _static_folder() -> str:
    return str(_kernel() / "static")


def _template_folder() -> str:
    return str(_kernel() / "templates")


def _kernel() -> Any:
    from pathlib import Path

    return Path(web.__file__).parent


def create_served_app() -> Flask:
    """The application as the web server starts it: ``granian --factory shop.app:create_served_app``."""
    return create_app(Config.from_env())
