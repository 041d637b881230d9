"""Facts of an operation or batch, as its events stated them, and its kept events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial

from redis.asyncio import Redis

from relay.domain.events import Event
from relay.domain.facts import AUDIENCE, LASTING, NOWHERE, PRESSED, Space
from relay.domain.failed_phases import FAILED_PHASE
from relay.domain.parsing import load
from relay.errors import AmbiguousId, HandlingFailed, Unsealable, handling
from relay.store import keys
from relay.store.accepting import Batcher
from relay.store.client import call, refusal
from relay.store.owners import answers_at_owner
from relay.store.partitions import Partition, Partitions
from relay.store.records import FIELDS, OVER, SEALED, values_in
from relay.store.sealing import BODY, Sealer, open_texts, opened

FACTS = (*LASTING, AUDIENCE, PRESSED, FAILED_PHASE, "platform", "tenant", "project", "batch")
KINDS = {name.removeprefix("fact:"): kind for name, kind in SEALED.items() if name.startswith("fact:")}
LINKS = ("original", "retry")  # of a retry under a new id: whose run it is, and which


class Knowledge:
    """`Store` says what each of these does. Questions that arrive together are asked together."""

    def __init__(self, redis: Redis, partitions: Partitions, sealer: Sealer | None = None) -> None:
        self._sealer = sealer
        self._redis = redis
        self._partitions = partitions
        self._batchers: list[Batcher[str, dict[str, str]]] = [
            Batcher(partial(self._facts_of_all, partition)) for partition in partitions
        ]
        self.spaces = Spaces(redis, partitions, self._facts)

    async def facts(self, subject: str, space: Space | Mapping[str, str]) -> dict[str, str]:
        facts = await self._meant(subject, space)
        if original := facts.get("original"):
            whose = space.filled(Space.of(facts)) if isinstance(space, Space) else space
            first = await self._meant(original, whose)
            kept_in = {"original_space": first.pop("space")} if "space" in first else {}
            return {**first, **facts, **kept_in}
        return facts

    async def _meant(self, id_: str, space: Space | Mapping[str, str]) -> dict[str, str]:
        if isinstance(space, Space):
            return await self.spaces.resolved(id_, space)
        facts = await self._facts(id_, space.get(id_, ""))
        facts.pop("apart", None)
        return facts | {"space": space[id_]} if space.get(id_) else facts

    async def _facts(self, id_: str, space: str) -> dict[str, str]:
        name = keys.operation(id_, space)
        return await self._batchers[self._partitions.of(name).number].submit(name)

    async def _facts_of_all(self, partition: Partition, names: Sequence[str]) -> Sequence[dict[str, str] | Exception]:
        key = partition.key("operation:")
        questions = [("HMGET", key + name, *FIELDS) for name in names]
        rows = await call(answers_at_owner(self._redis, partition.key(keys.LEDGER), questions))
        return [refusal(str(row)) if isinstance(row, Exception) else self._facts_in(row) for row in rows]

    def _facts_in(self, row: Sequence[bytes | None]) -> dict[str, str] | Exception:
        try:
            with handling():
                return open_texts(self._sealer, _lasting(values_in(row)), KINDS)
        except (HandlingFailed, Unsealable) as error:  # one that cannot be read costs no other its answer
            return error

    async def kept(self, event: Event) -> Event | None:
        name = keys.operation(event.subject, event.space(event.subject))
        body = await call(self._redis.hget(self._partitions.of(name).key(f"operation:{name}"), f"doc:{event.name}"))
        with handling():
            return load(opened(self._sealer, body, BODY, name)) if body else None


def _lasting(values: Mapping[str, str]) -> dict[str, str]:
    facts = {name: value for name in (*FACTS, *LINKS, "restarts") if (value := values.get(f"fact:{name}"))}
    if values.get("rank") == OVER:
        facts["ended"] = values["at"]
    if values.get("retry", "0") != "0":
        facts["runs"] = values["retry"]
    facts |= {name: values[name] for name in ("began", "starts", "ends", "went_on", "apart") if values.get(name)}
    return facts | ({"since": values["first"]} if values.get("first") else {})


Facts = dict[str, str]
PAGE = 500  # names that are read, and looked up, at a time
ENOUGH = 2  # that an id may mean: from here on it means none


class Spaces:
    """`facts` gives what is known under an id in one space, as the store keeps it. Failures are StoreUnavailable."""

    def __init__(self, redis: Redis, partitions: Partitions, facts: Callable[[str, str], Awaitable[Facts]]) -> None:
        self._redis = redis
        self._partitions = partitions
        self._facts = facts

    async def resolved(self, id_: str, space: Space) -> Facts:
        """Return the facts of the operation or batch that this means; with `space` where it is not the id's first.

        Where nothing is known, `space` says under which name it begins. AmbiguousId where it could mean several.
        """
        first = await self._facts(id_, "")
        if not first.pop("apart", ""):
            return first if Space.of(first).may_be(space) else {"space": space.dump()}
        stated = space.dump()
        if exact := await self._facts(id_, stated):
            return exact | {"space": stated}
        meant = [facts async for facts in self._each(id_, first, space)]
        if len(meant) > 1:
            raise AmbiguousId(id_, [Space.of(facts) for facts in meant])
        return meant[0] if meant else {"space": stated}

    async def all(self, id_: str) -> list[Facts]:
        """Return the facts of each operation or batch with this id; `space` as in `resolved`."""
        first = await self._facts(id_, "")
        if first.pop("apart", ""):
            return [facts async for facts in self._each(id_, first, NOWHERE, limit=None)]
        return [first] if first else []

    async def _each(self, id_: str, first: Facts, space: Space, limit: int | None = ENOUGH) -> AsyncIterator[Facts]:
        """Yield the operations that `space` may mean, up to `limit`: all names are read, however many there are.

        A name says no more of whose it is than what is known under it does, so one that cannot be meant is not read.
        """
        meant = 0
        if first and Space.of(first).may_be(space):
            yield first
            meant += 1
        names = [name for name in await self._names(id_) if Space.load(name).may_be(space)]
        for page in range(0, len(names), PAGE):
            rows = await asyncio.gather(*(self._facts(id_, name) for name in names[page : page + PAGE]))
            for name, facts in zip(names[page:], rows, strict=False):
                if facts and Space.of(facts).may_be(space):
                    yield facts | {"space": name}
                    meant += 1
            if limit and meant >= limit:
                return

    async def _names(self, id_: str) -> list[str]:
        """The spaces of all but the first with this id, in one order."""
        name, names, cursor = keys.operation(id_), set[str](), 0
        key = self._partitions.of(name).key(f"spaces:{name}")
        while True:
            cursor, page = await call(self._redis.sscan(key, cursor, count=PAGE))
            names.update(text.decode() for text in page)
            if not cursor:
                return sorted(names)
