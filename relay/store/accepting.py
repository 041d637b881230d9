"""accept: an event and all its deliveries become durable in one step."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Generic, TypeVar, cast

from relay import metrics
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.errors import StoreUnavailable, handling
from relay.store import keys, plan
from relay.store.client import Promise, refusal
from relay.store.letters import Letters
from relay.store.partitions import Partition, Partitions
from relay.store.run_plan import MAX_JOBS
from relay.store.sealing import Sealer

Request = TypeVar("Request")
Result = TypeVar("Result")


class Batcher(Generic[Request, Result]):
    """Collects requests and hands them to `run` in batches; each caller gets its own result or exception.

    `run` answers one result per request, in order; an Exception among them is raised for its caller alone.
    If `run` raises, the whole batch fails with it, and so does everyone who waits behind it: each of them would
    run into the same time-out, one batch after the other.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Request]], Awaitable[Sequence[Result | Exception]]],
        *,
        limit: int = 64,
        most_bytes: int = 4 << 20,
        size: Callable[[Request], int] = lambda _request: 0,
    ) -> None:
        self._run = run
        self._limit = limit
        self._most_bytes = most_bytes
        self._size = size
        self._waiting: list[tuple[Request, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, request: Request) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        # A caller that gives up must not take its batch down: the future is its own, the task is shared.
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch = self._next()
            try:
                results = await self._run([request for request, _ in batch])
            except Exception as error:  # noqa: BLE001 - handed to every caller of the batch, whatever it is
                batch, self._waiting = batch + self._waiting, []
                results = [error] * len(batch)
            except asyncio.CancelledError:
                batch, self._waiting = batch + self._waiting, []
                for _, future in batch:
                    future.cancel()  # their callers wait for these futures alone
                raise
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _next(self) -> list[tuple[Request, asyncio.Future[Result]]]:
        count, total = 0, 0
        for request, _ in self._waiting[: self._limit]:
            total += self._size(request)
            if count and total > self._most_bytes:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch


class Accepting:
    """Accepts events in batches, and sends letters for what lives in other partitions."""

    def __init__(
        self,
        partitions: Partitions,
        letters: Letters,
        promise: Callable[[], Promise],
        sealer: Sealer | None = None,
        jobs: int = MAX_JOBS,
    ) -> None:
        self._sealer = sealer
        self._partitions = partitions
        self._letters = letters
        self._promise = promise
        self._jobs = jobs
        self._batchers: list[Batcher[plan.AcceptArguments, Accepted]] = [
            Batcher(partial(self._accept_all, partition), size=plan.size) for partition in partitions
        ]

    async def accept(self, event: Event, targets: Sequence[Target], *, completes: bool, unasked: bool) -> Accepted:
        with handling():
            linked = plan.link(event, len(self._partitions), self._sealer)
        if linked and not await self._link(*linked):
            return Accepted("elsewhere")
        with handling():
            name = keys.operation(event.subject, event.space(event.subject))
            arguments = plan.accept_arguments(
                event,
                targets,
                completes=completes,
                unasked=unasked,
                partitions=len(self._partitions),
                sealer=self._sealer,
                jobs=self._jobs,
            )
        partition = self._partitions.of(name)
        if why := self._promise().short.get(partition.number):
            raise StoreUnavailable(why)
        answer = await self._batchers[partition.number].submit(arguments)
        if not answer.letters:
            return answer
        held = await self._letters.send(partition, answer.letters)
        return replace(answer, deliveries=answer.deliveries - len(held), held=answer.held + held, letters=())

    async def _link(self, retry: str, text: str, facts: bytes) -> bool:
        """Lead this id to its original. False: by now it has begun something of its own, or is another run."""
        return bool(await self._partitions.of(retry).run("letters", ("link", text, facts), self._promise().replicas))

    async def _accept_all(
        self, partition: Partition, requests: Sequence[plan.AcceptArguments]
    ) -> Sequence[Accepted | Exception]:
        metrics.batch_events.observe(len(requests))
        flat: list[str | bytes | int] = []
        for request in requests:
            flat += request
        answers = await partition.run("accept", flat, self._promise().replicas)
        return [accepted(answer) for answer in answers]


def accepted(answer: Sequence[Any]) -> Accepted | Exception:
    """Read the answer of accept.lua about one event."""
    if answer[0] == b"error":
        return refusal(answer[1].decode(errors="replace"), "accept")
    return _accepted(*answer)


@lru_cache(maxsize=256)  # nearly all answers are one of a few
def _accepted(outcome: bytes, deliveries: int, posted: bytes, *pairs: bytes) -> Accepted:
    status, _, reused = outcome.decode().partition(" ")
    held = tuple(zip(*[(item.decode() for item in pairs)] * 2, strict=True))
    return Accepted(cast("Any", status), deliveries, held, bool(reused), _letters(posted.split()))


def _letters(words: Sequence[bytes]) -> tuple[tuple[int, bytes], ...]:
    return tuple((int(home), number) for home, number in zip(words[::2], words[1::2], strict=True))
