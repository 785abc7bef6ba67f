"""``./shanhai lint``: style, types, import rules."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


def register(commands: Any) -> None:
    """Add the parser."""
    commands.add_parser("lint", help="check style, types and import rules").set_defaults(act=act)


def act(_arguments: argparse.Namespace) -> int:
    """Run every check, even after one failed; 0 only when all pass."""
    tools = Path(sys.executable).parent
    failed = 0
    for name, *rest in CHECKS:
        sys.stdout.write(f"== {name} {' '.join(rest)}\n")
        sys.stdout.flush()
        failed += subprocess.run([str(tools / name), *rest], check=False).returncode != 0
    return 1 if failed else 0
