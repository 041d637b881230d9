"""relay as a subject: its configuration, its processes, and what its ledger says afterwards."""

import asyncio
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.speed.peers import Started, answering
from benchmarks.speed.processes import Measured, Usage, pause, usage_of
from benchmarks.speed.requests import SECRET
from relay.store import Store
from relay.store.admin import Admin
from relay.store.client import connect
from relay.store.embedded.server import running_url
from tests.support.forked import ROOT
from tests.support.ports import free_ports

NOBODY = {"name": "another tenant's", "events": ["operation.*"], "tenants": ["nobody"], "notify": ["team"]}
EVERYBODY = {"name": "all", "events": ["operation.*"], "notify": ["team"]}
TEAM: Mapping[str, Any] = {"team": {"slack": "#team", "mode": "live"}}
LOOKS = 100  # at the ledger, until two are the same
REFRESHED = 1.5  # seconds, after which `/metrics` shows another one
CHECKOUT: ContextVar[Path] = ContextVar("CHECKOUT", default=ROOT)  # whose relay it is


class Relay(Started):
    """A relay that serves."""

    def __init__(self, process: Measured, url: str, redis: str, partitions: int = 1, admin_url: str = "") -> None:
        super().__init__(process, url)
        self.redis = redis
        self.servers: Sequence[int] = ()  # processes of Redis that are not its own, but do what it asks for
        self._partitions = partitions
        self._admin_url = admin_url or url

    def usage(self) -> Usage:
        return sum(map(usage_of, self.servers), super().usage())

    def ledger(self) -> Counter[str]:
        """Once what was under way has been counted. Another checkout may keep it in another way, and is asked."""
        if CHECKOUT.get() == ROOT:
            return _settled(lambda: asyncio.run(_stored(self.redis, self._partitions)), 0.1)
        return _settled(lambda: _shown(self._admin_url), REFRESHED)

    def memory(self) -> int:
        """Bytes that its Redis has allocated."""
        return int(asyncio.run(_info(self.redis, "memory"))["used_memory"])

    def evaluations(self) -> int:
        """Scripts that its Redis has run, in all."""
        rows = asyncio.run(_info(self.redis, "commandstats"))
        return sum(row["calls"] for name, row in rows.items() if name.startswith(("cmdstat_eval", "cmdstat_fcall")))


def configuration(port: int, rules: Sequence[Mapping[str, Any]] = (NOBODY,), **changes: Any) -> dict[str, Any]:
    """As it is by default, but for addresses and for the age of signatures: they were made before the run."""
    signature = {"scheme": "standard-webhooks", "secrets": {"current": SECRET.decode()}, "tolerance": "12h"}
    return {
        "server": {"host": "127.0.0.1", "port": port, "drain": "0s"},
        "sources": {"platform": {"signature": signature}},
        "channels": {"slack": {"token": "xoxb-7Qm2-benchmark", "base_url": "http://127.0.0.1:9/api/"}},
        "destinations": TEAM,
        "rules": [*rules],
        **changes,
    }


def strangers(count: int) -> list[dict[str, Any]]:
    """So many rules, of which none wants the events that are sent."""
    return [
        {"name": f"rule {number}", "events": ["operation.*"], "tenants": [f"customer-{number}"], "notify": ["team"]}
        for number in range(count)
    ]


def knows(setting: str) -> bool:
    """Whether its configuration has such a key."""
    return f'"{setting}"' in (CHECKOUT.get() / "config" / "relay.schema.json").read_text("utf-8")


@contextmanager
def relay(
    directory: Path, settings: Mapping[str, Any] | None = None, *, role: str = "all", processes: int = 1
) -> Iterator[Relay]:
    """`relay serve` with its private Redis, on disk before each answer; `settings` are changes of `configuration`."""
    [port] = free_ports(1)
    data = directory / "data"
    config = directory / "relay.yaml"
    made = configuration(port, **{"data_dir": str(data), **(settings or {})})
    config.write_text(json.dumps(made))  # which is YAML, too
    checkout = CHECKOUT.get()
    python = checkout / ".venv" / "bin" / "python"
    command = [
        python if python.exists() else sys.executable, "-m", "relay", "serve", "-c", config, "--log-format", "json",
        "--role", role, "--processes", f"{processes}",
    ]  # fmt: skip
    with Measured(command, log=directory / "relay.log", cwd=checkout) as process:
        started = answering(process, f"http://127.0.0.1:{port}", "/readyz")
        redis = made.get("redis") or {"url": asyncio.run(running_url(data))}
        # Older ones show their numbers to everybody.
        admin_url = f"http://127.0.0.1:{port + 1}" if knows("admin") else started.url
        yield Relay(process, started.url, redis["url"], redis.get("partitions", 1), admin_url)


def _settled(read: Callable[[], Counter[str]], between: float) -> Counter[str]:
    """What it gives twice in a row."""
    before: Counter[str] = Counter()
    for _ in range(LOOKS):
        found = read()
        if found and found == before:
            break
        before = found
        pause(between)
    return found


def _shown(url: str) -> Counter[str]:
    """As `/metrics` shows it."""
    with urlopen(f"{url}/metrics") as answer:  # noqa: S310 - it is on loopback
        rows = re.findall(r'^relay_ledger\{place="([^"]+)"\} (\S+)$', answer.read().decode(), re.MULTILINE)
    return Counter({place: int(float(count)) for place, count in rows})


async def _stored(url: str, partitions: int) -> Counter[str]:
    store = Store.open(url, worker="benchmark", partitions=partitions)
    async with aclosing(store):
        return Counter((await Admin(store).ledger()).counts)


async def _info(url: str, section: str) -> dict[str, Any]:
    redis = connect(url)
    try:
        found: dict[str, Any] = await redis.info(section)
        return found
    finally:
        await redis.aclose()
