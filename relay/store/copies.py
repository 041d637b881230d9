"""Copies of messages as they were sent, for operators: each as people got it, for three days.

Written behind the commit that settles the delivery. Of a message that is kept true there is one: its present state.
"""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import Any

from relay.domain.deliveries import Delivery, Notification
from relay.store.plain import Plain
from relay.store.queries.questions import EVERY
from relay.store.queries.reader import STEP, Span

COPIES = 10_000, 64 * 2**20  # so many, and of so many bytes
NAMES = "copies"  # name → ms
NAME = re.compile(r"[0-9a-f]{2}.{0,98}", re.DOTALL)  # names of the store begin with their home
KEPT = 3 * 86_400_000  # ms
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

    def __init__(self, plain: Plain, bounds: tuple[int, int] | None) -> None:
        self.bounds = bounds
        self._plain = plain

    async def of(self, name: str) -> Copy | None:
        """The copy of this name (`Ended.copy`, or `copied_as` of a delivery); None if there is none (any more)."""
        [packed] = await self._plain.values([_key(name)]) if NAME.fullmatch(name) else [None]
        return Copy(name=name, **json.loads(zlib.decompress(packed))) if packed else None

    async def keep(self, delivery: Delivery, sent: Notification, now: float) -> None:
        """Keep a copy in place of the one of this name."""
        name = copied_as(delivery)
        packed = self.bounds and self._packed(name, {"at": now, "channel": delivery.channel}, sent)
        if packed and len(packed) <= LONGEST:
            await self._plain.do(("SET", _key(name), packed, "PX", KEPT), ("ZADD", NAMES, int(now * 1000), name))

    async def trim(self, part: float = 1.0) -> None:
        """Drop the oldest beyond the bounds, and keep no more than this part (0 to 1); called now and then."""
        if self.bounds is None:
            return
        [rows] = await self._plain.members([Span(NAMES, EVERY, descending=True)])
        newest = [name for name, _ in rows]
        sizes = await self._plain.lengths([*map(_key, newest)])
        total, most = accumulate(sizes), min(self.bounds[0], int(len(newest) * part))
        gone = [
            name
            for place, (name, size, bytes_) in enumerate(zip(newest, sizes, total, strict=True))
            if place >= most or bytes_ > self.bounds[1] or not size
        ]
        for first in range(0, len(gone), STEP):
            names = gone[first : first + STEP]
            await self._plain.do(*(("DEL", _key(name)) for name in names), ("ZREM", NAMES, *names))

    def _packed(self, name: str, more: Mapping[str, Any], sent: Notification) -> bytes:
        document = {**more, **{part: getattr(sent, part) for part in OF_MESSAGE}}
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)
        if link := sent.unsubscribe:
            for spelled in {link, escape(link), json.dumps(link)[1:-1]}:
                text = text.replace(spelled, NO_LINK)
        return self._plain.sealed(_key(name), zlib.compress(text.encode("utf-8", "replace"), LEVEL))


def copied_as(delivery: Delivery) -> str:
    """Return the name of a message's copy: that of its lane where the message is edited."""
    return delivery.lane if delivery.kind in ("live", "roundup") else delivery.id


def _key(name: str) -> str:
    return f"copy:{name}"
