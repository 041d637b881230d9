"""The store: every verb of the queue, each one atomic step in Redis. What each does is in the module of its name."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from redis.asyncio import Redis

from relay.domain.deliveries import Accepted, Delivery, Notification, Receipt, Target, Window
from relay.domain.events import Event
from relay.domain.facts import NOWHERE, Space
from relay.domain.silences import Hold
from relay.errors import StoreUnavailable
from relay.store import keys
from relay.store.accepting import Accepting
from relay.store.bundles import Bundles
from relay.store.causes import Causes
from relay.store.claiming import Claimed, Claiming
from relay.store.client import Durability, Promise, Scripts, call, connect, write
from relay.store.cluster import Act
from relay.store.inspection import inspect
from relay.store.knowledge import Knowledge
from relay.store.layout import agree
from relay.store.letters import Letters
from relay.store.owners import at_owner, is_cluster
from relay.store.partitions import AllTurns, Partition, Partitions
from relay.store.pulses import Pulses
from relay.store.run_plan import MAX_JOBS
from relay.store.sealing import Sealer
from relay.store.sealing_keys import agree_on_keys, check_sealed
from relay.store.server_signs import Signs, fullness_of, signs_of
from relay.store.settling import Pause, Settling

LEASE = 30.0
PATIENCE = 0.5  # seconds that a Cluster's nodes which answer wait for one that does not


class Store:
    """The queue in one Redis. Any number of processes may use it at once; any may die at any line."""

    def __init__(
        self,
        redis: Redis,
        *,
        worker: str,
        lease: float = LEASE,
        partitions: int = 1,
        scripts: Scripts | None = None,
        clock: Callable[[], float] | None = None,
        sealer: Sealer | None = None,
        copies: tuple[int, int] | None = None,
        jobs: int = MAX_JOBS,
    ) -> None:
        """`sealer` seals what events held, and opens it; without one it is kept as it is.

        `copies`: so many messages, of so many bytes, are kept for three days as they were sent, for people to look at
        (relay/store/copies.py; `copying.COPIES` is enough). `jobs`: so many have a history.
        """
        self.redis = redis
        self.sealer = sealer
        self.lease = lease
        self.promise = Promise("memory")
        self.partitions = Partitions(
            scripts or Scripts(redis, clock), partitions, PATIENCE if is_cluster(redis) and partitions > 1 else None
        )
        self.bundles = Bundles(redis, self.partitions, sealer)
        self.causes = Causes(redis, self.partitions)
        self._letters = Letters(self.partitions, lambda: self.promise.replicas)
        self._pulses = Pulses(self.partitions, self._letters, worker, lease)
        self._agreed = False
        self._knowledge = Knowledge(redis, self.partitions, sealer)
        self.spaces = self._knowledge.spaces
        self._accepting = Accepting(self.partitions, self._letters, lambda: self.promise, sealer, jobs)
        self._turns = AllTurns(self.partitions)
        self._settling = Settling(
            self.partitions, self._turns, lease, lambda: self.promise.replicas, sealer, copies=copies
        )
        self._claiming = Claiming(
            redis,
            self.partitions,
            self._letters,
            self.bundles,
            self._settling,
            turns=self._turns,
            worker=worker,
            lease=lease,
            sealer=sealer,
        )

    def keep_copies(self, bounds: tuple[int, int] | None) -> None:
        """Change `copies` of the constructor from now on."""
        self._settling.keep_copies(bounds)

    @classmethod
    def open(cls, url: str, **options: Any) -> "Store":
        """A store on the Redis at this URL, with the options of the constructor. Nothing is sent yet."""
        return cls(connect(url), **options)

    async def prepare(self, durability: Durability = "auto", replicas: int = 1, *, sealing: bool = False) -> Promise:
        """Check that this Redis may be relied on. ConfigError if not, StoreUnavailable if it is away.

        `sealing`: it is opened to seal what was written without a key.
        """
        promise = await inspect(self.redis, self.partitions, durability, replicas)
        try:
            await agree(self.redis, len(self.partitions))
            if not (self._agreed or sealing):
                await check_sealed(self.redis, self.partitions, self.sealer)
            if not sealing:
                await agree_on_keys(self.redis, self.sealer)
            self._agreed = True
        except StoreUnavailable:
            if not self._agreed or len(self.partitions) == 1:
                raise
        self.promise = promise
        return promise

    async def aclose(self) -> None:
        await self._pulses.aclose()
        await self._letters.aclose()
        await self._turns.aclose()
        await self.redis.aclose()

    async def time(self) -> float:
        """Redis's clock, seconds since the epoch: leases and due times go by it."""
        seconds, micros = await self._at(self.partitions.present[0], lambda redis: redis.time())
        return float(seconds) + float(micros) / 1e6

    async def ping(self) -> None:
        await self._at(self.partitions.present[0], lambda redis: redis.ping())

    async def fullness(self) -> float:
        """Return the used part of this Redis's `maxmemory`, 0 without one; of a Cluster, its fullest primary's."""
        memories = await self.partitions.each(lambda partition: self._at(partition, lambda redis: redis.info("memory")))
        return max(map(fullness_of, memories.values()))

    async def signs(self) -> Signs:
        """Return the health of Redis itself: of several primaries, together or the worst of them."""
        parts = ("server", "memory", "persistence", "replication")
        infos = await self.partitions.each(lambda partition: self._at(partition, lambda redis: redis.info(*parts)))
        return signs_of(infos.values())

    async def _at(self, partition: Partition, act: Act[Any]) -> Any:
        """Ask the server where this partition is."""
        return await call(at_owner(self.redis, partition.key(keys.LEDGER), act))

    async def probe(self) -> dict[int, str]:
        """One small write in each partition: a full Redis, or one that became a read-only replica, refuses it.

        Those that do, and why; StoreUnavailable if all do.
        """
        outcomes = await self.partitions.outcomes(
            lambda partition: write(self.redis, self.redis.set(partition.key(keys.PROBE), 1, px=60_000))
        )
        return {number: str(why) for number, why in outcomes.items() if isinstance(why, StoreUnavailable)}

    @property
    def away(self) -> dict[int, str]:
        """The partitions that take nothing now, and why: as of the last pulse and the last inspection."""
        return {**self.promise.short, **self.partitions.away}

    @property
    def emptied(self) -> bool:
        """True where the last pulse found that data had been deleted (FLUSHALL)."""
        return self._pulses.emptied

    async def pulse(self) -> float:
        """The sign that this process lives, to be given each second: without it for 4 s, what it holds is taken over.

        One that gives none keeps what it holds until the lease lapses. Answers the seconds by which Redis's clock was
        set back since the last pulse of any process, 0 if it was not; what waits has been put right then. Partitions
        that do not answer in time are `away` from then on; StoreUnavailable if none does.
        """
        return await self._pulses.give()

    async def take_over(self) -> None:
        """Make due what any process holds. Only for a process that knows that no other lives."""
        await self.partitions.run("pulse", ["alone"])

    async def accept(
        self, event: Event, targets: Sequence[Target], *, completes: bool = False, unasked: bool = False
    ) -> Accepted:
        """Make the event and all its deliveries durable, or recognise it. StoreUnavailable: nothing is promised.

        `completes`: it is a known outcome with what another report of it adds; live messages are brought up to date.
        `unasked`: the facts of its operation were not looked up; where they say more, the answer is `elsewhere`.

        HandlingFailed: nothing is promised either, and the next try would fail as well.
        """
        return await self._accepting.accept(event, targets, completes=completes, unasked=unasked)

    async def kept(self, event: Event) -> Event | None:
        """The newest event of this name that is kept of its operation."""
        return await self._knowledge.kept(event)

    async def known(self, subject: str, space: Space | Mapping[str, str] = NOWHERE) -> dict[str, str]:
        """The lasting facts stated so far about an operation: type, name, priority, platform, tenant, project, batch.

        `space` says whose id it is, or for each id the name space that was decided before. AmbiguousId if it could
        mean several. `space` and `original_space` are in the answer where another had the id, or the original's, first.

        `since` says that it has events, however little they stated; `runs` how often it was run again, `began` when the
        last of these runs did (ms) and `starts` when those before did (relay.domain.run_numbers); `ended` when its
        outcome was (ms; absent while it goes on), and `restarts` how many of the runs are starts after an outcome,
        which the platform does not count. Of a retry under a new id, `original` and `retry` say whose run it is, and
        the rest is the original's.
        """
        return await self._knowledge.facts(subject, space)

    async def claim(
        self,
        channel: str,
        limit: int,
        quiet: Mapping[str, Window] = MappingProxyType({}),
        *,
        idle: float = 0.0,
        without: Collection[int] = (),
    ) -> Claimed:
        """Lease up to `limit` due deliveries of one channel.

        `quiet` has the destinations with quiet hours now (`*`: all that are not named), and these hours: new messages
        there are bundled until their end. `idle`: seconds for which a partition that has nothing due need not be asked,
        though another process may have changed something there. `without`: the partitions that are left alone.
        """
        return await self._claiming.claim(channel, limit, quiet, idle=idle, without=without)

    async def mark_sending(self, delivery: Delivery) -> bool:
        """The mark before the first byte leaves. False: the lease is gone, so nothing may be sent.

        Where the durability is `replicated`, the replicas have it as well: after a failover the outcome is unknown, and
        the delivery does not count as one that was never begun.
        """
        return await self._settling.mark_sending(delivery)

    async def extend(self, delivery: Delivery) -> bool:
        return await self._settling.extend(delivery)

    async def release(self, delivery: Delivery, delay: float = 0.0, probes_in: float | None = None) -> bool:
        """Give an unsent delivery back: due at once (SIGTERM), or after so many seconds.

        `probes_in`: it was to probe its channel, which is probed again in so many seconds.
        """
        return await self._settling.release(delivery, delay, probes_in)

    async def silence(self, delivery: Delivery, hold: Hold) -> bool:
        """A silence means this unsent delivery: it becomes part of the summary at its end, waits for that, or is over.

        False: by Redis's clock, or because it was ended, the silence is over, so that it may be sent; or the lease
        is gone.
        """
        return await self._settling.silence(delivery, hold)

    async def complete(self, delivery: Delivery, receipt: Receipt, sent: Notification | None = None) -> bool:
        """It arrived. What the receipt says of the thread is kept for the lane's next delivery.

        `sent` is the message, of which a copy is kept where this store keeps any. A live message that was found shows
        its present state next.
        """
        return await self._settling.complete(delivery, receipt, sent)

    async def reschedule(
        self,
        delivery: Delivery,
        delay: float,
        error: str,
        *,
        refund_attempt: bool = False,
        unknown: bool = False,
        of_channel: bool = False,
        refused: bool = False,
        unsent: bool = False,
        deaf: bool = False,
        holds: Sequence[Pause] = (),
    ) -> bool:
        """Try again in `delay` seconds, or with what is parked for the same channel.

        refund_attempt  it costs no attempt
        unknown         it may have arrived
        of_channel      the failure was its channel's (relay.policy.retry)
        refused         and that refused relay's credentials
        unsent          nothing was marked: its channel was asked before
        deaf            and did not even answer a probe
        """
        return await self._settling.reschedule(
            delivery, delay, error, refund_attempt=refund_attempt, unknown=unknown, of_channel=of_channel,
            refused=refused, unsent=unsent, deaf=deaf, holds=holds,
        )  # fmt: skip

    async def dead_letter(self, delivery: Delivery, reason: str, error: str, *, bounce: str = "") -> bool:
        """It will not be tried again by itself: a dead letter, kept with its reason.

        `bounce` (hard or soft) counts against its address, which in the end is written to no more.
        """
        return await self._settling.dead_letter(delivery, reason, error, bounce=bounce)
