"""Start of the private Redis: its configuration, and the rights and the end of its process."""

import ctypes
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

OPTIONS = """\
port 0
unixsocketperm 700
daemonize no
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
# So that any Redis >= 7.0 or Valkey reads what another one wrote.
aof-use-rdb-preamble no
# Documents of a run, and what is left of a finished one, are a hash of a few values up to this long: 180 bytes less in
# the compact form.
hash-max-listpack-value 2048
"""
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def configuration(directory: Path, log: Path, socket: Path, maxmemory: int) -> bytes:
    """Return the configuration of a server with its data, log and socket at these places."""
    places = {"dir": directory, "logfile": log, "unixsocket": socket}
    options = f"{OPTIONS}maxmemory {maxmemory}\n"
    return (options + "".join(f"{option} {_quoted(path)}\n" for option, path in places.items())).encode()


def ends_with_parent(by: signal.Signals = signal.SIGTERM) -> Callable[[], None] | None:
    """A `preexec_fn` by which, on Linux, a child gets this signal when the thread that starts it ends.

    It ends by it from its first moment, also where relay itself was started with the signal ignored, as a script's `&`
    does with SIGINT.
    """
    if sys.platform != "linux":
        return None  # there the server stays, and the next relay ends it
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        signal.signal(by, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:  # it ended before it could be asked for
            os._exit(1)

    return tie


def private(then: Callable[[], None] | None) -> Callable[[], None]:
    """A `preexec_fn` by which what the child writes, events and all, is for its own user alone; and then `then`."""

    def close() -> None:
        os.umask(0o077)
        if then:
            then()

    return close


def _quoted(path: Path) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'


def repair_advice(binary: Path | None, manifest: Path) -> str:
    check = f"exec -a redis-check-aof {shlex.quote(str(binary))} {shlex.quote(str(manifest))}"
    return (
        f" The data of {manifest} is damaged; relay leaves it as it is. Keep a copy of {manifest.parent}, "
        f"see what is wrong with\n  bash -c {shlex.quote(check)}\nand repair it with the same command and "
        "--fix before the file: that cuts off everything from the damage on."
    )
