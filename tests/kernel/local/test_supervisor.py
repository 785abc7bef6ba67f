"""The supervisor: what it starts it keeps, and nothing it starts outlives it. Every process here is a real one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernel.local import MachineProblem, Supervisor, Valkey, check_port, free_port, web_answers
from kernel.local.processes import find_marked

ROOT = Path(__file__).parents[3]
WRITE = "with open({path!r}, 'a') as out: out.write({text})\n"
STUBBORN = "import os, signal, time\nos.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{write}time.sleep(600)"
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(600)"


def family(pid_file: Path) -> list[str]:
    """A program that starts a child which leaves the process group and ignores SIGTERM; the child writes its pid to `pid_file`."""
    write = WRITE.format(path=str(pid_file), text="str(os.getpid())")
    return [sys.executable, "-c", PARENT.format(child=STUBBORN.format(write=write))]


def until(question: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until the answer is true."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """The process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def pid_in(path: Path) -> int:
    """The pid a child wrote, once it has."""
    until(lambda: path.exists() and path.read_text())
    return int(path.read_text())


@pytest.fixture(name="said")
def _said() -> list[str]:
    return []


@pytest.fixture(name="supervisor")
def _supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    with Supervisor(tmp_path / "var", say=said.append, grace=3.0) as supervisor:
        yield supervisor


def test_says_what_it_does_and_logs_what_they_print(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    log = tmp_path / "var" / "logs" / "greeter.log"
    supervisor.add("greeter", [sys.executable, "-c", "import time; print('good morning'); time.sleep(600)"], ready=log.exists)
    supervisor.wait_ready(20)
    assert said[0] == "Starting greeter"
    assert said[1].startswith("greeter is ready (")
    until(lambda: log.read_text() == "good morning\n")


class Server:
    """A service as PostgreSQL is one: its stop is noted."""

    def __init__(self, name: str, order: Path) -> None:
        self.name, self.order = name, order

    def start(self) -> None:
        """It is up at once."""

    def stop(self) -> None:
        with self.order.open("a") as out:
            out.write(f"{self.name} ")

    def alive(self) -> bool:
        return True


def test_stops_the_programs_together_and_then_the_servers_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    write = WRITE.format(path=str(order), text="{text}").strip()
    bell = f"""
import signal, sys, time
def end(*_):
    {write.format(text="'asked '")}
    time.sleep(1.0)
    {write.format(text="'ended '")}
    sys.exit()
signal.signal(15, end)
print("up")
time.sleep(600)
"""
    with Supervisor(tmp_path / "var", say=lambda line: None) as supervisor:
        for name in ("database", "broker"):
            supervisor.keep(name, Server(name, order))
        for name in ("first", "second", "third"):
            log = tmp_path / "var" / "logs" / f"{name}.log"
            supervisor.add(name, [sys.executable, "-c", bell], ready=lambda log=log: log.read_text() != "")
        supervisor.wait_ready(20)
    assert order.read_text() == "asked asked asked ended ended ended broker database "


def test_kills_what_ignores_the_request_and_what_left_the_group(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "var", say=lambda line: None, grace=0.5) as supervisor:
        program = supervisor.add("family", family(tmp_path / "child"))
        child, parent = pid_in(tmp_path / "child"), program.pid
    assert parent is not None
    assert not lives(parent)
    assert not lives(child)


def test_brings_back_what_dies_and_clears_its_children_away(supervisor: Supervisor, said: list[str], tmp_path: Path) -> None:
    write = WRITE.format(path=str(tmp_path / "child"), text="str(child.pid)")
    code = f"import subprocess, time\nchild = subprocess.Popen(['sleep', '600'])\n{write}time.sleep(600)"
    program = supervisor.add("family", [sys.executable, "-c", code])
    child, parent = pid_in(tmp_path / "child"), program.pid
    assert parent is not None
    (tmp_path / "child").unlink()
    os.kill(parent, signal.SIGKILL)
    until(lambda: not program.alive())
    supervisor._tend()
    until(lambda: supervisor._tend() or program.alive())
    until(lambda: not lives(child))
    assert program.pid != parent
    assert lives(pid_in(tmp_path / "child"))
    assert "family stopped (signal 9); starting it again in 0.5 s" in said


def test_brings_back_a_server(supervisor: Supervisor, tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "var")
    supervisor.keep("broker", valkey, ready=valkey.running)
    supervisor.wait_ready(20)
    assert valkey._process is not None
    os.kill(valkey._process.pid, signal.SIGKILL)
    until(lambda: not valkey.alive())
    until(lambda: supervisor._tend() or valkey.running())


def test_pauses_grow_while_a_part_keeps_dying(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.add("broken", [sys.executable, "-c", "raise SystemExit('no such table: orders')"])
    with pytest.raises(MachineProblem, match=r"broken does not start: (?s:.*)no such table: orders"):
        supervisor.wait_ready(30)
    assert [line.rsplit(" in ", 1)[1] for line in said if "again" in line] == ["0.5 s", "1.0 s", "2.0 s"]


def test_a_task_may_end_well_but_not_badly(supervisor: Supervisor) -> None:
    supervisor.add("migrate", [sys.executable, "-c", "pass"], restart=False)
    supervisor.wait_ready(20)
    supervisor.add("load", [sys.executable, "-c", "raise SystemExit('empty file')"], restart=False)
    with pytest.raises(MachineProblem, match=r"load does not start: (?s:.*)empty file"):
        supervisor.wait_ready(20)


def test_says_who_is_late(supervisor: Supervisor) -> None:
    url = f"http://127.0.0.1:{free_port()}/"
    supervisor.add("web", [sys.executable, "-c", "import time; time.sleep(600)"], ready=web_answers(url))
    with pytest.raises(MachineProblem, match="web was not ready within 1 s"):
        supervisor.wait_ready(1)


def test_second_supervisor_of_a_folder_is_refused(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(MachineProblem, match="is in use by another run"):
        Supervisor(tmp_path / "var").begin()


RUN = """
import sys
from pathlib import Path
from kernel.local import Supervisor
from kernel.local import supervisor as room
folder, guarded, argv = Path(sys.argv[1]), sys.argv[2] == "guarded", sys.argv[3:]
if not guarded:
    import subprocess
    room.start_guard = lambda mark: subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
with Supervisor(folder, grace=1.0) as supervisor:
    supervisor.add("family", argv)
    supervisor.wait_ready(30)
    supervisor.run()
print("ended in order")
"""


def start_run(folder: Path, argv: list[str], guarded: str = "guarded") -> subprocess.Popen[bytes]:
    """A supervisor in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder), guarded, *argv], cwd=ROOT, stdout=subprocess.PIPE)


def end_run(run: subprocess.Popen[bytes], how: signal.Signals) -> bytes:
    """Send a signal to a supervisor and return what it printed."""
    run.send_signal(how)
    return run.communicate(timeout=30)[0]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_the_run_in_order(tmp_path: Path, how: signal.Signals) -> None:
    run = start_run(tmp_path / "var", family(tmp_path / "child"))
    child = pid_in(tmp_path / "child")
    assert b"ended in order" in end_run(run, how)
    assert run.returncode == 0
    assert not lives(child)


def test_kill_9_of_the_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    run = start_run(tmp_path / "var", family(tmp_path / "child"))
    child = pid_in(tmp_path / "child")
    end_run(run, signal.SIGKILL)
    until(lambda: not lives(child))


def test_without_the_guard_an_orphan_stays_until_the_next_run_sweeps(tmp_path: Path) -> None:
    run = start_run(tmp_path / "var", family(tmp_path / "child"), guarded="alone")
    child = pid_in(tmp_path / "child")
    end_run(run, signal.SIGKILL)
    time.sleep(1.0)
    assert lives(child)
    with Supervisor(tmp_path / "var", say=lambda line: None):
        assert not lives(child)


APP = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'hello']\n"
TASKS = "from celery import Celery\napp = Celery('house', broker={url!r})\n"


def test_kill_9_leaves_no_web_or_task_worker(tmp_path: Path) -> None:
    """The two that matter: granian's and Celery's own worker processes."""
    port = free_port()
    (tmp_path / "page.py").write_text(APP)
    with Valkey(tmp_path / "var") as valkey:
        (tmp_path / "house.py").write_text(TASKS.format(url=valkey.broker_url))
        programs = {
            "web": ["granian", "--interface", "wsgi", "--workers", "2", "--port", str(port), "page:application"],
            "worker": ["celery", "-A", "house", "worker", "--pool", "prefork", "-c", "2"],
        }
        argv = {name: [sys.executable, "-m", *program] for name, program in programs.items()}
        code = (
            "import sys; from pathlib import Path; from kernel.local import Supervisor, web_answers\n"
            f"with Supervisor(Path({str(tmp_path / 'run')!r})) as s:\n"
            f"    s.add('web', {argv['web']!r}, ready=web_answers('http://127.0.0.1:{port}/'), cwd=Path({str(tmp_path)!r}))\n"
            f"    s.add('worker', {argv['worker']!r}, cwd=Path({str(tmp_path)!r}))\n"
            "    s.wait_ready(30); print(s._mark, flush=True); s.run()"
        )
        run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        mark = next(line.strip() for line in run.stdout if ":" in line and " " not in line.strip())
        until(lambda: len(find_marked(mark)) >= 6)  # two leaders, two workers each
        started = find_marked(mark)
        run.kill()
        run.communicate(timeout=30)
        until(lambda: not any(lives(pid) for pid in started))
        check_port(port)
