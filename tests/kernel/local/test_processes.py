"""Children die with their parent, whoever they run as; strays are found by their mark."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.local.processes import (
    MARK,
    Identity,
    end,
    end_all,
    find_marked,
    find_working_in,
    last_words,
    run,
    server_identity,
    spawn,
    start_guard,
)

ROOT = Path(__file__).parents[3]
ORPHAN = """
import os, signal, sys
from pathlib import Path
from kernel.local import processes
if sys.argv[3] == "unguarded":
    processes._LINUX = False
child = processes.spawn(["sleep", "600"], log=Path(sys.argv[1]), identity=processes.Identity(**eval(sys.argv[2])))
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
AS_WHOM = ["{}"] + (["{'namespace': True}", "{'user': 65534, 'group': 65534}"] if os.geteuid() == 0 else [])


def lives(pid: int) -> bool:
    """The process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(question: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until the answer is true."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def orphan(folder: Path, identity: str, guarded: str) -> int:
    """The pid of a child whose parent was killed."""
    program = [sys.executable, "-c", ORPHAN, str(folder / "log"), identity, guarded]
    return int(subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False).stdout)


@pytest.mark.parametrize("identity", AS_WHOM)
def test_child_dies_with_its_parent(identity: str, tmp_path: Path) -> None:
    pid = orphan(tmp_path, identity, "guarded")
    until(lambda: not lives(pid))


def test_without_the_death_signal_it_lives_on(tmp_path: Path) -> None:
    pid = orphan(tmp_path, "{}", "unguarded")
    time.sleep(0.5)
    assert lives(pid)
    os.kill(pid, signal.SIGKILL)


def test_threads_may_not_start_servers(tmp_path: Path) -> None:
    found: list[BaseException] = []

    def attempt() -> None:
        try:
            spawn(["sleep", "600"], log=tmp_path / "log")
        except RuntimeError as error:
            found.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert "main thread" in str(found[0])


def test_root_is_not_root_inside_its_namespace() -> None:
    identity = server_identity()
    if os.geteuid() != 0:
        assert identity == Identity()
    else:
        assert run(["/usr/bin/id", "-u"], identity=identity).strip() != "0"


def test_long_logs_start_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernel.local.processes._LOG_LIMIT", 10)
    log = tmp_path / "logs" / "web.log"
    for _ in range(2):
        end_of_echo = spawn(["echo", "a long story"], log=log)
        end_of_echo.wait()
    assert log.read_text() == log.with_suffix(".1.log").read_text() == "a long story\n"
    assert last_words(log) == "a long story"
    assert last_words(tmp_path / "none") == ""


def test_strays_are_found_by_mark_and_by_folder_and_ended(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    stray = spawn([sys.executable, "-c", stubborn], log=tmp_path / "log", env={**os.environ, MARK: "a-place:1234"}, cwd=tmp_path)
    until(lambda: last_words(tmp_path / "log") == "up")
    assert find_marked("a-place:") == find_working_in(tmp_path) == [stray.pid]
    assert find_marked("another-place:") == []
    end_all(lambda: find_marked("a-place:"), patience=0.0, grace=0.3)
    assert stray.wait() == -signal.SIGKILL
    end(stray)


@pytest.mark.parametrize(("word", "survives"), [(b"done", True), (b"", False)])
def test_guard_ends_the_run_unless_told_it_is_done(word: bytes, survives: bool, tmp_path: Path) -> None:
    mark = f"guarded:{os.getpid()}"
    part = spawn(["sleep", "600"], log=tmp_path / "log", env={**os.environ, MARK: mark})
    guard = start_guard(mark)
    time.sleep(0.5)  # it has its handlers by now
    guard.send_signal(signal.SIGTERM)  # what ends the run must not end its guard
    guard.communicate(word, timeout=20)
    assert (part.poll() is None) == survives
    end(part)
