"""Start the local payment server: `python -m shop.payments.twin --port N --state FILE …`.

Key and webhook secret may come as STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET, so that they need not
stand in the process list. Prints one line when it listens; `--port 0` picks a free port.
"""

import argparse
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

from werkzeug.serving import WSGIRequestHandler, make_server

from shop.payments.twin.api import Settings
from shop.payments.twin.app import Twin
from shop.payments.twin.courier import Courier
from shop.payments.twin.store import Store


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """No line per request."""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m shop.payments.twin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--public-url", help="address that buyers' browsers reach")
    parser.add_argument("--state", type=Path, required=True, help="SQLite file that holds it all")
    parser.add_argument("--webhook-url", help="where events are sent; none are without it")
    parser.add_argument("--webhook-secret", default=os.environ.get("STRIPE_WEBHOOK_SECRET", ""))
    parser.add_argument("--key", default=os.environ.get("STRIPE_SECRET_KEY", ""))
    arguments = parser.parse_args(argv)
    if not arguments.key.startswith("sk_test_"):
        parser.error("--key must start with sk_test_")
    if arguments.webhook_url and not arguments.webhook_secret:
        parser.error("--webhook-url needs --webhook-secret")
    return arguments


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    arguments = _arguments(argv)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        listener = socket.create_server((arguments.host, arguments.port), backlog=128)
    except OSError as error:
        sys.exit(f"cannot listen on {arguments.host}:{arguments.port}: {error.strerror}")
    port = listener.getsockname()[1]
    base = (arguments.public_url or f"http://{arguments.host}:{port}").rstrip("/")
    settings = Settings(arguments.key, base, arguments.webhook_url, arguments.webhook_secret)
    store = Store(arguments.state)
    server = make_server(
        arguments.host,
        port,
        Twin(settings, store),
        threaded=True,
        request_handler=_Quiet,
        fd=listener.fileno(),
    )
    courier = Courier(settings, store)
    courier.start()
    print(f"payment server (simulated) listens on {base}", flush=True)
    try:
        server.serve_forever()
    finally:
        courier.stop()
        store.close()


if __name__ == "__main__":
    main()
