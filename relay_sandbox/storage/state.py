"""The sandbox's memory in Redis. Every change is one transaction on the documents that it was decided by.

`{sandbox}:operation:ID`, `batch:ID`, `webhook:ID`   a record as JSON
`{sandbox}:index:KIND:TENANT/PROJECT`                sorted set of ids by creation
`{sandbox}:projects`                                 sorted set of TENANT/PROJECT by their newest operation
`{sandbox}:due`                                      sorted set: what has to be looked at, and when
`{sandbox}:outbox`                                   sorted set: the lanes whose first request is to be sent, and when
`{sandbox}:lane:LANE`                                list of requests to be sent, in order
`{sandbox}:counters:ID`                              hash: what became of the attempts
`{sandbox}:key`                                      what signs the addresses of downloads
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Self, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from relay.store.client import call, connect
from relay_sandbox.storage.changes import CLAIM, LEASE, RELEASE, SETTLE, Attempt, Change, Decide, name_of
from relay_sandbox.storage.records import Batch, Counters, Operation, Record, Sending, Webhook

KINDS: Mapping[str, type[Record]] = {"operation": Operation, "batch": Batch, "webhook": Webhook}
PREFIX = "{sandbox}:"
MAX_RECORDS = 5000  # operations, and batches, of a project; older ones that are over are forgotten

RecordT = TypeVar("RecordT", bound=Record)


class State:
    def __init__(self, redis: Redis, kept: int = MAX_RECORDS) -> None:
        self._redis = redis
        self.kept = kept
        self._claim = redis.register_script(CLAIM)
        self._release = redis.register_script(RELEASE)
        self._settle = redis.register_script(SETTLE)

    @classmethod
    def open(cls, url: str) -> Self:
        return cls(connect(url))

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def key(self) -> bytes:
        """The same in every process and after every restart."""
        await call(self._redis.set(f"{PREFIX}key", secrets.token_hex(32), nx=True))
        return bytes(await call(self._redis.get(f"{PREFIX}key")))

    async def get(self, kind: type[RecordT], id_: str) -> RecordT | None:
        raw = await call(self._redis.get(f"{PREFIX}{kind.kind}:{id_}"))
        return None if raw is None else kind.model_validate_json(raw)

    async def all(
        self, kind: type[RecordT], scope: str, since: float = float("-inf"), until: float = float("inf")
    ) -> list[RecordT]:
        """The records of a project that were made in that time, newest first."""
        ids = await call(
            self._redis.zrange(f"{PREFIX}index:{kind.kind}:{scope}", until, since, desc=True, byscore=True)
        )
        records: list[RecordT] = []
        for start in range(0, len(ids), 500):
            keys = [f"{PREFIX}{kind.kind}:{id_.decode()}" for id_ in ids[start : start + 500]]
            raws = await call(self._redis.mget(keys))
            records += [kind.model_validate_json(raw) for raw in raws if raw is not None]
        return records

    async def projects(self, limit: int = 20) -> list[tuple[str, str]]:
        """Tenant and project of those that have operations, the newest first."""
        scopes = await call(self._redis.zrange(f"{PREFIX}projects", 0, limit - 1, desc=True))
        return [(tenant, project) for tenant, _, project in (scope.decode().partition("/") for scope in scopes)]

    async def change(self, names: Sequence[str], decide: Decide) -> Change | None:
        """Do what `decide` makes of the records of these names; anew if one of them changes meanwhile.

        A crash leaves all of it done or nothing.
        """
        keys = [PREFIX + name for name in names]

        async def attempt(pipe: Pipeline) -> Change | None:
            raws = await pipe.mget(keys)
            change = decide({
                name: None if raw is None else KINDS[name.partition(":")[0]].model_validate_json(raw)
                for name, raw in zip(names, raws, strict=True)
            })  # fmt: skip
            pipe.multi()  # type: ignore[no-untyped-call]
            if change:
                _queue(pipe, change)
            return change

        done: Change | None = await call(self._redis.transaction(attempt, *keys, value_from_callable=True))
        return done

    async def drop(self, record: Record) -> None:
        """Forget a record and all that hangs on it."""
        async with self._redis.pipeline() as pipe:
            pipe.delete(*(PREFIX + name for name in (name_of(record), f"counters:{record.id}")))
            pipe.zrem(f"{PREFIX}index:{record.kind}:{record.scope}", record.id)
            pipe.zrem(f"{PREFIX}due", name_of(record))
            await call(pipe.execute())

    async def trim(self, kind: type[Operation] | type[Batch], scope: str, added: int = 1) -> None:
        """Forget the oldest of a project beyond those that are kept: more than were `added`, yet few at a time."""
        index = f"{PREFIX}index:{kind.kind}:{scope}"
        surplus = await call(self._redis.zcard(index)) - self.kept
        for id_ in await call(self._redis.zrange(index, 0, min(surplus, added + 9) - 1)) if surplus > 0 else ():
            record = await self.get(kind, id_.decode())
            if record and record.over:
                await self.drop(record)

    async def claim(self, queue: str, now: float, limit: int = 20) -> list[str]:
        """Claim what is due in `due` or `outbox`; it is the caller's for LEASE seconds."""
        names = await call(self._claim(keys=[PREFIX + queue], args=[now, now + LEASE, limit]))
        return [name.decode() for name in names]

    async def release(self, now: float) -> None:
        """Only for a process that is alone and has claimed nothing yet: claims of a dead process end now.

        A claim looks like anything that is due soon: a retry may be sent so much too early.
        """
        for queue in ("due", "outbox"):
            await call(self._release(keys=[PREFIX + queue], args=[now, now + LEASE]))

    async def postpone(self, queue: str, name: str, until: float) -> None:
        await call(self._redis.zadd(PREFIX + queue, {name: until}, xx=True))

    async def earliest(self, queue: str) -> float | None:
        first = await call(self._redis.zrange(PREFIX + queue, 0, 0, withscores=True))
        return float(first[0][1]) if first else None

    async def first(self, lane: str) -> Sending | None:
        raw = await call(self._redis.lindex(f"{PREFIX}lane:{lane}", 0))
        return None if raw is None else Sending.model_validate_json(raw)

    async def settle(self, sending: Sending, attempt: Attempt | None) -> None:
        """Take the first request off its lane, or put its next attempt there. None: it is dropped, and not counted."""
        retry = attempt.retry if attempt else None
        counted = [
            "successful" if attempt.successful else "failed", attempt.milliseconds, attempt.now,
            int(sending.progress),
        ] if attempt else ["", 0, 0, 0]  # fmt: skip
        head = retry.model_dump_json() if retry else ""
        at = attempt.at if attempt and retry else attempt.now if attempt else 0
        keys = [PREFIX + name for name in ("outbox", f"lane:{sending.lane}", f"counters:{sending.counters}")]
        await call(self._settle(keys=keys, args=[sending.lane, sending.model_dump_json(), head, at, *counted]))

    async def counters(self, id_: str) -> Counters:
        return Counters.model_validate(_decoded(await call(self._redis.hgetall(f"{PREFIX}counters:{id_}"))))


def _decoded(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in fields.items()}


def _queue(pipe: Pipeline, change: Change) -> None:
    for record in change.save:
        pipe.set(PREFIX + name_of(record), record.model_dump_json(by_alias=True))
        pipe.zadd(f"{PREFIX}index:{record.kind}:{record.scope}", {record.id: record.created})
        if isinstance(record, Operation):
            pipe.zadd(f"{PREFIX}projects", {record.scope: record.created}, gt=True)
    for name, at in change.due.items():
        if at is None:
            pipe.zrem(f"{PREFIX}due", name)
        else:
            pipe.zadd(f"{PREFIX}due", {name: at})
    for sending in change.send:
        pipe.rpush(f"{PREFIX}lane:{sending.lane}", sending.model_dump_json())
        pipe.zadd(f"{PREFIX}outbox", {sending.lane: sending.at}, nx=True)
