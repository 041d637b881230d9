"""What an operator looks at and acts on: dead letters, the quarantine, the ledger, an operation's timeline."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from relay.domain.events import Event
from relay.domain.parsing import dump, load
from relay.domain.spaces import Space
from relay.errors import AmbiguousId, NoRoom
from relay.store import keys
from relay.store.bundles import BUNDLE_KINDS
from relay.store.client import call
from relay.store.notes import lines_of
from relay.store.partitions import Partition, Result
from relay.store.queue import Store
from relay.store.records import FIELDS, documents_of, values_in, values_of
from relay.store.spaces import NOWHERE

QUARANTINE_LENGTH = 1000  # of each kind; of senders' faults the oldest leave first. Each is at most max_body long
KEEP_DEAD_DAYS = 30
STEP, STEPS = 100, 100  # deliveries given up in one step, and steps in one go
NAME = re.compile("[0-9a-f]{2}")  # how the id of a delivery begins
HELD_BACK = 180.0  # seconds; claim.lua looks at what it holds back each minute


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that is not tried again by itself. Replaying it starts its attempts afresh."""

    id: str
    operation: str
    destination: str
    channel: str
    address: str
    kind: str
    event: str
    attempts: int
    reason: str
    error: str
    died_at: datetime
    body: str = ""
    tenant: str = ""  # whose the operation is, where that is stated
    project: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A body that was signed but made no sense, or that relay itself failed on; as it came."""

    id: str
    source: str
    reason: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    fault: bool = False  # relay itself failed on it; the reason is the error's class and place


@dataclass(frozen=True, slots=True)
class Ledger:
    """The counters, and whether they add up.

    accepted = pending + held + delivered + superseded + digested + dead + dropped. What goes into a digest counts as
    digested when it is put there; the digest itself is a delivery of its own and counts like any other. So do what
    quiet hours, the cap on new messages or a long wait hold (held:quiet_hours, held:overflow, held:backlog) and the
    round-up that shows it.
    """

    counts: Mapping[str, int]

    @property
    def held(self) -> int:
        return sum(count for name, count in self.counts.items() if name.startswith("held:"))

    @property
    def imbalance(self) -> int:
        states = ("pending", "delivered", "superseded", "digested", "dead", "dropped")
        return self.counts.get("accepted", 0) - self.held - sum(self.counts.get(state, 0) for state in states)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything still known of one operation."""

    subject: str
    facts: Mapping[str, str]
    log: Sequence[Sequence[Any]]  # [ms since the epoch, what, …]


class Admin:
    """Reads the store for people. Bounded queries only: nothing here may slow a delivery down."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out; else StoreUnavailable says that one is."""
        self._partial = partial
        self._store = store
        self._redis = store.redis
        self._partitions = store.partitions

    async def ledger(self) -> Ledger:
        counts = Counter[str]()
        for row in await self._each(lambda key: self._redis.hgetall(key(keys.LEDGER))):
            for name, count in row.items():
                counts[name.decode()] += int(count)
        return Ledger(counts)

    async def _each(self, command: Callable[[Callable[[str], str]], Any]) -> list[Any]:
        """What a plain command answers in each partition, given how a key is called there."""
        return await self._of_each(lambda partition: call(command(partition.key)))

    async def _of_each(self, act: Callable[[Partition], Awaitable[Result]]) -> list[Result]:
        if self._partial:
            return [*(await self._partitions.each(act)).values()]
        return await asyncio.gather(*map(act, self._partitions))

    async def timeline(self, subject: str, space: Space = NOWHERE) -> Timeline | None:
        """What happened to an operation or batch; None if it is not known (any more).

        AmbiguousId if several have this id, and `space` does not say which.
        """
        subject, name = await self._named(subject, space)
        row = await self._operation(name)
        logs = await self._each(lambda key: self._redis.lrange(key(f"log:{name}"), 0, -1))
        own = (
            self._partitions.of(name).number if name else 0
        )  # first: what others did at the same moment follows from it
        lines = [
            line for log in (logs[own], *logs[:own], *logs[own + 1 :]) for packed in log for line in lines_of(packed)
        ]
        facts = values_in(row.get(field.encode()) for field in FIELDS)
        if not lines and facts.keys() <= {"apart"}:
            return None
        return Timeline(subject, facts, sorted(lines, key=lambda line: int(line[0])))

    async def _operation(self, name: str) -> dict[bytes, bytes]:
        """The record of the operation of this name; empty for ''."""
        return dict(await call(self._redis.hgetall(self._partitions.of(name).key(f"operation:{name}")))) if name else {}

    async def events(self, subject: str, space: Space = NOWHERE) -> list[Event]:
        """What is still kept of an operation or batch: the newest event of each name, oldest first.

        AmbiguousId as of `timeline`.
        """
        _, name = await self._named(subject, space)
        row = await self._operation(name)
        # Platforms write whole seconds: within one, the order in which the events came.
        return sorted((load(document) for document in documents_of(row)), key=lambda event: event.occurred_at)

    async def _named(self, subject: str, space: Space) -> tuple[str, str]:
        """The id and the name of the keys: of a retry under a new id the original's, whose timeline is its own."""
        meant = [facts for facts in await self._store.spaces.all(subject) if Space.of(facts).may_be(space)]
        if len(meant) > 1:
            raise AmbiguousId(subject, [Space.of(facts) for facts in meant])
        facts = meant[0] if meant else {}
        if original := facts.get("original"):
            first = await self._store.spaces.resolved(original, space.filled(Space.of(facts)))
            return original, keys.operation(original, first.get("space", ""))
        if not meant and space != NOWHERE:
            return subject, ""  # there may be one with this id, but it is another's
        return subject, keys.operation(subject, facts.get("space", ""))

    async def queued(self, channels: Sequence[str]) -> dict[str, int]:
        """Deliveries waiting in each channel's queue, due or not, or for something that is paused."""
        if not channels:
            return {}

        async def count(partition: Partition) -> list[int]:
            parking = await call(self._redis.zrange(partition.key(keys.PARKING), 0, -1))
            scopes = [name.decode() for name in parking]
            sets = [
                [f"due:{channel}{queue}" for queue in ("", *keys.QUEUES)]
                + [f"parked:{scope}" for scope in scopes if scope.startswith(f"{channel} ")]
                for channel in channels
            ]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name in chain(*sets):
                    pipeline.zcard(partition.key(name))
                sizes = iter(await call(pipeline.execute()))
            return [sum(int(next(sizes)) for _ in names) for names in sets]

        counts = await self._of_each(count)
        return dict(zip(channels, map(sum, zip(*counts, strict=True)), strict=True))

    async def pauses(self, scopes: Sequence[str]) -> dict[str, str]:
        """The scopes (channel:<name>, destination:<name>/<address>) that are paused, with the reason.

        Limits that are throttled for long (limit:<name>) are among them, unasked.
        """
        scopes = [*scopes, *await self._throttled()]

        async def ask(partition: Partition) -> list[Any]:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for scope in scopes:
                    pipeline.hget(partition.key(f"pause:{scope}"), "reason")
                return list(await call(pipeline.execute()))

        return {
            scope: reason.decode("utf-8", "replace")
            for answers in (await self._of_each(ask) if scopes else [])
            for scope, reason in zip(scopes, answers, strict=True)
            if reason is not None  # until something arrives there, it is paused or being probed
        }

    async def announce(self, addresses: Mapping[str, Sequence[str]], aware: Collection[int] = ()) -> set[int]:
        """Say which destinations there are, and their addresses (`*`: any): the newest configuration decides.

        What is queued for others is held back by every process, also by one that still has them. Answers the partitions
        that know it now; `aware` are those that did before.
        """
        names: dict[Any, Any] = {f"{name}\0{address}": 1 for name, them in addresses.items() for address in them}

        async def say(partition: Partition) -> int:
            if partition.number not in aware:
                async with self._redis.pipeline(transaction=True) as pipeline:
                    pipeline.delete(partition.key(keys.DESTINATIONS))
                    pipeline.hset(partition.key(keys.DESTINATIONS), mapping=names)
                    await call(pipeline.execute())
            return partition.number

        return {*aware, *await self._of_each(say)}

    async def removed(self, now: float) -> list[tuple[str, str]]:
        """Destination and address of what was held back in the last minutes, because they are configured no more."""

        async def held_back(partition: Partition) -> set[bytes]:
            row = await call(self._redis.hgetall(partition.key(keys.REMOVED)))
            stale = [name for name, at in row.items() if now - int(at) / 1000 > HELD_BACK]
            if stale:
                await call(self._redis.hdel(partition.key(keys.REMOVED), *stale))
            return {*row} - {*stale}

        names = {name for theirs in await self._of_each(held_back) for name in theirs}
        places = sorted(name.decode("utf-8", "replace").partition("\0") for name in names)
        return [(destination, address) for destination, _, address in places]

    async def resume_all(self, scopes: Sequence[str]) -> None:
        """Forget these pauses and long throttles: the configuration changed, so the reason may be gone."""
        scopes = [*scopes, *await self._throttled()]
        if scopes:
            await self._each(
                lambda key: self._redis.delete(*map(key, (keys.HOLDS, *(f"pause:{name}" for name in scopes))))
            )
            await self._of_each(lambda partition: partition.run("parking", ["look"]))

    async def _throttled(self) -> list[str]:
        return await self._members(keys.HOLDS)

    async def _members(self, name: str) -> list[str]:
        """Those of the sets of this name, of all partitions."""
        sets = await self._each(lambda key: self._redis.smembers(key(name)))
        return sorted({member.decode() for members in sets for member in members})

    async def unread(self) -> int:
        """Letters between partitions that could not be applied: somebody was not told."""
        if len(self._partitions) == 1:
            return 0
        return sum(map(int, await self._each(lambda key: self._redis.llen(key("unread")))))

    async def stranded(self, configured: Collection[str]) -> dict[str, int]:
        """The channels that had deliveries and are not configured any more, with the number that still wait."""
        counts = await self.queued(sorted({*await self._members(keys.CHANNELS)} - {*configured}))
        return {name: count for name, count in counts.items() if count}

    async def bundle_backlog(self, kept: int) -> int:
        """Of more than `kept` that wait for one broken thing, put the oldest into a round-up; how many that were."""
        return await self._in_steps("gather", kept)

    async def expire_parked(self, max_age: float) -> int:
        """Give up what has waited for something broken for more than `max_age` seconds; how many that were."""
        return await self._in_steps("expire", int(max_age * 1000))

    async def expire_stranded(self, configured: Collection[str], max_age: float) -> int:
        """Give up what has waited for so long in the queue of a channel that is not configured any more."""
        names = sorted({*await self._members(keys.CHANNELS)} - {*configured})
        return sum([await self._in_steps("removed", name, int(max_age * 1000)) for name in names])

    async def _in_steps(self, verb: str, *of: str | int) -> int:
        total, args = 0, (verb, *of, STEP)
        for _ in range(STEPS):
            done = await self._of_each(lambda partition: partition.run("parking", args))
            total += sum(map(int, done))
            if max(map(int, done)) < STEP:
                break
        return total

    async def dead(self, *, most: int = 100) -> list[DeadLetter]:
        """The dead letters, newest first."""
        newest = await self._each(lambda key: self._redis.zrevrange(key(keys.DEAD), 0, most - 1, withscores=True))
        died = sorted(((at, name) for ids in newest for name, at in ids), reverse=True)
        dead_letters = [await self.dead_letter(name.decode()) for _, name in died[:most]]
        return [dead_letter for dead_letter in dead_letters if dead_letter]

    async def dead_letter(self, name: str) -> DeadLetter | None:
        if not NAME.match(name):  # as somebody typed it
            return None
        where = self._partitions.of(name)
        fields = await call(self._redis.hgetall(where.key(f"delivery:{name}")))
        row = {key.decode(): value.decode("utf-8", "replace") for key, value in fields.items()}
        if not row.get("died"):
            return None
        facts = await call(self._redis.hget(where.key(f"operation:{row['operation']}"), "facts"))
        stated = values_of("facts", facts)
        body = await call(self._redis.hget(where.key(f"event:{row['event']}"), "body")) if row["event"] else None
        return DeadLetter(
            id=name,
            operation=stated.get("id", ""),
            destination=row["destination"],
            channel=row["channel"],
            address=row["address"],
            kind=row["kind"],
            event=row["name"],
            attempts=int(row["attempts"]),
            reason=row.get("reason", ""),
            error=row.get("error", ""),
            died_at=_time(row["died"]),
            body=(body or b"").decode("utf-8", "replace"),
            tenant=stated.get("fact:tenant", ""),
            project=stated.get("fact:project", ""),
        )

    async def with_body(self, dead_letter: DeadLetter) -> DeadLetter:
        """With the body of what it would send if that is a bundle and no event of its own: a digest, or a round-up."""
        if dead_letter.kind not in BUNDLE_KINDS:
            return dead_letter
        bundle = dead_letter.id.partition("-")[0]  # of a rolling message's deliveries each has a number behind it
        return replace(dead_letter, body=dump(await self._store.bundles.event(bundle)))

    async def replay(self, ids: Sequence[str]) -> int:
        """Put these dead letters back into the queue; how many were. A second call finds none."""
        return await self._run("replay", ids)

    async def drop(self, ids: Sequence[str]) -> int:
        return await self._run("drop", ids)

    async def expire_dead(self, now: datetime) -> int:
        """Drop the dead letters that nobody wanted for 30 days."""
        oldest = now.timestamp() * 1000 - KEEP_DEAD_DAYS * 86_400_000
        old = await self._each(lambda key: self._redis.zrangebyscore(key(keys.DEAD), "-inf", oldest, 0, 100))
        ids = [name.decode() for names in old for name in names]
        return await self.drop(ids) if ids else 0

    async def _run(self, verb: str, ids: Sequence[str]) -> int:
        done = await self._of_each(lambda partition: partition.run("dead", [verb, *ids]))
        return sum(map(int, done))

    async def quarantine(
        self, source: str, body: bytes, headers: Mapping[str, str], reason: str, *, fault: bool = False
    ) -> str:
        """Keep a signed body that made no sense, or on which relay failed by a `fault` of its own; its id.

        The same body again is the same entry. What relay failed on never leaves by itself, because nobody sends it
        again: where there is no room for more of it, StoreUnavailable lets the sender keep it.
        """
        if fault and await self.faults() >= QUARANTINE_LENGTH:
            raise NoRoom(f"the quarantine is full: relay itself failed on {QUARANTINE_LENGTH} events")
        seconds, micros = await call(self._redis.time())
        name = "q-" + keys.digest("quarantine", source, body.hex()).hex()[:16]
        key = f"{keys.PREFIX}quarantined:{name}"
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(key, mapping={"source": source, "reason": reason, "headers": json.dumps(dict(headers)),
                                        "body": body, "fault": int(fault)})  # fmt: skip
            (pipeline.sadd if fault else pipeline.srem)(keys.FAULTS, name)
            pipeline.zadd(keys.QUARANTINE, {name: seconds * 1000 + micros // 1000})
            pipeline.zcard(keys.QUARANTINE)
            pipeline.scard(keys.FAULTS)
            *_, everything, faults = await call(pipeline.execute())
        if (surplus := everything - faults - QUARANTINE_LENGTH) > 0:
            await self._drop_oldest(surplus, faults)
        return name

    async def _drop_oldest(self, surplus: int, faults: int) -> None:
        """Drop the oldest bodies that made no sense."""
        oldest = await call(self._redis.zrange(keys.QUARANTINE, 0, surplus + faults - 1))
        stays = await call(self._redis.smismember(keys.FAULTS, oldest))
        leaving = [name.decode() for name, fault in zip(oldest, stays, strict=True) if not fault]
        await self.release(leaving[:surplus])

    async def faults(self) -> int:
        """How many bodies wait in the quarantine because relay itself failed on them."""
        return int(await call(self._redis.scard(keys.FAULTS)))

    async def quarantined(self, *, most: int = 100) -> list[Quarantined]:
        """The quarantined bodies: those that relay itself failed on, then the others; of each the newest first."""
        names = await call(self._redis.zrevrange(keys.QUARANTINE, 0, -1))
        faults = await call(self._redis.smembers(keys.FAULTS))
        names.sort(key=lambda name: name not in faults)
        return [body for body in [await self.quarantined_body(name.decode()) for name in names[:most]] if body]

    async def quarantine_size(self) -> int:
        return int(await call(self._redis.zcard(keys.QUARANTINE)))

    async def quarantined_body(self, name: str) -> Quarantined | None:
        row = await call(self._redis.hgetall(f"{keys.PREFIX}quarantined:{name}"))
        at = await call(self._redis.zscore(keys.QUARANTINE, name))
        if not row or at is None:
            return None
        return Quarantined(
            id=name,
            source=row[b"source"].decode(),
            reason=row[b"reason"].decode("utf-8", "replace"),
            headers=json.loads(row[b"headers"]),
            body=row[b"body"],
            at=_time(at),
            fault=row.get(b"fault") == b"1",
        )

    async def release(self, ids: Sequence[str]) -> int:
        """Take these out of the quarantine; how many there were."""
        if not ids:
            return 0
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zrem(keys.QUARANTINE, *ids)
            pipeline.srem(keys.FAULTS, *ids)
            pipeline.delete(*(f"{keys.PREFIX}quarantined:{name}" for name in ids))
            removed, *_ = await call(pipeline.execute())
        return int(removed)


def _time(milliseconds: str | float) -> datetime:
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)
