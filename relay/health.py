"""Health: whether relay can keep its promise right now, as `/readyz` shows and admission relies on."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from relay import metrics
from relay.background.figures import PROMISES, DeliveryBlockers, Figures
from relay.config import Config
from relay.errors import ConfigError, StoreUnavailable
from relay.interactivity.executor import CHANNEL as PLATFORM
from relay.outage import Outage, full, room_in
from relay.policy.presentation import OWNER
from relay.policy.reachability import scopes
from relay.policy.recipients import NAME as DYNAMIC
from relay.policy.retry import GIVE_UP_AFTER
from relay.receiving.probes import Readiness
from relay.store import Store
from relay.store.failover import can_fail_over
from relay.store.queries.admin import MAX_PAUSED

log = structlog.get_logger(__name__)

WATCH = 1.0  # seconds between two looks at Redis
GLANCES = 5  # between two looks, at its memory alone, while so much of that is used that it may be full before the next
NEAR = 0.5
MOST_PARKED = 10_000  # deliveries that wait one by one for something broken
HOUSEKEEPING = 60  # looks between two clean-ups
PATIENCE = 2.0  # seconds that a probe waits for Redis
NOT_OWNED = "no process decides and delivers, so events wait in the inbox: does one with role all or deliver run?"
LOST = "what was queued is lost, and repetitions are not recognised; a reload ends this notice"


def known_addresses(config: Config) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the addresses of each destination by channel; relay's own, and what operations may ask for, have any."""
    free = (PLATFORM, *([DYNAMIC] if config.dynamic_destinations else []))
    anywhere: dict[str, dict[str, tuple[str, ...]]] = {name: {"": ("*",)} for name in free}
    return anywhere | {
        name: {its.channel: (*its.addresses, "*") if OWNER in its.addresses else its.addresses}
        for name, its in config.destinations.items()
    }


@dataclass(eq=False)
class Health:
    """Watches the store. Until its Redis was inspected, nothing is accepted: a 2xx would promise too much."""

    store: Store
    config: Callable[[], Config]
    clock: Callable[[], float]
    notices: Callable[[], Mapping[str, str]] = dict  # what else those who watch over relay should see
    outage: Outage = field(default_factory=Outage)
    internal: Collection[str] = ()  # relay's own channels
    memory: Mapping[str, int] = field(default_factory=dict)  # its shares in bytes, and what they can hold
    fullness: float = 0.0  # the part of Redis's maxmemory that is used
    _full: str = ""  # why that is too much
    _trouble: str = "not inspected yet"
    _weakened: str = ""  # what `auto` could promise before and cannot any more
    _emptied: datetime | None = None  # when relay's data was found deleted
    _looks: int = 0
    _announced: tuple[Config, int] | None = None  # by which configuration, and in which term
    _resuming: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._blockers = DeliveryBlockers(self.store, self.config, self.clock, self.internal)
        self.admin = self._blockers.admin
        self._figures = Figures(self.store, self.admin, self.config, self.clock)

    @property
    def durability(self) -> str:
        return "unknown" if self._trouble else self.store.promise.durability

    async def prepare(self) -> None:
        """Inspect Redis. One that is away may come back; one that relay must not run on is a ConfigError."""
        redis, before = self.config().redis, self._weakened or self.store.promise.durability
        try:
            await self.store.check_types(self.config().channels)  # first: what follows does not name the key
            promise = await self.store.prepare(redis.durability, redis.replicas)
            self._hear()
            await self._announce()
        except StoreUnavailable as error:
            self._fail(error)
            return
        self._trouble = ""
        weaker = PROMISES.index(promise.durability) < PROMISES.index(before)
        if weaker and not self._weakened:
            log.warning("durability.weakened", now=promise.durability, before=before)
        self._weakened = before if weaker else ""
        if promise.shortfall:
            self.outage.failed(promise.shortfall)

    async def _inspect(self) -> None:
        """Inspect Redis again. One that relay must not run on is trouble until it is put right."""
        try:
            await self.prepare()
        except ConfigError as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._trouble = str(error)
        self.outage.failed(self._trouble)

    async def watch(self) -> None:
        """Look every second, until cancelled."""
        while True:
            try:
                for _ in range(GLANCES):
                    await asyncio.sleep(WATCH / GLANCES)
                    await self.glance()
                await self.look()
            except Exception as error:  # noqa: BLE001 - a watch that has ended would see nothing
                log.error("health.failed", error=f"{type(error).__name__}: {error}")

    async def look(self) -> None:
        """Notice a Redis that goes, comes back or changes; keep the gauges; give up and drop what is too old."""
        await self._look()
        takes, _ = self._room()
        self._figures.promise(self._trouble, self.shortcomings(), takes=takes)

    async def glance(self) -> None:
        """Notice a Redis that fills up: of 60 MiB a tenth takes a second."""
        if self.fullness >= NEAR and not self._trouble:
            with contextlib.suppress(StoreUnavailable):  # the next look says why
                await self._measure()

    async def _measure(self) -> None:
        self.fullness = await self.store.fullness()
        self._full = full(self.fullness)

    async def _look(self) -> None:
        self._looks += 1
        housekeeping = self._looks % HOUSEKEEPING == 0
        try:
            self._hear()
            if self._trouble or self.store.promise.shortfall or housekeeping or can_fail_over(self.store.redis):
                await self._inspect()
            if self._trouble:
                return
            await self.store.check_types(self.config().channels)  # first: what follows does not name the key
            await self.store.release_gone()  # a full Redis takes that, which the probe does not pass
            await self._announce()
            await self._measure()
            await self.store.probe()
            await self._figures.measure()
            if housekeeping and self.store.journal.owns:
                await self._clean_up()
        except StoreUnavailable as error:
            self._fail(error)
            return
        if not self.store.promise.shortfall:
            self.outage.worked()

    async def _clean_up(self) -> None:
        """Bundle too much that waits, give up what has waited for too long, drop what was unused for too long."""
        await self.admin.bundle_backlog(MOST_PARKED)
        await self.admin.expire_parked(GIVE_UP_AFTER)
        await self.admin.expire_stranded(self._blockers.channels(), MAX_PAUSED)
        await self.admin.expire_dead(datetime.fromtimestamp(self.clock(), UTC))

    async def warn(self) -> None:
        """Say at the start what waits for a channel that was taken out of the configuration."""
        with contextlib.suppress(StoreUnavailable):
            for name, check in (await self._blockers.stranded()).items():
                log.warning("channel.removed", channel=name.removeprefix("channel:"), reason=check)

    def _hear(self) -> None:
        """Notice a clock that was set back, and data that was deleted."""
        if step := self.store.take_set_back():
            metrics.clock_set_back.inc()
            log.warning(
                "redis.clock_set_back",
                seconds=step,
                meaning="relay's time goes on, at half its speed until Redis's clock has caught up",
            )
        if self.store.emptied:
            self._emptied = datetime.fromtimestamp(self.clock(), UTC)
            log.error("redis.emptied", meaning="somebody deleted relay's data; what was queued is lost")

    async def obstacle(self) -> str:
        """Return why no event may be accepted now, '' if it may; a Redis that came back is inspected at once."""
        return await self.obstacle_to_acts() or self._full

    async def obstacle_to_acts(self) -> str:
        """Return the same for acts of people, which a full Redis takes, too."""
        if self._trouble:
            await self._inspect()
        return self._trouble or self.store.promise.shortfall

    def shortcomings(self) -> dict[str, str]:
        """Return what the store lacks of its promise, by name, as of the last look. `/readyz` says the same."""
        _, lacks = self._room()
        if self._trouble:
            lacks["durability"] = self._trouble
        if self._emptied:
            lacks["data"] = f"somebody deleted relay's data at {self._emptied:%Y-%m-%d %H:%M:%S} UTC"
        return lacks

    def _room(self) -> tuple[bool, dict[str, str]]:
        """Return whether the store takes events, and what it lacks of its promise."""
        promise = self.store.promise
        takes, lacks = room_in(promise.shortfall, self.fullness)
        if self._weakened:
            weaker = f"{promise.durability}, and it was {self._weakened}: this Redis no longer offers that"
            lacks.setdefault("durability", weaker)
        return takes, lacks

    async def unready(self) -> str:
        """Return why `/readyz` says no, or that no scheduler runs; '' if neither."""
        checks = (readiness := await self.readiness()).checks
        if readiness.ready:
            return checks.get("owner") or checks.get("scheduler", "")
        redis = "" if checks["redis"] == "ok" else checks["redis"]
        return redis or self.store.promise.shortfall or self._full

    async def readiness(self) -> Readiness:
        """Ready to accept, and what prevents delivering (which does not make a 2xx less true)."""
        checks = {"redis": "ok", "durability": self.store.promise.durability, **self.notices()}
        try:
            async with asyncio.timeout(PATIENCE):
                if self._trouble:
                    await self._inspect()
                await self.store.ping()
                await self.store.probe()
                checks |= await self._blockers.checks()
        except TimeoutError:
            checks["redis"] = f"no answer within {PATIENCE:g} s"
        except StoreUnavailable as error:
            checks["redis"] = str(error)
        if self._trouble:
            checks["redis"] = self._trouble
        if self._emptied:
            checks["data"] = (
                f"found deleted at {self._emptied:%Y-%m-%d %H:%M:%S} UTC (FLUSHALL, or another database): " + LOST
            )
        if not self.store.partition.is_owned:
            checks["owner"] = NOT_OWNED
        takes, lacks = self._room()
        return Readiness(takes and checks["redis"] == "ok", checks | lacks, self.memory)

    async def _announce(self) -> None:
        """Announce the destinations, as the owner, after it began and after each reload."""
        stands = self.config(), self.store.partition.term
        if self.store.partition.owns and stands != self._announced:
            await self.admin.announce(known_addresses(self.config()))
            self._announced = stands

    def resume(self) -> None:
        """Try paused channels and destinations again within seconds: the configuration changed."""
        self._emptied = None
        self._resuming = asyncio.create_task(self._resume())

    async def _resume(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._announce()
            await self.admin.resume_all(scopes(self.config()))
