"""The application as a whole: who it takes a visitor for behind a web server."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import request
from sqlalchemy import Engine

from kernel.web import everyone
from shop.app import create_app
from tests.conftest import make_config


@pytest.mark.parametrize(
    ("public_url", "seen"),
    [("https://shop.example.cn", "203.0.113.7 https"), ("http://127.0.0.1:8000", "127.0.0.1 http")],
)
def test_limits_count_visitors_and_not_the_server_in_front(
    tmp_path: Path, engine: Engine, bound: None, public_url: str, seen: str
) -> None:
    """Only the last address is the server's own word; and nobody in front means nobody to believe."""
    config = make_config(tmp_path, engine.url.render_as_string(hide_password=False), public_url=public_url)
    app = create_app(config, connect=False, testing=True)

    @app.get("/whoami")
    @everyone
    def whoami() -> str:
        return f"{request.remote_addr} {request.scheme}"

    headers = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7", "X-Forwarded-Proto": "https"}
    assert app.test_client().get("/whoami", headers=headers).text == seen
