"""Print how fast relay starts and what it takes while it does nothing, with one process and with two.

Seconds are those from the start of `relay serve` to the first 2xx of /readyz, on a Redis that is there already. RSS is
of each process and of all together; what they share is counted in each. CPU is of all of relay's processes, until they
are ready, until they have settled, and while nothing comes. `--beside` measures another checkout of relay too, in
turns. Linux alone: the figures are from /proc.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.ports import free_ports
from tests.support.redis_server import RedisServer

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config" / "relay.yaml"
SECRETS = {
    "RELAY_WEBHOOK_SECRET": "the-secret-of-a-benchmark",
    "RELAY_CALLBACK_TOKEN": "the-token-of-a-benchmark",
    "SLACK_BOT_TOKEN": "xoxb-the-token-of-a-benchmark",
}
GIVE_UP = 60.0  # seconds to the first 2xx
LOOK_AGAIN = 0.005  # seconds between two looks
LONGEST_SETTLING = 60  # looks, a second each
CALM = 0.05  # seconds of CPU in one
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Start:
    checkout: str
    processes: int
    ready: float  # seconds
    cpu: float  # seconds of it until then
    settled: float  # and until there is nothing more to do
    rss: Sequence[float]  # MB of each process, the one that was started first
    idle: float  # percent of a core

    @property
    def memory(self) -> float:
        return sum(self.rss)


def measure(processes: int, redis: str, idle: float, checkout: Path = ROOT) -> Start:
    """One start, and so many seconds of nothing."""
    with _serving(processes, redis, checkout) as (pid, ready):
        cpu = sum(map(_cpu, _family(pid)))
        _settle(pid)
        family = _family(pid)
        before = sum(map(_cpu, family))
        time.sleep(idle)
        used = sum(map(_cpu, family)) - before
        rss = [_rss(member) for member in family]
        return Start(checkout.name, processes, ready, cpu, before, rss, 100 * used / idle)


def middle(starts: Sequence[Start]) -> Start:
    """The start that took the median of their times, with the medians of the rest."""
    ordered = sorted(starts, key=lambda start: start.ready)
    return Start(
        starts[0].checkout,
        starts[0].processes,
        statistics.median(start.ready for start in starts),
        statistics.median(start.cpu for start in starts),
        statistics.median(start.settled for start in starts),
        ordered[len(ordered) // 2].rss,
        statistics.median(start.idle for start in starts),
    )


@contextmanager
def _serving(processes: int, redis: str, checkout: Path) -> Iterator[tuple[int, float]]:
    """The process that was started, and after how many seconds relay was ready."""
    (port,) = free_ports(1)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RELAY_", "PYTHON"))}
    env |= SECRETS | {"RELAY_REDIS_URL": redis, "RELAY_HOST": "127.0.0.1", "RELAY_PORT": str(port)}
    command = [sys.executable, "-m", "relay", "serve", "-c", str(CONFIG), "--processes", str(processes)]
    began = time.monotonic()
    # In the checkout, which is where `-m` looks first.
    with subprocess.Popen(command, cwd=checkout, env=env, stderr=subprocess.PIPE, text=True) as relay:
        try:
            while not _ready(port):
                if relay.poll() is not None or time.monotonic() - began > GIVE_UP:
                    relay.kill()
                    raise SystemExit(f"relay did not start: {relay.stderr.read() if relay.stderr else ''}")
                time.sleep(LOOK_AGAIN)
            yield relay.pid, time.monotonic() - began
        finally:
            relay.send_signal(signal.SIGINT)
            relay.communicate()


def _ready(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP)) as connection:
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz")
            return 200 <= connection.getresponse().status < 300
        return False


def _settle(pid: int) -> None:
    """The first answer may come before another process listens, and before what can wait is done."""
    before = 0.0
    for _ in range(LONGEST_SETTLING):
        time.sleep(1)
        family = _family(pid)
        with suppress(FileNotFoundError):  # one has ended just now
            used, before = sum(map(_cpu, family)) - before, sum(map(_cpu, family))
            if used < CALM and all(b"serve" in Path(f"/proc/{member}/cmdline").read_bytes() for member in family):
                return
    raise SystemExit("relay does not come to rest")


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS  # with the children that have ended


def _rss(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def lines(starts: Sequence[Start]) -> Iterator[str]:
    columns = f"{'checkout':<12}{'processes':>10}{'ready s':>9}{'CPU s':>7}{'settled':>9}{'RSS MB':>8}{'idle %':>8}"
    yield f"{columns}  RSS of each"
    for start in starts:
        each = ", ".join(f"{size:.0f}" for size in start.rss)
        yield (
            f"{start.checkout:<12}{start.processes:>10}{start.ready:>9.2f}{start.cpu:>7.2f}"
            f"{start.settled:>9.2f}{start.memory:>8.0f}{start.idle:>8.2f}  {each}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each, of which the median is printed (5)")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds in which nothing comes, in each round (10)")
    parser.add_argument("--processes", type=int, nargs="+", default=(1, 2), help="how many relay is told to be (1 2)")
    parser.add_argument("--beside", type=Path, metavar="DIR", help="another checkout, measured in turns with this one")
    parser.add_argument("--server", type=Path, help="a redis-server or valkey-server; else the one that relay starts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures as JSON, too")
    given = parser.parse_args(arguments)
    checkouts = [given.beside, ROOT] if given.beside else [ROOT]
    cases: dict[tuple[int, Path], list[Start]] = {(count, at): [] for count in given.processes for at in checkouts}
    with RedisServer(given.server) as redis:
        for _ in range(given.rounds):
            for (count, checkout), starts in cases.items():
                starts.append(measure(count, redis.url, given.idle, checkout.resolve()))
    found = [middle(starts) for starts in cases.values()]
    print("\n".join(lines(found)))
    if given.json:
        given.json.write_text(json.dumps([asdict(start) for start in found], indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
