"""Start child processes that cannot outlive us, and find those an earlier run left behind.

Three nets, because one always has a hole: each child asks the kernel for a signal when its parent dies
(``PR_SET_PDEATHSIG``), each child leads its own
process group, and each carries a mark in its environment that its own children inherit, so that whatever escaped can
be found in /proc.
"""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_CLONE_NEWUSER = 0x10000000  # <sched.h>
_NOBODY = 65534
_LOG_LIMIT = 10 * 1024 * 1024
_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True)

MARK = "SHANHAI_RUN"
"""Environment variable that marks every process of one run."""


@dataclass(frozen=True)
class Identity:
    """As whom a server runs. PostgreSQL refuses to run as root, so root needs one of two ways out.

    `namespace`: in a user namespace where root is called nobody; every file stays root's own, so nothing has to be
    copied or given away.
    `user`: as another account, where the kernel or a container forbids user namespaces.
    """

    user: int | None = None
    group: int | None = None
    namespace: bool = False


def server_identity() -> Identity:
    """The identity for a server that refuses root: plain for a normal user, a user namespace for root, else the
    account postgres or nobody."""
    if os.geteuid() != 0:
        return Identity()
    if _namespaces_work():
        return Identity(namespace=True)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return Identity(user=account.pw_uid, group=account.pw_gid)
    return Identity(user=_NOBODY, group=_NOBODY)


def _namespaces_work() -> bool:
    try:
        run(["/bin/true"], identity=Identity(namespace=True))
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _enter_namespace(uid: int, gid: int) -> None:
    if _libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not available")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{_NOBODY} {gid} 1")


def _preparation(identity: Identity, death_signal: signal.Signals | None) -> Callable[[], None]:
    """What the child does between fork and exec. CPython changes the account before it, so the kernel does not
    forget the death signal."""
    parent, uid, gid = os.getpid(), os.geteuid(), os.getegid()

    def prepare() -> None:
        if identity.namespace:
            _enter_namespace(uid, gid)
        if death_signal is not None and _LINUX:
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:  # the parent died before the kernel knew
                os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def run(
    argv: Sequence[str | Path], *, identity: Identity | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> str:
    """Run a short command to its end and return what it printed.

    Raises:
        subprocess.CalledProcessError: non-zero exit; `output` holds what it printed.
        OSError, subprocess.SubprocessError: it could not be started.
    """
    as_whom = identity or Identity()
    done = subprocess.run(
        list(argv),
        env=dict(env) if env is not None else None,
        cwd=cwd or "/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=True,
        start_new_session=True,
        preexec_fn=_preparation(as_whom, signal.SIGKILL),
        user=as_whom.user,
        group=as_whom.group,
        extra_groups=[] if as_whom.user is not None else None,
    )
    return done.stdout


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    identity: Identity | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child in its own session, with its output in `log`, that receives `death_signal` when this process dies.

    Only from the main thread: the kernel sends the signal when the *thread* that started the child ends.

    Raises:
        RuntimeError: called from another thread.
        OSError, subprocess.SubprocessError: it could not be started.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("start servers from the main thread: they die with the thread that started them")
    as_whom = identity or Identity()
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".1.log"))
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            env=dict(env) if env is not None else None,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_preparation(as_whom, death_signal),
            user=as_whom.user,
            group=as_whom.group,
            extra_groups=[] if as_whom.user is not None else None,
        )


def end(process: subprocess.Popen[bytes], *, first: signal.Signals | None = signal.SIGTERM, grace: float = 10.0) -> None:
    """Stop a child of `spawn` and everything it left in its process group: ask (None: it was asked), wait `grace` seconds, then kill."""
    if process.poll() is None:
        if first is not None:
            process.send_signal(first)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    kill_group(process.pid)
    process.wait()


def kill_group(group: int) -> None:
    """Kill what is left of a process group; its leader may already be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def find_working_in(folder: Path) -> list[int]:
    """Processes whose current folder is `folder`: PostgreSQL's own all stand in their data folder."""
    wanted = str(folder.resolve())
    return [pid for pid in _processes() if _current_folder(pid) == wanted]


def find_marked(mark: str) -> list[int]:
    """Processes whose environment carries ``SHANHAI_RUN=<mark>…``; never this process itself."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in _processes() if pid != os.getpid() and any(entry.startswith(wanted) for entry in _environment(pid))]


def end_all(find: Callable[[], list[int]], *, patience: float, last: signal.Signals = signal.SIGTERM, grace: float = 5.0) -> None:
    """Wait `patience` seconds for the processes `find` names to go by themselves, then send them `last`, then kill
    them."""
    if _gone(find, patience):
        return
    for signal_, seconds in ((last, grace), (signal.SIGKILL, grace)):
        for pid in find():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal_)
        if _gone(find, seconds):
            return


def last_words(log: Path, lines: int = 12) -> str:
    """The end of a log file; empty when there is none."""
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return ""


def guard(mark: str) -> None:
    """The third net, a process of its own: wait until the supervisor at the other end of standard input is gone,
    then end what it left.

    A word on the input before its end means that the supervisor stopped everything itself.
    """
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if not sys.stdin.buffer.read():
        end_all(lambda: find_marked(mark), patience=3.0)  # most heard of the death by themselves and are finishing


def start_guard(mark: str) -> subprocess.Popen[bytes]:
    """Start `guard` in a bare interpreter; closing its standard input, as dying does, sets it off."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _gone(find: Callable[[], list[int]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while find():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def _processes() -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return []


def _current_folder(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return None


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


if __name__ == "__main__":
    guard(sys.argv[1])
