"""Memory of this process and of its private Redis: one budget, what the container or the machine has, in shares.

The limit is that of the control group (a container, a systemd unit) or of each that contains it, else the machine's.
Measured shares are in docs/sizing.md.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MIB = 1 << 20
# What relay takes whatever it does: Python, libraries, templates, caches whose entries are counted, buffers, and the
# gaps that the allocator leaves.
BASE = 160 * MIB
HOT, BODIES = 64 * MIB, 32 * MIB  # at most, of records in memory, and of requests
LEAST = 32 * MIB  # of the private Redis; where less is left, the machine is too small for a limit to help
# Redis forks a child that writes its append-only file anew. It shares the pages of its parent, and each that changes
# meanwhile is there twice: a third of them where events come at full speed.
REWRITE = 1 / 3
# Bytes in Redis of a run with one event of 1.4 kB without a recipient, and of one with a message that waits.
OPERATION, MESSAGE = 3_300, 5_500
EMPTY = 2 * MIB  # what Redis takes without them, with its connections
TAKEN = 0.9  # of Redis's memory, above which no event is taken (relay/outage.py)

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
HIERARCHIES = {  # by controller as in MEMBERSHIP: where its groups are below MOUNT, and the file that has the limit
    "": (".", "memory.max"),  # https://docs.kernel.org/admin-guide/cgroup-v2.html, where all controllers are one
    "memory": ("memory", "memory.limit_in_bytes"),  # the first version's
}


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of each share; 0, no limit, where the machine does not say what it has.

    hot      records and indexes that decisions read
    bodies   requests, until they are answered
    redis    `maxmemory` of the private Redis
    rewrite  its child, while that writes the append-only file anew
    """

    limit: int
    hot: int
    bodies: int
    redis: int
    rewrite: int

    @classmethod
    def shared(cls, limit: int) -> "Memory":
        """Share out a limit: to Redis at most half of it."""
        if not limit:
            return cls(0, HOT, BODIES, 0, 0)
        hot, bodies = min(HOT, limit // 16), min(BODIES, limit // 16)
        redis = max(LEAST, min(limit // 2, int((limit - BASE - hot - bodies) / (1 + REWRITE))))
        return cls(limit, hot, bodies, redis, int(redis * REWRITE))

    @property
    def operations(self) -> int:
        """Return about how many runs the private Redis holds at once."""
        return max(0, int(self.redis * TAKEN) - EMPTY) // OPERATION

    @property
    def messages(self) -> int:
        """Return about how many messages may wait at once, where all of Redis's memory is for them."""
        return max(0, int(self.redis * TAKEN) - EMPTY) // MESSAGE

    def stated(self, *, private: bool) -> dict[str, int]:
        """Return what the log and `/readyz` show; of an external Redis nothing is known here."""
        budget = {"limit": self.limit, "hot": self.hot}
        held = {"redis": self.redis, "operations": self.operations, "messages": self.messages}
        return budget | held if private else budget


def available(physical: int | None = None, limits: Sequence[Path] | None = None) -> int:
    """Return the bytes that this process and its children may use; 0 where nothing says that."""
    files = limits if limits is not None else limiting()
    sizes = [physical if physical is not None else _physical(), *map(_limit, files)]
    return min((size for size in sizes if size), default=0)


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


def return_free_memory() -> None:
    """Return to the system what the allocator would keep for good: 77 to 117 MB after 300 uploads of 1 MiB."""
    with contextlib.suppress(AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)
