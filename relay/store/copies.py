"""Copies of what was sent: each message as people got it, for three days.

Written by relay/store/copying.py. Of a message that is kept true there is one: its present state.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from relay.errors import Unsealable
from relay.store.client import call
from relay.store.copying import NAMES, copy_key, drop
from relay.store.sealing import COPY, opened
from relay.store.store import Store


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
    """Reads them. Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis, self._sealer = store.redis, store.sealer

    async def of(self, name: str) -> Copy | None:
        """The copy of this name (`Ended.copy`, or `copied_as` of a delivery); None if there is none (any more)."""
        if not is_name(name):
            return None
        stored = await call(self._redis.get(copy_key(name)))
        if stored is None:
            return None
        try:
            packed = opened(self._sealer, stored, COPY, name)
        except Unsealable:
            return None  # clear, or sealed with a key that is gone: unreadable
        return Copy(name=name, **json.loads(zlib.decompress(packed)))

    async def forget(self, part: float) -> int:
        """Drop the oldest, this part of them (0 to 1); return how many are left."""
        count = int(await call(self._redis.zcard(NAMES)))
        await drop(self._redis, await call(self._redis.zrange(NAMES, 0, ceil(count * part) - 1)) if count else [])
        return int(await call(self._redis.zcard(NAMES)))


def is_name(text: str) -> bool:
    """Return True where a copy may have this name: names of the store begin with their home."""
    return len(text) <= 100 and len(text) >= 2 and set(text[:2]) <= set("0123456789abcdef")
