"""The lists of `relay dead` from Redis itself, for when no relay can start: the same questions to the same views."""

import asyncio
import os
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import click
from pydantic import TypeAdapter

from relay.config.schema import RedisUrl
from relay.console.context import Context
from relay.console.views.dead import DeadQuestion, dead
from relay.console.views.quarantine import QuarantineQuestion, quarantine
from relay.store import Store, keys
from relay.store.admin import Admin
from relay.store.client import call, connect

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
