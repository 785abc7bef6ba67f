"""A real broker of our own: Valkey (the Redis protocol) on a private Unix socket, with its queue kept on disk."""

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from kernel.local.binaries import find_valkey
from kernel.local.machine import Claim, MachineProblem, plain_words
from kernel.local.places import make_socket_folder, remove_socket_folder, socket_folder
from kernel.local.processes import end, end_all, find_working_in, spawn

_DATABASES = {"broker": 0, "results": 1, "limits": 2}


class Valkey:
    """One broker in ``folder/valkey``. Its append-only file survives a kill (at most the last second is lost: the
    truth is in the outbox tables)."""

    def __init__(self, folder: Path) -> None:
        """Describe the broker; nothing is touched until `start`. `folder` is one kind of run's, such as ``var/run``."""
        self.folder = folder.absolute() / "valkey"
        self.data = self.folder / "data"
        self.log = folder.absolute() / "logs" / "valkey.log"
        self.socket = socket_folder(self.folder) / "valkey.sock"
        self._claim = Claim(self.folder, f"The broker in {folder}")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def broker_url(self) -> str:
        """For Celery's ``broker_url``."""
        return f"redis+socket://{self.socket}?virtual_host={_DATABASES['broker']}"

    @property
    def result_url(self) -> str:
        """For Celery's ``result_backend``."""
        return f"redis+socket://{self.socket}?virtual_host={_DATABASES['results']}"

    @property
    def limiter_url(self) -> str:
        """For Flask-Limiter's storage."""
        return f"redis+unix://{self.socket}?db={_DATABASES['limits']}"

    def start(self) -> None:
        """Start the broker and wait for its answer; harmless when running. A queue file broken beyond its tail is
        set aside, not lost.

        Raises:
            MachineProblem: another run uses the folder, no program, read-only folder, or it does not come up.
            RuntimeError: not called from the main thread.
        """
        if self.alive():
            return
        self._claim.take()
        try:
            end_all(lambda: find_working_in(self.data), patience=5.0)
            with plain_words(self.folder):
                self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
                make_socket_folder(self.folder)
                if not self._launch():
                    broken = self.folder / f"broken-{int(time.time())}"
                    self.data.rename(broken)
                    self.data.mkdir(mode=0o700)
                    if not self._launch():
                        raise MachineProblem(f"The broker does not start: see {self.log}.")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the broker and release the folder; harmless when not running."""
        if self._process is not None:
            end(self._process)
            self._process = None
        if self._claim.held:
            remove_socket_folder(self.folder)
        self._claim.release()

    def alive(self) -> bool:
        """The broker process this object started is still there."""
        return self._process is not None and self._process.poll() is None

    def running(self) -> bool:
        """Somebody answers PING on this broker's socket (this process or another)."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2.0)
            line.connect(str(self.socket))
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")
        return False

    def _launch(self, patience: float = 20.0) -> bool:
        self.socket.unlink(missing_ok=True)
        options = [
            "--port",
            "0",
            "--unixsocket",
            str(self.socket),
            "--unixsocketperm",
            "700",
            "--dir",
            str(self.data),
            "--appendonly",
            "yes",
            "--save",
            "",
        ]
        self._process = spawn([find_valkey(), *options], log=self.log, cwd=self.data, death_signal=signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.alive() and time.monotonic() < deadline:
            if self.running():
                return True
            time.sleep(0.02)
        end(self._process)
        return False
