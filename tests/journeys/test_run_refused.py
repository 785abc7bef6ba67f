"""What ``./shanhai run`` cannot work with ends in one sentence and exit code 1, with nothing left running. The faults are real ones."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kernel.local import free_port
from tests.journeys.conftest import ROOT, command
from tests.journeys.parts import list_processes, until

FOLDER = Path("/mnt/run")  # in a mount of its own, seen by nobody else
NEEDED = {
    "PUBLIC_URL", "DATABASE_URL", "BROKER_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "SECRET_KEY", "DATA_KEY",
    "LOG_KEY_FILE", "MAIL_URL",
}  # fmt: skip


def check_refused(done: subprocess.CompletedProcess[str], folder: Path) -> str:
    """One sentence, exit code 1, nobody left; returns the sentence."""
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("shanhai: ")
    assert "ready:" not in done.stdout
    until(lambda: list_processes(folder) == {}, 5.0)
    return done.stderr.removeprefix("shanhai: ").strip()


def refused(folder: Path, *arguments: str, **env: str) -> str:
    """Start it in vain; returns the sentence."""
    return check_refused(command(folder, "run", *arguments, **{"PORT": str(free_port())} | env), folder)


def refused_after(preparation: str, *arguments: str) -> str:
    """Start it in vain where a shell command has changed mounts or network, seen by nobody else; returns the sentence."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c", f'{preparation} && exec "$0" "$@"']
    done = subprocess.run(
        [*unshare, sys.executable, "-m", "shop.cli", "run", *arguments],
        cwd=ROOT,
        env=os.environ | {"SHANHAI_RUN_DIR": str(FOLDER)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "Operation not permitted" in done.stderr and not done.stdout:
        pytest.skip("this kernel or container forbids private mounts")
    return check_refused(done, FOLDER)


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        port = other.getsockname()[1]
        assert f"Port {port} is taken by another program" in refused(tmp_path / "run", PORT=str(port))


@pytest.mark.parametrize("port", ["0", "70000", "eight"])
def test_no_port(tmp_path: Path, port: str) -> None:
    assert refused(tmp_path / "run", PORT=port) == f"PORT must be a number from 1 to 65535, not {port!r}."
    assert not (tmp_path / "run").exists()


def test_a_full_disk() -> None:
    assert "has only 8 MB left: free at least 500 MB" in refused_after("mount -t tmpfs -o size=8m none /mnt")


def test_a_disk_that_fills_up_meanwhile() -> None:
    """Enough at the start, then somebody else takes it: at any moment the disk is what is named."""
    fill = "until test -e /mnt/run/postgres/data/PG_VERSION; do sleep 0.05; done; cat /dev/zero > /mnt/hog"
    sentence = refused_after(f"mount -t tmpfs -o size=520m none /mnt && {{ ({fill}) > /dev/null 2>&1 & }}", "--empty")
    assert "The disk holding /mnt/run" in sentence


def test_a_read_only_folder() -> None:
    assert refused_after("mount -t tmpfs -o ro none /mnt").startswith(f"The folder {FOLDER} is on a read-only file system")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_somebody_elses_folder(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    assert "cannot be written by you" in refused(tmp_path / "shut" / "run")


def test_no_shared_memory() -> None:
    sentence = refused_after("mount -t tmpfs -o size=520m none /mnt && mount -t tmpfs -o ro none /dev/shm")
    assert sentence.startswith("/dev/shm is not writable here")


def test_lan_without_a_network() -> None:
    sentence = refused_after("mount -t tmpfs -o size=520m none /mnt && ip link set lo up", "--lan")
    assert sentence == "No network was found, so phones cannot reach this machine; start without --lan."


@pytest.mark.parametrize(
    "given",
    [
        {"DATABASE_URL": "postgresql+psycopg://u:p@db.example/shop", "SECRET_KEY": "s" * 40},
        {"STRIPE_SECRET_KEY": "sk_live_0123456789"},
        {"PUBLIC_URL": "https://shop.example.cn"},
    ],
    ids=["DATABASE_URL", "live key", "public address"],
)
def test_where_it_is_serious_nothing_is_made_up_and_all_that_is_missing_is_named(tmp_path: Path, given: dict[str, str]) -> None:
    sentence = refused(tmp_path / "run", **given)
    assert sentence.startswith("These settings are missing: ")
    assert set(re.findall(r"\b([A-Z_]+) \(", sentence)) == NEEDED - set(given)
    assert not (tmp_path / "run").exists()


def test_no_demo_with_a_live_key(tmp_path: Path) -> None:
    assert "STRIPE_SECRET_KEY is a live key" in refused(tmp_path / "run", "--demo", STRIPE_SECRET_KEY="sk_live_0123456789")


@pytest.fixture(name="in_use")
def _in_use(worker: str) -> Iterator[str]:
    """URL of a database somebody else keeps a table in."""
    cluster, name = os.environ["TEST_DATABASE_URL"].replace("+psycopg", ""), f"in_use_{worker}"
    with psycopg.connect(cluster, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        with psycopg.connect(cluster, dbname=name) as own:
            own.execute("CREATE TABLE their_orders (n int)")
        yield os.environ["TEST_DATABASE_URL"].replace("/shop?", f"/{name}?")
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_the_demo_goes_into_an_empty_database_only(tmp_path: Path, in_use: str) -> None:
    sentence = refused(tmp_path / "run", "--demo", DATABASE_URL=in_use)
    assert "in use by something else, so the demo was not loaded into it" in sentence
    with psycopg.connect(in_use.replace("+psycopg", "")) as own:
        assert own.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall() == [("their_orders",)]
