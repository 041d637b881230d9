"""The only place that knows all parts: builds them, starts them, closes them in reverse.

`Relay.run` is one straight line on purpose: the order is the point.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

import structlog
from aiohttp import web
from aiohttp.web import AbstractRouteDef

from relay import metrics
from relay.background.collecting import Collecting
from relay.background.lookout import Lookout
from relay.background.scheduler import PERIOD, Scheduler
from relay.background.silences import SilenceWatch
from relay.background.vitals import Vitals
from relay.background.wiring import build_lookout, build_schedulers
from relay.channels import CHANNELS
from relay.config import Config, Server
from relay.console.desk import Desk
from relay.console.opening import OpenConsole
from relay.coordinator import Coordinator, Reload, build_sealer
from relay.delivering.composer import Composer
from relay.delivering.enrichment import Enrichment
from relay.delivering.past import Past
from relay.delivering.reach import Reach
from relay.delivering.worker import Worker
from relay.health import Health
from relay.ingest import Ingest, IngestEvent, guarded
from relay.interactivity.endpoint import Interactions
from relay.interactivity.executor import CHANNEL as PLATFORM
from relay.interactivity.executor import Executor
from relay.interactivity.service import Interactivity
from relay.interactivity.socket import PressSocket
from relay.outage import Outage
from relay.platform.lookups import Lookups
from relay.policy.silences import Silences
from relay.receiving.admin import make_admin_app
from relay.receiving.admission import Admission
from relay.receiving.bodies import Bodies
from relay.receiving.guard import Guard
from relay.receiving.listeners import OPERATORS, WORLD, Listeners, addresses
from relay.receiving.open_files import affordable
from relay.receiving.peers import Proxies, network
from relay.receiving.receiver import Receiver, make_app
from relay.receiving.refusals import Refusals
from relay.receiving.renewal import Certificates
from relay.receiving.sources import Source
from relay.rendering import precompiled
from relay.shutdown import Shutdown, cancelled
from relay.store import Store
from relay.store.audit import Act, AuditTrail, Notes
from relay.store.copying import COPIES
from relay.store.embedded.server import FAREWELL, EmbeddedRedis, find_server
from relay.store.jobs import Jobs
from relay.store.queue import LEASE
from relay.store.results import ResultsCache
from relay.store.signing_keys import SigningKeys
from relay.store.silences import SilenceList
from relay.store.suppressions import Suppressions
from relay.store.troubles import DELIVER, RECEIVE
from relay.tracing import Tracing, open_tracing
from relay.unsubscribe.endpoint import Unsubscribe

log = structlog.get_logger(__name__)

Role = Literal["all", "receive", "deliver"]
GRACE = 24.0  # seconds from the signal on, the drain among them, for requests and sends under way
# With CLOSING_TIME for the channels, a second to cancel what is late, and FAREWELL for the private Redis, a stop takes
# less than the 30 seconds after which Docker and Kubernetes kill.


class Relay:
    """One relay process: `await run()` until `stop()`. Raises before it listens if anything is wrong."""

    def __init__(
        self,
        path: Path,
        env: Mapping[str, str],
        *,
        role: Role = "all",
        reuse_port: bool = False,
        lease: float = LEASE,
        grace: float = GRACE,
        period: float = PERIOD,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._env = env
        self._receives, self._delivers = role != "deliver", role != "receive"
        self._role = role
        self._parts = tuple(part for part, does in ((RECEIVE, self._receives), (DELIVER, self._delivers)) if does)
        self._reuse_port = reuse_port
        self._lease = lease
        self._period = period
        self._clock = clock
        self._shutdown = Shutdown(grace)
        self._coordinator = Coordinator(path, env)
        self._certificates = _certificates(self.config.server, clock)
        self._socket: PressSocket | None = None
        self.addresses: list[tuple[str, int]] = []
        self.admin_addresses: list[tuple[str, int]] = []
        self.started = asyncio.Event()

    @property
    def config(self) -> Config:
        """The one that holds now."""
        return self._coordinator.config()

    def drain(self) -> None:
        """Leave unnoticed: call itself not ready, go on as before for `server.drain`, then stop."""
        self._shutdown.drain()

    def stop(self) -> None:
        """Take nothing new, finish what is under way, leave. Cuts a drain short."""
        self._shutdown.stop()

    def reload(self) -> None:
        """Read the configuration again. A bad file changes nothing; what is being sent is not disturbed."""
        if self.started.is_set():  # until then it has just been read
            self._coordinator.reload()

    async def run(self) -> None:
        """Serve until `stop`. EmbeddedRedisError if the private Redis cannot be had or kept."""
        coordinator, clock = self._coordinator, self._clock
        config, renderer, channels = coordinator.config, coordinator.renderer, coordinator.channels
        outage = Outage(time.monotonic)  # how long it lasts is no matter of the calendar
        coordinator.log_warnings()
        # Closed in reverse: receiver and worker together, the loops, channels, the platform's client, store, Redis.
        async with contextlib.AsyncExitStack() as stack:
            embedded = await self._embedded(stack)
            store, tracing = await self._store(stack, embedded), self._open_tracing(stack)
            health = Health(store, config, clock=clock, notices=self._notices, outage=outage, internal=(PLATFORM,))
            await health.prepare()
            await health.warn()
            stack.push_async_callback(cancelled, asyncio.create_task(health.watch()))
            lookups = Lookups(lambda: config().platform, name=lambda: config().platform_space.platform)
            stack.push_async_callback(lookups.aclose)

            wake: Callable[[Iterable[str]], None] = lambda channels: worker.wake(channels)  # noqa: E731, PLW0108 - made below
            signing, audit, watch = SigningKeys(store), self._audit(stack, store), await self._watch(store, outage)
            collecting = self._collecting(stack, store)
            unguarded = Ingest(
                store,
                config,
                CHANNELS,
                wake,
                clock=clock,
                fullness=lambda: health.fullness,
                noise=collecting.noise,
                repeats=collecting.repeats,
                silences=watch.silences,
            )
            ingest = guarded(unguarded.ingest, health.obstacle)
            unsubscribe = Unsubscribe(
                Suppressions(store), signing, lambda: config().server.public_url, clock, outage=outage, audit=audit
            )
            interactivity = Interactivity(
                config, renderer, CHANNELS, channels, keys=signing, ingest=ingest, clock=clock, audit=audit
            )
            executor = Executor(
                lambda: lookups.client, report=interactivity.report, mark=lambda: config().platform_mark
            )
            coordinator.open_channels({PLATFORM: executor})
            stack.push_async_callback(coordinator.aclose)
            composer = Composer(
                config,
                renderer,
                clock=clock,
                enrich=Enrichment(lookups, ResultsCache(store), clock=clock).complete,
                past=Past(Jobs(store), clock=clock, template=lambda: config().job).complete,
                unsubscribe=unsubscribe.link,
                buttons=interactivity.buttons,
                calls=store.causes.call,
            )
            # In every role, since it is woken for each new delivery; it runs only where relay delivers.
            worker = Worker(
                store,
                channels,
                composer,
                config=config,
                clock=clock,
                outage=outage,
                noise=collecting.noise,
                silences=watch.silences,
                tracing=tracing,
            )
            ticking = build_schedulers(
                store, ingest, config, CHANNELS, lookups, clock=clock, period=self._period, outage=outage
            )
            looking = self._looking(store, unguarded, health, worker.reach, outage)
            receiver = self._receiver(ingest, health, outage, collecting.refusals, tracing)
            console = self._console(stack, health, ingest, audit, store)

            def reloaded() -> None:
                receiver.sources = self._sources()
                self._certificates.renew()
                health.resume()

            coordinator.subscribe(reloaded)
            presses, socket, routes = self._pressing(interactivity, outage)
            # Before anything is claimed: a taken port must cost no delivery its time.
            listeners = await self._listen(receiver, [*unsubscribe.routes(), *routes], console)
            parts = (worker, *ticking) if self._delivers else ()
            loops = _begun(stack, (*parts, looking, watch, collecting, Vitals()))
            # Operators are asked to the end.
            ends = [listeners.world.cleanup, socket.aclose, presses.aclose, console.leave, listeners.operators.cleanup]
            stack.push_async_callback(self._shutdown.finish, ends, [worker.stop])
            socket.renew()
            self.started.set()
            log.info(
                "relay.started",
                addresses=self.addresses,
                admin_addresses=self.admin_addresses,
                role=self._role,
                durability=health.durability,
                config=config().digest,
            )
            self._afterwards(stack, console)

            await self._shutdown.requested(embedded, loops)
            receiver.probes.stopping = True
            listeners.world.leave()
            await self._shutdown.drained(config().server.drain, embedded, loops)
        log.info("relay.stopped")

    def _afterwards(self, stack: contextlib.AsyncExitStack, console: OpenConsole) -> None:
        """What can wait until relay is ready: the first message must hold up no event."""
        stack.push_async_callback(cancelled, asyncio.create_task(console.door.announce(self._operators_url)))
        if self._delivers:
            stack.push_async_callback(cancelled, asyncio.create_task(precompiled()))

    def _notices(self) -> dict[str, str]:
        """What those who watch over relay should see besides how the store is."""
        socket = self._socket.notices() if self._socket else {}
        return self._coordinator.template_faults() | self._certificates.notices() | socket

    def _pressing(
        self, interactivity: Interactivity, outage: Outage
    ) -> tuple[Interactions, PressSocket, Iterable[AbstractRouteDef]]:
        """Where presses arrive: what takes them, the connection that brings them or the addresses that do."""
        presses = interactivity.endpoint(outage)
        self._socket = socket = interactivity.socket(presses, receives=self._receives)
        self._coordinator.subscribe(socket.renew)
        served = self._receives and interactivity.signing_secret()
        return presses, socket, presses.routes() if served else ()

    async def _embedded(self, stack: contextlib.AsyncExitStack) -> EmbeddedRedis | None:
        if self.config.redis.url:
            return None
        embedded = EmbeddedRedis(self.config.data_dir, find_server(self._env.get("RELAY_REDIS_SERVER", "")))
        await embedded.start()
        stack.push_async_callback(embedded.stop, FAREWELL)
        return embedded

    async def _store(self, stack: contextlib.AsyncExitStack, embedded: EmbeddedRedis | None) -> Store:
        name = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(3)}"
        url, partitions = embedded.url if embedded else self.config.redis.url, self.config.redis.partitions
        sealer = build_sealer(self.config)
        store = Store.open(
            url, worker=name, lease=self._lease, partitions=partitions, sealer=sealer, copies=self._copies
        )
        stack.push_async_callback(store.aclose)
        self._coordinator.subscribe(lambda: store.keep_copies(self._copies))
        if embedded:
            await store.take_over()  # nobody else can be in this directory: who held something is dead
        return store

    @property
    def _copies(self) -> tuple[int, int] | None:
        """Of how many messages a copy is kept: of none where nobody may look at them."""
        return COPIES if self.config.console.configured else None

    async def _watch(self, store: Store, outage: Outage) -> SilenceWatch:
        """What is silenced, read before anything is taken or told: a restart breaks no silence."""
        watch = SilenceWatch(Silences(), SilenceList(store), clock=self._clock, outage=outage)
        await watch.look()
        return watch

    def _open_tracing(self, stack: contextlib.AsyncExitStack) -> Tracing | None:
        tracing = open_tracing(self._env)
        if tracing is not None:
            stack.push_async_callback(tracing.aclose)
        return tracing

    def _audit(self, stack: contextlib.AsyncExitStack, store: Store) -> AuditTrail:
        """Where what people do is written down, reloads from now on."""
        audit = AuditTrail(store.redis, store.sealer)
        notes = Notes(audit)
        stack.push_async_callback(notes.aclose)
        self._coordinator.record = lambda reload: notes.add(_reload(reload))
        return audit

    def _collecting(self, stack: contextlib.AsyncExitStack, store: Store) -> Collecting:
        """What is counted for people to look at; the last of it is written when all else has ended."""
        collecting = Collecting(store, self._clock)
        stack.push_async_callback(collecting.aclose)
        return collecting

    def _console(self, stack: contextlib.AsyncExitStack, health: Health, ingest: IngestEvent, audit: AuditTrail,
                 store: Store) -> OpenConsole:  # fmt: skip
        coordinator = self._coordinator
        desk = Desk(
            store=store,
            admin=health.admin,
            config=coordinator.config,
            renderer=coordinator.renderer,
            readiness=health.readiness,
            ingest=ingest,
            audit=audit,
            kinds=CHANNELS,
            channels=coordinator.channels,
            clock=self._clock,
        )
        console = OpenConsole(desk, self.config.server.admin)
        stack.push_async_callback(console.aclose)
        return console

    @property
    def _operators_url(self) -> str:
        host, port = self.admin_addresses[0]
        return f"http{'s' if self.config.server.admin.tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"

    async def _listen(self, receiver: Receiver, routes: Iterable[AbstractRouteDef], console: OpenConsole) -> Listeners:
        """Serve the world what the receiver takes, and these; and operators what is theirs."""
        server, app = self.config.server, make_app(receiver)
        app.add_routes(routes)
        listeners = await Listeners.open(
            (app, server.host, server.port),
            (self._operators(receiver, app, console), server.admin.host, server.admin_port),
            self._certificates,
            guard=self._guard(),
            direct=receiver,
            reuse_port=self._reuse_port,
        )
        self.addresses, self.admin_addresses = addresses(listeners.world), addresses(listeners.operators)
        return listeners

    def _operators(self, receiver: Receiver, beside: web.Application, console: OpenConsole) -> web.Application:
        app = make_admin_app(receiver.probes, self.config.server.admin, beside, console.door)
        console.add_to(app)
        return app

    def _looking(self, store: Store, ingest: Ingest, health: Health, reach: Reach, outage: Outage) -> Scheduler:
        """What looks after relay itself. It tells its operators as long as Redis takes anything, also while nothing
        may be accepted from outside."""
        coordinator = self._coordinator
        lookout = Lookout(
            store,
            coordinator.config,
            CHANNELS,
            ingest.ingest,
            attempts=reach,
            templates=coordinator.template_faults,
            store_is=health.shortcomings,
            clock=self._clock,
            parts=self._parts,
        )
        return build_lookout(
            store,
            coordinator.config,
            lookout,
            health.unready,
            clock=self._clock,
            period=2 * self._period,
            outage=outage,
        )

    def _receiver(
        self, ingest: IngestEvent, health: Health, outage: Outage, refusals: Refusals, tracing: Tracing | None
    ) -> Receiver:
        server, directory = self.config.server, self._env.get("PROMETHEUS_MULTIPROC_DIR")
        return Receiver(
            self._sources(),
            ingest,
            health.admin.quarantine,
            health.readiness,
            self._clock,
            max_body=server.max_body,
            public_url=server.public_url,
            outage=outage,
            refusals=refusals,
            registry=metrics.shared(directory) if directory else metrics.REGISTRY,
            tracing=tracing,
        )

    def _guard(self) -> Guard:
        """What strangers may take of this process."""
        server = self.config.server
        return Guard(
            admission=Admission(affordable(server.max_connections)),
            bodies=Bodies(server.max_body_memory),
            proxies=Proxies(network(text) for text in server.trusted_proxies),
        )

    def _sources(self) -> Mapping[str, Source]:
        return self.config.sources if self._receives else {}


class _Part(Protocol):
    async def run(self) -> None: ...


def _begun(stack: contextlib.AsyncExitStack, parts: Iterable[_Part]) -> list[asyncio.Task[None]]:
    """Their loops, which end with the stack."""
    loops = [asyncio.create_task(part.run()) for part in parts]
    for loop in loops:
        stack.push_async_callback(cancelled, loop)
    return loops


def _reload(reload: Reload) -> Act:
    """For the audit trail: a signal does not say who sent it."""
    subject = f"{reload.before} → {reload.after or 'unreadable'}"
    detail, outcome = {"process": f"{os.getpid()}"}, "taken" if reload.accepted else "refused"
    metrics.reloads.labels(outcome).inc()
    return Act(f"relay@{os.uname().nodename}", "reload", subject, detail, outcome)


def _certificates(server: Server, clock: Callable[[], float]) -> Certificates:
    return Certificates({WORLD: server.tls, OPERATORS: server.admin.tls}, clock)
