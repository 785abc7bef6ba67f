"""Which sentences of the product people see: every msgid in templates and in Python, with the place it stands.

Besides gettext calls it knows our own habits: the sentence of a Problem (`raise Invalid("…")`, `FieldError(field, "…")`), its `title`, `Term("…")`,
the `labels={…}` of States, `Words(…)`, a Problem's own `super().__init__("…")`, constants given to any of these by name, and tables of texts: module or
class constants whose name ends in LABELS, TEXTS, TITLES or WORDS.

`python -m tests.architecture.msgids shop/storefront` prints what a room still lacks as a .po part to fill in.
"""

import ast
import functools
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import escape

from kernel import translations
from kernel.quantity import Unit

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("kernel", "catalog", "traceability", "logistics", "shop")
FIRST = {"_", "gettext", "lazy_gettext", "N_", "Term"}
ALL = {"Words"}
PROBLEMS = {"Problem", "Invalid", "Unauthorized", "Forbidden", "NotFound", "Conflict", "TooLarge", "Unavailable"}
TABLE = re.compile(r"(^|_)(LABELS|TEXTS|TITLES|WORDS)$")
CHINESE = re.compile(r"[\u3400-\u9fff]")

Found = dict[str, list[str]]  # msgid → places


def texts(node: ast.AST | None) -> Iterator[str]:
    """Chinese literals in a table or an expression; the keys of a dict are data, not text."""
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from texts(value)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, str) and CHINESE.search(node.value):
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        return
    elif node is not None:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def problem_names(trees: list[ast.Module]) -> set[str]:
    """Problem and every class built on it, by name."""
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    known = set(PROBLEMS)
    while more := {name for name, above in bases.items() if above & known} - known:
        known |= more
    return known


def assigned(node: ast.Assign | ast.AnnAssign) -> set[str]:
    """The plain names an assignment gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def in_call(node: ast.Call, problems: set[str], constants: dict[str, ast.expr]) -> Iterator[str]:
    """The sentences a call shows."""
    name = called(node)
    if name in FIRST or name in problems:
        for first in node.args[:1]:
            yield from texts(constants.get(first.id) if isinstance(first, ast.Name) else first)
    elif name in ALL:
        for each in node.args:
            yield from texts(each)
    elif name in ("ngettext", "lazy_ngettext"):
        yield from texts(node.args[0])
    elif name in ("pgettext", "lazy_pgettext", "FieldError") and len(node.args) > 1:
        yield from texts(node.args[1])
    for keyword in node.keywords:
        if keyword.arg == "labels" or (keyword.arg == "message" and name in {*problems, "FieldError"}):
            yield from texts(keyword.value)


def in_python(tree: ast.Module, problems: set[str]) -> Iterator[str]:
    named = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    constants = {name: node.value for node in named if node.value is not None for name in assigned(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from in_call(node, problems, constants)
        elif isinstance(node, ast.ClassDef) and node.name in problems:
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__" and call.args:
                    yield from texts(call.args[0])
            for line in node.body:
                if isinstance(line, ast.Assign | ast.AnnAssign) and assigned(line) == {"title"}:
                    yield from texts(line.value)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and any(TABLE.search(name) for name in assigned(node)):
            yield from texts(node.value)


@functools.cache
def in_template(path: Path) -> tuple[str, ...]:
    with path.open("rb") as opened:
        found = extract("jinja2", opened, options={"silent": "false", "newstyle_gettext": "true"})
        return tuple(message[0] if isinstance(message, tuple) else message for _, message, _, _ in found)


@functools.cache
def collect(root: Path = ROOT) -> Found:
    """Every msgid of the product with the files it stands in."""
    found: Found = defaultdict(list)
    modules = {path: ast.parse(path.read_text()) for floor in FLOORS for path in sorted((root / floor).rglob("*.py"))}
    problems = problem_names(list(modules.values()))
    for path, tree in modules.items():
        for msgid in in_python(tree, problems):
            found[msgid].append(str(path.relative_to(root)))
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("templates/**/*.*")):
            if path.suffix in (".html", ".txt"):
                for msgid in in_template(path):
                    found[msgid].append(str(path.relative_to(root)))
    if root == ROOT:
        for unit in Unit:
            found[unit.label].append("kernel/quantity.py")
    return found


def untranslated(found: Found) -> Found:
    """What English still lacks."""
    english = translations.merge(translations.parts(translations.FOLDER / "en"), "en")
    known = {message.id[0] if isinstance(message.id, tuple) else message.id for message in english if message.string}
    return {msgid: places for msgid, places in found.items() if msgid not in known}


def main() -> None:
    wanted = tuple(sys.argv[1:]) or FLOORS
    for msgid, places in untranslated(collect()).items():
        if places[0].startswith(wanted):
            print(f'#: {places[0]}\nmsgid {escape(msgid)}\nmsgstr ""\n')  # noqa: T201


if __name__ == "__main__":
    main()
