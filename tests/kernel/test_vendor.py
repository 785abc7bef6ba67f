"""The vendored browser libraries are exactly the files their lists name, with licences, and the lists agree with package.json."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PERMISSIVE = {"0BSD", "MIT", "Apache-2.0", "BSD-3-Clause", "ISC"}
HOMES = {  # folder → where package.json names its libraries, and the licences that may lie there
    ROOT / "kernel" / "static" / "vendor": ("dependencies", PERMISSIVE),
    ROOT / "tests" / "vendor": ("devDependencies", PERMISSIVE | {"MPL-2.0"}),  # MPL: never served, never changed
}
each_home = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.parent.name)


def listed(home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((home / "VENDOR.json").read_text())["files"]
    return found


@each_home
def test_each_listed_file_has_its_hash(home: Path) -> None:
    changed = [
        entry["path"]
        for entry in listed(home)
        if hashlib.sha256((home / entry["path"]).read_bytes()).hexdigest() != entry["sha256"]
    ]
    assert changed == [], "run tools/vendor.py; these files are not what the list says"


@each_home
def test_nothing_lies_there_unlisted(home: Path) -> None:
    there = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert there == {entry["path"] for entry in listed(home)} | {"VENDOR.json"}


@each_home
def test_versions_are_those_of_package_json_and_pinned(home: Path) -> None:
    wanted = json.loads((ROOT / "package.json").read_text())[HOMES[home][0]]
    libraries = [library for entry in listed(home) if "name" in entry for library in (entry, *entry.get("bundles", []))]
    assert {library["name"]: library["version"] for library in libraries} == wanted


@each_home
def test_each_library_comes_with_a_licence_text(home: Path) -> None:
    licence_texts = {path.parent.name for path in home.rglob("LICENSE-*.txt") if path.stat().st_size > 200}
    for entry in listed(home):
        if "name" in entry:
            assert entry["licence"] in HOMES[home][1]
            assert Path(entry["path"]).parent.name in licence_texts


def test_the_lock_file_names_no_address() -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        assert "http" not in (ROOT / name).read_text()
