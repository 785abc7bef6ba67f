"""The embedded PostgreSQL: it starts, stops, and recovers from every way to die."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from kernel.local import MachineProblem, Postgres
from kernel.local.places import socket_folder
from kernel.local.processes import find_working_in


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return tmp_path / "var"


def _sql(postgres: Postgres, statement: str) -> list[tuple[object, ...]]:
    with postgres._connect("shop") as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_starts_answers_stops_and_leaves_nothing(folder: Path) -> None:
    postgres = Postgres(folder, durable=False)
    url = postgres.start()
    assert url == postgres.url("shop") == postgres.start()
    assert postgres.databases() == ["shop"]
    assert _sql(postgres, "SELECT count(*) FROM pg_settings WHERE name = 'fsync' AND setting = 'off'") == [(1,)]
    postgres.stop()
    assert not postgres.running()
    assert find_working_in(postgres.data) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run the server as somebody else")
def test_root_without_user_namespaces_runs_it_as_another_account(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.parent.chmod(0o700)  # as below root's own home
    postgres = Postgres(folder, durable=False)
    with monkeypatch.context() as narrow:
        narrow.setattr("kernel.local.processes._namespaces_work", lambda: False)
        with postgres:
            assert postgres._process is not None
            assert Path(f"/proc/{postgres._process.pid}").stat().st_uid != 0
            assert postgres.data.is_symlink()
            _sql(postgres, "CREATE TABLE kept AS SELECT 7 AS n")
    with postgres:  # the same data, once namespaces are allowed again
        assert _sql(postgres, "SELECT n FROM kept") == [(7,)]
    shutil.rmtree(postgres.data.resolve().parent)


def test_chinese_is_searchable(folder: Path) -> None:
    with Postgres(folder, durable=False) as postgres:
        _sql(postgres, "CREATE EXTENSION pg_trgm")
        assert len(_sql(postgres, "SELECT unnest(show_trgm('有机苹果'))")) == 5


def test_template_clone_and_drop(folder: Path) -> None:
    with Postgres(folder, durable=False) as postgres:
        _sql(postgres, "CREATE TABLE kept (n int)")
        postgres.create_database("copy", template="shop")
        connection = psycopg.connect(postgres.url("copy").replace("+psycopg", ""), autocommit=True)
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        postgres.drop_database("copy")  # although somebody is connected
        connection.close()
        assert postgres.databases() == ["shop"]


def test_is_durable_unless_told_otherwise(folder: Path) -> None:
    with Postgres(folder) as postgres:
        assert _sql(
            postgres,
            "SELECT string_agg(setting, ',' ORDER BY name) FROM pg_settings WHERE name IN "
            "('fsync', 'full_page_writes', 'synchronous_commit')",
        ) == [("on,on,on",)]


def test_only_its_password_opens_it(folder: Path) -> None:
    with Postgres(folder, durable=False) as postgres:
        wrong = postgres.url("shop").replace("+psycopg", "").replace(postgres._password(), "guess")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert (postgres.folder / "secret").stat().st_mode & 0o077 == 0


def test_committed_rows_survive_kill_9_of_the_server(folder: Path) -> None:
    postgres = Postgres(folder)
    postgres.start()
    _sql(postgres, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    assert postgres._process is not None
    os.kill(postgres._process.pid, signal.SIGKILL)
    postgres._process.wait()
    assert not postgres.alive()
    postgres.start()
    assert _sql(postgres, "SELECT count(*) FROM kept") == [(1000,)]
    postgres.stop()


def test_server_ends_with_a_killed_owner_and_the_next_start_recovers(folder: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from kernel.local import Postgres\n"
        "p = Postgres(Path(sys.argv[1])); p.start(); c = p._connect('shop')\n"
        "c.execute('CREATE TABLE kept AS SELECT 7 AS n'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == -signal.SIGKILL
    with Postgres(folder) as postgres:  # at once: the old server may still be writing its last checkpoint
        assert _sql(postgres, "SELECT n FROM kept") == [(7,)]


def test_lock_file_naming_a_stranger_does_not_stop_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    postgres = Postgres(folder, durable=False)
    postgres.start()
    assert postgres._process is not None
    lock = (postgres.data / "postmaster.pid").read_text()
    os.kill(postgres._process.pid, signal.SIGKILL)
    postgres._process.wait()
    deadline = time.monotonic() + 10
    while find_working_in(postgres.data) and time.monotonic() < deadline:
        time.sleep(0.05)
    stranger = subprocess.Popen(["/bin/sleep", "60"])
    try:
        _, rest = lock.split("\n", 1)
        (postgres.data / "postmaster.pid").write_text(f"{stranger.pid}\n{rest}")
        with monkeypatch.context() as guard_off:
            guard_off.setattr("kernel.local.postgres._stale_lock", lambda home: {})
            with pytest.raises(MachineProblem, match=r"lock file \S+ already exists"):
                postgres.start()
        postgres.start()
        assert postgres.running()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        postgres.stop()


def test_second_copy_is_refused(folder: Path) -> None:
    with Postgres(folder, durable=False) as first:
        with pytest.raises(MachineProblem, match="is in use by another run"):
            Postgres(folder, durable=False).start()
        assert first.running()  # the refused one has not taken the sockets away
    assert not socket_folder(first.folder).exists()
    with Postgres(folder, durable=False):
        pass


def test_without_the_lock_a_second_copy_would_tear_the_first_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.local.machine.fcntl.flock", lambda file, how: None)
    monkeypatch.setattr("kernel.local.postgres._PATIENCE", 0.2)
    with Postgres(folder, durable=False) as first, Postgres(folder, durable=False):
        assert not first.alive()


def test_broken_off_set_up_is_begun_anew(folder: Path) -> None:
    postgres = Postgres(folder, durable=False)
    (postgres.folder / "data.new" / "base").mkdir(parents=True)
    (postgres.folder / "data.new" / "PG_VERSION").write_text("18\n")
    with postgres:
        assert postgres.running()


def test_data_of_another_version_is_named(folder: Path) -> None:
    postgres = Postgres(folder, durable=False)
    postgres.start()
    postgres.stop()
    (postgres.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(MachineProblem, match="was made by PostgreSQL 14"):
        postgres.start()


def test_address_before_the_first_start_says_what_to_do(folder: Path) -> None:
    with pytest.raises(MachineProblem, match=r"\./shanhai run"):
        Postgres(folder).url()
