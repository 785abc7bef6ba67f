"""``./shanhai run`` on a database and a broker of somebody's own: nothing is made up, and nothing of theirs is stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from kernel.local import free_port
from kernel.local.binaries import find_valkey
from shop.demo.browser import Browser
from tests.conftest import DATA_KEY
from tests.journeys.conftest import Running, command, start, stop
from tests.journeys.parts import ARGUMENTS, find_part, is_ready, list_processes, until

PUBLIC = "https://shop.example.cn"


@dataclass(frozen=True)
class Theirs:
    """Somebody's servers and settings."""

    folder: Path
    settings: dict[str, str]

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Ask their database."""
        with psycopg.connect(self.settings["DATABASE_URL"].replace("+psycopg", "")) as connection:
            return connection.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module", name="theirs")
def _theirs(worker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theirs]:
    folder, name, port = tmp_path_factory.mktemp("served"), f"served_{worker}", free_port()
    cluster = os.environ["TEST_DATABASE_URL"]
    broker = subprocess.Popen([find_valkey(), "--port", str(port), "--save", "", "--dir", folder], stdout=subprocess.DEVNULL)
    with psycopg.connect(cluster.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        settings = {
            "PUBLIC_URL": PUBLIC,
            "DATABASE_URL": cluster.replace("/shop?", f"/{name}?"),
            "BROKER_URL": f"redis://127.0.0.1:{port}/0",
            "STRIPE_SECRET_KEY": "sk_test_0123456789abcdefghijklmnop",
            "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdefghijklmnop",
            "SECRET_KEY": "served-secret-key-0123456789-0123456789",
            "DATA_KEY": DATA_KEY,
            "LOG_KEY_FILE": str(folder / "keys" / "log.key"),
            "MAIL_URL": "smtp://127.0.0.1:9?from=shop@example.cn",
            "DATA_DIR": str(folder / "data"),
        }
        yield Theirs(folder / "run", settings)
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    broker.terminate()
    broker.wait(20)


@pytest.fixture(scope="module", name="served")
def _served(theirs: Theirs) -> Iterator[Running]:
    done = command(theirs.folder, "migrate", **theirs.settings)
    assert done.returncode == 0, done.stderr
    found = start(theirs.folder, **theirs.settings)
    yield found
    stop(found)


def test_migrating_fixes_what_it_is(served: Running, theirs: Theirs) -> None:
    facts = dict(theirs.query("SELECT name, value FROM kernel_installation_fact"))
    assert facts["public_url"] == PUBLIC
    assert facts["contents"] == "empty"
    assert theirs.query("SELECT count(*) > 3000 FROM areas_area") == [(True,)]
    assert theirs.query("SELECT origin FROM ledger_log") == [("shop.example.cn/log",)]
    assert "reference loaded" not in served.said


def test_it_has_the_parts_of_every_shop_and_no_others(served: Running) -> None:
    parts = {name for name in ARGUMENTS if find_part(served, name)}
    assert parts == {"web", "worker", "beat", "sequencer", "publisher"}
    assert is_ready(served)


def test_nothing_is_made_up(served: Running, theirs: Theirs) -> None:
    assert served.said.splitlines()[-1] == f"Shanhai is ready: {PUBLIC}"
    assert " / " not in served.said.split("Shop ", 1)[1], "a login and its password"
    assert theirs.query("SELECT count(*) FROM parties_person") == [(0,)]
    shop = Browser(f"http://127.0.0.1:{served.config.port}")
    for path in ("/demo/", "/demo/mail"):
        shop.get(path, expect=404)
    made = {path.name for path in theirs.folder.rglob("*")}
    assert not made & {"secrets.json", "mail", "sms", "postgres", "valkey", "payments.sqlite", "carrier.json"}
    assert Path(theirs.settings["LOG_KEY_FILE"]).stat().st_mode & 0o777 == 0o600


def test_ctrl_c_stops_every_child_and_nothing_of_theirs(served: Running, theirs: Theirs) -> None:
    assert stop(served, signal.SIGINT) == 0
    until(lambda: list_processes(theirs.folder) == {}, 5.0)
    assert theirs.query("SELECT 1") == [(1,)]
    with socket.create_connection(("127.0.0.1", int(theirs.settings["BROKER_URL"].split(":")[2].split("/")[0]))) as line:
        line.sendall(b"PING\r\n")
        assert line.recv(7) == b"+PONG\r\n"


@pytest.mark.parametrize(
    ("words", "given", "sentence"),
    [
        ((), {"PUBLIC_URL": "https://other.example.cn"}, f"PUBLIC_URL was fixed at first start to {PUBLIC}"),
        (("--demo",), {}, "This database is in use, so the demo was not loaded into it."),
        ((), {"LOG_KEY_FILE": "/dev/null"}, "Others can read the key /dev/null"),
    ],
    ids=["address", "demo", "key"],
)
def test_afterwards_it_cannot_become_another(
    served: Running, theirs: Theirs, words: tuple[str, ...], given: dict[str, str], sentence: str
) -> None:
    stop(served)
    done = command(theirs.folder, "run", *words, **theirs.settings | {"PORT": str(free_port())} | given)
    assert done.returncode == 1
    assert done.stderr.startswith(f"shanhai: {sentence}")
    assert done.stderr.count("\n") == 1
    until(lambda: list_processes(theirs.folder) == {}, 5.0)
