"""The folders servers need outside the checkout: short ones for their sockets, and reachable ones when they run as another account."""

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from kernel.local.machine import MachineProblem, plain_words
from kernel.local.processes import Identity, run

OUTSIDE = Path("/var/lib/shanhai")
"""Where root puts what another account must reach and cannot below a closed home. Only root writes there."""


def socket_folder(folder: Path) -> Path:
    """Where the sockets of the servers of `folder` are: the same path for every command that names the same folder.

    Socket paths may have 107 bytes (``sun_path`` in unix(7)), so they cannot lie in a deep checkout. Makes nothing.
    """
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    return Path("/tmp") / f"shanhai-{os.getuid()}-{digest}"


def make_socket_folder(folder: Path, owner: int | None = None) -> Path:
    """Make `socket_folder(folder)`, empty and with mode 0700, for `owner` (this user if None) and return it.

    /tmp is everybody's: a folder that is a link or another account's is refused (root takes it over instead).

    Raises:
        MachineProblem: somebody else made it, or /tmp cannot be written.
    """
    path = socket_folder(folder)
    with plain_words(path.parent):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        try:
            opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            raise MachineProblem(f"{path} was made by somebody else: remove it and start again.") from None
        try:
            if os.fstat(opened).st_uid != os.getuid() and os.getuid() != 0:
                raise MachineProblem(f"{path} was made by somebody else: remove it and start again.")
            os.fchmod(opened, stat.S_IRWXU)
            if owner is not None:
                os.fchown(opened, owner, -1)
            for leftover in os.listdir(opened):
                os.unlink(leftover, dir_fd=opened)
        finally:
            os.close(opened)
    return path


def remove_socket_folder(folder: Path) -> None:
    """Take the folder away again after the server has gone; harmless when it is not there."""
    shutil.rmtree(socket_folder(folder), ignore_errors=True)


def outside_folder(name: str) -> Path:
    """A fresh folder below `OUTSIDE` that every account may pass through."""
    with plain_words(OUTSIDE):
        OUTSIDE.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=OUTSIDE))
        fresh.chmod(0o711)
    return fresh


def enterable(folder: Path, identity: Identity) -> bool:
    """Whether a server running as `identity` can reach `folder`."""
    try:
        run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], identity=identity)
    except (OSError, subprocess.SubprocessError):
        return False
    return True
