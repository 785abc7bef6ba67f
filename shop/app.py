"""The web application: composes rooms, and nothing else."""

from __future__ import annotations

import importlib
from typing import Any

from flask import Blueprint, Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from kernel import web
from shop import wiring
from shop.config import Config

BLUEPRINTS: tuple[str, ...] = (
    "traceability.events.views",
    "traceability.lots.views",
)


def create_app(config: Config, *, connect: bool = True, testing: bool = False) -> Flask:
    """The Flask application for ``config``; ``connect=False`` leaves the database to the caller (tests)."""
    app = Flask("shanhai", static_folder=_static_folder(), template_folder=_template_folder())
    app.config.update(SECRET_KEY=config.secret_key, TESTING=testing, SHANHAI=config)
    if connect:
        wiring.connect(config)
    else:
        wiring.register()
    web.prepare(app, demo=config.demo, secure=config.secure)
    app.extensions["limiter"] = _limiter(app, config)
    for name in BLUEPRINTS:
        app.register_blueprint(_blueprint(name))
    return app


def _blueprint(name: str) -> Blueprint:
    module, _, attribute = name.partition(":")
    blueprint: Any = getattr(importlib.import_module(module), attribute or "bp")
    assert isinstance(blueprint, Blueprint)
    return blueprint


def _limiter(app: Flask, config: Config) -> Limiter:
    """Requests a minute for one client address; sign-in and scans have their own, tighter limits."""
    return Limiter(
        get_remote_address,
        app=app,
        storage_uri=config.limiter_url or "memory://",
        default_limits=["1200 per minute"],
        headers_enabled=True,
        swallow_errors=True,
        in_memory_fallback_enabled=True,
    )


def _static_folder() -> str:
    return str(_kernel() / "static")


def _template_folder() -> str:
    return str(_kernel() / "templates")


def _kernel() -> Any:
    from pathlib import Path

    return Path(web.__file__).parent
