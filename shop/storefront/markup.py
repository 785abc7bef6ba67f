"""The plain text operators write, as parts a template shows. Pure; no HTML comes in or out, so nothing needs to be cleaned.

A blank line ends a paragraph, ``## `` begins a heading, ``- `` an entry of a list.
"""

from __future__ import annotations

from typing import Literal

Part = tuple[Literal["heading", "list", "text"], list[str]]


def read_text(text: str) -> list[Part]:
    """The parts of a text in order: ("heading", [words]), ("list", [entry, …]), ("text", [line, …])."""
    parts: list[Part] = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = [line.strip() for line in block.split("\n") if line.strip()]
        if lines and lines[0].startswith("## "):
            parts.append(("heading", [lines.pop(0)[3:].strip()]))
        if lines and all(line.startswith("- ") for line in lines):
            parts.append(("list", [line[2:].strip() for line in lines]))
        elif lines:
            parts.append(("text", lines))
    return parts
