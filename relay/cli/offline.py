"""Work on the store without a running relay: lists of dead letters for when none can start, and sealing."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
from pydantic import TypeAdapter

from relay.channels import CHANNELS
from relay.cli.logs import configure
from relay.cli.options import actor
from relay.config import load
from relay.config.redis import RedisUrl
from relay.console.context import Context
from relay.console.views.dead import DeadQuestion, dead
from relay.console.views.quarantine import QuarantineQuestion, quarantine
from relay.coordinator import build_sealer
from relay.errors import RelayError
from relay.store import Store, keys
from relay.store.admin import Admin
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.client import call, connect
from relay.store.embedded.server import EmbeddedRedis, find_server, running_url
from relay.store.seal_existing import SealExisting

LISTS: Mapping[str, Any] = {"/dead": (DeadQuestion, dead), "/quarantine": (QuarantineQuestion, quarantine)}
# What the lists ask of a configuration; times are by UTC, since nobody has read one.
CONFIG = SimpleNamespace(destinations={}, sources={}, timezone="UTC")


def listed(url: str, path: str, question: Mapping[str, Any]) -> Any:
    """Return what /api/v1 answers there. BadParameter if that is no address, RelayError where Redis does not answer."""
    try:
        TypeAdapter(RedisUrl).validate_python(url)
        connect(url)
    except ValueError:  # which may quote it, and it may hold a password
        text = "expected an address as in redis.url, such as redis://127.0.0.1:6379/0"
        raise click.BadParameter(text, param_hint="--redis") from None
    return asyncio.run(_listed(url, path, question))


async def _listed(url: str, path: str, question: Mapping[str, Any]) -> Any:
    redis = connect(url)
    try:
        partitions = int(await call(redis.get(keys.PARTITIONS)) or 1)
    finally:
        await redis.aclose()
    store = Store.open(url, worker=f"command-{os.getpid()}", partitions=partitions)
    context = SimpleNamespace(store=store, admin=Admin(store), config=lambda: CONFIG, clock=time.time)
    asked, ask = LISTS[path]
    try:
        filled = {name: text for name, text in question.items() if text}
        facts = await ask(cast("Context", context), asked.model_validate(filled))
    finally:
        await store.aclose()
    return facts.model_dump(mode="json")


def sealed(path: Path) -> tuple[dict[str, int], str]:
    """Seal it; return how many values of each kind, and that in words. RelayError where it cannot be done."""
    configure(machine=False, level="warning")  # what a command says of itself is its answer
    return asyncio.run(_sealed(path))


async def _sealed(path: Path) -> tuple[dict[str, int], str]:
    config = load(path, env=os.environ, channels=CHANNELS, needed=("data_dir", "redis"))
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
