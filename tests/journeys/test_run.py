"""``./shanhai run --empty`` from the first start to the last: what it says, what it keeps secret, and that it survives ``kill -9``.

One system serves the module, its tests in order; the last ones kill it and start it again on the same data.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import urllib.request
from collections.abc import Iterator

import psycopg
import pytest

from kernel.local import MachineProblem, check_port, free_port
from shop.cli.run import find_lan_address
from shop.config import ConfigProblem
from shop.demo.browser import Browser, Unexpected
from tests.journeys.conftest import Running, start, stop
from tests.journeys.parts import (
    ARGUMENTS,
    find_part,
    frozen,
    is_ready,
    list_children,
    list_orphans,
    list_processes,
    read_qr,
    readiness,
    until,
    who_is_away,
)

CHECKS = {"database", "broker", "worker", "payments", "log"}
NAMED = {  # what /readyz names when the part is away; the others are looked for at their ports
    "PostgreSQL": "database",
    "Valkey": "broker",
    "worker": "worker",
    "beat": "worker",
    "sequencer": "log",
    "publisher": "log",
    "payments": "payments",
}
SIGNS = {"worker": "worker", "beat": "worker", "sequencer": "sequencer", "publisher": "publisher"}
PASSWORD = "harvest-moon-7"


@pytest.fixture(scope="module", name="empty")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    found = start(tmp_path_factory.mktemp("empty"), "--empty")
    yield found
    stop(found)


def query(running: Running, statement: str) -> list[tuple[object, ...]]:
    """Ask the database of the run."""
    with psycopg.connect(running.config.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def origin(running: Running) -> str:
    """The name the published log signs with."""
    with urllib.request.urlopen(f"http://127.0.0.1:{running.config.port}/log/checkpoint") as answer:
        return str(answer.read().decode().splitlines()[0])


def test_progress_is_told_then_the_table_and_at_last_the_address(empty: Running) -> None:
    lines = empty.said.splitlines()
    assert lines[-1] == f"Shanhai is ready: http://127.0.0.1:{empty.config.port}"
    for part in ("PostgreSQL", "Valkey (broker)", "payments", "carrier", "web", "worker", "sequencer", "publisher", "beat"):
        began = lines.index(f"Starting {part}")
        ready = next(number for number, line in enumerate(lines) if line.startswith(f"{part} is ready ("))
        table = next(number for number, line in enumerate(lines) if f"{empty.url}/log/checkpoint" in line)
        assert began < ready < table


def test_an_empty_shop_has_no_demo_and_no_logins(empty: Running) -> None:
    assert "Loading the demo" not in empty.said
    assert " / " not in empty.said.split(empty.url, 1)[1], "a login and its password"
    assert query(empty, "SELECT count(*) FROM parties_person") == [(0,)]
    assert query(empty, "SELECT count(*) > 3000 FROM areas_area") == [(True,)]
    Browser(empty.url).get("/demo/", expect=404)
    done = empty.command("demo", "keys")
    assert done.returncode == 1
    assert "no demo" in done.stderr


def test_what_is_secret_only_its_owner_reads(empty: Running) -> None:
    names = {"secrets.json", "run.json", "log.key", "witness.key", "secret", "payments.sqlite"}
    found = [path for path in empty.folder.rglob("*") if path.name in names]
    assert {path.name for path in found} == names
    assert {oct(path.stat().st_mode & 0o777) for path in found} == {"0o600"}
    kept = (empty.folder / "secrets.json").read_text() + (empty.folder / "run.json").read_text()
    secret = [word for word in re.findall(r'"([^"]{30,})"', kept) if "/" not in word]
    assert len(secret) >= 4
    everything = "\n".join(list_processes(empty.folder).values()) + empty.said
    assert not [word for word in secret if word in everything], "secrets stand neither in ps nor in what was printed"


def test_health_and_readiness_answer(empty: Running) -> None:
    with urllib.request.urlopen(f"{empty.url}/healthz") as answer:
        assert answer.status == 200
    assert readiness(empty) == (200, dict.fromkeys(CHECKS, "ok"))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_is_killed_is_missed_and_comes_back(empty: Running, name: str) -> None:
    killed = find_part(empty, name)
    assert killed is not None
    with frozen(empty):
        os.kill(killed, signal.SIGKILL)
        until(lambda: is_missed(empty, name))
    until(lambda: find_part(empty, name) not in (None, killed))
    until(lambda: is_ready(empty) and listens(empty, name) and not list_orphans(empty))


def is_missed(running: Running, name: str) -> bool:
    """Whether one notices from outside that the part is away. Signs of life are made to look old: nobody waits a minute for that."""
    if name in SIGNS:
        query(running, f"UPDATE kernel_heartbeat SET seen_at = seen_at - interval '1 hour' WHERE name = '{SIGNS[name]}'")
    if name in NAMED:
        return NAMED[name] in who_is_away(running)
    return name == "web" or not listens(running, name)  # what the web server left behind still serves


def listens(running: Running, name: str) -> bool:
    """Whether the part takes connections at its port, if it has one."""
    urls = dict(zip(("witness-east", "witness-west"), running.config.witness_urls, strict=True)) | {
        "carrier": running.config.carrier_url,
        "payments": running.config.stripe_api_base,
        "web": running.config.public_url,
    }
    with socket.socket() as caller:
        return name not in urls or caller.connect_ex(("127.0.0.1", int(urls[name].rsplit(":", 1)[1]))) == 0


def test_a_killed_web_worker_is_replaced(empty: Running) -> None:
    web = find_part(empty, "web")
    workers = list_children(empty, web)
    os.kill(workers[0], signal.SIGKILL)
    until(lambda: len(set(list_children(empty, web)) - set(workers)) == 1)
    until(lambda: is_ready(empty))


def test_the_first_operator_signs_in_and_sees_the_back_office(empty: Running) -> None:
    words = ("admin", "create", "--name", "王运营", "--login", "boss@example.cn", "--organization", "示例商贸有限公司")
    done = empty.command(*words, "--password-stdin", said=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr
    assert f"{empty.url}/backoffice/" in done.stdout
    stranger = Browser(empty.url)
    assert stranger.get("/backoffice/").path.startswith("/sign-in")
    with pytest.raises(Unexpected):
        stranger.sign_in("boss@example.cn", "harvest-moon-8")
    operator = Browser(empty.url)
    operator.sign_in("boss@example.cn", PASSWORD)
    assert operator.get("/backoffice/").path == "/backoffice/"


def test_killed_altogether_it_leaves_nothing_and_starts_again_elsewhere(empty: Running) -> None:
    """On the same data, at another port, for the local network; ``--empty`` need not be said again."""
    before, port = origin(empty), empty.config.port
    empty.process.kill()
    empty.process.wait()
    until(lambda: not list_processes(empty.folder))
    check_port(port)
    try:
        address = find_lan_address()
    except ConfigProblem:
        address = ""
    empty.start_again(*(["--lan"] if address else []), PORT=str(free_port()))
    assert empty.config.port != port
    assert "reference loaded" not in empty.said
    assert "Loading the demo" not in empty.said
    assert is_ready(empty)
    assert origin(empty) == before == f"127.0.0.1:{port}/log"
    assert query(empty, "SELECT value FROM kernel_installation_fact WHERE name = 'public_url'") == [(f"http://127.0.0.1:{port}",)]
    operator = Browser(empty.url)
    operator.sign_in("boss@example.cn", PASSWORD)
    if not address:
        pytest.skip("no network: what --lan adds was not looked at")
    lines = empty.said.splitlines()
    assert lines[-1] == f"Shanhai is ready: http://{address}:{empty.config.port}"
    assert read_qr(lines) == empty.url
    with pytest.raises(MachineProblem, match="is taken"):
        check_port(empty.config.port, host="0.0.0.0")
    assert operator.get("/backoffice/").url == f"{empty.url}/backoffice/"


def test_a_second_run_on_the_same_folder_is_refused(empty: Running) -> None:
    done = empty.command("run", "--empty")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"in use by another run (process {empty.process.pid})" in done.stderr
    assert is_ready(empty), "the first is none the worse for it"


def test_sigterm_stops_every_child(empty: Running) -> None:
    assert stop(empty, signal.SIGTERM) == 0
    assert empty.said.splitlines()[-1] == "Stopping"
    until(lambda: list_processes(empty.folder) == {}, 5.0)
    assert not (empty.folder / "run.json").exists(), "commands know that nothing runs here"
    check_port(empty.config.port)
