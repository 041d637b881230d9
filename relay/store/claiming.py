"""claim: due deliveries are leased, and each becomes readable with what it is made from."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from relay.domain.deliveries import Delivery, Kind, Trial, Window
from relay.domain.events import Event
from relay.domain.parsing import load
from relay.errors import StoreUnavailable, Unsealable, relay_line
from relay.store.bundles import BUNDLE_KINDS, Bundles
from relay.store.client import call
from relay.store.letters import Letters
from relay.store.partitions import AllTurns, Partition, Partitions
from relay.store.records import OVER, documents_of, values_of
from relay.store.sealing import BODY, ERROR, Sealer, open_texts, opened
from relay.store.settling import Settling
from relay.store.target_plan import delivery_options_of, quiet_hours

log = structlog.get_logger(__name__)

FETCH = 0.8  # of the partitions' patience, for what a claim needs from others: less than the claim itself has
SEALED = 60_000  # ms until what only another key opens is claimed again
LATER = 1000  # ms until what could not be fetched is claimed again
TIMES = ("failing", "failed", "doubted", "repeated", "works", "deaf")  # of a Trial
BEHIND = 100  # ms after which what has news on its way is looked at again
FORGOTTEN = "what it should tell was forgotten 30 days after the last event"


@dataclass(frozen=True, slots=True)
class Claimed:
    """Result of a claim, and the seconds until the next delivery is due (None: nothing is queued)."""

    deliveries: tuple[Delivery, ...]
    next_due: float | None


class Claiming:
    """For one worker. What it cannot read, or not yet, it gives back through `settling`."""

    def __init__(
        self,
        redis: Redis,
        partitions: Partitions,
        letters: Letters,
        bundles: Bundles,
        settling: Settling,
        *,
        turns: AllTurns,
        worker: str,
        lease: float,
        sealer: Sealer | None = None,
    ) -> None:
        self._sealer = sealer
        self._redis = redis
        self._partitions = partitions
        self._letters = letters
        self._bundles = bundles
        self._settling = settling
        self._turns = turns
        self._worker = worker
        self._lease = int(lease * 1000)
        self._claims: dict[tuple[str, int], int] = {}  # by channel and partition

    async def claim(
        self, channel: str, limit: int, quiet: Mapping[str, Window], *, idle: float, without: Collection[int]
    ) -> Claimed:
        turns = self._turns.of(channel)
        deliveries, due, failures = list[Delivery](), list[float](), dict[Partition, StoreUnavailable]()
        turn = turns.now(idle, without)
        for partition in turn:
            if len(deliveries) >= limit:
                due.append(0.0)  # it is asked next time
                break
            question = partial(self._claim, partition, channel, limit - len(deliveries), quiet)
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

    async def _claim(self, partition: Partition, channel: str, limit: int, quiet: Mapping[str, Window]) -> Claimed:
        # The same token until an answer arrives: a claim whose answer was lost is given again, not forgotten.
        number = self._claims.get((channel, partition.number), 0)
        away = " ".join(map(str, self._partitions.away))
        args = (channel, limit, self._lease, self._worker, str(number), quiet_hours(quiet), away)
        next_due, *rows = await partition.run("claim", args)
        read = await asyncio.gather(*(self._read(partition, row) for row in rows))
        deliveries = [delivery for delivery in read if delivery]
        return Claimed(tuple(deliveries), float(next_due) / 1000 if next_due != b"" else None)

    async def _read(self, partition: Partition, row: list[Any]) -> Delivery | None:
        """A claimed delivery; None for one that was given back."""
        try:
            async with asyncio.timeout(self._partitions.patience and self._partitions.patience * FETCH):
                bundle = bundle_of(row)
                if operation_of(row) and not await self._fetched(row, partition):
                    return None
                open_bodies(row, self._sealer)
                return delivery_of(row, await self._bundles.event(bundle) if bundle else None)
        except Unsealable as error:  # another process may have the key, or this one after its next start
            log.error("delivery.sealed", delivery=row[0].decode(), error=str(error))
            await self._settling.give_back(partition, row, delay=SEALED)
            return None
        except (StoreUnavailable, TimeoutError) as error:
            if len(self._partitions) == 1:
                raise
            log.warning("delivery.waits", delivery=row[0].decode(), error=str(error) or "no answer in time")
            # What it is made from may live in another partition, which is away: its neighbours do not wait for that.
            await self._settling.give_back(partition, row, delay=LATER)
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours are delivered
            fault, line = type(error).__name__, relay_line(error)
            log.error("delivery.unreadable", delivery=row[0].decode(), error=fault, place=line)
            await self._settling.put_aside(row[0].decode(), row[1].decode(), f"{fault} at {line}")
            return None

    async def _fetched(self, row: list[Any], partition: Partition) -> bool:
        """Put into a claimed delivery what it is made from, where its operation lives elsewhere.

        False: it is given back, for this partition is still to hear of a new run, or of the end of this one; or it is
        dead, because nothing is left there.
        """
        name = operation_of(row)
        source = self._partitions.of(name)
        fields = await call(self._redis.hgetall(source.key(f"operation:{name}")))
        if is_behind(row, fields) and await self._news(row, source, partition):
            await asyncio.wait(self._letters.carry(source, [partition.number]))
            await self._settling.give_back(partition, row, delay=BEHIND)
            return False
        row[10] = documents_of(fields, int(row[15]) if row[15] else None)  # of a live message: all
        if not row[9] and not row[10]:
            await self._settling.bury(partition, row, reason="expired", error=FORGOTTEN)
            return False
        return True

    async def _news(self, row: list[Any], source: Partition, partition: Partition) -> bool:
        """Return True where the missing letters are on their way, or there by now."""
        if await call(self._redis.llen(source.key(f"letters:{partition.number}"))):
            return True
        course = await call(self._redis.hgetall(partition.key(f"operation:{operation_of(row)}")))
        return _course(course) != (int(row[16] or -1), row[17])


def bundle_of(row: Sequence[Any]) -> str:
    """The id of the bundle that a claimed delivery carries; '' for one of an event."""
    return row[12].decode() if row[5].decode() in BUNDLE_KINDS else ""


def operation_of(row: Sequence[Any]) -> str:
    """Of a claimed delivery whose operation lives in another partition: its name; '' for all others."""
    return str(row[14].decode())


def is_behind(row: Sequence[Any], fields: Mapping[bytes, bytes]) -> bool:
    """Return True where a live message's partition has not yet got a new run, or the end of this one."""
    run, rank = _course(fields)
    known_run = int(row[16] or -1)
    return bool(row[5] == b"live") and (run > known_run or (run == known_run and rank == int(OVER) != row[17]))


def _course(fields: Mapping[bytes, bytes]) -> tuple[int, int]:
    """The number of the run, and its rank; -1 where nothing is known."""
    state = values_of("state", fields.get(b"state"))
    return int(state.get("retry", -1)), int(state.get("rank", -1))


def open_bodies(row: list[Any], sealer: Sealer | None) -> None:
    """Put in place of what is sealed what it says. Unsealable if it cannot be opened here."""
    record = row[19].decode()
    row[9] = row[9] and opened(sealer, row[9], BODY, record)
    row[10] = [opened(sealer, body, BODY, record) for body in row[10]]
    words = row[18]  # names and values in turn
    if b"said" in words:
        value = words.index(b"said") + 1
        opening = open_texts(sealer, {"said": words[value].decode("utf-8", "replace")}, {"said": ERROR})
        words[value] = opening["said"].encode("utf-8", "replace")


def delivery_of(row: Sequence[Any], bundle: Event | None = None) -> Delivery:
    """One claimed delivery, from the flat array that claim.lua answers. `bundle` is what its bundle holds."""
    texts = [item.decode() for item in row[:6]]
    name, lease, destination, channel, address, kind = texts
    attempts, unknowns, created = (int(item) for item in row[6:9])
    history = tuple(load(body) for body in row[10])
    own = history[row[10].index(row[9])] if row[9] in row[10] else load(row[9]) if row[9] else None
    event = bundle or own or (history[-1] if history else None)
    if event is None:
        raise LookupError(name)
    thread = [item.decode() for item in row[11]]
    return Delivery(
        id=name,
        lease=lease,
        destination=destination,
        channel=channel,
        address=address,
        kind=BUNDLE_KINDS.get(kind, cast("Kind", kind)),
        event=event,
        history=history,
        thread=dict(zip(thread[::2], thread[1::2], strict=True)),
        attempt=attempts + 1,
        created_at=datetime.fromtimestamp(created / 1000, UTC),
        unknown=unknowns > 0,
        lane=row[12].decode(),
        options=delivery_options_of(row[13]),
        **_telling(kind, row[18]),
    )


def _telling(kind: str, words: Sequence[bytes | int]) -> dict[str, Any]:
    """Return the options of presentation, from names and values in turn."""
    texts = [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in words]
    how = dict(zip(texts[::2], texts[1::2], strict=True))
    return {
        "broadcast": kind == "reply" and how.get("broadcast") == "1",
        "wording": how.get("as", ""),
        "group": how.get("group", ""),
        "window": float(how.get("window", 0)) / 1000,
        "mishap": how.get("said", ""),
        "trial": _trial(how),
        "host": how.get("host", ""),
    }


def _trial(how: Mapping[str, str]) -> Trial:
    seconds = {name: float(how[name]) / 1000 for name in TIMES if name in how}
    probe = int(how["probe"]) if "probe" in how else None
    return Trial(faults=int(how.get("faults", 0)), probe=probe, **seconds)
