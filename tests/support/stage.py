"""A whole relay between a platform that sends, a Slack and an inbox: what a person would see end to end."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.app import Relay
from relay.domain.tokens import Signing
from relay.store import Store
from relay.store.queries.admin import Admin, Ledger
from relay_sandbox.standins.inbox import Inbox
from relay_sandbox.standins.slack import SlackStandin
from tests.support.patience import PATIENCE, patience
from tests.support.sender import Reply, Sender
from tests.support.waiting import until

CONFIG = Path(__file__).parents[1] / "data" / "stage.yaml"
SECRET, TOKEN = "kFv8-the-secret-of-the-platform", "Tz4-the-token-of-the-callback"
OWN_SECRET = "Wm3q-the-secret-of-relay-itself-9c"
SIGNING = Signing(lambda: [OWN_SECRET.encode()])
CALLBACKS = ("progress", "completion", "error", "batch-start", "operation-complete", "batch-complete")


@dataclass
class Surroundings:
    """Slack, the inbox and a Redis, which outlive any relay."""

    slack: SlackStandin
    inbox: Inbox
    store: Store  # a look into relay's own Redis
    env: Mapping[str, str]
    admin: Admin = field(init=False)

    def __post_init__(self) -> None:
        self.admin = Admin(self.store)

    async def ledger(self) -> Ledger:
        return await self.admin.ledger()

    async def settled(self, seconds: float = PATIENCE) -> Ledger:
        """The ledger, once nothing is pending any more."""

        async def settled() -> Ledger | None:
            ledger = await self.ledger()
            return None if ledger.counts.get("pending", 0) else ledger

        found: Ledger = await until(settled, seconds)
        return found

    async def mails(self, count: int) -> list[Any]:
        """The mails, once there are at least so many."""
        await self.inbox.wait_for(lambda: len(self.inbox.mails) >= count, patience())
        return list(self.inbox.mails)

    async def messages(self, conversation: str, predicate: Callable[[list[Any]], bool]) -> list[Any]:
        """A conversation's messages, once the predicate holds of them."""
        await self.slack.wait_for(lambda: predicate(self.slack.messages(conversation)), patience())
        return self.slack.messages(conversation)


@asynccontextmanager
async def surroundings(redis_url: str, **env: str) -> AsyncIterator[Surroundings]:
    async with SlackStandin() as slack, Inbox() as inbox:
        store = Store.open(redis_url, process="test", may_own=False)
        await store.redis.flushall()
        store.partition.start()  # what it asks for goes by the inbox
        data_dir = tempfile.mkdtemp(prefix="relay-", dir="/tmp")  # short enough for the path of a socket
        variables = {
            "RELAY_REDIS_URL": redis_url, "RELAY_SECRET": OWN_SECRET,
            "STAGE_SECRET": SECRET, "STAGE_TOKEN": TOKEN, "STAGE_SLACK": slack.base_url,
            "STAGE_SMTP": str(inbox.smtp_port), "STAGE_DATA": data_dir, **env,
        }  # fmt: skip
        try:
            yield Surroundings(slack, inbox, store, variables)
        finally:
            await store.aclose()
            shutil.rmtree(data_dir, ignore_errors=True)  # a thread may just be compiling templates there


@dataclass
class Stage:
    """One relay in this process, and a way to send to it."""

    around: Surroundings
    relay: Relay

    @property
    def url(self) -> str:
        host, port = self.relay.addresses[0]
        return f"http://{host}:{port}"

    @property
    def admin_url(self) -> str:
        """Return where operators ask."""
        host, port = self.relay.admin_addresses[0]
        return f"http://{host}:{port}"

    async def post(self, document: Any, source: str = "async-operations", **knobs: Any) -> Reply:
        return await post(self.url, document, source, **knobs)


async def post(url: str, document: Any, source: str = "async-operations", **knobs: Any) -> Reply:
    """Send as the platform would: signed to the webhook, with a token to the callbacks."""
    scheme, secret = ("token", TOKEN) if source in CALLBACKS else ("hmac-sha256", SECRET)
    sender = Sender(f"{url}/webhooks/{source}", secret=secret, scheme=scheme, clock=time.time)
    return await sender.post(document, **knobs)


@asynccontextmanager
async def stage(redis_url: str, **env: str) -> AsyncIterator[Stage]:
    async with surroundings(redis_url, **env) as around, running(around) as relay:
        yield Stage(around, relay)


@asynccontextmanager
async def running(around: Surroundings, config: Path = CONFIG, **options: Any) -> AsyncIterator[Relay]:
    relay = Relay(config, around.env, grace=5.0, **options)
    task = asyncio.create_task(relay.run())
    started = asyncio.create_task(relay.started.wait())
    await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if task.done():
        task.result()
    try:
        yield relay
    finally:
        relay.stop()
        await task
