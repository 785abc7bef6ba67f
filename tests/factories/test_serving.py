"""Whoever leaves `serve` leaves nobody at work behind, also none whose reader has the whole answer already."""

from __future__ import annotations

import time
from urllib.request import urlopen

from flask import Flask, Response

from tests.factories.serving import serve


def test_what_follows_an_answer_has_ended_too() -> None:
    app, ended = Flask(__name__), []

    @app.get("/")
    def look() -> Response:
        answer = Response("seen")

        @answer.call_on_close
        def count() -> None:
            time.sleep(0.3)
            ended.append("counted")

        return answer

    with serve(app) as url, urlopen(url) as answer:
        assert answer.read() == b"seen"
        assert ended == [], "the reader does not wait for it"
    assert ended == ["counted"]
