"""Copy the browser libraries named in package.json into the tree, with licences and a list of hashes.

What the product serves (dependencies) goes to kernel/static/vendor, what only tests run in the browser (devDependencies) to tests/vendor.

Run by hand after changing a version, then commit what changed:
`npm install --package-lock-only --ignore-scripts && python tools/vendor.py`
The files are committed, so nobody needs Node to set up, test or run the product; `tests/kernel/test_vendor.py` hashes them again.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVED = ROOT / "kernel" / "static" / "vendor"
TESTING = ROOT / "tests" / "vendor"


@dataclass(frozen=True)
class Part:
    """One library: where its file lies in the package, the licence texts it needs, and what else is bundled in that file."""

    package: str
    file: str
    folder: str
    licences: tuple[str, ...]
    bundles: tuple[str, ...] = ()
    home: Path = SERVED


PARTS = (
    Part("htmx.org", "dist/htmx.min.js", "htmx", ("htmx.org/LICENSE",)),
    Part(
        "@zxing/browser",
        "umd/zxing-browser.min.js",
        "zxing",
        ("@zxing/browser/LICENSE", "@zxing/library/LICENSE", "ts-custom-error/LICENSE"),
        bundles=("@zxing/library", "ts-custom-error"),
    ),
    Part("axe-core", "axe.min.js", "axe", ("axe-core/LICENSE", "axe-core/LICENSE-3RD-PARTY.txt"), home=TESTING),
)


def install(folder: Path) -> Path:
    """Install exactly what the lock file says into `folder`, running no package's scripts; returns its node_modules."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ROOT / name, folder)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return folder / "node_modules"


def about(modules: Path, package: str) -> dict[str, str]:
    """Name, version and licence as the package itself tells them."""
    told = json.loads((modules / package / "package.json").read_text())
    return {"name": package, "version": told["version"], "licence": told["license"]}


def copy(modules: Path, part: Part) -> list[dict[str, object]]:
    """Copy one library and its licence texts; returns their entries for VENDOR.json."""
    folder = part.home / part.folder
    folder.mkdir(parents=True)
    source = modules / part.package / part.file
    shutil.copyfile(source, folder / source.name)
    entry: dict[str, object] = {"path": f"{part.folder}/{source.name}", **about(modules, part.package)}
    if part.bundles:
        entry["bundles"] = [about(modules, package) for package in part.bundles]
    entries = [entry]
    for licence in part.licences:
        package, _, file = licence.rpartition("/")
        name = f"{file.partition('.')[0]}-{package.replace('@', '').replace('/', '-')}.txt"
        shutil.copyfile(modules / licence, folder / name)
        entries.append({"path": f"{part.folder}/{name}"})
    for listed in entries:
        listed["sha256"] = hashlib.sha256((part.home / str(listed["path"])).read_bytes()).hexdigest()
    return entries


def main() -> None:
    """Replace both folders as a whole."""
    with tempfile.TemporaryDirectory() as temporary:
        modules = install(Path(temporary))
        for home in (SERVED, TESTING):
            shutil.rmtree(home, ignore_errors=True)
            files = [entry for part in PARTS if part.home == home for entry in copy(modules, part)]
            (home / "VENDOR.json").write_text(json.dumps({"files": files}, indent=2) + "\n")
            for entry in files:
                print(entry["path"], entry.get("version", ""))


if __name__ == "__main__":
    main()
