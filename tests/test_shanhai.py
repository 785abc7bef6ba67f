"""The command at the root, in a small checkout of its own: a real environment, the real pip, one tiny local package."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLI = "import os, sys, tiny; print(tiny.GREETING, os.getcwd(), sys.argv[1:], sys.flags.utf8_mode)"


def make_wheel(folder: Path, version: str) -> str:
    """Write the wheel of a package `tiny` and return its pinned line for a requirements file."""
    folder.mkdir(exist_ok=True)
    wheel = folder / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    files = {
        "tiny.py": f"GREETING = 'tiny {version}'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        record += f"{name},sha256={digest},{len(text)}\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(name, text)
    return f"tiny=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


class Checkout:
    """A folder with the script, a package list and a command line that only reports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "shop").mkdir(parents=True)
        shutil.copy(ROOT / "shanhai", folder / "shanhai")
        (folder / "shop" / "__init__.py").touch()
        (folder / "shop" / "cli.py").write_text(CLI)
        self.pin("1.0")

    def pin(self, version: str) -> None:
        """List another version."""
        line = make_wheel(self.folder / "wheels", version)
        (self.folder / "requirements.txt").write_text(line)
        (self.folder / "requirements-dev.txt").write_text(line)

    def start(self, *arguments: str, cwd: Path | None = None, python: str = sys.executable) -> "subprocess.Popen[str]":
        """Call the script."""
        environment = {
            **os.environ,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.folder / "wheels"),
            "PIP_CONFIG_FILE": os.devnull,
        }
        return subprocess.Popen(
            [python, str(self.folder / "shanhai"), *arguments],
            cwd=cwd or self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str, cwd: Path | None = None, python: str = sys.executable) -> tuple[int, str, str]:
        """Call the script to its end: exit code, output, complaints."""
        process = self.start(*arguments, cwd=cwd, python=python)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture(name="checkout")
def _checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def test_help_needs_nothing(checkout: Checkout) -> None:
    code, out, _ = checkout.call("help")
    assert code == 0
    assert "./shanhai run" in out
    assert not (checkout.folder / ".venv").exists()


def test_sets_up_once_and_keeps_the_callers_folder(checkout: Checkout, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tiny.py").write_text("raise SystemExit('the wrong one')")
    code, out, err = checkout.call("ledger", "verify", "proof.json", cwd=elsewhere)
    assert code == 0, err
    assert "Installing 1 packages" in out
    assert out.endswith(f"tiny 1.0 {elsewhere} ['ledger', 'verify', 'proof.json'] 1\n")
    code, out, _ = checkout.call("run")
    assert out == f"tiny 1.0 {checkout.folder} ['run'] 1\n"


def test_another_list_is_installed_and_a_broken_off_set_up_gone_on_with(checkout: Checkout) -> None:
    checkout.call("run")
    checkout.pin("2.0")
    pinned = (checkout.folder / "requirements.txt").read_text()
    (checkout.folder / "requirements.txt").write_text(pinned.replace("sha256:", "sha256:" + "0" * 8)[: len(pinned)])
    code, out, err = checkout.call("run")
    assert code == 1
    assert len(err.splitlines()) == 1
    (checkout.folder / "requirements.txt").write_text(pinned)
    code, out, _ = checkout.call("run")
    assert "tiny 2.0" in out


def test_wrong_hash_is_refused(checkout: Checkout) -> None:
    listed = checkout.folder / "requirements.txt"
    listed.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    code, _, err = checkout.call("run")
    assert code == 1
    assert err.startswith("A package does not match its hash, so nothing was installed")
    assert len(err.splitlines()) == 1


def test_test_tools_serve_running_too(checkout: Checkout) -> None:
    assert "Installing" in checkout.call("test")[1]
    assert "Installing" not in checkout.call("run")[1]
    (checkout.folder / ".venv" / "stamp-dev").unlink()
    assert "Installing" in checkout.call("lint")[1]


def test_two_calls_at_once_set_up_once(checkout: Checkout) -> None:
    calls = [checkout.start("run"), checkout.start("demo")]
    said = [call.communicate(timeout=120)[0] for call in calls]
    assert [call.returncode for call in calls] == [0, 0]
    assert sum("Installing" in out for out in said) == 1
    assert all("tiny 1.0" in out for out in said)


def test_lent_environment_is_taken_as_it_is(checkout: Checkout, tmp_path: Path) -> None:
    checkout.call("run")
    (checkout.folder / ".venv").rename(tmp_path / "lent")
    (checkout.folder / ".venv").symlink_to(tmp_path / "lent")
    checkout.pin("2.0")
    assert "tiny 1.0" in checkout.call("run")[1]


def test_environment_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    checkout.call("run")
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert "tiny 1.0" in checkout.call("run")[1]


def test_call_from_an_environment_without_pip_uses_the_pip_outside(checkout: Checkout) -> None:
    checkout.call("run")
    checkout.pin("2.0")
    assert "tiny 2.0" in checkout.call("run", python=str(checkout.folder / ".venv" / "bin" / "python"))[1]


def test_missing_pip_is_named(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout.folder / "pip.py").write_text("raise SystemExit(1)")  # stands before the real one: no such module
    monkeypatch.setenv("PYTHONPATH", str(checkout.folder))
    code, _, err = checkout.call("run")
    assert (code, err) == (1, "pip is missing: apt install python3-pip.\n")


def test_folder_that_cannot_be_written(checkout: Checkout) -> None:
    mount = f"mount --bind {checkout.folder} {checkout.folder} && mount -o remount,ro,bind {checkout.folder}"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mount} && exec "$0" "$@"']
    done = subprocess.run(
        [*command, sys.executable, str(checkout.folder / "shanhai"), "run"], cwd="/", capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("this kernel or container forbids private mounts")
    assert done.returncode == 1
    assert done.stderr == f"The folder {checkout.folder} is read-only: put the checkout where you can write and start again.\n"
