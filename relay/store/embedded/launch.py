"""Start of the private Redis: its configuration, its share of the memory, and the rights and the end of its process."""

import ctypes
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

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
# What is left of a finished run is a hash of a few values up to this long: 180 bytes less in the compact form.
hash-max-listpack-value 128
"""
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def configuration(directory: Path, log: Path, socket: Path) -> bytes:
    """Return the configuration of a server with its data, log and socket at these places."""
    places = {"dir": directory, "logfile": log, "unixsocket": socket}
    options = f"{OPTIONS}maxmemory {maxmemory()}\n"
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


# Half, because the rest is needed: while Redis writes its append-only file anew, a child of it shares its pages, and
# each page that changes meanwhile is copied, at worst all of them; and relay itself runs beside it. Without a limit the
# system would kill one of them when memory is short. With one, Redis refuses, and senders are asked to try again.
SHARE = 0.5
LEAST = 64 << 20  # bytes; where less is left than this, the machine is too small for a limit to help
MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
HIERARCHIES = {  # by controller as in MEMBERSHIP: where its groups are below MOUNT, and the file that has the limit
    "": (".", "memory.max"),  # https://docs.kernel.org/admin-guide/cgroup-v2.html, where all controllers are one
    "memory": ("memory", "memory.limit_in_bytes"),  # the first version's
}


def maxmemory(physical: int | None = None, limits: Sequence[Path] | None = None) -> int:
    """Bytes that the embedded Redis may use; 0, no limit, where the machine does not say what it has."""
    files = limits if limits is not None else limiting()
    sizes = [physical if physical is not None else _physical(), *map(_limit, files)]
    least = min((size for size in sizes if size), default=0)
    return max(LEAST, int(least * SHARE)) if least else 0


def limiting(membership: Path = MEMBERSHIP, mount: Path = MOUNT) -> list[Path]:
    """Return the files that may limit this process's memory: of its control group and of each that contains it.

    A container sees its own group as the uppermost one; a systemd unit is some groups below that.
    """
    groups = dict.fromkeys(HIERARCHIES, PurePosixPath("/")) | dict(_groups(membership))
    return [
        mount / directory / group.relative_to("/") / file
        for controller, (directory, file) in HIERARCHIES.items()
        for group in (groups[controller], *groups[controller].parents)
    ]


def _groups(membership: Path) -> Iterator[tuple[str, PurePosixPath]]:
    """The group that this process is in, by controller. Lines are `number:controller,controller:/path`."""
    try:
        lines = membership.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        group = PurePosixPath(path)
        if group.is_absolute() and ".." not in group.parts:  # else it is outside of what this container sees
            yield from ((name, group) for name in controllers.split(",") if name in HIERARCHIES)


def _physical() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _limit(file: Path) -> int:
    """Return the limit in this file; 0 for none: `max`, or no such file."""
    try:
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdecimal() else 0
