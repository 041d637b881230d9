"""relay as a subject: its configuration, its processes, and what its ledger says afterwards."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from benchmarks.speed.peers import Started, answering
from benchmarks.speed.processes import Measured, Usage, usage_of
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
SETTLED = 200  # looks at the ledger until two are the same
CHECKOUT: ContextVar[Path] = ContextVar("CHECKOUT", default=ROOT)  # whose relay it is


class Relay(Started):
    """A relay that serves."""

    def __init__(self, process: Measured, url: str, redis: str, partitions: int = 1) -> None:
        super().__init__(process, url)
        self.redis = redis
        self.servers: Sequence[int] = ()  # processes of Redis that are not its own, but do what it asks for
        self._partitions = partitions

    def usage(self) -> Usage:
        return sum(map(usage_of, self.servers), super().usage())

    def ledger(self) -> Counter[str]:
        """Once what was under way has been counted."""
        return asyncio.run(_ledger(self.redis, self._partitions))

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
        yield Relay(process, started.url, redis["url"], redis.get("partitions", 1))


async def _ledger(url: str, partitions: int) -> Counter[str]:
    store = Store.open(url, worker="benchmark", partitions=partitions)
    async with aclosing(store):
        admin, before = Admin(store), Counter[str]()
        for _ in range(SETTLED):
            found = Counter((await admin.ledger()).counts)
            if found["received"] == before["received"] and before:
                break
            before = found
            await asyncio.sleep(0.1)
        return found


async def _info(url: str, section: str) -> dict[str, Any]:
    redis = connect(url)
    try:
        found: dict[str, Any] = await redis.info(section)
        return found
    finally:
        await redis.aclose()
