"""The only place that knows all parts: builds them, starts them, closes them in reverse.

Starting and stopping are straight-line on purpose: the order is the point.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import structlog

from relay import metrics
from relay.background.digests import Digests
from relay.background.reconciliation import EventOrigin, Reconciliation
from relay.background.scheduler import PERIOD, Scheduler, WatchdogTick
from relay.channels import CHANNELS, Channel
from relay.channels.slack.authority import Person, Presser
from relay.channels.slack.channel import Slack, SlackSettings
from relay.config import Config, load
from relay.delivering.composer import Composer
from relay.delivering.enrichment import Enrichment
from relay.delivering.worker import Worker
from relay.domain.deliveries import Accepted, Delivery
from relay.domain.events import Event
from relay.domain.faults import handling
from relay.domain.parsing import decode, parse
from relay.errors import ConfigError, EmbeddedRedisError, Problem, RelayError, TemplateError
from relay.health import Health
from relay.ingest import Ingest
from relay.interactivity.buttons import action_completed, action_targets, buttons_for, enabled_actions
from relay.interactivity.endpoint import Interactions
from relay.interactivity.executor import CHANNEL as PLATFORM
from relay.interactivity.executor import Actions
from relay.outage import Outage
from relay.platform.lookups import Lookups
from relay.receiving.identity import Named
from relay.receiving.receiver import Receiver, make_app
from relay.receiving.server import GuardedRunner, serve
from relay.receiving.sources import Source
from relay.rendering import IsolatedRenderer
from relay.resources import resource_dir
from relay.store import Store
from relay.store.admin import Admin, Quarantined
from relay.store.embedded.server import FAREWELL, EmbeddedRedis, find_server, running_url
from relay.store.queue import LEASE
from relay.store.reconciliation import ReconciliationState
from relay.store.results import ResultsCache
from relay.store.suppressions import Suppressions
from relay.unsubscribe.endpoint import Unsubscribe

log = structlog.get_logger(__name__)

Role = Literal["all", "receive", "deliver"]
REGISTERED = "async-operations"  # the source of what the platform reports by itself
GRACE = 24.0  # seconds from the signal on, the drain among them, for requests and sends under way
LETTING_GO = 2.0  # seconds for connections to others to be closed in good order
# With a second to cancel what is late, and FAREWELL for the private Redis, a stop takes less than the 30 seconds after
# which Docker and Kubernetes kill.
NEEDS_RESTART = ("server", "redis", "data_dir")


def build_renderer(config: Config) -> IsolatedRenderer:
    """The user's templates before the built-in ones. TemplateError names file and line."""
    own = [config.templates] if config.templates else []
    platform = config.platform
    home = urlsplit(platform.base_url).hostname
    hosts = {*platform.link_hosts, *([home] if home else [])} if platform.link_hosts else ()
    return IsolatedRenderer([*own, resource_dir("templates")], base_url=platform.base_url, hosts=sorted(hosts))


def build_channels(config: Config) -> dict[str, Channel]:
    return {name: CHANNELS[name](settings) for name, settings in config.channels.items()}


@dataclass(frozen=True)
class StoreSession:
    """What a command works with: the store of a relay that runs elsewhere, and the way of an event into it."""

    config: Config
    store: Store
    admin: Admin
    clock: Callable[[], float] = time.time

    async def take(self, kept: Quarantined) -> Accepted:
        """A quarantined body as an event, by today's rules.

        Raises NotJson or InvalidEvent if it still is none, HandlingFailed if relay still fails on it.
        """
        source = self.config.sources.get(kept.source)
        with handling():
            event = parse(
                decode(kept.body),
                source=kept.source,
                received_at=datetime.fromtimestamp(self.clock(), UTC),
                default_event=source.event if source else "",
                **Named.kept(kept.headers).ids(kept.body),
            )
        return await Ingest(self.store, lambda: self.config, CHANNELS).ingest(event)


@contextlib.asynccontextmanager
async def open_session(path: Path, env: Mapping[str, str]) -> AsyncIterator[StoreSession]:
    """Reach the Redis of this configuration, embedded or not. Raises a RelayError that says why it cannot."""
    config = load(path, env=env, channels=CHANNELS)
    url = config.redis.url or await running_url(config.data_dir)
    if not url:
        raise EmbeddedRedisError(
            f"no relay is running on {config.data_dir}, so its private Redis is not up; start `relay serve` first"
        )
    store = Store.open(url, worker=f"command-{os.getpid()}")
    try:
        await store.prepare(config.redis.durability, config.redis.replicas)
        yield StoreSession(config, store, Admin(store))
    finally:
        await store.aclose()


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
        self._path = path
        self._env = env
        self._role = role
        self._reuse_port = reuse_port
        self._lease = lease
        self._grace = grace
        self._period = period
        self._clock = clock
        self._outage = Outage(time.monotonic)  # how long it lasts is no matter of the calendar
        self._leave = asyncio.Event()
        self._stop = asyncio.Event()
        self._deadline: float | None = None  # of the loop's clock, once it is to leave
        self._retired: list[Channel] = []
        self._closing: set[asyncio.Task[None]] = set()
        self.config = load(path, env=env, channels=CHANNELS)
        self.renderer = build_renderer(self.config)
        self.addresses: list[tuple[str, int]] = []
        self.started = asyncio.Event()

    def drain(self) -> None:
        """Leave unnoticed: call itself not ready, go on as before for `server.drain`, then stop."""
        self._leave.set()

    def stop(self) -> None:
        """Take nothing new, finish what is under way, leave. Cuts a drain short."""
        self._leave.set()
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop`. EmbeddedRedisError if the private Redis cannot be had or kept."""
        for warning in self.config.warnings:
            log.warning("config.warned", line=warning.line, key=warning.path, warning=warning.message)
        # Closed in reverse: receiver and worker together, channels, store, Redis.
        async with contextlib.AsyncExitStack() as stack:
            embedded = await self._embedded(stack)
            url = embedded.url if embedded else self.config.redis.url
            worker = f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(3)}"
            self._store = Store.open(url, worker=worker, lease=self._lease)
            stack.push_async_callback(self._store.aclose)
            suppressions = Suppressions(self._store)
            self._unsubscribe = Unsubscribe(
                suppressions, lambda: self.config.server.public_url, self._clock, self._outage
            )
            self._health = Health(
                self._store, lambda: self.config, clock=self._clock, notices=self._notices, outage=self._outage
            )
            await self._health.prepare()
            stack.push_async_callback(_cancelled, asyncio.create_task(self._health.watch()))
            self._lookups = Lookups(lambda: self.config.platform)
            stack.push_async_callback(self._lookups.aclose)
            self._enrichment = Enrichment(self._lookups.results, ResultsCache(self._store), clock=self._clock)
            self._channels = build_channels(self.config)
            self._channels[PLATFORM] = Actions(lambda: self._lookups.client, tell=self._answered)
            stack.push_async_callback(self._let_go)
            self._worker = self._new_worker() if self._role != "receive" else None
            wake = self._worker.wake if self._worker else None
            intake = Ingest(self._store, lambda: self.config, CHANNELS, wake=wake)
            self._take = self._health.guard(intake.ingest)
            self._receiver = self._new_receiver()
            self._suppressions = suppressions
            self._interactions = self._new_interactions()
            runner = await self._listen()  # before anything is claimed: a taken port must cost no delivery its time
            delivering = self._deliver(stack)
            stack.push_async_callback(self._finish, runner)
            self.addresses = [(str(address[0]), int(address[1])) for address in runner.addresses]
            self.started.set()
            log.info(
                "relay.started",
                addresses=self.addresses,
                role=self._role,
                durability=self._health.durability,
                config=self.config.digest,
            )
            await self._until(self._leave, embedded, delivering)
            self._deadline = asyncio.get_running_loop().time() + self._grace
            self._receiver.stopping = True
            runner.leave()
            drain = 0.0 if self._stop.is_set() else self.config.server.drain
            log.info("relay.stopping", drain=drain, grace=self._grace)
            await self._until(self._stop, embedded, delivering, drain)
        log.info("relay.stopped")

    def reload(self) -> None:
        """Read the configuration again. A bad file changes nothing; what is being sent is not disturbed."""
        if not self.started.is_set():
            return  # it has just been read
        try:
            fresh = load(self._path, env=self._env, channels=CHANNELS)
            self._refuse_new_channels(fresh)
            renderer = build_renderer(fresh)
        except (ConfigError, TemplateError) as error:
            log.error("config.refused", reason=str(error))
            return
        kept = [name for name in NEEDS_RESTART if getattr(fresh, name) != getattr(self.config, name)]
        for name in kept:
            log.warning("config.needs_restart", key=name)
        for name, settings in fresh.channels.items():
            if settings != self.config.channels.get(name):
                self._retired.append(self._channels[name])  # it may be sending: closed when relay stops
                self._channels[name] = CHANNELS[name](settings)
        self._closing.add(asyncio.create_task(self.renderer.aclose()))  # after what it has been asked for
        if enabled_actions(fresh) and not enabled_actions(self.config):
            log.warning("config.needs_restart", key="channels.slack.interactivity")  # its address is not served yet
        self.config, self.renderer = fresh, renderer
        self._receiver.sources = self._sources()
        self._health.resume()
        log.info("config.reloaded", rules=len(fresh.rules), destinations=len(fresh.destinations), config=fresh.digest)

    def _refuse_new_channels(self, fresh: Config) -> None:
        new = sorted(set(fresh.channels) - set(self._channels))
        if new:
            raise ConfigError([Problem(f"channels.{name}", "a channel's first use needs a restart") for name in new])

    async def _embedded(self, stack: contextlib.AsyncExitStack) -> EmbeddedRedis | None:
        if self.config.redis.url:
            return None
        embedded = EmbeddedRedis(self.config.data_dir, find_server(self._env.get("RELAY_REDIS_SERVER", "")))
        await embedded.start()
        stack.push_async_callback(embedded.stop, FAREWELL)
        return embedded

    def _deliver(self, stack: contextlib.AsyncExitStack) -> "list[asyncio.Task[None]]":
        if self._worker is None:
            return []
        patrol = WatchdogTick(self._store, self._take, lambda: self.config)
        digests = Digests(self._store, lambda: self.config, CHANNELS)
        ticks = {"watchdog": patrol.tick, "digests": digests.tick}
        scheduler = Scheduler(ticks, clock=self._clock, period=self._period, outage=self._outage)
        # Beside the other: a platform that does not answer must not hold up what time brings about.
        rounds = Reconciliation(self._reconciled, ReconciliationState(self._store), self._take)
        asking = Scheduler({"reconciliation": rounds.tick}, clock=self._clock, period=self._period, outage=self._outage)
        running = asyncio.create_task(self._worker.run())
        ticking = [asyncio.create_task(each.run()) for each in (scheduler, asking)]
        stack.push_async_callback(_cancelled, running)
        for task in ticking:
            stack.push_async_callback(_cancelled, task)
        return [running, *ticking]

    def _new_worker(self) -> Worker:
        composer = Composer(
            lambda: self.config,
            lambda: self.renderer,
            clock=self._clock,
            enrich=self._enriched,
            unsubscribe=self._unsubscribe.link,
            buttons=self._buttons,
        )
        return Worker(
            self._store,
            self._channels,
            composer,
            config=lambda: self.config,
            clock=self._clock,
            outage=self._outage,
        )

    async def _buttons(self, delivery: Delivery) -> list[dict[str, str]]:
        if not enabled_actions(self.config):
            return []
        return list(buttons_for(delivery, self.config, await self._suppressions.key()))

    async def _answered(self, action: Mapping[str, Any], outcome: Mapping[str, Any]) -> Accepted:
        return await self._act(action_completed(action, outcome, datetime.fromtimestamp(self._clock(), UTC)))

    async def _act(self, event: Event) -> Accepted:
        """A press, or what came of it, goes where its button stands; no rule is asked."""
        with handling():
            targets = action_targets(event, self.config)
        return await self._take(event, targets)

    def _new_interactions(self) -> Interactions:
        return Interactions(
            secret=self._signing_secret,
            key=self._suppressions.key,
            allowed=self._may_press,
            take=self._act,
            whisper=self._whisper,
            clock=self._clock,
            outage=self._outage,
        )

    def _signing_secret(self) -> bytes:
        """What Slack signs presses with; empty where there are no buttons."""
        settings = self.config.channels.get("slack")
        if not isinstance(settings, SlackSettings) or not enabled_actions(self.config):
            return b""
        return settings.signing_secret.get_secret_value().encode()

    @property
    def _slack(self) -> Slack:
        return cast("Slack", self._channels["slack"])

    async def _may_press(self, action: str, presser: Presser) -> Person | None:
        return await self._slack.is_allowed(presser, enabled_actions(self.config).get(action, ()))

    async def _whisper(self, conversation: str, user: str, text: str, destination: str) -> None:
        place = self.config.destinations.get(destination)
        said = self.renderer.translated(text, (place and place.language) or self.config.language)
        await self._slack.post_ephemeral(conversation, user, said)

    async def _enriched(self, delivery: Delivery) -> Delivery:
        if not (self._lookups.configured and self._lookups.ours(delivery.event.tenant, delivery.event.project)):
            return delivery
        return await self._enrichment.complete(delivery)

    def _reconciled(self) -> tuple[Lookups, EventOrigin] | None:
        """Who is asked about the runs that go on, and as whose events its answers count."""
        if not self._lookups.configured:
            return None
        source = REGISTERED if REGISTERED in self.config.sources else next(iter(self.config.sources))
        return self._lookups, EventOrigin(source, self.config.platform.tenant, self.config.platform.project)

    def _new_receiver(self) -> Receiver:
        directory = self._env.get("PROMETHEUS_MULTIPROC_DIR")
        return Receiver(
            self._sources(),
            self._take,
            self._health.admin.quarantine,
            self._health.readiness,
            self._clock,
            max_body=self.config.server.max_body,
            public_url=self.config.server.public_url,
            outage=self._outage,
            registry=metrics.shared(directory) if directory else metrics.REGISTRY,
        )

    def _sources(self) -> dict[str, Source]:
        return {} if self._role == "deliver" else self.config.sources

    async def _listen(self) -> GuardedRunner:
        server = self.config.server
        app = make_app(self._receiver)
        app.add_routes(self._unsubscribe.routes())
        if self._role != "deliver" and self._signing_secret():
            app.add_routes(self._interactions.routes())
        return await serve(app, server.host, server.port, reuse_port=self._reuse_port)

    async def _until(
        self,
        asked: asyncio.Event,
        embedded: EmbeddedRedis | None,
        delivering: "list[asyncio.Task[None]]",
        seconds: float | None = None,
    ) -> None:
        """Until that is asked for, or so long. RelayError if relay cannot go on by itself."""
        stopped = asyncio.ensure_future(asked.wait())
        waiting: list[asyncio.Future[Any]] = [stopped, *delivering, *([embedded.failed] if embedded else [])]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=seconds)
        if stopped.done():
            return
        stopped.cancel()
        for task in delivering:
            if task.done():  # better gone and started again than accepting what nobody delivers
                raise RelayError("the worker or the scheduler ended by itself; start relay again") from task.exception()
        if embedded and embedded.failed.done():
            raise EmbeddedRedisError(embedded.failed.result())

    async def _finish(self, runner: GuardedRunner) -> None:
        """Take no more requests and claim no more deliveries; what is under way, of both, has until the deadline.

        Whatever is accepted meanwhile is durable, and delivered by another process or after the next start.
        """
        loop = asyncio.get_running_loop()
        deadline = self._deadline or loop.time() + self._grace

        def left() -> float:
            return max(0.0, deadline - loop.time())

        async def answering() -> None:
            await runner.cleanup(left())
            await self._interactions.aclose(left())  # after the last press

        async with asyncio.TaskGroup() as group:
            group.create_task(answering())
            if self._worker:
                group.create_task(self._worker.stop(left()))

    def _notices(self) -> dict[str, str]:
        """Which of the user's templates are not in use because they failed, for those who watch over relay."""
        return {
            f"template:{file}": f"failed, so relay's own wording is shown: {fault}"
            for file, fault in self.renderer.faults.items()
        }

    async def _let_go(self) -> None:
        """Of the channels' connections and the renderers' processes."""
        closing = {asyncio.create_task(channel.aclose()) for channel in (*self._channels.values(), *self._retired)}
        closing |= {asyncio.create_task(self.renderer.aclose()), *self._closing}
        _, late = await asyncio.wait(closing, timeout=LETTING_GO)
        for task in late:
            task.cancel()
        await asyncio.wait(closing)


async def _cancelled(task: "asyncio.Task[None]") -> None:
    """End a background task. Asked again until it has: on Python 3.11 a cancellation that meets the end of a
    `wait_for`, as redis-py uses it, is swallowed (https://github.com/python/cpython/issues/86296)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)
    with contextlib.suppress(asyncio.CancelledError):
        await task
