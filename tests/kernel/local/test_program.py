"""One program: how it ended is told, and its end is the end of its group."""

import os
import signal
import time
from pathlib import Path

import pytest

from kernel.local.program import Program


def program(folder: Path, *argv: str, grace: float = 5.0) -> Program:
    """A program with its log in `folder`."""
    return Program(argv, log=folder / "logs" / "part.log", env=dict(os.environ), cwd=None, grace=grace)


def wait_for_end(part: Program) -> None:
    """Until it has ended."""
    deadline = time.monotonic() + 10
    while part.alive():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_tells_how_it_ended(tmp_path: Path) -> None:
    part = program(tmp_path, "/bin/sh", "-c", "echo no more salt; exit 3")
    assert (part.pid, part.exit_code, part.alive()) == (None, None, False)
    part.start()
    wait_for_end(part)
    assert part.exit_code == 3
    assert part.log.read_text() == "no more salt\n"
    part.stop()


def test_is_steady_after_a_while_and_ends_when_asked(tmp_path: Path) -> None:
    part = program(tmp_path, "sleep", "600")
    part.start()
    first = part.pid
    part.start()
    assert part.pid == first
    assert not part.steady()
    time.sleep(1.1)
    assert part.steady()
    part.stop()
    assert part.exit_code == -signal.SIGTERM


def test_is_killed_when_it_does_not_listen(tmp_path: Path) -> None:
    part = program(tmp_path, "/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done", grace=0.3)
    part.start()
    while "up" not in part.log.read_text():
        time.sleep(0.02)
    part.stop()
    assert part.exit_code == -signal.SIGKILL


def test_missing_program_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        program(tmp_path, str(tmp_path / "nothing")).start()
