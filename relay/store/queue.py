"""accept, claim, complete, reschedule, dead_letter: the verbs of the queue, each one atomic step in Redis."""

import asyncio
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import structlog
from redis.asyncio import Redis

from relay.domain.deliveries import Accepted, Delivery, Receipt, Target, Window
from relay.domain.events import Event
from relay.domain.facts import AUDIENCE, LASTING, PRESSED
from relay.domain.faults import handling, own_line
from relay.domain.parsing import load
from relay.domain.spaces import Space
from relay.errors import ConfigError, HandlingFailed, Problem, StoreUnavailable
from relay.store import keys, plan
from relay.store.batching import Batcher
from relay.store.bundles import Bundles
from relay.store.client import Durability, Promise, Scripts, call, connect, refusal, write
from relay.store.cluster import Act
from relay.store.inspection import inspect
from relay.store.letters import Letters
from relay.store.owners import at_owner, is_cluster
from relay.store.partitions import Partition, Partitions
from relay.store.pulses import Pulses
from relay.store.records import FIELDS, values_in
from relay.store.spaces import Spaces
from relay.store.turns import Turns

log = structlog.get_logger(__name__)

LEASE = 30.0
PATIENCE = 0.5  # seconds that a Cluster's nodes which answer wait for one that does not
FETCH = 0.8  # the part of it for what a claim needs from other partitions: less than the claim itself has
LATER = 1000  # ms until what could not be fetched is claimed again
BEHIND = 100  # ms after which what has news on its way is looked at again
FORGOTTEN = "what it should tell was forgotten 30 days after the last event"
MAX_PAUSED = 3 * 86_400.0  # seconds that a delivery waits for something broken
FACTS = (*LASTING, AUDIENCE, PRESSED, "platform", "tenant", "project", "batch")
NOWHERE = Space()  # nothing is said of whose an id is
LINKS = ("original", "retry")  # of a retry under a new id: whose run it is, and which


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim got, and the seconds until the next delivery is due (None: nothing is queued)."""

    deliveries: tuple[Delivery, ...]
    next_due: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Something that now fails for everyone: nobody else runs into it for `seconds`.

    With `probe`, one delivery goes ahead when the time is over, and the rest follow if it succeeds.
    """

    scope: str  # "channel:<name>", "destination:<name>/<address>", "limit:<name>", or "lane" for its own lane
    seconds: float
    reason: str
    probe: bool = False


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
    ) -> None:
        self.redis = redis
        self.lease = lease
        self.promise = Promise("memory")
        self._worker = worker
        self.partitions = Partitions(
            scripts or Scripts(redis, clock), partitions, PATIENCE if is_cluster(redis) and partitions > 1 else None
        )
        self.bundles = Bundles(redis, self.partitions)
        self._letters = Letters(self.partitions, lambda: self.promise.replicas)
        self._pulses = Pulses(self.partitions, self._letters, worker, lease)
        self._agreed = False
        self._turns: dict[str, Turns] = {}  # by channel
        self._claims: dict[tuple[str, int], int] = {}  # by channel and partition
        self._accepts: list[Batcher[plan.AcceptArguments, Accepted]] = [
            Batcher(partial(self._accept_all, partition), size=plan.size) for partition in self.partitions
        ]
        self._known: list[Batcher[str, dict[str, str]]] = [
            Batcher(partial(self._known_all, partition)) for partition in self.partitions
        ]
        self.spaces = Spaces(redis, self.partitions, self._known_of)
        self._begins: list[Batcher[str, bool]] = [
            Batcher(partial(self._begin_all, partition), most=128) for partition in self.partitions
        ]
        self._settles: list[Batcher[str, bool]] = [
            Batcher(partial(self._settle_all, partition), most=128) for partition in self.partitions
        ]

    @classmethod
    def open(cls, url: str, **options: Any) -> "Store":
        """A store on the Redis at this URL, with the options of the constructor. Nothing is sent yet."""
        return cls(connect(url), **options)

    async def prepare(self, durability: Durability = "auto", replicas: int = 1) -> Promise:
        """Check that this Redis may be relied on. ConfigError if not, StoreUnavailable if it is away."""
        promise = await inspect(self.redis, self.partitions, durability, replicas)
        try:
            await self._agree()
        except StoreUnavailable:
            if not self._agreed or len(self.partitions) == 1:
                raise
        self.promise = promise
        return promise

    async def _agree(self) -> None:
        """Which layout the data has, and that names live where their number of partitions says: it is decided once."""
        await call(self.redis.set(keys.SCHEMA, keys.SCHEMA_VERSION, nx=True))
        mine = len(self.partitions)
        there = await call(self.redis.exists(f"{keys.PREFIX}{keys.LEDGER}"))  # of a relay that knew of one alone
        await call(self.redis.set(keys.PARTITIONS, 1 if there else mine, nx=True))
        made = int(await call(self.redis.get(keys.PARTITIONS)))
        if made != mine:
            problem = (
                f"the data is in {made} partitions, and redis.partitions is {mine}: set it to {made}, or use an empty "
                "database once `relay dead list` and the queues are empty"
            )
            raise ConfigError([Problem("redis.partitions", problem)])
        self._agreed = True

    async def aclose(self) -> None:
        await self._pulses.aclose()
        await self._letters.aclose()
        for turns in self._turns.values():
            await turns.aclose()
        await self.redis.aclose()

    async def time(self) -> float:
        """Redis's clock, seconds since the epoch: leases and due times go by it."""
        seconds, micros = await self._at(self.partitions.present[0], lambda redis: redis.time())
        return float(seconds) + float(micros) / 1e6

    async def ping(self) -> None:
        await self._at(self.partitions.present[0], lambda redis: redis.ping())

    async def fullness(self) -> float:
        """Which part of its `maxmemory` this Redis uses; 0 where it has none. Of a Cluster, the fullest primary's."""
        memories = await self.partitions.each(lambda partition: self._at(partition, lambda redis: redis.info("memory")))
        return max(map(_fullness, memories.values()))

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
        """Whether the last pulse found that somebody had deleted data (FLUSHALL)."""
        return self._pulses.emptied

    async def pulse(self) -> float:
        """The sign that this process lives, to be given each second: without it for 4 s, what it holds is taken over.

        One that gives none keeps what it holds until the lease lapses. Answers the seconds by which Redis's clock was
        set back since anybody's last pulse, 0 if it was not; what waits has been put right then. Partitions that do not
        answer in time are `away` from then on; StoreUnavailable if none does.
        """
        return await self._pulses.give()

    async def take_over(self) -> None:
        """Make due what any process holds. Only for whoever knows that no other lives."""
        await self.partitions.run("pulse", ["alone"])

    async def accept(self, event: Event, targets: Sequence[Target], *, completes: bool = False) -> Accepted:
        """Make the event and all its deliveries durable, or recognise it. StoreUnavailable: nothing is promised.

        `completes`: it is a known outcome with what another report of it adds; live messages are brought up to date.

        HandlingFailed: nothing is promised either, and the next try would fail as well.
        """
        with handling():
            linked = plan.link(event, len(self.partitions))
        if linked and not await self._link(*linked):
            return Accepted("elsewhere")
        with handling():
            name = keys.operation(event.subject, event.space(event.subject))
            arguments = plan.accept_arguments(event, targets, completes=completes, partitions=len(self.partitions))
        partition = self.partitions.of(name)
        if why := self.promise.short.get(partition.number):
            raise StoreUnavailable(why)
        accepted = await self._accepts[partition.number].submit(arguments)
        held = await self._letters.send(partition, accepted.letters)
        return replace(accepted, deliveries=accepted.deliveries - len(held), held=accepted.held + held, letters=())

    async def _link(self, own: str, text: str, facts: bytes) -> bool:
        """Lead this id to its original. False: by now it has begun something of its own, or is another run."""
        return bool(await self.partitions.of(own).run("letters", ("link", text, facts), self.promise.replicas))

    async def kept(self, event: Event) -> Event | None:
        """The newest event of this name that is kept of its operation."""
        name = keys.operation(event.subject, event.space(event.subject))
        body = await call(self.redis.hget(self.partitions.of(name).key(f"operation:{name}"), f"doc:{event.name}"))
        with handling():
            return load(body) if body else None

    async def known(self, subject: str, space: Space | Mapping[str, str] = NOWHERE) -> dict[str, str]:
        """The lasting facts stated so far about an operation: type, name, priority, platform, tenant, project, batch.

        `space` says whose id it is, or for each id the name space that was decided before. AmbiguousId if it could
        mean several. `space` and `original_space` are in the answer where another had the id, or the original's, first.

        `since` says that it was heard of, however little was said; `runs` how often it was run again, `began` when the
        last of these runs did (ms) and `starts` when those before did (relay.domain.run_numbers); `ended` when its
        outcome was (ms; absent while it goes on), and `restarts` how many of the runs are starts after an outcome,
        which the platform does not count. Of a retry under a new id, `original` and `retry` say whose run it is, and
        the rest is the original's.
        """
        facts = await self._meant(subject, space)
        if original := facts.get("original"):
            whose = space.filled(Space.of(facts)) if isinstance(space, Space) else space
            first = await self._meant(original, whose)
            kept_in = {"original_space": first.pop("space")} if "space" in first else {}
            return {**first, **facts, **kept_in}
        return facts

    async def _meant(self, id_: str, space: Space | Mapping[str, str]) -> dict[str, str]:
        if isinstance(space, Space):
            return await self.spaces.resolved(id_, space)
        facts = await self._known_of(id_, space.get(id_, ""))
        facts.pop("apart", None)
        return facts | {"space": space[id_]} if space.get(id_) else facts

    async def _known_of(self, id_: str, space: str) -> dict[str, str]:
        name = keys.operation(id_, space)
        return await self._known[self.partitions.of(name).number].submit(name)

    async def _known_all(self, partition: Partition, names: Sequence[str]) -> Sequence[dict[str, str] | Exception]:
        async with self.redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hmget(partition.key(f"operation:{name}"), FIELDS)
            rows = await call(pipeline.execute(raise_on_error=False))
        return [refusal(str(row)) if isinstance(row, Exception) else _known(row) for row in rows]

    async def _accept_all(
        self, partition: Partition, requests: Sequence[plan.AcceptArguments]
    ) -> Sequence[Accepted | Exception]:
        flat: list[str | bytes | int] = []
        for request in requests:
            flat += request
        answers = await partition.run("accept", flat, self.promise.replicas)
        return [plan.accepted(answer) for answer in answers]

    async def claim(
        self,
        channel: str,
        most: int,
        quiet: Mapping[str, Window] = MappingProxyType({}),
        *,
        idle: float = 0.0,
        without: Collection[int] = (),
    ) -> Claimed:
        """Lease up to `most` due deliveries of one channel.

        `quiet` has the destinations with quiet hours now (`*`: all that are not named), and these hours: new messages
        there are bundled until their end. `idle`: seconds for which a partition that has nothing due need not be asked,
        though another process may have changed something there. `without`: the partitions that are left alone.
        """
        turns = self._turns.setdefault(channel, Turns(self.partitions))
        deliveries, due, failures = list[Delivery](), list[float](), dict[Partition, StoreUnavailable]()
        turn = turns.now(idle, without)
        for partition in turn:
            if len(deliveries) >= most:
                due.append(0.0)  # it is asked next time
                break
            question = partial(self._claim, partition, channel, most - len(deliveries), quiet)
            try:
                claimed = await turns.ask(partition, question)
            except StoreUnavailable as error:
                failures[partition] = error
                continue
            # After the bundles: if Redis went away meanwhile, all is given again.
            self._claims[channel, partition.number] = self._claims.get((channel, partition.number), 0) + 1
            deliveries += claimed.deliveries
            due += [] if claimed.next_due is None else [claimed.next_due]
            turns.rest(partition, idle if claimed.next_due is None else min(idle, claimed.next_due))
        if failures and len(failures) == len(turn) and turns.next_due is None:
            raise next(iter(failures.values()))
        for partition in failures:
            turns.rest(partition, idle)
        due += [] if turns.next_due is None else [turns.next_due]
        return Claimed(tuple(deliveries), min(due, default=None))

    async def _claim(self, partition: Partition, channel: str, most: int, quiet: Mapping[str, Window]) -> Claimed:
        # The same token until an answer arrives: a claim whose answer was lost is given again, not forgotten.
        number = self._claims.get((channel, partition.number), 0)
        args = (channel, most, int(self.lease * 1000), self._worker, str(number), plan.quiet_hours(quiet))
        next_due, *rows = await partition.run("claim", args)
        read = await asyncio.gather(*(self._read(partition, row) for row in rows))
        deliveries = [delivery for delivery in read if delivery]
        return Claimed(tuple(deliveries), float(next_due) / 1000 if next_due != b"" else None)

    async def _read(self, partition: Partition, row: list[Any]) -> Delivery | None:
        """A claimed delivery; None for one that was given back."""
        try:
            async with asyncio.timeout(self.partitions.patience and self.partitions.patience * FETCH):
                bundle = plan.bundle_of(row)
                if plan.operation_of(row) and not await self._fetched(row, partition):
                    return None
                return plan.delivery(row, await self.bundles.event(bundle) if bundle else None)
        except (StoreUnavailable, TimeoutError) as error:
            if len(self.partitions) == 1:
                raise
            log.warning("delivery.waits", delivery=row[0].decode(), error=str(error) or "no answer in time")
            # What it is made from may live in another partition, which is away: its neighbours do not wait for that.
            await self._give_back(partition, row, delay=LATER)
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours are delivered
            fault, line = type(error).__name__, own_line(error)
            log.error("delivery.unreadable", delivery=row[0].decode(), error=fault, place=line)
            await self._put_aside(row[0].decode(), row[1].decode(), f"{fault} at {line}")
            return None

    async def _fetched(self, row: list[Any], partition: Partition) -> bool:
        """Put into a claimed delivery what it is made from, where its operation lives elsewhere.

        False: it is given back, for this partition is still to hear of a new run, or of the end of this one; or it is
        dead, because nothing is left there.
        """
        name = plan.operation_of(row)
        source = self.partitions.of(name)
        fields = await call(self.redis.hgetall(source.key(f"operation:{name}")))
        if plan.is_behind(row, fields) and await self._news(row, source, partition):
            await asyncio.wait(self._letters.carry(source, [partition.number]))
            await self._give_back(partition, row, delay=BEHIND)
            return False
        row[10] = plan.documents(row, fields)
        if not row[9] and not row[10]:
            await self._let_go(partition, row, "bury", reason="expired", error=FORGOTTEN)
            return False
        return True

    async def _news(self, row: list[Any], source: Partition, partition: Partition) -> bool:
        """Whether what the partition had not heard is on its way, or there by now. Else it is told without."""
        if await call(self.redis.llen(source.key(f"letters:{partition.number}"))):
            return True
        course = await call(self.redis.hgetall(partition.key(f"operation:{plan.operation_of(row)}")))
        return plan.has_heard(row, course)

    async def _give_back(self, partition: Partition, row: list[Any], delay: int) -> None:
        await self._let_go(partition, row, "release", delay=delay)

    async def _let_go(self, partition: Partition, row: list[Any], verb: str, **details: int | str) -> None:
        request = {"verb": verb, "id": row[0].decode(), "lease": row[1].decode(), **details}
        await self._settles[partition.number].submit(json.dumps(request))

    async def _put_aside(self, name: str, lease: str, error: str) -> None:
        """Give back what could not be read: another release may read it later. Too often, and it is a dead letter."""
        request = {"verb": "unreadable", "id": name, "lease": lease, "error": error}
        await self._settles[self.partitions.of(name).number].submit(json.dumps(request))

    async def mark_sending(self, delivery: Delivery) -> bool:
        """The mark before the first byte leaves. False: the lease is gone, so nothing may be sent.

        Where the durability is `replicated`, the replicas have it as well: after a failover the outcome is unknown, and
        nobody takes the delivery for one that was never begun.
        """
        return await self._settle("begin", delivery)

    async def extend(self, delivery: Delivery) -> bool:
        return await self._settle("extend", delivery)

    async def release(self, delivery: Delivery, delay: float = 0.0) -> bool:
        """Give an unsent delivery back: due at once (SIGTERM), or after so many seconds."""
        return await self._settle("release", delivery, delay=int(delay * 1000))

    async def complete(self, delivery: Delivery, receipt: Receipt) -> bool:
        """It arrived. What the receipt says of the thread is kept for the lane's next delivery."""
        new = any(delivery.thread.get(key) != value for key, value in receipt.thread.items())
        return await self._settle(
            "complete",
            delivery,
            thread=dict(receipt.thread),
            detail=receipt.detail[:500],
            new=new,
            **({"lane": delivery.lane} if delivery.kind in ("live", "roundup") else {}),
            **({"kept": plan.digest_baseline_of(delivery.event.document)} if delivery.kind == "digest" else {}),
        )

    async def reschedule(
        self,
        delivery: Delivery,
        delay: float,
        error: str,
        *,
        refund_attempt: bool = False,
        unknown: bool = False,
        holds: Sequence[Pause] = (),
    ) -> bool:
        """Try again in `delay` seconds. `refund_attempt`: it costs no attempt. `unknown`: it may have arrived."""
        pauses = [
            {
                "scope": self._scope(pause, delivery),
                "ms": int(pause.seconds * 1000),
                "reason": pause.reason[:500],
                "probe": pause.probe,
            }
            for pause in holds
        ]
        return await self._settle(
            "reschedule",
            delivery,
            delay=int(delay * 1000),
            error=error[:500],
            free=refund_attempt,
            unknown=unknown,
            pauses=pauses,
        )

    async def dead_letter(self, delivery: Delivery, reason: str, error: str, *, bounce: str = "") -> bool:
        """It will not be tried again by itself: a dead letter, kept with its reason.

        `bounce` (hard or soft) counts against its address, which in the end is written to no more.
        """
        details = {"bounce": bounce} if bounce else {}
        return await self._settle("bury", delivery, reason=reason, error=error[:500], **details)

    async def _settle(self, verb: str, delivery: Delivery, **details: Any) -> bool:
        request = {"verb": verb, "id": delivery.id, "lease": delivery.lease, **details}
        # Half a surrogate pair, as JSON from outside may hold, is nothing that Redis's JSON could read.
        text = json.dumps(request, ensure_ascii=False).encode("utf-8", "replace").decode()
        batchers = self._begins if verb == "begin" else self._settles
        return await batchers[self.partitions.of(delivery.id).number].submit(text)

    async def _begin_all(self, partition: Partition, requests: Sequence[str]) -> Sequence[bool]:
        return await self._settle_all(partition, requests, self.promise.replicas)

    async def _settle_all(self, partition: Partition, requests: Sequence[str], replicas: int = 0) -> Sequence[bool]:
        answers = await partition.run("settle", [int(self.lease * 1000), *requests], replicas)
        for answer in answers:
            if answer.startswith(b"error"):  # its lease lapses, and it is tried again
                log.error("settle.failed", error=answer.decode(errors="replace"))
        return [answer == b"ok" for answer in answers]

    def _scope(self, pause: Pause, delivery: Delivery) -> str:
        if pause.scope == "lane":
            return f"lane:{delivery.lane}"
        return pause.scope


def _fullness(memory: Mapping[str, Any]) -> float:
    most = int(memory.get("maxmemory", 0))
    used = int(memory.get("used_memory", 0)) - int(memory.get("mem_not_counted_for_evict", 0))
    return used / most if most else 0.0


def _known(row: Sequence[bytes | None]) -> dict[str, str] | Exception:
    try:
        with handling():
            return _lasting(values_in(row))
    except HandlingFailed as error:  # one that is damaged costs no other its answer
        return error


def _lasting(values: Mapping[str, str]) -> dict[str, str]:
    facts = {name: value for name in (*FACTS, *LINKS, "restarts") if (value := values.get(f"fact:{name}"))}
    if values.get("rank") == plan.OVER:
        facts["ended"] = values["at"]
    if values.get("retry", "0") != "0":
        facts["runs"] = values["retry"]
    named = {"since": "first", "began": "began", "starts": "starts", "apart": "apart"}
    return facts | {name: values[own] for name, own in named.items() if values.get(own)}
