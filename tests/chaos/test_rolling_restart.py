"""Two relays on one Redis, stopped and started in turn under load: no sender sees anything of it.

Before them is a real haproxy, as docs/deployment.md sets it up.
"""

import asyncio
import contextlib
import itertools
import json
import math
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from relay_sandbox.standins.inbox import Inbox
from tests.chaos.load import DURABLE
from tests.support.commands import Serving
from tests.support.events import body
from tests.support.haproxy import haproxy
from tests.support.patience import patience
from tests.support.ports import free_place
from tests.support.redis_server import RedisServer
from tests.support.sender import Sender
from tests.support.stage import CONFIG, SECRET, Surroundings, surroundings
from tests.support.waiting import until

pytestmark = pytest.mark.soak

SENDERS, PACE = 5, 0.05  # connections, and seconds between two events on one of them
MAILED = 25  # every so manieth event is told
DELIVERING = 1.0  # seconds that the mail server takes for a mail: what a stop finds under way


class SlowInbox(Inbox):
    """A mail server that takes its time, as those do that look into a mail first."""

    async def handle_DATA(self, *arguments: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        await asyncio.sleep(DELIVERING)
        return await super().handle_DATA(*arguments)


@dataclass
class Traffic:
    """Senders with connections that stay; what is not answered 202 has failed, and is not sent again."""

    balancer: str
    outcomes: Counter[str] = field(default_factory=Counter)
    _stop: bool = False

    @contextlib.asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        numbers = itertools.count()
        senders = [asyncio.create_task(self._send(numbers)) for _ in range(SENDERS)]
        await self.more(50)
        yield
        self._stop = True
        await asyncio.gather(*senders)

    async def more(self, count: int) -> None:
        goal = self.outcomes.total() + count
        await until(lambda: self.outcomes.total() >= goal)

    async def _send(self, numbers: "itertools.count[int]") -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(patience())) as client:
            while not self._stop:
                number = next(numbers)
                event = body("operation.completed", 100, status="Completed", operationId=f"op-{number}")
                event |= {"eventId": f"evt-{number}", "tenantId": "nobody" if number % MAILED else "mail"}
                self.outcomes[await self._post(client, event)] += 1
                await asyncio.sleep(PACE)

    async def _post(self, client: aiohttp.ClientSession, event: Mapping[str, object]) -> str:
        url = f"{self.balancer}/webhooks/async-operations"
        data = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", **Sender(url, secret=SECRET, clock=time.time).sign(data)}
        try:
            async with client.post(url, data=data, headers=headers) as response:
                await response.read()
                by = "" if response.headers.get("Server") == "relay" else " of the balancer"
                return f"{response.status}{by}"
        except (OSError, TimeoutError, aiohttp.ClientError) as error:
            return type(error).__name__


@dataclass
class Fleet:
    """Two times `relay serve`, on one Redis and before one mail server."""

    around: Surroundings
    inbox: Inbox
    relays: dict[str, Serving] = field(default_factory=dict)

    @property
    def urls(self) -> dict[str, str]:
        return {name: relay.url for name, relay in self.relays.items()}

    async def check(self, traffic: Traffic) -> None:
        """Everything was accepted, and what was accepted is told exactly once."""
        sent = traffic.outcomes.total()
        print(f"{sent} requests: {dict(traffic.outcomes)}")
        assert traffic.outcomes.keys() == {"202"}
        ledger = await self.around.settled()
        mails = 2 * math.ceil(sent / MAILED)
        assert (ledger.imbalance, ledger.counts["events"], ledger.counts["delivered"]) == (0, sent, mails)
        assert len({(mail.recipient, mail.id) for mail in self.inbox.mails}) == len(self.inbox.mails) == mails


@contextlib.asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    """They drain as long as the default says."""
    file = folder / "relay.yaml"
    file.write_text(CONFIG.read_text("utf-8").replace(", drain: 0s", ""), "utf-8")
    async with contextlib.AsyncExitStack() as stack:
        redis = stack.enter_context(RedisServer(**DURABLE))
        inbox = await stack.enter_async_context(SlowInbox())
        around = await stack.enter_async_context(surroundings(redis.url, STAGE_SMTP=f"{inbox.smtp_port}"))
        two = Fleet(around, inbox)
        for name in ("one", "two"):
            host, port = free_place()
            relay = Serving(file, {**around.env, "RELAY_HOST": host, "RELAY_PORT": port, "RELAY_ADMIN_HOST": host})
            two.relays[name] = await stack.enter_async_context(relay)
        yield two
        for relay in two.relays.values():
            relay.send_signal(signal.SIGINT)  # nobody needs them to drain any more
        await asyncio.gather(*(relay.wait() for relay in two.relays.values()))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("reuse", ["http-reuse safe", "http-reuse always"])
async def test_behind_haproxy_no_request_fails(tmp_path: Path, reuse: str) -> None:
    async with fleet(tmp_path) as two, haproxy(":".join(free_place()), two.urls, reuse) as balancer:
        traffic = Traffic(balancer.url)

        async def all_up() -> bool:
            return await balancer.up() == two.relays.keys()

        async with traffic.flowing():
            for relay in two.relays.values():
                assert await relay.stop() == 0
                await relay.start()
                await until(all_up)
                await traffic.more(50)
        await two.check(traffic)
