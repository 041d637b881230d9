"""Parts that are opened first and closed last: Redis, the store, the audit trail, silences, spans."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from relay import metrics
from relay.background.upkeep import SilenceWatch
from relay.channels import CHANNELS
from relay.config import Config
from relay.coordinator import Coordinator, Reload
from relay.domain.tokens import Signing
from relay.ingest import Rules
from relay.interactivity.buttons import CHANNEL, press_transport
from relay.interactivity.endpoint import Interactions
from relay.interactivity.service import Interactivity
from relay.interactivity.socket import PressSocket
from relay.memory import Memory, available
from relay.outage import Outage
from relay.policy.silences import Silences
from relay.receiving.addresses import Route
from relay.shutdown import cancelled
from relay.store import Store
from relay.store.audit import Act, AuditTrail, Notes
from relay.store.embedded.server import FAREWELL, EmbeddedRedis, find_server
from relay.store.journal.pace import PACE
from relay.store.presence import Presence
from relay.store.queries.silences import SilenceList

log = structlog.get_logger(__name__)


async def open_redis(
    stack: contextlib.AsyncExitStack, config: Config, env: Mapping[str, str]
) -> tuple[EmbeddedRedis | None, Memory]:
    """The private one, where no other is configured, and the shares of the memory. EmbeddedRedisError without one."""
    memory = Memory.shared(available())
    log.info("memory.shared", **memory.stated(private=not config.redis.url))
    if config.redis.url:
        return None, memory
    embedded = EmbeddedRedis(config.data_dir, find_server(env.get("RELAY_REDIS_SERVER", "")), memory=memory)
    await embedded.start()
    stack.push_async_callback(embedded.stop, FAREWELL)
    return embedded, memory


async def open_store(
    stack: contextlib.AsyncExitStack, coordinator: Coordinator, embedded: EmbeddedRedis | None, memory: Memory, *,
    delivers: bool,
) -> Store:  # fmt: skip
    """The store of this process. With a private Redis it owns the partition at once: no other can use the directory."""
    config = coordinator.config()
    presence = Presence(None if embedded else config.data_dir)
    store = Store.open(
        embedded.url if embedded else config.redis.url,
        process=presence.name,
        is_gone=presence.is_gone,
        settings=Rules(config, CHANNELS),
        private=embedded is not None,
        may_own=delivers,
        pace=replace(PACE, hot=memory.hot),
    )
    stack.push_async_callback(store.aclose)
    return store


def open_signing(config: Callable[[], Config], embedded: EmbeddedRedis | None) -> Signing:
    """Return what signs links, buttons and sessions: by the configured secrets, else the one beside a private Redis."""
    own = (embedded.secret,) if embedded else ()
    return Signing(lambda: config().signing_secrets or own)


def open_audit(stack: contextlib.AsyncExitStack, coordinator: Coordinator, store: Store) -> AuditTrail:
    """Open the audit trail, which records reloads from now on."""
    audit = AuditTrail(store.plain)
    notes = Notes(audit)
    stack.push_async_callback(notes.aclose)
    coordinator.record = lambda reload: notes.add(_reload(reload))
    return audit


def _reload(reload: Reload) -> Act:
    """For the audit trail: a signal does not say who sent it."""
    subject = f"{reload.before} → {reload.after or 'unreadable'}"
    outcome = "refused" if reload.refusal else "taken"
    metrics.reloads.labels(outcome).inc()
    detail = {"process": f"{os.getpid()}", **reload.by}
    actor = detail.pop("actor", f"relay@{os.uname().nodename}")
    return Act(actor, "reload", subject, detail, outcome)


async def open_silences(store: Store, clock: Callable[[], float], outage: Outage) -> SilenceWatch:
    """Read what is silenced, before anything is accepted or sent: a restart breaks no silence."""
    watch = SilenceWatch(Silences(), SilenceList(store), clock=clock, outage=outage)
    await watch.look()
    return watch


def open_presses(
    coordinator: Coordinator, interactivity: Interactivity, presses: Interactions, *, receives: bool
) -> tuple[PressSocket, Iterable[Route]]:
    """Return what brings presses: the connection to Slack, while the configuration says so, and the addresses."""

    def channel() -> Any:
        by_socket = receives and press_transport(coordinator.config()) == "socket"
        return coordinator.channels.get(CHANNEL) if by_socket else None

    socket = PressSocket(channel, presses.take)
    coordinator.subscribe(socket.renew)
    return socket, presses.routes() if receives and interactivity.signing_secret() else ()


def start(
    stack: contextlib.AsyncExitStack, runs: Iterable[Callable[[], Coroutine[Any, Any, None]]]
) -> list[asyncio.Task[None]]:
    """Run these loops, which end with the stack."""
    loops = [asyncio.create_task(run()) for run in runs]
    for loop in loops:
        stack.push_async_callback(cancelled, loop)
    return loops
