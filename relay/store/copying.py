"""Copies of messages as they were sent, for operators (`Store.open(…, copies=COPIES)`).

Written behind the commit that settles the delivery, and read by relay/store/copies.py.
"""

import json
import zlib
from collections.abc import Sequence
from html import escape

from redis.asyncio import Redis

from relay.domain.deliveries import Delivery, Notification
from relay.store import keys
from relay.store.client import call, write
from relay.store.sealing import COPY, Sealer

COPIES = 10_000, 64 * 2**20  # so many, and of so many bytes
NAMES, SIZES = keys.PREFIX + "copies", keys.PREFIX + "copied"  # name → ms; name → bytes
KEPT = 3 * 86_400_000  # ms
FEW = 20  # of the oldest that are looked at each time
LONGEST = 128 * 2**10  # bytes of one, as it is kept; of a longer message there is none
LEVEL = 3  # of zlib: some 60 µs for a message of 8 kB, which then takes 2
NO_LINK = "#"  # in place of the reader's own link: who follows it unsubscribes


def copied_as(delivery: Delivery) -> str:
    """Return the name of a message's copy: that of its lane where the message is edited."""
    return delivery.lane if delivery.kind in ("live", "roundup") else delivery.id


def packed_copy(delivery: Delivery, sent: Notification, at: float, sealer: Sealer | None) -> bytes:
    """Return the copy of a message; empty for one that is too long."""
    document = {
        "at": at,
        "channel": delivery.channel,
        "destination": sent.destination,
        "address": sent.address,
        "kind": sent.kind,
        "event": sent.event,
        "subject": sent.subject,
        "language": sent.language,
        "mentions": sent.mentions,
        "content": sent.content,
    }
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
    if link := sent.unsubscribe:
        for spelled in {link, escape(link), json.dumps(link)[1:-1]}:
            text = text.replace(spelled, NO_LINK)
    packed = zlib.compress(text.encode("utf-8", "replace"), LEVEL)
    if sealer is not None:
        packed = sealer.seal(packed, COPY, copied_as(delivery))
    return packed if len(packed) <= LONGEST else b""


class Copying:
    """`bounds`: so many copies of so many bytes are kept; None: none are."""

    def __init__(self, redis: Redis, sealer: Sealer | None, bounds: tuple[int, int] | None) -> None:
        self.bounds = bounds
        self._redis, self._sealer = redis, sealer

    async def keep(self, delivery: Delivery, sent: Notification, now: float) -> None:
        """Keep a copy in place of the one of this name, and drop the oldest beyond the bounds. StoreUnavailable."""
        packed = self.bounds and packed_copy(delivery, sent, now, self._sealer)
        if not packed:
            return
        name, ms = copied_as(delivery), int(now * 1000)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.set(copy_key(name), packed, px=KEPT)
            pipeline.zadd(NAMES, {name: ms})
            pipeline.hset(SIZES, name, str(len(packed)))
            pipeline.zrange(NAMES, 0, FEW - 1, withscores=True)
            pipeline.zcard(NAMES)
            *_, oldest, count = await write(self._redis, pipeline.execute())
        surplus = max(0, count - self.bounds[0]) if self.bounds else 0
        gone = [old for at, (old, written) in enumerate(oldest) if at < surplus or written < ms - KEPT]
        await drop(self._redis, gone)

    async def trim(self) -> None:
        """Drop the oldest beyond the bytes that may be kept; called now and then. StoreUnavailable."""
        if self.bounds is None:
            return
        sizes = await call(self._redis.hgetall(SIZES))
        surplus = sum(map(int, sizes.values())) - self.bounds[1]
        while surplus > 0 and (oldest := await call(self._redis.zrange(NAMES, 0, FEW - 1))):
            gone: list[bytes] = []
            while surplus > 0 and len(gone) < len(oldest):
                gone.append(oldest[len(gone)])
                surplus -= int(sizes.get(gone[-1], 0))
            await drop(self._redis, gone)


def copy_key(name: str) -> str:
    return f"{keys.PREFIX}copy:{name}"


async def drop(redis: Redis, names: Sequence[bytes]) -> None:
    """Drop these copies."""
    if names:
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.delete(*(copy_key(name.decode()) for name in names))
            pipeline.zrem(NAMES, *names)
            pipeline.hdel(SIZES, *names)
            await write(redis, pipeline.execute())
