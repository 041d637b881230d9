"""What the commands share that look at a running relay: the way to its store."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from relay.channels import CHANNELS
from relay.cli.actor import actor
from relay.cli.logs import configure
from relay.cli.options import refuse
from relay.config import Config, load
from relay.coordinator import build_sealer
from relay.domain.deliveries import Accepted
from relay.errors import EmbeddedRedisError, RelayError
from relay.ingest import Ingest
from relay.operating.quarantine import take
from relay.store import Store
from relay.store.admin import Admin
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.embedded.server import EmbeddedRedis, find_server, running_url
from relay.store.quarantine import Quarantined


@dataclass(frozen=True)
class StoreSession:
    """What a command works with: the store of a relay that runs elsewhere, and the way of an event into it."""

    config: Config
    store: Store
    admin: Admin
    clock: Callable[[], float] = time.time

    @property
    def audit(self) -> AuditTrail:
        return AuditTrail(self.store.redis, self.store.sealer, via=COMMAND)

    def act(
        self, action: str, subject: str, *, address: str = "", **detail: str
    ) -> contextlib.AbstractAsyncContextManager[Act]:
        """What is done inside is in `relay audit`, with who runs this command. StoreUnavailable: nothing is done."""
        who, more = actor(os.environ)
        return self.audit.act(Act(who, action, subject, {**detail, **more}, address=address))

    async def take(self, kept: Quarantined) -> Accepted:
        """A quarantined body as an event, by today's rules.

        However old it is: whoever replays it knows. Raises NotJson or InvalidEvent if it still is none, NotPermitted if
        it is still not its source's to say, HandlingFailed if relay still fails on it.
        """
        ingest = Ingest(self.store, lambda: self.config, CHANNELS).ingest
        return await take(kept, self.config, ingest, self.clock())


@contextlib.asynccontextmanager
async def open_session(path: Path, env: Mapping[str, str], *, sealing: bool = False) -> AsyncIterator[StoreSession]:
    """Reach the Redis of this configuration, embedded or not. Raises a RelayError that says why it cannot.

    `sealing`: also one whose data was written without a key; a private one is started where no relay runs it.
    """
    config = load(path, env=env, channels=CHANNELS)
    url = config.redis.url or await running_url(config.data_dir)
    async with contextlib.AsyncExitStack() as stack:
        if not url and sealing:
            server = find_server(env.get("RELAY_REDIS_SERVER", ""))
            url = (await stack.enter_async_context(EmbeddedRedis(config.data_dir, server))).url
        if not url:
            raise EmbeddedRedisError(
                f"no relay is running on {config.data_dir}, so its private Redis is not up; start `relay serve` first"
            )
        store = Store.open(url, worker=f"command-{os.getpid()}", partitions=config.redis.partitions,
                           sealer=build_sealer(config))  # fmt: skip
        stack.push_async_callback(store.aclose)
        await store.prepare(config.redis.durability, config.redis.replicas, sealing=sealing)
        yield StoreSession(config, store, Admin(store))


def with_store(config: Path, work: Callable[[StoreSession], Awaitable[None]], *, sealing: bool = False) -> None:
    """Run `work` on the store of the relay with this configuration; leave with 1 and the reason if there is none."""

    async def run() -> None:
        async with open_session(config, dict(os.environ), sealing=sealing) as session:
            await work(session)

    configure(machine=False, level="warning")  # what a command says of itself is its answer
    try:
        asyncio.run(run())
    except RelayError as error:
        refuse(error)
