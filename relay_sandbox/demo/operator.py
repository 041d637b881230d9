"""What the demo does to its relay as commands do: it sends the digest before its time, and lets somebody in."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.background.upkeep import at_hand
from relay.channels import CHANNELS
from relay.config import OPERATOR, Config
from relay.console.access.login_flow import MINUTES, make_link
from relay.store import Store
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.embedded.server import running_url
from relay.store.sessions import Sessions

DEMO = "the demo"  # who makes the link


async def send_now(config: Config) -> None:
    """What `relay digest send-now` does, for every digest: nobody watches a demo until half past eight tomorrow."""
    async with _store(config) as store:
        for destination in config.destinations.values():
            if destination.mode == "digest":
                for target, window in at_hand(destination, config, CHANNELS, time.time()):
                    await store.bundles.send_now(target, window)


async def link_into_console(config: Config, base: str) -> str:
    """What `relay console link --role operator` does: a link that lets one person in, once, within ten minutes."""
    async with _store(config) as store:
        trail = AuditTrail(store.redis, store.sealer, via=COMMAND)
        async with trail.act(Act(DEMO, "console link", OPERATOR, {"minutes": f"{MINUTES}"})):
            return await make_link(Sessions(store), base, OPERATOR, DEMO)


@asynccontextmanager
async def _store(config: Config) -> AsyncIterator[Store]:
    """Of the relay that runs with this configuration."""
    store = Store.open(await running_url(config.data_dir) or "", worker="demo")
    try:
        await store.prepare(config.redis.durability, config.redis.replicas)
        yield store
    finally:
        await store.aclose()
