"""The processes of a run, as /proc tells: found by its folder, which each carries in its environment, its arguments or as its own place."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import zxingcpp
from PIL import Image

from tests.journeys.conftest import Running

ARGUMENTS = {  # of each part the supervisor starts, as they stand in its command line
    "PostgreSQL": "bin/postgres -D",
    "Valkey": "valkey",
    "web": "serve web",
    "worker": "shop.worker:app worker",
    "beat": "shop.worker:clock beat",
    "sequencer": "serve sequencer",
    "publisher": "serve publisher",
    "witness-east": "witness-east",
    "witness-west": "witness-west",
    "payments": "shop.payments.twin",
    "carrier": "carriers.fake",
}


def until(question: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until the answer is true."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def list_processes(folder: Path) -> dict[int, str]:
    """Every living process that belongs to the run in ``folder``, with its arguments."""
    found = {}
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        with contextlib.suppress(OSError):
            place = Path(f"/proc/{pid}")
            arguments = place.joinpath("cmdline").read_bytes()
            stands_there = os.readlink(place / "cwd").startswith(f"{folder}/")
            told = os.fsencode(folder) in arguments + place.joinpath("environ").read_bytes()
            alive = place.joinpath("stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
            if alive and (stands_there or told):
                found[pid] = arguments.replace(b"\0", b" ").decode(errors="replace")
    return found


def find_part(running: Running, name: str) -> int | None:
    """The process of one part: the child of the supervisor with those arguments; None while there is none."""
    said = list_processes(running.folder)
    return next((pid for pid in list_children(running, running.process.pid) if ARGUMENTS[name] in said.get(pid, "")), None)


def list_children(running: Running, parent: int | None) -> list[int]:
    """The processes of the run that `parent` started."""
    return [pid for pid in list_processes(running.folder) if _parent(pid) == parent]


def list_orphans(running: Running) -> list[int]:
    """The processes of the run whose parent is none of them; the supervisor's parent is whoever started it."""
    everyone = list_processes(running.folder)
    return [pid for pid in everyone if pid != running.process.pid and _parent(pid) not in everyone]


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


@contextlib.contextmanager
def frozen(running: Running) -> Iterator[None]:
    """The supervisor does nothing meanwhile, so what is killed stays away."""
    running.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.process.send_signal(signal.SIGCONT)


def readiness(running: Running) -> tuple[int, dict[str, str]]:
    """Status and checks of ``/readyz``; (0, {}) while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{running.config.port}/readyz", timeout=20) as answer:
            return answer.status, json.load(answer)["checks"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["checks"]
    except OSError:
        return 0, {}


def who_is_away(running: Running) -> set[str]:
    """What ``/readyz`` names with 503; nothing when all is well or nobody answers."""
    status, checks = readiness(running)
    return {name for name, state in checks.items() if state != "ok"} if status == 503 else set()


def is_ready(running: Running) -> bool:
    """Whether ``/readyz`` says so."""
    return readiness(running)[0] == 200


def read_qr(lines: list[str]) -> str:
    """What a phone reads off a dark terminal: half blocks of light."""
    rows = [line for line in lines if line and not set(line) - set("█▀▄\xa0 ") and set(line) & set("█▀▄")]
    light = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255)}
    picture = Image.new("L", (max(map(len, rows)), 2 * len(rows)))
    for y, row in enumerate(rows):
        for x, block in enumerate(row):
            for half, shade in enumerate(light.get(block, (0, 0))):
                picture.putpixel((x, 2 * y + half), shade)
    found = zxingcpp.read_barcodes(picture.resize((picture.width * 6, picture.height * 6), Image.Resampling.NEAREST))
    assert len(found) == 1
    return str(found[0].text)
