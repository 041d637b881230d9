"""Memory that the embedded Redis may use of the machine, container or unit that it runs in."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

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
    """Yield the files that may limit this process's memory: of its control group and of each that contains it.

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
