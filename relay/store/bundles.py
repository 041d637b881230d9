"""Bundles (digests, round-ups, overflow lists) in Redis: read for the worker and people, sent on demand.

The scripts put entries in (`include/bundles.lua`); a closed bundle never changes, so it may be read piece by piece.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from relay.domain.deliveries import Digest, Kind, Target, Window
from relay.domain.digests import build_digest
from relay.domain.events import Event
from relay.errors import Unsealable
from relay.store.client import call
from relay.store.keys import SEALED, bundle_id, digests
from relay.store.owners import whole_hash
from relay.store.partitions import Partition, Partitions
from relay.store.records import SEALED_IN_ENTRIES
from relay.store.sealing import Sealer, key_of_texts, open_texts
from relay.store.target_plan import home_of, limits_of

# The kinds of deliveries that carry a bundle, and the kind of message each becomes. A rolling one is a round-up that is
# edited.
BUNDLE_KINDS: Mapping[str, Kind] = {"digest": "digest", "roundup": "roundup", "rolling": "roundup"}
SCAN = 500  # entries read in one step
REFRESHED = (
    "quiet",
    "silence",
    "backlog",
    "cause",
    "requested",
)  # the kinds that show a run in its state when they are sent


@dataclass(frozen=True, slots=True)
class Bundle:
    """An open window of a digest, as `relay digest list` shows it."""

    destination: str
    address: str
    window: Window
    entries: int
    closed: bool


class Bundles:
    """Every failure is StoreUnavailable; every call may be repeated."""

    def __init__(self, redis: Redis, partitions: Partitions, sealer: Sealer | None = None) -> None:
        self._sealer = sealer
        self._redis = redis
        self._partitions = partitions

    async def event(self, bundle: str) -> Event:
        """Return the contents of a claimed bundle as the event of its delivery."""
        fields = await self._fields(bundle)
        if len(self._partitions) > 1 and fields.get("kind") in REFRESHED and "refreshed" not in fields:
            await self._refresh(bundle)
        return event_of(bundle, fields, await self._entries(bundle))

    async def look(self, bundle: str) -> Event:
        """Return the present contents, as its partition knows them; nothing is changed."""
        return event_of(bundle, await self._fields(bundle), await self._entries(bundle))

    async def _refresh(self, bundle: str) -> None:
        """Renew the entries of operations that live elsewhere, as far as their partitions are there."""
        where = self._partitions.of(bundle)
        names = [name.decode() for name in await call(self._redis.hkeys(where.key(f"entries:{bundle}")))]
        for partition in self._partitions.present:
            theirs = [name for name in names if partition is not where and self._partitions.of(name) is partition]
            for first in range(0, len(theirs), SCAN):
                page = theirs[first : first + SCAN]
                words = await partition.run("letters", ("words", *page))
                rows = zip(page, words[::2], words[1::2], strict=True)
                await where.run("letters", ("refresh", bundle, 0, *(word for row in rows for word in row)))
        await where.run("letters", ("refresh", bundle, 1))

    async def preview(self, target: Target, window: Window) -> Event:
        """Return the digest of this window as it would be now; nothing is closed and nothing sent."""
        bundle, where = self._window(target, window)
        fields = {"kind": "digest", "from": window.start * 1000, "to": window.end * 1000, "zone": _zone(target)}
        fields |= await self._fields(bundle)
        past = await call(self._redis.hgetall(where.key(digests(target.destination, target.address))))
        fields |= {f"was:{name.decode()}": value.decode() for name, value in past.items()}
        return event_of(bundle, fields, await self._entries(bundle))

    async def describe(self, target: Target, window: Window) -> Bundle:
        bundle, where = self._window(target, window)
        count = int(await call(self._redis.hlen(where.key(f"entries:{bundle}"))))
        closed = bool(await call(self._redis.hexists(where.key(f"box:{bundle}"), "sealed")))
        return Bundle(target.destination, target.address, window, count, closed)

    async def schedule(self, target: Target, window: Window) -> bool:
        """Make this window's delivery, so that it is sent even if nothing comes in. False: there is one already."""
        limits = limits_of(target)
        home = home_of(target)
        args = ("ensure", home, target.destination, target.channel, target.address, limits, _zone(target), *_ms(window))
        return bool(await self._partitions.of(home).run("boxes", args))

    async def send_now(self, target: Target, window: Window) -> bool:
        """Send what the window at hand holds so far; what comes later is sent at its end. False: it holds nothing."""
        home = home_of(target)
        args = ("now", home, target.destination, target.address, *_ms(window))
        return bool(await self._partitions.of(home).run("boxes", args))

    def _window(self, target: Target, window: Window) -> tuple[str, Partition]:
        """The id of the digest of this window, and where it lives."""
        bundle = bundle_id(home_of(target), "digest", target.destination, target.address, window)
        return bundle, self._partitions.of(bundle)

    async def _fields(self, bundle: str) -> dict[str, Any]:
        row = await call(self._redis.hgetall(self._partitions.of(bundle).key(f"box:{bundle}")))
        return {name.decode(): value.decode("utf-8", "replace") for name, value in row.items()}

    async def _entries(self, bundle: str) -> list[dict[str, Any]]:
        key = self._partitions.of(bundle).key(f"entries:{bundle}")
        rows = await call(whole_hash(self._redis, key, SCAN))
        entries = [json.loads(value) for _, value in sorted(rows.items())]
        if self._sealer is not None:
            return [open_texts(self._sealer, entry, SEALED_IN_ENTRIES) for entry in entries]
        # A name that only looks sealed, as any sender may choose one, must not block a digest.
        for key in filter(None, {key_of_texts(entry, SEALED_IN_ENTRIES) for entry in entries}):
            if await call(self._redis.hexists(SEALED, key)):
                raise Unsealable(key)
        return entries


def event_of(bundle: str, fields: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> Event:
    """A bundle as an event of relay's own; it is received when it is due, so that its delay shows."""
    start, end = (float(fields.get(name, 0)) / 1000 for name in ("from", "to"))
    past = {name[4:]: value for name, value in fields.items() if name.startswith("was:")}
    document = build_digest(
        str(fields.get("kind", "digest")),
        start,
        end,
        entries,
        zone=str(fields.get("zone") or "UTC"),
        held=int(fields.get("held", 0)),
        before=json.loads(past["last"]) if "last" in past else None,
        days={
            name[2:]: (int(past.get(f"c:{name[2:]}", 0)), int(past.get(f"f:{name[2:]}", 0)))
            for name in past
            if name[:2] in ("c:", "f:")
        },
    )
    when = datetime.fromtimestamp(end, UTC)
    return Event(bundle, document["event"], "relay", when, when, document=document)


def _zone(target: Target) -> str:
    return target.how.zone if isinstance(target.how, Digest) else "UTC"


def _ms(window: Window) -> tuple[int, int]:
    return int(window.start * 1000), int(window.end * 1000)
