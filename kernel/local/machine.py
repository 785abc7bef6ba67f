"""What this computer must offer, and one clear sentence for each thing it may lack.

Everything in ``kernel.local`` raises `MachineProblem` for causes a person can mend (a taken port, a full disk), so
that the command line can print one sentence and leave with a non-zero code. The sentences are English like the rest of the
terminal output; pages never show them.
"""

import errno
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED_MIB = 500
"""Free space asked for at the start, in MiB: a fresh cluster (about 80), its write-ahead log (up to 1 GiB when busy)
and the logs."""


class MachineProblem(Exception):
    """Something on this computer must be mended first; the text says what and how, in one sentence."""


@contextmanager
def plain_words(folder: Path) -> Iterator[None]:
    """Turn the operating system's complaints about `folder` into one clear sentence.

    Raises:
        MachineProblem: full disk, spent quota, read-only file system, missing permission.
    """
    try:
        yield
    except OSError as error:
        sentence = explain(error, folder)
        if sentence is None:
            raise
        raise MachineProblem(sentence) from error


def explain(error: OSError, folder: Path) -> str | None:
    """The sentence for an operating system error met below `folder`, or None when it is not the machine's fault."""
    match error.errno:
        case errno.ENOSPC:
            return f"The disk holding {folder} is full: free at least {NEEDED_MIB} MB and start again."
        case errno.EDQUOT:
            return f"Your disk quota for {folder} is used up: free at least {NEEDED_MIB} MB and start again."
        case errno.EROFS:
            return f"The folder {folder} is on a read-only file system: put the checkout where you can write and start again."
        case errno.EACCES | errno.EPERM:
            return f"The folder {folder} cannot be written by you: change its owner or put the checkout where you can write."
        case _:
            return None


def check_machine(folder: Path, port: int, *, host: str = "127.0.0.1") -> None:
    """Look before anything starts: writable folder, free disk, shared memory, free port.

    Raises:
        MachineProblem: with one sentence for the first thing that is wrong.
    """
    check_folder(folder)
    check_shared_memory()
    check_port(port, host=host)


def check_folder(folder: Path, needed: int = NEEDED_MIB) -> None:
    """`folder` can be made, written and flushed to disk, and its disk has room for `needed` MiB.

    Raises:
        MachineProblem: it cannot, or less than that is free.
    """
    probe = folder / f".probe-{os.getpid()}"
    with plain_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with probe.open("wb") as file:
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize >> 20
    if free < needed:
        raise MachineProblem(f"The disk holding {folder} has only {free} MB left: free at least {NEEDED_MIB} MB and start again.")


def check_shared_memory() -> None:
    """Semaphores and shared memory can be made: Celery's worker pool and PostgreSQL both need files on /dev/shm.

    Raises:
        MachineProblem: /dev/shm is missing, full or not writable.
    """
    try:
        with tempfile.TemporaryFile(dir="/dev/shm") as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        raise MachineProblem(
            "/dev/shm is not writable here and the worker needs it: mount it (docker: --shm-size=256m) or chmod 1777 /dev/shm."
        ) from error


def check_port(port: int, *, host: str = "127.0.0.1") -> None:
    """`port` can be bound on `host`.

    Raises:
        MachineProblem: it is taken, reserved for root, or no port number.
    """
    if not 0 < port < 65536:
        raise MachineProblem(f"{port} is no port number: choose one between 1024 and 65535, for example PORT=8000.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                sentence = f"Port {port} is taken by another program: stop it, or choose another port, for example PORT={port + 1}."
            elif error.errno == errno.EACCES:
                sentence = f"Port {port} is reserved for the system: choose one from 1024 up, for example PORT=8000."
            else:
                sentence = f"Nothing can listen on {host}:{port} here ({error.strerror})."
            raise MachineProblem(sentence) from error


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on right now (somebody may take it before you do)."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class Claim:
    """A folder is used by one run at a time: an flock that the kernel releases with the process, however it dies."""

    def __init__(self, folder: Path, what: str) -> None:
        """Name the claim; nothing is locked until `take`. `what` says in words what is claimed ("the database in
        var/run")."""
        self._path, self._what, self._file = folder / "lock", what, -1

    @property
    def held(self) -> bool:
        """Whether this object holds the folder."""
        return self._file >= 0

    def take(self) -> None:
        """Hold the folder until `release` or the end of this process; harmless when already held by this object.

        Raises:
            MachineProblem: another run holds it, or the folder cannot be written.
        """
        if self._file >= 0:
            return
        with plain_words(self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 20).decode(errors="replace").strip()
            os.close(file)
            named = f" (process {holder})" if holder else ""
            raise MachineProblem(
                f"{self._what} is in use by another run{named}: stop that one first, or use another checkout."
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def release(self) -> None:
        """Let the next run in; harmless when not held."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
