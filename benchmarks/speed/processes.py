"""A process that is measured, with all that it starts: their CPU time and memory, from /proc."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from relay.store.embedded.launch import ends_with_parent

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")
SERVERS = ("redis-server", "valkey-server")
FAREWELL = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far, and MB just now: of a program and of the Redis that it keeps."""

    app_cpu: float = 0.0
    redis_cpu: float = 0.0
    app_memory: float = 0.0
    redis_memory: float = 0.0
    processes: int = 0

    def since(self, earlier: "Usage") -> "Usage":
        """The CPU since then, the memory of now."""
        return Usage(
            self.app_cpu - earlier.app_cpu,
            self.redis_cpu - earlier.redis_cpu,
            self.app_memory,
            self.redis_memory,
            self.processes,
        )


class Measured:
    """`with Measured(command, log=path) as process`: it is ended, and with it what it started."""

    def __init__(self, command: Sequence[str | Path], *, log: Path, cwd: Path | None = None) -> None:
        self._command = [*map(str, command)]
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
        self._cwd = cwd
        self.log = log

    def __enter__(self) -> Self:
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                self._command, env=self._env, cwd=self._cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - it makes two system calls, no more
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(ProcessLookupError):  # what it left behind in its group
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """RuntimeError with its last words, if it has ended."""
        if self._process.poll() is not None:
            words = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self._command[0]} ended with {self._process.returncode}:\n{words}")

    def usage(self) -> Usage:
        return usage_of(self.pid)


def usage_of(pid: int) -> Usage:
    """Of this process and of all below it."""
    app_cpu = redis_cpu = app_memory = redis_memory = 0.0
    family = _below(pid)
    for name, cpu, memory in family:
        if name.startswith(SERVERS):
            redis_cpu, redis_memory = redis_cpu + cpu, redis_memory + memory
        else:
            app_cpu, app_memory = app_cpu + cpu, app_memory + memory
    return Usage(app_cpu, redis_cpu, app_memory, redis_memory, len(family))


def busy() -> float:
    """Return the CPU seconds of this whole machine."""
    figures = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _waiting, irq, soft_irq = map(int, figures[:7])
    return (user + nice + system + irq + soft_irq) / TICKS


def own_cpu() -> float:
    """CPU seconds of this process and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _below(pid: int) -> list[tuple[str, float, float]]:
    """Name, CPU seconds and MB of a process and its descendants; children that have ended count where they were."""
    rows: dict[int, tuple[int, str, float, float]] = {}
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            head, _, rest = (entry / "stat").read_text().rpartition(")")
            values = rest.split()
            cpu = sum(map(int, values[11:15])) / TICKS  # its own, and of the children that it has waited for
            rows[int(entry.name)] = int(values[1]), head.partition("(")[2], cpu, int(values[21]) * PAGE / 1e6
    family, grown = {pid}, True
    while grown:
        more = {child for child, row in rows.items() if row[0] in family} - family
        family, grown = family | more, bool(more)
    return [rows[each][1:] for each in family if each in rows]
