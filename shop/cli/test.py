"""``./shanhai test``: the whole suite on real servers, pytest's own summary as the last line."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from typing import Any

from kernel.local import MachineProblem, check_shared_memory

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def register(commands: Any) -> None:
    """Add the parser; everything else on the line goes to pytest."""
    parser = commands.add_parser("test", help="run all tests")
    parser.add_argument("--no-browser", action="store_true", help="leave out the browser tests")
    parser.add_argument("--faults", action="store_true", help="run the long fault tests whole")
    parser.set_defaults(act=act, takes_more=True)


def act(arguments: argparse.Namespace) -> int:
    """Make sure of a browser, then hand over to pytest."""
    check_shared_memory()
    if not arguments.no_browser:
        _make_sure_of_chromium()
    flags = [flag for flag in ("--no-browser", "--faults") if getattr(arguments, flag[2:].replace("-", "_"))]
    # One worker more than there are processors: a good part of the tests waits for other processes.
    parallel = [] if any(extra.startswith("-n") for extra in arguments.more) else ["-n", str(min((os.cpu_count() or 1) + 1, 4))]
    command = [sys.executable, "-m", "pytest", "-q", *parallel, "--dist", "load", *flags, *arguments.more]
    os.execv(sys.executable, command)


def _make_sure_of_chromium() -> None:
    """Install Debian's Chromium where we may. Raises MachineProblem where we may not."""
    if any(shutil.which(name) for name in CHROMIUM):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stdout.write("Installing Chromium for the browser tests\n")
        sys.stdout.flush()
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], env=env, stdout=subprocess.DEVNULL, check=False)
        packages = ["chromium", "fonts-noto-cjk"]
        subprocess.run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
            env=env,
            stdout=subprocess.DEVNULL,
            check=False,
        )
    if not any(shutil.which(name) for name in CHROMIUM):
        raise MachineProblem(
            "The browser tests need Chromium: install it (Debian: apt-get install chromium) or run ./shanhai test --no-browser."
        )
