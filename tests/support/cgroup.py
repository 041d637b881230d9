"""Memory control groups of the machine, of either version, in which a test runs what may be killed there."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.memory import HIERARCHIES, MOUNT


@dataclass(frozen=True)
class Group:
    """A group with a limit. Its processes are killed where that does not do."""

    path: Path

    @property
    def procs(self) -> Path:
        return self.path / "cgroup.procs"

    @property
    def kills(self) -> int:
        """Return how many processes the kernel has killed for want of memory."""
        file = "memory.events" if (self.path / "memory.events").exists() else "memory.oom_control"
        lines = (self.path / file).read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    @property
    def peak(self) -> int:
        """Return the most bytes that it had, file cache and all; 0 where the kernel does not say that."""
        files = [self.path / name for name in ("memory.peak", "memory.max_usage_in_bytes")]
        return max((int(file.read_text()) for file in files if file.exists()), default=0)


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[Group]:
    """Make a group below the uppermost one; skip the test where none can be made."""
    group = None
    for directory, file in HIERARCHIES.values():
        path = MOUNT / directory / f"relay-test-{os.getpid()}"
        if not (path.parent / "cgroup.procs").exists():  # no file system of control groups
            continue
        try:
            path.mkdir()
        except OSError:
            continue
        try:
            if not directory.strip("."):  # the second version hands controllers down on demand
                (path.parent / "cgroup.subtree_control").write_text("+memory")
            (path / file).write_text(f"{limit}")
            group = Group(path)
            break
        except OSError:
            path.rmdir()
    if group is None:
        pytest.skip(f"no memory control group can be made below {MOUNT}: that takes root and the controller `memory`")
    try:
        yield group
    finally:
        group.path.rmdir()
