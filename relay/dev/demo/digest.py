"""The demo's digest, sent before its time: nobody watches a demo until half past eight tomorrow."""

import time

from relay.background.digests import at_hand
from relay.channels import CHANNELS
from relay.config import Config
from relay.store import Store
from relay.store.embedded.server import running_url


async def send_now(config: Config) -> None:
    """What `relay digest send-now` does, for every digest of the relay that runs with this configuration."""
    store = Store.open(await running_url(config.data_dir) or "", worker="demo")  # the demo's relay is running
    try:
        await store.prepare(config.redis.durability, config.redis.replicas)
        for destination in config.destinations.values():
            if destination.mode == "digest":
                for target, window in at_hand(destination, config, CHANNELS, time.time()):
                    await store.bundles.send_now(target, window)
    finally:
        await store.aclose()
