"""What is left now of the limits that messages to an address run under, as the scripts count them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from relay.domain.deliveries import Limit, RequestLimit, Target
from relay.errors import StoreUnavailable
from relay.store.keys import requested
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.reading import read_all
from relay.store.target_plan import home_of

Kind = Literal["new", "edit", "live", "requested"]


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit of one address.

    kind       new messages, edits, new live messages, or what operations ask for themselves
    most       so many at once; of `live` and `requested` in each `per`
    per        seconds; of `new` and `edit` those after which one more may go
    left       how many may go now
    free_at    seconds since the epoch: when the next may go; None: at once
    throttled  seconds since the epoch until which the other side wants none, for this reason; None: it takes them
    shared     other addresses of the channel are under it, too
    """

    kind: Kind
    most: int
    per: float
    left: int
    free_at: float | None
    throttled: float | None = None
    reason: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of one limit."""

    kind: Kind
    limit: Any
    commands: tuple[tuple[Any, ...], ...]


class Budgets:
    """Reads alone; nothing is spent by it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, targets: Sequence[Target], now: float) -> list[list[Budget]]:
        """Of each of the targets; none of those whose partition is away. `now` is in seconds since the epoch."""
        homes = dict[int, list[int]]()
        for index, target in enumerate(targets):
            homes.setdefault(self._store.partitions.of(home_of(target)).number, []).append(index)
        outcomes = await asyncio.gather(
            *(self._read(number, {index: targets[index] for index in those}, now) for number, those in homes.items())
        )
        budgets = {index: rows for outcome in outcomes for index, rows in outcome.items()}
        return [budgets.get(index, []) for index in range(len(targets))]

    async def _read(self, number: int, targets: Mapping[int, Target], now: float) -> dict[int, list[Budget]]:
        """Of those that live in one partition; nothing where it is away."""
        partition = self._store.partitions[number]
        questions = {index: [*_questions(partition, target, now)] for index, target in targets.items()}
        commands = [command for own in questions.values() for question in own for command in question.commands]
        try:
            answers = iter(await read_all(self._store.redis, partition.key("rate"), commands))
        except StoreUnavailable:
            return {}
        return {
            index: [_budget(question, [next(answers) for _ in question.commands], now) for question in own]
            for index, own in questions.items()
        }


def _questions(partition: Partition, target: Target, now: float) -> Iterator[_Question]:
    limits, key = target.limits, partition.key
    kinds: Mapping[Kind, Sequence[Limit]] = {"new": limits.new, "edit": limits.edit}
    for kind, some in kinds.items():
        for limit in some:
            paused = ("HMGET", key(f"pause:limit:{limit.name}"), "until", "reason")
            yield _Question(kind, limit, (("GET", key(f"rate:{limit.name}")), paused))
    if cap := limits.new_message_cap:
        roots, after = key(f"roots:{target.channel}/{target.address}"), f"({(now - cap[1]) * 1000:.0f}"
        oldest = ("ZRANGEBYSCORE", roots, after, "+inf", "WITHSCORES", "LIMIT", 0, 1)
        yield _Question("live", cap, (("ZCOUNT", roots, after, "+inf"), oldest))
    if own := limits.requested:
        counted = key(requested(target.channel, own.reader))
        yield _Question("requested", own, (("HLEN", counted), ("HGET", counted, "from")))


def _budget(question: _Question, answers: Sequence[Any], now: float) -> Budget:
    first, second = answers
    if isinstance(limit := question.limit, Limit):
        return _rate(question.kind, limit, first, second, now)
    if isinstance(limit, RequestLimit):
        begun = float(second or 0) / 1000
        goes_on = begun <= now < begun + limit.per
        return _window("requested", limit.count, limit.per, int(first) - 1 if goes_on else 0, begun)
    oldest = float(_score(second)) / 1000 if second else 0.0
    return _window("live", limit[0], limit[1], int(first), oldest)


def _rate(kind: Kind, limit: Limit, slot: bytes | None, pause: Sequence[bytes | None], now: float) -> Budget:
    """As include/limits.lua counts: the slot is when the next one would be free if all of the burst were used."""
    at = float(slot or 0) / 1000
    ahead = 0.0 if at > now + limit.period * limit.burst + 0.001 else max(at - now, 0.0)
    wait = ahead - (limit.burst - 1) * limit.period
    left = max(int(limit.burst - ahead / limit.period + 1e-9), 0)
    until = float(pause[0] or 0) / 1000
    throttled = until if until > now else None
    reason = (pause[1] or b"").decode("utf-8", "replace") if throttled else ""
    return Budget(
        kind, limit.burst, limit.period, left, now + wait if wait > 0 else None, throttled, reason, limit.shared
    )


def _window(kind: Kind, most: int, per: float, used: int, begun: float) -> Budget:
    left = max(most - max(used, 0), 0)
    return Budget(kind, most, per, left, begun + per if not left else None)


def _score(row: Any) -> float:
    """Of the one member that was asked for: redis-py gives pairs, or a flat list where the command was raw."""
    return float(row[0][1] if isinstance(row[0], (list, tuple)) else row[1])
