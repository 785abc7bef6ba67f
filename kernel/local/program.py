"""One child process of a run, with everything it starts."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernel.local.machine import plain_words
from kernel.local.processes import end, kill_group, spawn


class Program:
    """One child process with everything it starts, its output in a log file."""

    def __init__(self, argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str], cwd: Path | None, grace: float) -> None:
        """Describe the program; `grace` is how many seconds it has to finish after SIGTERM."""
        self.log = log
        self._argv, self._env, self._cwd, self._grace = argv, env, cwd, grace
        self._process: subprocess.Popen[bytes] | None = None
        self._since = 0.0
        self._asked: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the latest start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """How the latest start ended (negative: by that signal); None while it runs or before."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it; what a dead leader left of its process group is killed first, so that ports are free again.

        Raises:
            MachineProblem: full disk or read-only folder.
            OSError: there is no such program.
        """
        if self.alive():
            return
        if self._process is not None:
            kill_group(self._process.pid)
        self._since = time.monotonic()
        with plain_words(self.log.parent):
            self._process = spawn(self._argv, log=self.log, env=self._env, cwd=self._cwd)

    def ask(self) -> None:
        """SIGTERM, without waiting: so that many programs finish at the same time."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._asked = self._process

    def stop(self) -> None:
        """SIGTERM unless it was asked already, `grace` seconds, then kill the whole group."""
        if self._process is not None:
            end(self._process, first=None if self._asked is self._process else signal.SIGTERM, grace=self._grace)

    def alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    def steady(self) -> bool:
        """Whether it has been running for a second: most that cannot start have ended by then."""
        return self.alive() and time.monotonic() - self._since > 1.0
