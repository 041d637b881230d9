"""The dead letters: deliveries that are not tried again by themselves, until an operator replays or drops them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from relay.domain.parsing import dump
from relay.errors import Unsealable
from relay.policy.notices import Death
from relay.store import keys
from relay.store.bundles import BUNDLE_KINDS, Bundles
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.records import SEALED, values_of
from relay.store.sealing import ANSWER, BODY, open_texts, opened, text_to_show

KEEP_DEAD_DAYS = 30
_OF_DEATH = ("channel", "destination", "address", "name", "reason")
NAME = re.compile("[0-9a-f]{2}")  # how the id of a delivery begins


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
    platform: str = ""
    title: str = ""  # what people call it
    posted: bool = False  # it edits an existing message, or replies to it
    essential: bool = False  # it goes to readers who have unsubscribed, too


class DeadLetters:
    """`Admin` says what each of these does. Every failure is StoreUnavailable."""

    def __init__(self, everywhere: Everywhere, bundles: Bundles) -> None:
        self._everywhere = everywhere
        self._redis = everywhere.redis
        self._bundles = bundles

    async def newest(self, limit: int) -> list[DeadLetter]:
        newest = await self._everywhere.each(
            lambda key: self._redis.zrevrange(key(keys.DEAD), 0, limit - 1, withscores=True)
        )
        died = sorted(((at, name) for ids in newest for name, at in ids), reverse=True)
        dead_letters = [await self.named(name.decode()) for _, name in died[:limit]]
        return [dead_letter for dead_letter in dead_letters if dead_letter]

    async def deaths(self, since: float, limit: int) -> list[Death]:

        async def ask(partition: Partition) -> list[Death]:
            dead = partition.key(keys.DEAD)
            rows = await call(self._redis.zrevrangebyscore(dead, "+inf", since * 1000, 0, limit, withscores=True))
            if not rows:
                return []
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name, _ in rows:
                    pipeline.hmget(partition.key(f"delivery:{name.decode()}"), *_OF_DEATH)
                all_fields = await call(pipeline.execute())
            texts = [[(field or b"").decode("utf-8", "replace") for field in fields] for fields in all_fields]
            return [Death(float(at) / 1000, *fields) for (_, at), fields in zip(rows, texts, strict=True)]

        answers = await self._everywhere.of_each(ask)
        return sorted((death for some in answers for death in some), key=lambda death: -death.at)[:limit]

    async def named(self, name: str) -> DeadLetter | None:
        if not NAME.match(name):  # as typed
            return None
        where = self._everywhere.partitions.of(name)
        fields = await call(self._redis.hgetall(where.key(f"delivery:{name}")))
        row = {key.decode(): value.decode("utf-8", "replace") for key, value in fields.items()}
        if not row.get("died"):
            return None
        facts = await call(self._redis.hget(where.key(f"operation:{row['operation']}"), "facts"))
        stated = values_of("facts", facts)
        thread = where.key(f"thread:{row['lane'].partition('/')[0]}")
        posted = await call(self._redis.hexists(thread, "posted"))
        body = await call(self._redis.hget(where.key(f"event:{row['event']}"), "body")) if row["event"] else None
        try:
            row |= open_texts(self._everywhere.sealer, row, {"error": ANSWER})
            body = body and opened(self._everywhere.sealer, body, BODY, row["operation"])
        except Unsealable as error:
            body, row["error"] = None, "; ".join(filter(None, (row.get("error", ""), str(error))))
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
            died_at=datetime.fromtimestamp(float(row["died"]) / 1000, UTC),
            body=(body or b"").decode("utf-8", "replace"),
            tenant=stated.get("fact:tenant", ""),
            project=stated.get("fact:project", ""),
            platform=stated.get("fact:platform", ""),
            posted=bool(posted),
            essential=row.get("passes") == "2",
            title=text_to_show(self._everywhere.sealer, stated.get("fact:name", ""), SEALED["fact:name"]),
        )

    async def with_body(self, dead_letter: DeadLetter) -> DeadLetter:
        if dead_letter.kind not in BUNDLE_KINDS:
            return dead_letter
        bundle = dead_letter.id.partition("-")[0]  # of a rolling message's deliveries each has a number behind it
        return replace(dead_letter, body=dump(await self._bundles.event(bundle)).decode())

    async def replay(self, ids: Sequence[str]) -> int:
        return await self._run("replay", ids)

    async def drop(self, ids: Sequence[str]) -> int:
        return await self._run("drop", ids)

    async def expire(self, now: datetime) -> int:
        oldest = now.timestamp() * 1000 - KEEP_DEAD_DAYS * 86_400_000
        old = await self._everywhere.each(lambda key: self._redis.zrangebyscore(key(keys.DEAD), "-inf", oldest, 0, 100))
        ids = [name.decode() for names in old for name in names]
        return await self.drop(ids) if ids else 0

    async def _run(self, verb: str, ids: Sequence[str]) -> int:
        done = await self._everywhere.of_each(lambda partition: partition.run("dead", [verb, *ids]))
        return sum(map(int, done))
