"""The demo's table of doors, its logins and keys, and its second start."""

from __future__ import annotations

import json
import signal
import urllib.error
import urllib.request
from typing import Any

import psycopg

from kernel.local import check_port, free_port
from shop.demo.browser import Browser
from tests.journeys.conftest import Running, stop
from tests.journeys.parts import is_ready, list_processes, until


def list_keys(running: Running) -> list[dict[str, Any]]:
    """What ``demo keys --json`` says."""
    done = running.command("demo", "keys", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def count(running: Running) -> dict[str, int]:
    """How much of what the demo loads is there."""
    tables = ("parties_person", "parties_household", "products_product", "accounts_login")
    with psycopg.connect(running.config.database_url.replace("+psycopg", "")) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()[0] for table in tables}


def ask_epcis(running: Running, key: str) -> int:
    """The status of the partners' door."""
    request = urllib.request.Request(f"{running.url}/epcis/events?perPage=1", headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_table_names_every_door_and_what_opens_it(running: Running) -> None:
    rows = list_keys(running)
    table = [line for line in running.said.splitlines() if line.startswith("  ") and running.url in line]
    assert len(table) == len(rows)
    for row, line in zip(rows, table, strict=True):
        assert row["what"] in line
        assert line.split(row["url"])[1].split() == [
            word for word in (row["login"], row["login"] and "/", row["password"], row["key"]) if word
        ]
    told = " ".join(row["url"].removeprefix(running.url) for row in rows)
    for path in ("/products/", "/21/", "/procurement/", "/cooperative/", "/backoffice/", "/log/checkpoint", "/demo/mail"):
        assert path in told


def test_each_login_and_key_opens_its_door(running: Running) -> None:
    for row in list_keys(running):
        browser = Browser(running.url)
        if row["key"]:
            assert ask_epcis(running, row["key"]) == 200
            assert ask_epcis(running, row["key"][::-1]) == 403
            continue
        if row["login"]:
            browser.sign_in(row["login"], row["password"])
        assert not browser.get(row["url"], accept="*/*").path.startswith("/sign-in")


def test_the_second_start_goes_on_where_the_first_was(running: Running) -> None:
    before, keys, port = count(running), list_keys(running), running.config.port
    assert stop(running, signal.SIGINT) == 0
    until(lambda: list_processes(running.folder) == {}, 5.0)
    check_port(port)
    done = running.command("demo", "keys")
    assert done.returncode == 1
    assert "Nothing is running here" in done.stderr
    running.start_again(PORT=str(free_port()))
    assert is_ready(running)
    assert "Loading the demo" not in running.said
    assert count(running) == before
    assert [(row["login"], row["password"], row["key"]) for row in list_keys(running)] == [
        (row["login"], row["password"], row["key"]) for row in keys
    ]
    with urllib.request.urlopen(f"{running.url}/log/checkpoint") as answer:
        assert answer.readline() == f"127.0.0.1:{port}/log\n".encode()
