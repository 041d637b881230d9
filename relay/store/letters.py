"""Letters between partitions: the scripts write them (include/letters.lua), and this carries them.

An event is decided on where its operation lives, and delivered where its addresses live. The step that accepts it
writes the letter; so any process may carry it, any number of times: the partition that it is for applies each once, in
order.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from relay.errors import StoreUnavailable
from relay.store.partitions import Partition, Partitions

log = structlog.get_logger(__name__)

MOST = 64  # letters in one step
PATIENCE = 0.5  # seconds that the writer waits for them; then they follow by themselves

Pair = tuple[int, int]  # from which partition to which
Held = tuple[tuple[str, str], ...]  # destination and reason


class Letters:
    """One carrier for each pair of partitions; a call while it is under way gets the next round."""

    def __init__(self, partitions: Partitions, replicas: Callable[[], int]) -> None:
        """`replicas` that must have a letter before it is carried, and what it led to before it is struck."""
        self.patience: float | None = PATIENCE
        self._partitions = partitions
        self._replicas = replicas
        self._under_way: dict[Pair, asyncio.Task[None]] = {}
        self._again: set[Pair] = set()
        self._awaited: dict[tuple[Pair, bytes], asyncio.Future[Held]] = {}

    def carry(self, source: Partition, homes: Iterable[int]) -> list[asyncio.Task[None]]:
        """Carry what waits there for these. What fails is logged, and carried after the next pulse."""
        return [self._start((source.number, home)) for home in homes]

    async def send(self, source: Partition, letters: Sequence[tuple[int, bytes]]) -> Held:
        """Carry these, each a partition and a number; return the places without a message, if known in time."""
        if not letters:
            return ()
        keys = [((source.number, home), number) for home, number in letters]
        answers = [self._awaited.setdefault(key, asyncio.get_running_loop().create_future()) for key in keys]
        homes = [home for home in dict.fromkeys(home for home, _ in letters) if home not in self._partitions.away]
        try:
            if homes:
                await asyncio.wait(self.carry(source, homes), timeout=self.patience)
        finally:
            for key in keys:
                self._awaited.pop(key, None)
        return tuple(pair for answer in answers if answer.done() for pair in answer.result())

    async def aclose(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _start(self, pair: Pair) -> asyncio.Task[None]:
        task = self._under_way.get(pair)
        if task and not task.done():
            self._again.add(pair)
            return task
        self._under_way[pair] = task = asyncio.create_task(self._carry(pair))
        return task

    async def _carry(self, pair: Pair) -> None:
        source, home = (self._partitions[number] for number in pair)
        try:
            while True:
                self._again.discard(pair)
                # Only what no failover can take back is carried, and only what none can is struck: one that was
                # applied elsewhere before it was lost here would have its number again.
                replicas = self._replicas()
                letters = await source.run("letters", ("read", home.number, MOST, int(replicas > 0)), replicas)
                if letters:
                    last, *applied = await home.run("letters", ("apply", source.number, *letters), replicas)
                    for number, fault, *held in applied:
                        self._applied(pair, number, fault, held)
                    await source.run("letters", ("strike", home.number, last))
                elif pair not in self._again:
                    return
        except StoreUnavailable as error:
            if not self._partitions.away.keys().isdisjoint(pair):  # as is known, and said
                return
            log.warning("letters.waiting", source=pair[0], partition=pair[1], error=str(error))

    def _applied(self, pair: Pair, number: bytes, fault: bytes, held: Sequence[bytes]) -> None:
        if fault:  # kept in {relay-N}:unread
            log.error("letter.unreadable", partition=pair[1], fault=fault.decode(errors="replace"))
        future = self._awaited.pop((pair, number), None)
        if future and not future.done():
            texts = [text.decode() for text in held]
            future.set_result(tuple(zip(texts[::2], texts[1::2], strict=True)))
