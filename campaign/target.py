"""The relay that is attacked: `relay serve` as a process, with a Redis, a Slack and a mail server."""

import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from secrets import token_bytes
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import ClientSession, ClientTimeout

from campaign.seeds import SourceFacts
from tests.support.commands import relay_on_terminal
from tests.support.forked import fork_server
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import Surroundings, surroundings

HOSTILE_TENANT = "hostile"  # of whose operations everybody is notified
LINK_HOST = "mining.example.com"
BASE_URL = f"https://{LINK_HOST}"
PUBLIC_URL = "https://relay.example.com"

Thing = TypeVar("Thing")


@dataclass
class Target:
    """A running relay, as those see it who attack it."""

    relay: RunningRelay
    around: Surroundings
    sources: Mapping[str, SourceFacts]
    until: float = inf  # on the monotonic clock; what is not begun by then is left out

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.relay.url)
        return parts.hostname or "", parts.port or 0

    def while_in_time(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """One after the other, until the time of this part is over."""
        for part in things:
            if time.monotonic() > self.until:
                return
            yield part

    def memory(self) -> float:
        """Return the MB that relay has just now."""
        status = Path(f"/proc/{self.relay.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    async def get(self, path: str, *, admin: bool = False) -> tuple[int, str]:
        """Return status and body; 0 without an answer."""
        url = (self.relay.admin_url if admin else self.relay.url) + path
        try:
            async with ClientSession(timeout=ClientTimeout(patience(10))) as client, client.get(url) as answer:
                return answer.status, await answer.text()
        except (OSError, TimeoutError):
            return 0, ""

    async def faults(self) -> float:
        """Return how many faults of its own relay has counted."""
        _, text = await self.get("/metrics", admin=True)
        rows = [row.partition(" ") for row in text.splitlines()]
        return sum(float(value) for name, _, value in rows if name == "relay_unexpected_errors_total")

    async def command(self, *arguments: str) -> str:
        """Return what `relay …` writes to a terminal that takes no codes."""
        env = {"RELAY_DATA_DIR": self.around.env["STAGE_DATA"], "TERM": "dumb", "NO_COLOR": "1"}
        return (await relay_on_terminal(*arguments, env=env)).out


@asynccontextmanager
async def target(directory: Path) -> AsyncIterator[Target]:
    """Run a relay until it is left."""
    sources = {
        "hmac": SourceFacts("hmac-sha256"),
        "standard": SourceFacts("standard-webhooks", secret=f"whsec_{b64encode(token_bytes(24)).decode()}"),
        "github": SourceFacts("github"),
        "stripe": SourceFacts("stripe"),
        "slack": SourceFacts("slack"),
        "general": SourceFacts("hmac", "X-General-Signature"),
        "basic": SourceFacts("basic", event="operation.progress", secret=f"relay:{token_bytes(16).hex()}"),
        "progress": SourceFacts("token", event="operation.progress"),
        "keyed": SourceFacts("token", "X-Api-Key", event="operation.progress"),
    }
    fork_server()  # it blocks this loop until it has started
    with RedisServer(appendonly="yes", appendfsync="no") as redis:
        async with surroundings(redis.url) as around:
            config = directory / "relay.yaml"
            config.write_text(json.dumps(_configuration(sources)))  # which is YAML, too
            async with RunningRelay(config, around.env) as running:
                yield Target(running, around, sources)


def _configuration(sources: Mapping[str, SourceFacts]) -> dict[str, Any]:
    return {
        "server": {"host": "127.0.0.1", "port": 0, "public_url": PUBLIC_URL, "drain": "0s"},
        "data_dir": "${STAGE_DATA}",
        "retry": {"max_retries": 0, "retry_delay": 1},
        "sources": {name: facts.settings for name, facts in sources.items()},
        "platform": {
            "link_hosts": [LINK_HOST],
            "links": {"operation": f"{BASE_URL}/runs/{{operationId}}", "batch": f"{BASE_URL}/batches/{{batchId}}"},
        },
        "channels": {
            "slack": {"token": "xoxb-the-token-of-the-campaign", "base_url": "${STAGE_SLACK}",
                      "posts_per_second": 1000, "edits_per_minute": 1000, "new_message_limit": "off"},
            "email": {"host": "127.0.0.1", "port": "${STAGE_SMTP}", "tls": "none",
                      "from": "Operations <relay@example.com>"},
        },
        "destinations": {
            "team": {"slack": "#team", "mode": "live", "group_errors": "off",
                     "live": {"post_after": "0s", "min_step": 0, "min_interval": "0s"}},
            "room": {"slack": "#room", "mode": "each", "group_errors": "off"},
            "english": {"email": "english@example.com", "group_errors": "off"},
            "german": {"email": "german@example.com", "language": "de", "group_errors": "off"},
        },
        "watchdog": "off",
        "rules": [{"name": "everything hostile", "tenants": [HOSTILE_TENANT], "events": ["operation.*", "batch.*"],
                   "notify": ["team", "room", "english", "german"]}],
    }  # fmt: skip
