"""How much memory the embedded Redis may use of the machine, or of the container, that it runs in."""

import os
from pathlib import Path

# Half, because the rest is needed: while Redis writes its append-only file anew, a child of it shares its pages, and
# each page that changes meanwhile is copied, at worst all of them; and relay itself runs beside it. Without a limit the
# system would kill one of them when memory is short. With one, Redis refuses, and senders are asked to try again.
SHARE = 0.5
LEAST = 64 << 20  # bytes; where less is left than this, the machine is too small for a limit to help
LIMITS = (  # of the container: https://docs.kernel.org/admin-guide/cgroup-v2.html, then the first version's
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def maxmemory(physical: int | None = None, limits: tuple[Path, ...] = LIMITS) -> int:
    """Bytes that the embedded Redis may use; 0, no limit, where the machine does not say what it has."""
    sizes = [physical if physical is not None else _physical(), *map(_limit, limits)]
    least = min((size for size in sizes if size), default=0)
    return max(LEAST, int(least * SHARE)) if least else 0


def _physical() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _limit(file: Path) -> int:
    """What this file allows; 0 for none: `max`, or no such file."""
    try:
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return 0
    return int(text) if text.isdecimal() else 0
