"""Each thing a machine may lack ends in one sentence. The faults are real ones: a taken port, a full device, a read-only mount."""

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.local import Claim, MachineProblem, check_machine, check_port, free_port, plain_words
from kernel.local.processes import server_identity

ROOT = Path(__file__).parents[3]


def in_own_mounts(mount: str, code: str) -> str:
    """Run Python code where `mount` was done first, seen by nobody else; return what it printed."""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'{mount} && exec "$0" -c "$1"', sys.executable, code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "Operation not permitted" in done.stderr and not done.stdout:
        pytest.skip("this kernel or container forbids private mounts")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def problem(call: str) -> str:
    """Code that prints the sentence `call` ends with."""
    return f"""
import os
from pathlib import Path
from kernel.local import *
try:
    {call}
except MachineProblem as found:
    print(found)
"""


def test_a_good_machine_passes(tmp_path: Path) -> None:
    check_machine(tmp_path / "var" / "run", free_port())
    assert list((tmp_path / "var" / "run").iterdir()) == []


def test_taken_port() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(MachineProblem, match=rf"Port {port} is taken by another program: .* PORT={port + 1}"):
            check_port(port)
    check_port(port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_no_port_number(port: int) -> None:
    with pytest.raises(MachineProblem, match="is no port number"):
        check_port(port)


def test_full_device(tmp_path: Path) -> None:
    def write() -> None:
        with plain_words(tmp_path), Path("/dev/full").open("w") as device:
            device.write("a harvest")

    with pytest.raises(MachineProblem, match=r"The disk holding .* is full: free at least 500 MB"):
        write()


def test_small_disk() -> None:
    sentence = in_own_mounts("mount -t tmpfs -o size=8m none /mnt", problem("check_folder(Path('/mnt/var'))"))
    assert sentence == "The disk holding /mnt/var has only 8 MB left: free at least 500 MB and start again."


def test_no_room_for_the_cluster() -> None:
    sentence = in_own_mounts("mount -t tmpfs -o size=8m none /mnt", problem("Postgres(Path('/mnt/var')).start()"))
    assert sentence == "The disk holding /mnt/var/postgres is full: free at least 500 MB and start again."


def test_read_only_folder() -> None:
    sentence = in_own_mounts("mount -t tmpfs -o ro none /mnt", problem("check_folder(Path('/mnt/var'))"))
    assert sentence.startswith("The folder /mnt/var is on a read-only file system")


def test_folder_of_somebody_else(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o500)
    code = problem(f"os.geteuid() or os.seteuid(65534); check_folder(Path('{shut}/var'))")  # root may write anywhere
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cannot be written by you" in done.stdout


@pytest.mark.parametrize("mount", ["-o ro none", "-o size=4k,nr_inodes=1 none"], ids=["read-only", "full"])
def test_no_shared_memory(mount: str) -> None:
    sentence = in_own_mounts(f"mount -t tmpfs {mount} /dev/shm", problem("check_shared_memory()"))
    assert sentence.startswith("/dev/shm is not writable here")


def test_claim_ends_with_release(tmp_path: Path) -> None:
    first, second = Claim(tmp_path, "The folder"), Claim(tmp_path, "The folder")
    first.take()
    first.take()
    with pytest.raises(MachineProblem, match=rf"The folder is in use by another run \(process {os.getpid()}\)"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_claim_is_the_lock_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda file, how: None)
    first, second = Claim(tmp_path, "The folder"), Claim(tmp_path, "The folder")
    first.take()
    second.take()
    first.release()
    second.release()


def test_servers_never_run_as_root() -> None:
    identity = server_identity()
    assert os.geteuid() != 0 or identity.namespace or identity.user
