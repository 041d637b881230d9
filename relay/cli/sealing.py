"""The store of a configuration, whether or not a relay runs on it, with what is clear in it sealed."""

import asyncio
import contextlib
import os
from pathlib import Path

from relay.channels import CHANNELS
from relay.cli.actor import actor
from relay.cli.logs import configure
from relay.cli.options import refuse
from relay.config import load
from relay.coordinator import build_sealer
from relay.errors import RelayError
from relay.store import Store
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.embedded.server import EmbeddedRedis, find_server, running_url
from relay.store.seal_existing import SealExisting


def sealed(path: Path) -> tuple[dict[str, int], str]:
    """Seal it; return how many values of each kind, and that in words. Leave with 1 where it cannot be done."""
    configure(machine=False, level="warning")  # what a command says of itself is its answer
    try:
        return asyncio.run(_sealed(path))
    except RelayError as error:
        refuse(error)


async def _sealed(path: Path) -> tuple[dict[str, int], str]:
    config = load(path, env=os.environ, channels=CHANNELS)
    sealer = build_sealer(config)
    if sealer is None:
        raise RelayError("redis.encryption_key is not set, so there is no key to seal with")
    async with contextlib.AsyncExitStack() as stack:
        url = config.redis.url or await running_url(config.data_dir)
        if not url:
            server = find_server(os.environ.get("RELAY_REDIS_SERVER", ""))
            url = (await stack.enter_async_context(EmbeddedRedis(config.data_dir, server))).url
        store = Store.open(url, worker=f"command-{os.getpid()}", partitions=config.redis.partitions, sealer=sealer)
        stack.push_async_callback(store.aclose)
        await store.prepare(config.redis.durability, config.redis.replicas, sealing=True)
        who, more = actor(os.environ)
        async with AuditTrail(store.redis, sealer, via=COMMAND).act(Act(who, "keys seal", sealer.name, more)) as act:
            counts = await SealExisting(store, sealer).run()
            act.outcome = ", ".join(f"{kind}: {count}" for kind, count in counts.items()) or "nothing was clear"
    return dict(counts), f"sealed with {sealer.name}: {act.outcome}"
