"""Operations of the ends in a job's history: an end keeps but a part of that name (relay/store/run_plan.py).

The name is looked for among the operations whose first event came about when the run began, or about when it ended.
So a run whose first event came at another time, or that retries an older operation, stays without.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.domain.events import Outcome
from relay.domain.facts import Space
from relay.domain.identity import error_words
from relay.domain.parsing import load
from relay.errors import Unsealable
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.sealing import BODY, opened
from relay.store.subjects import facts_of, together

PART = 16  # characters of the operation's name, which a run's begins with
BEFORE, BEHIND = 60.0, 300.0  # seconds around a run's start, and its end, in which its first event came
LOOKED = 100  # operations of these seconds
FAILURE = "doc:operation.failed"


@dataclass(frozen=True, slots=True)
class RunName:
    """`operation` is the store's name; `subject` and `space` are what people know."""

    operation: str
    subject: str
    space: Space


class RunNames:
    """Bounded: twice `LOOKED` names for each end. Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._everywhere = Everywhere(store, partial=True)
        self._redis = store.redis

    async def of(self, ends: Sequence[Outcome]) -> dict[str, RunName]:
        """By the runs' names, as far as they are found."""

        async def ask(partition: Partition) -> dict[str, str]:
            here = [
                (end.run, moment)
                for end in ends
                if self._everywhere.partitions.of(end.run) is partition
                for moment in dict.fromkeys((end.started, end.ended))
                if moment is not None
            ]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for _, moment in here:
                    first, last = (max(0, round(1000 * edge)) for edge in (moment - BEFORE, moment + BEHIND))
                    pipeline.xrange(partition.key("operations"), f"{first}", f"{last}", count=LOOKED)
                answers = await call(pipeline.execute()) if here else []
            names = dict[str, str]()
            for (run, _), rows in zip(here, answers, strict=True):
                heard = [row[b"r"].hex() for _, row in rows]
                if name := next((name for name in heard if name.startswith(run[:PART])), ""):
                    names[run] = name
            return names

        names: Mapping[str, str] = together(await self._everywhere.of_each(ask))
        facts = await facts_of(self._everywhere, {*names.values()})
        return {
            run: RunName(name, stated["id"], Space(*(stated.get(f"fact:{part}", "") for part in Space._fields)))
            for run, name in names.items()
            if "id" in (stated := facts.get(name, {}))
        }

    async def error(self, operation: str) -> str:
        """Return the error of its event; '' where that is not kept any more."""
        where = self._everywhere.partitions.of(operation)
        body = await call(self._redis.hget(where.key(f"operation:{operation}"), FAILURE))
        if body is None:
            return ""
        try:
            return error_words(load(opened(self._everywhere.sealer, body, BODY, operation)))
        except Unsealable:
            return ""
