"""Signs by which other processes know that this one has ended, and by which it knows that of them.

A wrong "gone" sends messages twice that are on their way; a wrong "alive" repeats them only when their calls are over.
So whatever cannot be read, or is of another machine or PID namespace, is alive.
"""

import fcntl
import os
import re
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

PROC, BOOT = Path("/proc"), Path("/proc/sys/kernel/random/boot_id")
NAME = re.compile(r".+-(\d{1,9})-(\w*)\.(\w*)\.(\w*)\.(\w*)-\w+(?:-receives)?")
KEPT = 3600.0  # seconds for which the file of a process that has ended can be asked: longer than any call
UNREADABLE = (OSError, ValueError, IndexError)


class Presence:
    """One process: it locks a file in `directory` as long as it lives, if locks mean anything there.

    name  host, PID, its start, its PID namespace, the name of its file, and which file that is on which kernel
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._namespace, began = _read_self()
        held = _hold(directory) if directory else "."
        self.name = f"{os.uname().nodename}-{os.getpid()}-{began}.{self._namespace}.{held}"

    def is_gone(self, process: str) -> bool:
        """Return True where that process has surely ended: its lock can be taken, or its PID is no longer its own."""
        if not (parts := NAME.fullmatch(process)):
            return False
        pid, began, namespace, token, file = parts.groups()
        locked = _is_locked(_path(self._directory, token), file) if self._directory and file else None
        if locked is None:
            return bool(namespace) and namespace == self._namespace and _has_ended(int(pid), began)
        return not locked


def _path(directory: Path, token: str) -> Path:
    return directory / f"process-{token}.lock"


def _hold(directory: Path) -> str:
    """Lock a file until this process ends; return what others know it by, "." where that cannot be relied on."""
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in directory.glob("process-*.lock"):
            with suppress(OSError):
                if time.time() - old.stat().st_mtime > KEPT and _is_locked(old) is False:
                    old.unlink()
        path = _path(directory, token := token_hex(4))
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)  # closed by the kernel
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_locked(path, file := _identity(lock)):
            return f"{token}.{file}"
    return "."


def _is_locked(path: Path, file: str = "") -> bool | None:
    """Return whether a process holds this file; None where it is another one than `file`, or cannot be asked."""
    with suppress(OSError):
        lock = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if file and _identity(lock) != file:
                return None
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that ask at once do not see each other
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(lock)
    return None


def _identity(file: int) -> str:
    """Return the same for all processes of one kernel that see this file: their locks exclude each other."""
    status = os.fstat(file)
    return _digest(BOOT.read_text(), status.st_dev, status.st_ino)


def _read_self() -> tuple[str, str]:
    """Return this process's PID namespace, and when it began; empty where /proc is another namespace's."""
    with suppress(*UNREADABLE):
        if str((PROC / "self").readlink()) == str(os.getpid()):
            spaces = (PROC / "self/ns/pid", PROC / "self/ns/time")
            namespace = _digest(BOOT.read_text(), *(str(path.readlink()) for path in spaces if path.is_symlink()))
            return namespace, _stat(os.getpid())[1]
    return "", ""


def _has_ended(pid: int, began: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # there is one, of another user
    with suppress(*UNREADABLE):
        state, since = _stat(pid)
        return state in "ZX" or since != began
    return False


def _stat(pid: int) -> tuple[str, str]:
    """Return state and start of a process, which a later one with its PID does not share."""
    state, *rest = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return state, rest[18]


def _digest(*parts: object) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:12]
