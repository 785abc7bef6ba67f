"""A real PostgreSQL of our own: no account, no port, no set-up; the cluster lives below one folder and dies with the
process that started it.

It recovers by itself from every way to die: PostgreSQL replays its log, and what an earlier run left behind (a
server still shutting down, a lock file
naming a process that is somebody else by now) is cleared away once the folder's flock is held.
"""

import contextlib
import errno
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from kernel.local.binaries import Programs, find_postgres
from kernel.local.machine import Claim, MachineProblem, explain, plain_words
from kernel.local.places import enterable, make_socket_folder, outside_folder, remove_socket_folder, socket_folder
from kernel.local.processes import Identity, end, end_all, find_working_in, last_words, run, server_identity, spawn

SUPERUSER = "shop"
FIRST_DATABASE = "shop"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # short queries: compiling them costs more than it saves
}
_UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_PATIENCE = 20.0
"""Seconds for a server whose owner died to finish its last checkpoint before it is stopped hard."""


class Postgres:
    """One PostgreSQL cluster in ``folder/postgres``, reachable only over a private Unix socket and with a random
    password."""

    def __init__(self, folder: Path, *, quiet: bool = True, durable: bool = True) -> None:
        """Describe the cluster; nothing is touched until `start`.

        Args:
            folder: the data folder of one kind of run, such as ``var/run``; other servers may live beside it.
            quiet: do not print what is being done.
            durable: False gives up safety against a power cut for speed (test clusters only).
        """
        self.folder = folder.absolute() / "postgres"
        self.data = self.folder / "data"
        self.log = folder.absolute() / "logs" / "postgres.log"
        self._quiet, self._durable = quiet, durable
        self._claim = Claim(self.folder, f"The database in {folder}")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def url(self, database: str = FIRST_DATABASE) -> str:
        """The SQLAlchemy URL of a database of this cluster; right in any process, also while the cluster is down.

        Raises:
            MachineProblem: the cluster was never started, so it has no password yet.
        """
        return f"postgresql+psycopg://{SUPERUSER}:{self._password()}@/{database}?host={socket_folder(self.folder)}"

    def running(self) -> bool:
        """Somebody answers on this cluster's socket (this process or another)."""
        try:
            self._connect("postgres").close()
        except (psycopg.OperationalError, MachineProblem):
            return False
        return True

    def start(self) -> str:
        """Start the cluster, making or recovering it first as needed; return the URL of the database ``shop``.
        Harmless when running.

        Raises:
            MachineProblem: another run uses the folder, no programs, full disk, read-only folder, or PostgreSQL does
            not come up.
            RuntimeError: not called from the main thread.
        """
        if self.alive():
            return self.url()
        self._claim.take()
        try:
            identity = server_identity()
            programs = find_postgres(identity)
            end_all(lambda: find_working_in(self.data), patience=_PATIENCE, last=signal.SIGQUIT)
            with plain_words(self.folder):
                self._give_home(identity)
                if not (self.data / "PG_VERSION").exists():
                    self._initialise(programs, identity)
                self._check_version(programs)
                self._launch(programs, identity)
            self._await_answer()
            if FIRST_DATABASE not in self.databases():
                self.create_database(FIRST_DATABASE)
        except BaseException:
            self.stop()
            raise
        return self.url()

    def stop(self) -> None:
        """Stop the cluster (fast, then hard) and release the folder; harmless when not running."""
        if self._process is not None:
            end(self._process, first=signal.SIGINT, grace=20.0)
            self._process = None
        if self._claim.held:
            remove_socket_folder(self.folder)
        self._claim.release()

    def alive(self) -> bool:
        """The server process this object started is still there."""
        return self._process is not None and self._process.poll() is None

    def databases(self) -> list[str]:
        """Names of the databases people made, templates left out."""
        with self._connect("postgres") as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY datname"
            )
            return [str(row[0]) for row in rows]

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make a database, as a copy of `template` if given (nobody may be connected to the template).

        Raises:
            psycopg.errors.DuplicateDatabase, psycopg.errors.ObjectInUse
        """
        with self._connect("postgres") as connection:
            source = sql.Identifier(template or "template0")
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), source))

    def drop_database(self, name: str) -> None:
        """Remove a database with everything in it, also while somebody is connected; harmless when it does not
        exist."""
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            dbname=database,
            user=SUPERUSER,
            password=self._password(),
            host=str(socket_folder(self.folder)),
            connect_timeout=10,
            autocommit=True,
        )

    def _password(self) -> str:
        try:
            return (self.folder / "secret").read_text().strip()
        except FileNotFoundError:
            raise MachineProblem(f"There is no database in {self.folder.parent} yet: start it first with ./shanhai run.") from None

    def _say(self, text: str) -> None:
        if not self._quiet:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def _give_home(self, identity: Identity) -> None:
        """A data folder `identity` can reach: in place, or behind a link when the checkout is closed to it; owned by `identity`."""
        owner = os.geteuid() if identity.user is None else identity.user
        if identity.user is not None and not self.data.exists() and not enterable(self.folder, identity):
            outside = outside_folder("data") / "data"
            outside.mkdir(mode=0o700)
            self.data.unlink(missing_ok=True)
            self.data.symlink_to(outside)
        self.data.mkdir(mode=0o700, exist_ok=True)
        home = self.data.resolve()
        if home.stat().st_uid != owner:  # fresh, or made when this machine knew another way
            _give_away(home, owner)
        make_socket_folder(self.folder, owner)

    def _initialise(self, programs: Programs, identity: Identity) -> None:
        """Make the cluster beside its place and move it there whole, so that a broken-off attempt is never taken for
        a cluster."""
        self._say("Making a PostgreSQL cluster")
        home = self.data.resolve()
        fresh = home.with_name(f"{home.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        handover = socket_folder(self.folder) / "password"
        _write_secret(handover, password)
        if identity.user is not None:
            os.chown(fresh, identity.user, -1)
            os.chown(handover, identity.user, -1)
        provider = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if programs.major >= 17 else []
        # lc_ctype must be C.UTF-8, never C: under C pg_trgm drops every Chinese character
        options = [
            f"--username={SUPERUSER}",
            "--auth=scram-sha-256",
            f"--pwfile={handover}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            *provider,
        ]
        if not self._durable:
            options.append("--no-sync")
        try:
            run([programs.folder / "initdb", f"--pgdata={fresh}", *options], identity=identity, env=_ENVIRONMENT)
        except subprocess.CalledProcessError as error:
            raise MachineProblem(_sentence(str(error.output), self.folder)) from error
        finally:
            handover.unlink(missing_ok=True)
        _write_secret(self.folder / "secret", password)
        fresh.rename(home)

    def _check_version(self, programs: Programs) -> None:
        if not (self.folder / "secret").exists():
            raise MachineProblem(
                f"The password file {self.folder / 'secret'} is gone: "
                f"put it back from a copy, or move {self.folder} away to begin anew."
            )
        made = (self.data / "PG_VERSION").read_text().strip()
        if made != str(programs.major):
            raise MachineProblem(
                f"The data in {self.folder} was made by PostgreSQL {made}, but {programs.folder} is version {programs.major}: "
                f"set PG_BIN to the programs of PostgreSQL {made}, or move the folder away."
            )

    def _launch(self, programs: Programs, identity: Identity) -> None:
        home, sockets = self.data.resolve(), socket_folder(self.folder)
        settings = _SETTINGS | {"unix_socket_directories": str(sockets)} | ({} if self._durable else _UNSAFE)
        argv: list[str | Path] = [programs.folder / "postgres", "-D", home]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        environment = _ENVIRONMENT | _stale_lock(home)
        self._process = spawn(argv, log=self.log, env=environment, cwd=Path("/"), identity=identity, death_signal=signal.SIGINT)

    def _await_answer(self, patience: float = 60.0) -> None:
        """Wait until the cluster takes connections; replaying a long log takes its time."""
        deadline = time.monotonic() + patience
        pause = 0.02
        while self.alive() and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError):
                self._connect("postgres").close()
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        raise MachineProblem(_sentence(last_words(self.log), self.folder))


def _give_away(folder: Path, owner: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner, -1, follow_symlinks=False)


def _write_secret(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)


def _stale_lock(home: Path) -> dict[str, str]:
    """PostgreSQL refuses to start when postmaster.pid names a living process, whoever it is.

    No server of ours is left at this point, so the number belongs to a stranger: told that it is its own
    grandparent, PostgreSQL takes the file as its own
    and still checks the shared memory (CreateLockFile in src/backend/utils/init/miscinit.c).
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        return {"PG_GRANDPARENT_PID": str(int((home / "postmaster.pid").read_text().splitlines()[0]))}
    return {}


def _sentence(output: str, folder: Path) -> str:
    """One sentence for what PostgreSQL printed: the machine's fault in our words, anything else in its own last
    ones."""
    for code in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
        if os.strerror(code) in output:
            return explain(OSError(code, ""), folder) or output
    complaints = [line for line in output.splitlines() if any(word in line for word in ("FATAL", "PANIC", "error:"))]
    last = (complaints or output.strip().splitlines() or ["it printed nothing"])[-1].strip()
    return f"PostgreSQL did not start in {folder}: {last}"
