"""Copies of messages as they were sent, for operators: each as people got it, for three days.

Written behind the commit that settles the delivery. Of a message that is kept true there is one: its present state.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import Any

from redis.asyncio import Redis

from relay.domain.deliveries import Delivery, Notification
from relay.store import keys
from relay.store.client import call, write
from relay.store.sealing import COPY, Sealer, Values

COPIES = 10_000, 64 * 2**20  # so many, and of so many bytes
NAMES, SIZES = keys.PREFIX + "copies", keys.PREFIX + "copied"  # name → ms; name → bytes
NAME = re.compile(r"[0-9a-f]{2}.{0,98}", re.DOTALL)  # names of the store begin with their home
KEPT = 3 * 86_400_000  # ms
FEW = 20  # of the oldest that are looked at each time
LONGEST = 128 * 2**10  # bytes of one, as it is kept; of a longer message there is none
LEVEL = 3  # of zlib: some 60 µs for a message of 8 kB, which then takes 2
NO_LINK = "#"  # in place of the reader's own link: who follows it unsubscribes
OF_MESSAGE = ("destination", "address", "kind", "event", "subject", "language", "mentions", "content")


@dataclass(frozen=True, slots=True)
class Copy:
    """A message as it was sent.

    content  Slack: text and blocks; e-mail: subject, text and html; else the event's document. The link by which its
             reader unsubscribes is taken out
    at       when it was settled (seconds since the epoch, by relay's clock)
    """

    name: str
    at: float
    channel: str
    destination: str
    address: str
    kind: str
    event: str
    subject: str
    language: str
    mentions: Sequence[str]
    content: Mapping[str, Any]


class Copies:
    """`bounds`: so many copies of so many bytes are kept; None: none are. Every failure is StoreUnavailable."""

    def __init__(self, redis: Redis, sealer: Sealer | None, bounds: tuple[int, int] | None) -> None:
        self.bounds = bounds
        self._redis, self._values = redis, Values(COPY, sealer)

    async def of(self, name: str) -> Copy | None:
        """The copy of this name (`Ended.copy`, or `copied_as` of a delivery); None if there is none (any more)."""
        stored = await call(self._redis.get(_key(name))) if NAME.fullmatch(name) else None
        packed = self._values.found(stored, name)
        return Copy(name=name, **json.loads(zlib.decompress(packed))) if packed else None

    async def keep(self, delivery: Delivery, sent: Notification, now: float) -> None:
        """Keep a copy in place of the one of this name, and drop the oldest beyond the bounds."""
        name, ms = copied_as(delivery), int(now * 1000)
        packed = self.bounds and self._packed(name, {"at": now, "channel": delivery.channel}, sent)
        if not self.bounds or not packed:
            return
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(_key(name), packed, px=KEPT)
            pipeline.zadd(NAMES, {name: ms})
            pipeline.hset(SIZES, name, str(len(packed)))
            pipeline.zrange(NAMES, 0, FEW - 1, withscores=True)
            pipeline.zcard(NAMES)
            *_, oldest, count = await write(self._redis, pipeline.execute())
        surplus = count - self.bounds[0]
        await self._drop([old for at, (old, written) in enumerate(oldest) if at < surplus or written < ms - KEPT])

    async def trim(self) -> None:
        """Drop the oldest beyond the bytes that may be kept; called now and then."""
        if self.bounds is None:
            return
        sizes = await call(self._redis.hgetall(SIZES))
        surplus = sum(map(int, sizes.values())) - self.bounds[1]
        while surplus > 0 and (oldest := await call(self._redis.zrange(NAMES, 0, FEW - 1))):
            gone: list[bytes] = []
            while surplus > 0 and len(gone) < len(oldest):
                gone.append(oldest[len(gone)])
                surplus -= int(sizes.get(gone[-1], 0))
            await self._drop(gone)

    async def forget(self, part: float) -> None:
        """Drop the oldest, this part of them (0 to 1)."""
        count = int(await call(self._redis.zcard(NAMES)))
        await self._drop(await call(self._redis.zrange(NAMES, 0, ceil(count * part) - 1)) if count else [])

    def _packed(self, name: str, more: Mapping[str, Any], sent: Notification) -> bytes:
        """Return the copy of a message; empty for one that is too long."""
        document = {**more, **{part: getattr(sent, part) for part in OF_MESSAGE}}
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
        if link := sent.unsubscribe:
            for spelled in {link, escape(link), json.dumps(link)[1:-1]}:
                text = text.replace(spelled, NO_LINK)
        packed = self._values.sealed(zlib.compress(text.encode("utf-8", "replace"), LEVEL), name)
        return packed if len(packed) <= LONGEST else b""

    async def _drop(self, names: Sequence[bytes]) -> None:
        if names:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.delete(*(_key(name.decode()) for name in names))
                pipeline.zrem(NAMES, *names)
                pipeline.hdel(SIZES, *names)
                await write(self._redis, pipeline.execute())


def copied_as(delivery: Delivery) -> str:
    """Return the name of a message's copy: that of its lane where the message is edited."""
    return delivery.lane if delivery.kind in ("live", "roundup") else delivery.id


def _key(name: str) -> str:
    return f"{keys.PREFIX}copy:{name}"
