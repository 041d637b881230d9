"""What everything else stands on, opened first and closed last: Redis, the store, and the trail of what people do."""

import contextlib
import os
import secrets
from collections.abc import Mapping

from relay import metrics
from relay.config import Config
from relay.coordinator import Coordinator, Reload, build_sealer
from relay.store import Store
from relay.store.audit import Act, AuditTrail, Notes
from relay.store.copying import COPIES
from relay.store.embedded.server import FAREWELL, EmbeddedRedis, find_server


async def open_redis(stack: contextlib.AsyncExitStack, config: Config, env: Mapping[str, str]) -> EmbeddedRedis | None:
    """The private one, where no other is configured. EmbeddedRedisError if it cannot be had."""
    if config.redis.url:
        return None
    embedded = EmbeddedRedis(config.data_dir, find_server(env.get("RELAY_REDIS_SERVER", "")))
    await embedded.start()
    stack.push_async_callback(embedded.stop, FAREWELL)
    return embedded


async def open_store(
    stack: contextlib.AsyncExitStack, coordinator: Coordinator, embedded: EmbeddedRedis | None, lease: float
) -> Store:
    """The store of this process, under a name that no other has."""
    config = coordinator.config()
    store = Store.open(
        embedded.url if embedded else config.redis.url,
        worker=f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(3)}",
        lease=lease,
        partitions=config.redis.partitions,
        sealer=build_sealer(config),
        copies=_copies(config),
    )
    stack.push_async_callback(store.aclose)
    coordinator.subscribe(lambda: store.keep_copies(_copies(coordinator.config())))
    if embedded:
        await store.take_over()  # nobody else can be in this directory: who held something is dead
    return store


def open_audit(stack: contextlib.AsyncExitStack, coordinator: Coordinator, store: Store) -> AuditTrail:
    """Where what people do is written down, reloads from now on."""
    audit = AuditTrail(store.redis, store.sealer)
    notes = Notes(audit)
    stack.push_async_callback(notes.aclose)
    coordinator.record = lambda reload: notes.add(_reload(reload))
    return audit


def _copies(config: Config) -> tuple[int, int] | None:
    """Of how many messages a copy is kept: of none where nobody may look at them."""
    return COPIES if config.console.configured else None


def _reload(reload: Reload) -> Act:
    """For the audit trail: a signal does not say who sent it."""
    subject = f"{reload.before} → {reload.after or 'unreadable'}"
    outcome = "refused" if reload.refusal else "taken"
    metrics.reloads.labels(outcome).inc()
    detail = {"process": f"{os.getpid()}", **reload.by}
    actor = detail.pop("actor", f"relay@{os.uname().nodename}")
    return Act(actor, "reload", subject, detail, outcome)
