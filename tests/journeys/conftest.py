"""The whole system, started by the command people use, once for all journeys; they run one after another on one worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from kernel.local import free_port
from shop.config import Config
from shop.demo.passwords import password_of
from tests.journeys.visitor import Visit, Visitor

ROOT = Path(__file__).parents[2]
START = 240.0


@dataclass
class Running:
    """A started installation: its settings, folder and what it printed."""

    config: Config
    folder: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        """What the latest start printed, standard error too."""
        return self.log.read_text()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.config.public_url

    def password(self, login: str) -> str:
        """The password of a demo login."""
        return password_of(self.config.secret_key, login)

    def command(self, *arguments: str, said: str = "", timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a product command against it; ``said`` goes to its standard input."""
        return command(self.folder, *arguments, said=said, timeout=timeout)

    def start_again(self, *arguments: str, **env: str) -> None:
        """Start once more on the same data, after the former start has ended."""
        again = start(self.folder, *arguments, **env)
        self.config, self.process = again.config, again.process


def command(folder: Path, *arguments: str, said: str = "", timeout: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a product command to its end, with ``folder`` as the folder of the run."""
    return subprocess.run(
        [sys.executable, "-m", "shop.cli", *arguments],
        cwd=ROOT,
        env=os.environ | {"SHANHAI_RUN_DIR": str(folder)} | env,
        input=said,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def start(folder: Path, *arguments: str, **env: str) -> Running:
    """Start ``./shanhai run`` in a folder of its own and wait for its last line."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "run.log"
    port = env.get("PORT") or str(free_port())
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "shop.cli", "run", *arguments],
            cwd=ROOT,
            env=os.environ | {"SHANHAI_RUN_DIR": str(folder), "PORT": port, "PYTHONUNBUFFERED": "1"} | env,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START
    while "Shanhai is ready:" not in log.read_text():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.3)
    return Running(Config.load(folder / "run.json"), folder, log, process)


def stop(running: Running, how: signal.Signals = signal.SIGINT) -> int:
    """Ctrl-C, and wait; the exit code. Harmless when it has ended."""
    running.process.send_signal(how)
    return running.process.wait(60)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo, running."""
    found = start(tmp_path_factory.mktemp("run"))
    yield found
    stop(found)


@pytest.fixture
def visit(browser: Browser, running: Running, tmp_path: Path) -> Iterator[Visit]:
    """Makes visitors; each leaves a picture of the last page."""
    visitors: list[Visitor] = []

    def make(**given: str) -> Visitor:
        visitors.append(Visitor(browser, running, **given))
        return visitors[-1]

    yield make
    for number, visitor in enumerate(visitors):
        visitor.page.screenshot(path=tmp_path / f"{number}.png", full_page=True)
        visitor.page.context.close()
