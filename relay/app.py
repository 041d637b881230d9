"""The only place that knows all parts: builds them, starts them, closes them in reverse.

`Relay.run` is one straight line on purpose: the order is the point.
"""

import asyncio
import contextlib
import time
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import structlog

from relay import __version__
from relay.background.figures import ProcessFigures
from relay.background.scheduler import PERIOD, Scheduler, build_schedulers, build_self_monitoring
from relay.background.self_monitor import SelfMonitor
from relay.channels import CHANNELS
from relay.config import Config
from relay.console.mount import OpenConsole
from relay.coordinator import Coordinator
from relay.delivering.composer import Composer
from relay.delivering.enrichment import Enrichment, JobHistory
from relay.delivering.worker import Worker
from relay.front import Front
from relay.health import Health
from relay.ingest import Ingest, guarded
from relay.interactivity.endpoint import Interactions
from relay.interactivity.executor import CHANNEL as PLATFORM
from relay.interactivity.executor import Executor
from relay.interactivity.service import Interactivity
from relay.interactivity.socket import PressSocket
from relay.opening import open_audit, open_presses, open_redis, open_signing, open_silences, open_store, start
from relay.outage import Outage, watching
from relay.platform.lookups import Lookups
from relay.receiving.key_cache import Fetch, fetch
from relay.receiving.unknown_words import UnknownWords
from relay.shutdown import Shutdown, cancelled
from relay.store import Store
from relay.store.embedded.server import EmbeddedRedis
from relay.store.queries.jobs import Jobs
from relay.store.queries.runs import DELIVER, RECEIVE
from relay.store.queries.suppressions import Suppressions
from relay.store.results import ResultsCache
from relay.tracing import open_tracing
from relay.unsubscribe.endpoint import Unsubscribe

log = structlog.get_logger(__name__)

Role = Literal["all", "receive", "deliver"]
GRACE = 23.0  # seconds from the signal on, the drain among them, for requests and sends under way
# With CLOSING_TIME for the channels, a second to cancel what is late, STOPPING for the partition and FAREWELL for the
# private Redis, a stop takes less than the 30 seconds after which Docker and Kubernetes kill.


class Relay:
    """One relay process: `await run()` until `stop()`. Raises before it listens if anything is wrong."""

    def __init__(
        self,
        path: Path,
        env: Mapping[str, str],
        *,
        role: Role = "all",
        grace: float = GRACE,
        period: float = PERIOD,
        clock: Callable[[], float] = time.time,
        fetch: Fetch = fetch,
    ) -> None:
        self._env = env
        self._receives, self._delivers = role != "deliver", role != "receive"
        self._role = role
        self._parts = tuple(part for part, does in ((RECEIVE, self._receives), (DELIVER, self._delivers)) if does)
        self._period, self._clock = period, clock
        self._shutdown = Shutdown(grace)
        self.drain, self.stop = self._shutdown.drain, self._shutdown.stop
        self._coordinator = Coordinator(path, env)
        self._front = Front(self._coordinator, clock, receives=self._receives, fetch=fetch)
        self._socket: PressSocket | None = None
        self.started = asyncio.Event()

    @property
    def config(self) -> Config:
        """The one that holds now."""
        return self._coordinator.config()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports where it listens to the world."""
        return self._front.addresses

    @property
    def admin_addresses(self) -> list[tuple[str, int]]:
        """Hosts and ports where it listens to operators."""
        return self._front.admin_addresses

    def reload(self) -> None:
        """Read the configuration again. A bad file changes nothing; what is being sent is not disturbed."""
        if self.started.is_set():  # until then it has just been read
            self._coordinator.reload()

    async def run(self) -> None:
        """Serve until `stop`. EmbeddedRedisError if the private Redis cannot be had."""
        coordinator, clock = self._coordinator, self._clock
        config, renderer, channels = coordinator.config, coordinator.renderer, coordinator.channels
        coordinator.log_warnings()
        # Closed in reverse: receiver and worker together, the loops, channels, the platform's client, store, Redis.
        async with contextlib.AsyncExitStack() as stack:
            outage = stack.enter_context(watching(Outage()))  # how long one lasts is no matter of the calendar
            embedded, memory = await open_redis(stack, config(), self._env)
            store = await open_store(stack, coordinator, embedded, memory, delivers=self._delivers)
            if tracing := open_tracing(self._env):
                stack.push_async_callback(tracing.aclose)
            health = Health(store, config, clock=clock, notices=partial(self._notices, embedded), outage=outage,
                            internal=(PLATFORM,), memory=memory.stated(private=embedded is not None))  # fmt: skip
            await health.prepare()
            await health.warn()
            stack.push_async_callback(cancelled, asyncio.create_task(health.watch()))
            lookups = Lookups(lambda: config().platform, name=lambda: config().platform_space.platform)
            stack.push_async_callback(lookups.aclose)

            signing, audit = open_signing(config, embedded), open_audit(stack, coordinator, store)
            watch = await open_silences(store, clock, outage)
            unguarded = Ingest(store, config, CHANNELS, clock=clock, fullness=lambda: health.fullness)
            ingest = guarded(unguarded.ingest, health.obstacle)
            unsubscribe = Unsubscribe(
                Suppressions(store), signing, lambda: config().server.public_url, clock, outage=outage, audit=audit
            )
            interactivity = Interactivity(
                config,
                renderer,
                CHANNELS,
                channels,
                signing=signing,
                accept=guarded(unguarded.ingest, health.obstacle_to_acts),
                clock=clock,
            )
            coordinator.open_channels(
                {PLATFORM: Executor(lambda: lookups.client, interactivity.report, lambda: config().platform_mark)}
            )
            stack.push_async_callback(coordinator.aclose)
            composer = Composer(
                config,
                renderer,
                clock=clock,
                enrich=Enrichment(lookups, ResultsCache(store), clock=clock).complete,
                job_history=JobHistory(Jobs(store), clock=clock, config=config).complete,
                unsubscribe=unsubscribe.link,
                buttons=interactivity.buttons,
                calls=store.claim_mentions,
            )
            # In every role, since it is woken for each new delivery; it runs only where relay delivers.
            worker = Worker(
                store,
                channels,
                composer,
                config=config,
                clock=clock,
                outage=outage,
                silences=watch.silences,
                tracing=tracing,
            )
            store.partition.due = worker.wake
            ticking = build_schedulers(
                store, ingest, config, CHANNELS, lookups, clock=clock, period=self._period, outage=outage
            )
            receiver = self._front.receiver(ingest, health, outage, tracing, store)
            looking = self._self_monitoring(store, unguarded, health, outage, receiver.words)
            console = self._front.console(receiver, health, ingest, audit, store=store, signing=signing, silences=watch)
            stack.push_async_callback(console.commands.aclose)
            coordinator.subscribe(health.resume, unguarded.apply)
            presses = Interactions(interactivity, clock=clock, outage=outage, audit=audit)
            socket, routes = open_presses(coordinator, interactivity, presses, receives=self._receives)
            self._socket = socket
            # Before anything is claimed: a taken port must cost no delivery its time.
            listeners = await self._front.listen(receiver, [*unsubscribe.routes(), *routes], console)
            parts = (worker, *ticking) if self._delivers else ()
            loops = start(stack, [part.run for part in (*parts, *looking, watch, store.bodies, ProcessFigures())])
            # Operators are asked to the end.
            ends: list[Callable[[float], Awaitable[None]]] = [
                listeners.world.cleanup,
                socket.aclose,
                presses.aclose,
                listeners.operators.cleanup,
                console.commands.aclose,
            ]
            stack.push_async_callback(self._shutdown.finish, ends, [store.hand_over, worker.stop])
            socket.renew()
            self.started.set()
            log.info(
                "relay.started", version=__version__, addresses=self.addresses, admin_addresses=self.admin_addresses,
                role=self._role, durability=health.durability, config=config().digest,
            )  # fmt: skip
            self._afterwards(stack, console)

            await self._shutdown.requested(loops)
            receiver.probes.stopping = True
            listeners.world.leave()
            await self._shutdown.drained(config().server.drain, loops)
        log.info("relay.stopped")

    def _afterwards(self, stack: contextlib.AsyncExitStack, console: OpenConsole) -> None:
        """Do what can wait until relay is ready: the first message must hold up no event."""
        console.auth.announce(self._front.operators_url)
        if self._delivers:
            stack.push_async_callback(cancelled, asyncio.create_task(self._coordinator.renderer().prepare()))

    def _notices(self, embedded: EmbeddedRedis | None) -> dict[str, str]:
        """Return notices for operators besides the state of the store."""
        parts = [part.notices() for part in (self._socket, embedded) if part]
        return dict(ChainMap(self._coordinator.template_faults(), *parts))

    def _self_monitoring(
        self, store: Store, ingest: Ingest, health: Health, outage: Outage, words: UnknownWords
    ) -> tuple[Scheduler, ...]:
        """Return the schedulers of self-monitoring; its notices go out as long as Redis takes anything."""
        config, clock = self._coordinator.config, self._clock
        monitor = SelfMonitor(
            store, config, CHANNELS, ingest.ingest, lacks=health.shortcomings, clock=clock, parts=self._parts,
            words=words,
        )  # fmt: skip
        return build_self_monitoring(
            store, config, monitor, health.unready, clock=clock, period=self._period, outage=outage
        )
