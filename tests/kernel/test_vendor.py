"""The vendored browser libraries are exactly the files their list names, with licences, and the list agrees with package.json."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "kernel" / "static" / "vendor"
FILES = json.loads((VENDOR / "VENDOR.json").read_text())["files"]


def test_each_listed_file_has_its_hash() -> None:
    changed = [
        entry["path"] for entry in FILES if hashlib.sha256((VENDOR / entry["path"]).read_bytes()).hexdigest() != entry["sha256"]
    ]
    assert changed == [], "run tools/vendor.py; these files are not what the list says"


def test_nothing_lies_there_unlisted() -> None:
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    assert there == {entry["path"] for entry in FILES} | {"VENDOR.json"}


def test_versions_are_those_of_package_json_and_pinned() -> None:
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    libraries = [library for entry in FILES if "name" in entry for library in (entry, *entry.get("bundles", []))]
    assert {library["name"]: library["version"] for library in libraries} == wanted


def test_each_library_comes_with_a_licence_text() -> None:
    permissive = {"0BSD", "MIT", "Apache-2.0", "BSD-3-Clause", "ISC"}
    licence_texts = {path.parent.name for path in VENDOR.rglob("LICENSE-*.txt") if path.stat().st_size > 200}
    for entry in FILES:
        if "name" in entry:
            assert entry["licence"] in permissive
            assert Path(entry["path"]).parent.name in licence_texts


def test_the_lock_file_names_no_address() -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        assert "http" not in (ROOT / name).read_text()
