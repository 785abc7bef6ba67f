"""Lighthouse on the served pages, as on a phone: an `npm` package of its own in the bench's folder, none of the project's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

from benchmarks.browser import CHROMIUM
from benchmarks.figures import NotRun
from benchmarks.house import bench_folder, say

VERSION = "12.8.2"
SECONDS = 25.0  # one page, about
_FLAGS = ("--quiet", "--output=json", "--output-path=stdout", "--chrome-flags=--headless=new --no-sandbox --disable-gpu")


def audit(url: str, categories: Collection[str]) -> dict[str, float]:
    """Scores from 0 to 100 by category (``performance``, ``accessibility``), on a simulated slow phone. Raises NotRun."""
    if not CHROMIUM.exists():
        raise NotRun("there is no Chromium: apt-get install chromium")
    command = [str(_find()), url, f"--only-categories={','.join(categories)}", *_FLAGS]
    done = subprocess.run(
        command, env=os.environ | {"CHROME_PATH": str(CHROMIUM)}, capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode:
        raise NotRun(f"Lighthouse stopped: {done.stderr.strip()[-200:]}")
    return {name: round(100 * found["score"], 1) for name, found in json.loads(done.stdout)["categories"].items()}


def _find() -> Path:
    folder = bench_folder() / f"lighthouse-{VERSION}"
    program = folder / "node_modules" / ".bin" / "lighthouse"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NotRun("there is no Node with npm: apt-get install nodejs npm")
    say(f"Fetching Lighthouse {VERSION}")
    wanted = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", f"lighthouse@{VERSION}"]
    done = subprocess.run(wanted, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode or not program.exists():
        raise NotRun(f"Lighthouse could not be fetched: {done.stderr.strip()[-200:]}")
    return program
