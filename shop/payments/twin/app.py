"""The WSGI application of the local payment server: three doors and a health check."""

import json
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from shop.payments.twin import api, control, pages
from shop.payments.twin.api import Settings
from shop.payments.twin.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LARGEST_BODY = 1024 * 1024


class Twin:
    """The server as WSGI; safe to call from several threads."""

    def __init__(self, settings: Settings, store: Store) -> None:
        if not settings.key.startswith("sk_test_"):
            raise ValueError("the local payment server takes keys that start with sk_test_ only")
        self.settings = settings
        self.store = store
        with store.work() as tx:
            tx.set("webhook_url", settings.webhook_url)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI entry."""
        request = Request(environ)
        request.max_content_length = LARGEST_BODY
        return self.respond(request)(environ, start_response)

    def respond(self, request: Request) -> Response:
        """Send the request to its door."""
        if request.path.startswith("/v1/"):
            return api.answer(request, self.settings, self.store)
        if request.path.startswith("/_twin/"):
            return control.answer(request, self.settings, self.store)
        if request.path == "/healthz":
            return self._health()
        return pages.answer(request, self.settings, self.store)

    def _health(self) -> Response:
        try:
            with self.store.work() as tx:
                tx.set("health", True)
            said, status = {"status": "ok", "simulated": True}, 200
        except sqlite3.Error as error:
            said, status = {"status": "error", "reason": str(error)}, 503
        return Response(json.dumps(said), status, mimetype="application/json")
