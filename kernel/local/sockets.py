"""Short, private folders for Unix sockets: their paths may have 107 bytes at most (sun_path in unix(7)), so they
cannot live in the checkout."""

import contextlib
import hashlib
import os
import stat
from pathlib import Path

from kernel.local.machine import MachineProblem, plain_words


def socket_folder(folder: Path) -> Path:
    """Where the sockets of the servers of `folder` are: the same path for every command that names the same folder.
    Makes nothing."""
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    return Path("/tmp") / f"shanhai-{os.getuid()}-{digest}"


def make_socket_folder(folder: Path, owner: int | None = None) -> Path:
    """Make `socket_folder(folder)` with mode 0700 for `owner` (this user if None) and return it.

    /tmp is everybody's: a folder that is a link, another account's, or open to others is refused.

    Raises:
        MachineProblem: somebody else made it, or /tmp cannot be written.
    """
    path = socket_folder(folder)
    wanted = os.getuid() if owner is None else owner
    with plain_words(path.parent):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
        if found.st_uid == os.getuid() != wanted and stat.S_ISDIR(found.st_mode):
            os.chown(path, wanted, -1, follow_symlinks=False)
            found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != wanted or found.st_mode & 0o077:
        raise MachineProblem(f"{path} was made by somebody else: remove it and start again.")
    return path
