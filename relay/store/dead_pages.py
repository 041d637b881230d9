"""The dead letters page by page, newest first: as many of them as a page may cost, however many there are."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from relay.store import keys
from relay.store.client import call
from relay.store.dead_letters import DeadLetter
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.reading import read_all
from relay.store.records import SEALED, values_of
from relay.store.sealing import ANSWER, text_to_show

LOOKED = 2000  # dead letters that one page looks at
STEP = 250  # that are read at once
CHOSEN_BY = ("destination", "name", "reason", "died")  # what a page is chosen by
FIELDS = ("operation", "destination", "channel", "address", "kind", "name", "attempts", "reason", "error", "died")

_CURSOR = re.compile(r"(\d{1,15})-(.+)", re.DOTALL)
_Name = tuple[int, str]  # when it died (ms since the epoch), and its id: the greatest is the newest


@dataclass(frozen=True, slots=True)
class DeadPage:
    """Newest first, without their bodies. `cursor` asks for what is older; '' if there is nothing.

    `looked` were looked at to find these, and where that was as many as one page may, all since `looked_to`
    (seconds since the epoch): there may be more before it, however few these are.
    """

    rows: Sequence[DeadLetter]
    cursor: str
    looked: int
    looked_to: float | None


class DeadPages:
    """Bounded. Every failure is StoreUnavailable."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out."""
        self._everywhere = Everywhere(store, partial=partial)
        self._redis = store.redis

    async def count(self) -> int:
        return sum(map(int, await self._everywhere.each(lambda key: self._redis.zcard(key(keys.DEAD)))))

    async def page(
        self,
        fits: Callable[[DeadLetter], bool] = lambda _: True,
        *,
        since: float | None = None,
        until: float | None = None,
        cursor: str = "",
        limit: int = 50,
        whole: bool = True,
    ) -> DeadPage:
        """Return the dead letters from `since` on and before `until` (seconds since the epoch) that `fits` takes: a
        function of destination, event, reason and time. Without `whole` nothing else is known of them; with it
        everything is, also of their operations. ValueError for a cursor that no page gave.
        """
        limit = min(limit, LOOKED)
        names, all_there = await self._names(since, until, cursor, limit)
        rows, looked, last = list[DeadLetter](), 0, (0, "")
        left = iter(names)
        while len(rows) < limit and (step := [*islice(left, STEP if looked else min(STEP, limit))]):
            read = await self._read([name for _, name in step], CHOSEN_BY)
            for died in step:
                looked, last = looked + 1, died
                letter = read.get(died[1])
                if letter and fits(letter):
                    rows.append(letter)
                if len(rows) == limit:
                    break
        more = looked < len(names) or not all_there
        return DeadPage(
            await self._whole(rows) if whole else rows,
            f"{last[0]}-{last[1]}" if more and looked else "",
            looked,
            last[0] / 1000 if more and looked and len(rows) < limit else None,
        )

    async def _names(
        self, since: float | None, until: float | None, cursor: str, limit: int
    ) -> tuple[list[_Name], bool]:
        """The newest, as many as a page looks at; and whether there are no others."""
        before = _position(cursor) if cursor else None
        upper = before[0] if before else "+inf" if until is None else f"({until * 1000:.0f}"
        lower = "-inf" if since is None else f"{since * 1000:.0f}"
        share = max(limit + 1, min(LOOKED + 1, 4 * LOOKED // len(self._everywhere.partitions)))

        async def ask(partition: Partition) -> tuple[list[_Name], bool]:
            dead = partition.key(keys.DEAD)
            # Those that died in the same moment are at the beginning again.
            again = int(await call(self._redis.zcount(dead, before[0], before[0]))) if before else 0
            answer = await call(self._redis.zrevrangebyscore(dead, upper, lower, 0, share + again, withscores=True))
            return [(int(ms), name.decode()) for name, ms in answer], len(answer) < share + again

        parts = await self._everywhere.of_each(ask)
        # What is older than the end of a part that goes on could follow something that was not read.
        end = max((part[-1] for part, over in parts if part and not over), default=(0, ""))
        names = sorted((name for part, _ in parts for name in part if name >= end), reverse=True)
        names = [name for name in names if before is None or name < before]
        return names[:LOOKED], len(names) <= LOOKED and all(over for _, over in parts)

    async def _read(self, names: Sequence[str], fields: Sequence[str]) -> dict[str, DeadLetter]:
        rows = await self._fields(names, "delivery", fields)
        return {name: _letter(name, row) for name, row in rows.items() if row["died"]}

    async def _whole(self, chosen: Sequence[DeadLetter]) -> list[DeadLetter]:
        """With all that is known of them and of their operations, and their errors opened."""
        read = await self._read([letter.id for letter in chosen], FIELDS)
        letters = [read[letter.id] for letter in chosen if letter.id in read]
        facts = await self._fields([*{letter.operation for letter in letters}], "operation", ("facts",))
        sealer = self._everywhere.sealer

        def whole(letter: DeadLetter) -> DeadLetter:
            stated = values_of("facts", facts.get(letter.operation, {}).get("facts"))
            return replace(
                letter,
                operation=stated.get("id", ""),
                error=text_to_show(sealer, letter.error, ANSWER),
                tenant=stated.get("fact:tenant", ""),
                project=stated.get("fact:project", ""),
                platform=stated.get("fact:platform", ""),
                title=text_to_show(sealer, stated.get("fact:name", ""), SEALED["fact:name"]),
            )

        return [whole(letter) for letter in letters]

    async def _fields(
        self, names: Sequence[str], kind: str, fields: Sequence[str]
    ) -> dict[str, dict[str, bytes | None]]:
        async def ask(partition: Partition) -> dict[str, dict[str, bytes | None]]:
            here = [name for name in names if self._everywhere.partitions.of(name) is partition]
            commands = [("HMGET", partition.key(f"{kind}:{name}"), *fields) for name in here]
            answers = await read_all(self._redis, partition.key(kind), commands)
            return {name: dict(zip(fields, row, strict=True)) for name, row in zip(here, answers, strict=True)}

        return {name: row for part in await self._everywhere.of_each(ask) for name, row in part.items()}


def _letter(name: str, row: dict[str, bytes | None]) -> DeadLetter:
    """Return the row of a delivery: its operation is the store's name, its error may be sealed."""
    text = dict.fromkeys(FIELDS, "")
    for field, value in row.items():
        text[field] = (value or b"").decode("utf-8", "replace")
    return DeadLetter(
        id=name,
        operation=text["operation"],
        destination=text["destination"],
        channel=text["channel"],
        address=text["address"],
        kind=text["kind"],
        event=text["name"],
        attempts=int(text["attempts"] or 0),
        reason=text["reason"],
        error=text["error"],
        died_at=datetime.fromtimestamp(float(text["died"]) / 1000, UTC),
    )


def _position(cursor: str) -> _Name:
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise ValueError("expected the cursor of an earlier page")
    return int(match[1]), match[2]
