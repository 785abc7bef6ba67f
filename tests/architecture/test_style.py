"""Style and types are part of the suite: what ``./shanhai lint`` refuses, no green run may hide."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shop.cli.lint import CHECKS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("check", [check for check in CHECKS if check[0] != "lint-imports"], ids=" ".join)
def test_lint_is_clean(check: tuple[str, ...]) -> None:
    """The import rules have tests of their own (test_shape)."""
    done = subprocess.run([str(Path(sys.executable).with_name(check[0])), *check[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize(
    ("check", "planted"),
    [
        (("ruff", "check"), "import os\n"),
        (("ruff", "format", "--check"), "a = 'one'\n"),
        (("mypy",), "def grow(boxes: int) -> str:\n    return boxes\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_planted_is_refused(check: tuple[str, ...], planted: str, tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(planted)
    command = [str(Path(sys.executable).with_name(check[0])), *check[1:], "--config-file" if check[0] == "mypy" else "--config"]
    done = subprocess.run([*command, str(ROOT / "pyproject.toml"), str(path)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
