"""Keep the processes of one run together: start them, wait until each is ready, bring back what dies, let nothing outlive it."""

import contextlib
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Protocol, Self

from kernel.local.machine import Claim, MachineProblem
from kernel.local.processes import MARK, end_all, find_marked, last_words, start_guard
from kernel.local.program import Program

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TRIES = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_STEADY = 60.0
"""Seconds after which a part that died counts as having run well: its next pause is short again."""


class Stopped(KeyboardInterrupt):
    """The supervisor was told to stop (Ctrl-C, SIGTERM, a closed terminal)."""


class Service(Protocol):
    """What can be kept running: `Postgres`, `Valkey` and every `Program`."""

    def start(self) -> object:
        """Start or recover; harmless when running."""

    def stop(self) -> None:
        """Stop; harmless when not running."""

    def alive(self) -> bool:
        """Whether it is running."""


@dataclass
class _Part:
    """One kept service and where it is in its life; times are of the monotonic clock."""

    name: str
    service: Service
    ready: Callable[[], bool]
    restart: bool
    since: float
    is_ready: bool = False
    deaths: int = 0
    again_at: float | None = None
    finished: bool = False


class Supervisor:
    """The parts of one run, in the order they were added. Use it in the main thread, as a context manager.

    No part outlives the run, however it ends: `stop` asks each in reverse order; if the supervisor is killed the kernel signals
    the parts, a guard process ends what they had started, and the next run on the same folder sweeps before it starts anything.
    """

    def __init__(self, folder: Path, *, say: Callable[[str], None] | None = None, grace: float = 10.0) -> None:
        """Describe the run.

        Args:
            folder: its data folder, such as ``var/run``; logs go to ``logs`` below it.
            say: receives one line per step, for people to see; standard output if None.
            grace: seconds each part has to finish when told to stop.
        """
        self.folder = folder.absolute()
        self._say, self._grace = say or _print, grace
        self._claim = Claim(self.folder, f"The folder {folder}")
        self._place = hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:16] + ":"
        self._mark = self._place + secrets.token_hex(4)
        self._parts: list[_Part] = []
        self._guard: subprocess.Popen[bytes] | None = None
        self._handlers: dict[signal.Signals, object] = {}
        self._stopping = False

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Stop everything; `Stopped` ends here, as it is no error."""
        self.stop()
        return isinstance(error, Stopped)

    def begin(self) -> None:
        """Claim the folder, sweep away what an earlier run left, and catch the signals that end a run.

        Raises:
            MachineProblem: another run uses the folder, or it cannot be written.
        """
        self._claim.take()
        end_all(lambda: find_marked(self._place), patience=0.0)
        self._stopping = False
        self._handlers = {number: signal.signal(number, self._told_to_stop) for number in _SIGNALS}
        self._guard = start_guard(self._mark)

    def keep(self, name: str, service: Service, *, ready: Callable[[], bool] | None = None, restart: bool = True) -> None:
        """Start a service and keep it running; returns when its `start` does, without waiting for `ready`."""
        self._say(f"Starting {name}")
        part = _Part(name, service, ready or service.alive, restart, time.monotonic())
        self._parts.append(part)
        service.start()

    def add(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool] | None = None,
        restart: bool = True,
        log: Path | None = None,
        cwd: Path | None = None,
    ) -> Program:
        """Start a program and keep it running.

        Args:
            name: for people and for the log file.
            argv: the program and its arguments.
            env: its whole environment; this process's own if None.
            ready: answers whether it does its work yet; an OSError counts as no. If None: alive for a second, or, without
                `restart`, ended well.
            restart: bring it back when it dies; if False it is expected to end, and to end well.
            log: its log file; ``logs/<name>.log`` if None.
            cwd: its current folder; ours if None.
        """
        environment = {"PYTHONUNBUFFERED": "1", **(os.environ if env is None else env), MARK: self._mark}
        program = Program(argv, log=log or self.folder / "logs" / f"{name}.log", env=environment, cwd=cwd, grace=self._grace)
        self.keep(name, program, ready=ready or (program.steady if restart else lambda: False), restart=restart)
        return program

    def wait_ready(self, timeout: float) -> None:
        """Wait until every part is ready, saying so one by one.

        Raises:
            MachineProblem: a part keeps dying or is not ready after `timeout` seconds; the sentence ends with its last words.
            Stopped: told to stop meanwhile.
        """
        deadline = time.monotonic() + timeout
        while waiting := [part for part in self._parts if not part.is_ready]:
            self._tend()
            for part in waiting:
                if part.deaths >= _TRIES or (part.finished and not part.is_ready):
                    raise MachineProblem(f"{part.name} does not start: {self._last_words(part)}")
            if time.monotonic() > deadline:
                late = [part for part in waiting if not part.is_ready]
                if late:
                    raise MachineProblem(f"{late[0].name} was not ready within {timeout:.0f} s: {self._last_words(late[0])}")
            time.sleep(0.05)

    def run(self) -> None:
        """Keep every part running until told to stop."""
        with contextlib.suppress(Stopped):
            while True:
                self._tend()
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop all programs at once, then every part in reverse order, then whatever they left; harmless when called twice.

        The servers were added first, so they outlive the programs that still write to them while they finish.
        """
        self._stopping = True
        for part in self._parts:
            if isinstance(part.service, Program):
                part.service.ask()
        with contextlib.ExitStack() as stops:  # last in, first out; one that fails does not keep the others from stopping
            for part in self._parts:
                stops.callback(part.service.stop)
        self._parts.clear()
        end_all(lambda: find_marked(self._mark), patience=0.0, grace=2.0)
        if self._guard is not None:
            self._guard.communicate(b"done")
            self._guard = None
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned before
        self._handlers.clear()
        self._claim.release()

    def _told_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        if not self._stopping:
            self._stopping = True
            raise Stopped

    def _tend(self) -> None:
        """One look at every part: note who became ready, bring back who died."""
        if self._guard is not None and self._guard.poll() is not None:
            self._guard = start_guard(self._mark)
        for part in self._parts:
            if part.finished:
                continue
            if part.again_at is not None:
                self._bring_back(part)
            elif not part.service.alive():
                self._note_end(part)
            elif not part.is_ready and _answers(part.ready):
                part.is_ready = True
                self._say(f"{part.name} is ready ({time.monotonic() - part.since:.1f} s)")

    def _note_end(self, part: _Part) -> None:
        code = getattr(part.service, "exit_code", None)
        if not part.restart:
            part.finished, part.is_ready = True, code == 0
            return
        now = time.monotonic()
        part.deaths = 1 if now - part.since > _STEADY else part.deaths + 1
        pause = min(_FIRST_PAUSE * 2 ** (part.deaths - 1), _LONGEST_PAUSE)
        part.again_at = now + pause
        self._say(f"{part.name} stopped ({_how(code)}); starting it again in {pause:.1f} s")

    def _bring_back(self, part: _Part) -> None:
        if part.again_at is None or time.monotonic() < part.again_at:
            return
        part.again_at, part.since, part.is_ready = None, time.monotonic(), False
        try:
            part.service.start()
        except (MachineProblem, OSError) as error:
            self._say(f"{part.name}: {error}")
            self._note_end(part)

    def _last_words(self, part: _Part) -> str:
        log = getattr(part.service, "log", None)
        words = last_words(log, 5).strip() if isinstance(log, Path) else ""
        return f"{words or 'it printed nothing'} (see {log})"


def web_answers(url: str) -> Callable[[], bool]:
    """A readiness question: does `url` answer with a success?"""

    def ask() -> bool:
        with urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310 - our own loopback address
            return bool(200 <= answer.status < 300)

    return ask


def _answers(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:
        return False


def _how(code: int | None) -> str:
    if code is None:
        return "unexpectedly"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
