"""kill -9 in the middle of sending, and a restart: the successor need not wait for the leases of the dead.

The time counts from `relay.started`, with leases as they are in production.
"""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.channels.email.channel import Email
from relay.store.queue import LEASE
from relay_sandbox.standins.inbox import Inbox
from tests.support.events import body
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.stage import CONFIG, SECRET, TOKEN, post
from tests.support.waiting import until

pytestmark = pytest.mark.soak

SOON = 10.0  # seconds; on a quiet machine it takes less than 5
OPERATIONS = 10  # each is told in two mails


class SlowInbox(Inbox):
    """One that lets senders wait in the middle of a mail until it is `open`."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.waiting = 0

    async def handle_RCPT(self, *arguments: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        self.waiting += 1
        await self.open.wait()
        return await super().handle_RCPT(*arguments)


@asynccontextmanager
async def environment(kind: str) -> AsyncIterator[dict[str, str]]:
    """Return where relay finds its Redis."""
    if kind == "external":
        with RedisServer(appendonly="yes", appendfsync="always") as server:
            yield {"RELAY_REDIS_URL": server.url}
        return
    home = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
    yield {"STAGE_DATA": str(home / "data")}
    shutil.rmtree(home)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["embedded", "external"])
async def test_what_a_killed_relay_was_sending_is_told_within_seconds_of_the_restart(kind: str) -> None:
    async with environment(kind) as redis, SlowInbox() as inbox:
        env = {"STAGE_SECRET": SECRET, "STAGE_TOKEN": TOKEN, "STAGE_SLACK": "http://127.0.0.1:9",
               "STAGE_SMTP": str(inbox.smtp_port), **redis}  # fmt: skip
        async with RunningRelay(CONFIG, env, lease=LEASE) as relay:
            for number in range(OPERATIONS):
                event = body("operation.completed", 100, status="Completed", operationId=f"op-{number}")
                assert (await post(relay.url, event | {"tenantId": "mail"})).status == 202
            await until(lambda: inbox.waiting == Email.max_concurrency)
            await relay.kill()
            await relay.start()
            inbox.open.set()
            ready = time.monotonic()
            await inbox.wait_for(
                lambda: len({(mail.recipient, mail.id) for mail in inbox.mails}) == 2 * OPERATIONS, patience()
            )
            took = time.monotonic() - ready

        copies = Counter((mail.recipient, mail.id) for mail in inbox.mails)
        repeats = sum(copies.values()) - len(copies)
        print(f"{kind}: {2 * OPERATIONS} mails, {Email.max_concurrency} of them under way, all told {took:.1f} s after "
              f"the restart; {repeats} twice")  # fmt: skip
        assert took < SOON
        assert all(count <= 2 for count in copies.values())
