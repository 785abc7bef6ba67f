"""Copy the browser libraries named in package.json into kernel/static/vendor, with licences and a list of hashes.

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
VENDOR = ROOT / "kernel" / "static" / "vendor"


@dataclass(frozen=True)
class Part:
    """One library: where its file lies in the package, the licence texts it needs, and what else is bundled in that file."""

    package: str
    file: str
    folder: str
    licences: tuple[str, ...]
    bundles: tuple[str, ...] = ()


PARTS = (
    Part("htmx.org", "dist/htmx.min.js", "htmx", ("htmx.org/LICENSE",)),
    Part(
        "@zxing/browser",
        "umd/zxing-browser.min.js",
        "zxing",
        ("@zxing/browser/LICENSE", "@zxing/library/LICENSE", "ts-custom-error/LICENSE"),
        bundles=("@zxing/library", "ts-custom-error"),
    ),
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
    folder = VENDOR / part.folder
    folder.mkdir(parents=True)
    source = modules / part.package / part.file
    shutil.copyfile(source, folder / source.name)
    entry: dict[str, object] = {"path": f"{part.folder}/{source.name}", **about(modules, part.package)}
    if part.bundles:
        entry["bundles"] = [about(modules, package) for package in part.bundles]
    entries = [entry]
    for licence in part.licences:
        name = "LICENSE-" + licence.rpartition("/")[0].replace("@", "").replace("/", "-") + ".txt"
        shutil.copyfile(modules / licence, folder / name)
        entries.append({"path": f"{part.folder}/{name}"})
    for listed in entries:
        listed["sha256"] = hashlib.sha256((VENDOR / str(listed["path"])).read_bytes()).hexdigest()
    return entries


def main() -> None:
    """Replace kernel/static/vendor as a whole."""
    with tempfile.TemporaryDirectory() as temporary:
        modules = install(Path(temporary))
        shutil.rmtree(VENDOR, ignore_errors=True)
        files = [entry for part in PARTS for entry in copy(modules, part)]
    (VENDOR / "VENDOR.json").write_text(json.dumps({"files": files}, indent=2) + "\n")
    for entry in files:
        print(entry["path"], entry.get("version", ""))


if __name__ == "__main__":
    main()
