"""Senders as a platform has them: each event is sent again, to any of the relays, until one answers 2xx."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Protocol

import aiohttp

from tests.support.events import body
from tests.support.patience import patience
from tests.support.sender import Reply
from tests.support.stage import post

# `RELAY_CHAOS_SEED` repeats what a failure prints. Moments are drawn by the number of answers seen so far.
SEED = int(os.environ.get("RELAY_CHAOS_SEED") or random.SystemRandom().randrange(1 << 32))
DURABLE = {"appendonly": "yes", "appendfsync": "always"}
MAILERS = 6
PACE = 0.12  # seconds between two events of a sender: what counts is what happens to each, and not how many there are
STEPS = {"operation.started": (0, "Initiated"), "operation.progress": (50, "Running"),
         "operation.completed": (100, "Completed")}  # fmt: skip
TRIES = 200  # of an event that no owner answers

Event = dict[str, Any]


class Addressed(Protocol):
    """A relay, or what stands before some."""

    url: str


class Load:
    """`acknowledged`: operation → its event that was answered 2xx; `runs`: the same of runs that Slack shows live."""

    def __init__(self, *relays: Addressed, runners: int = 0, mailers: int = MAILERS) -> None:
        """So many senders of single events that are mailed, and of runs that start, go on and end."""
        self.acknowledged: dict[str, Event] = {}
        self.runs: dict[str, Event] = {}
        self.statuses: Counter[int] = Counter()
        self._relays = relays
        self._kinds = [self._mail] * mailers + [self._run] * runners
        self._numbers = count(1)
        self._progress = asyncio.Condition()
        self._stop = False
        self._owner = 0  # the number of the relay that was found to own the partition

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        self._stop = False
        senders = [asyncio.create_task(self._send(kind)) for kind in self._kinds]
        yield
        self._stop = True
        await asyncio.gather(*senders)

    async def more(self, answers: int) -> None:
        """Return when so many more events have been answered 2xx."""
        goal = len(self.acknowledged) + answers
        async with asyncio.timeout(patience()), self._progress:
            await self._progress.wait_for(lambda: len(self.acknowledged) >= goal)

    async def lost(self) -> list[str]:
        """Send every acknowledged event again: those that are taken as new were lost."""
        events: Iterator[tuple[str, Event]] = iter((self.acknowledged | self.runs).items())
        lost: list[str] = []
        await self._ask_who_owns()

        async def look() -> None:
            for name, event in events:
                if not await self._is_known(event):
                    lost.append(name)

        await asyncio.gather(*(look() for _ in range(MAILERS)))
        return lost

    async def _send(self, kind: Any) -> None:
        while not self._stop:
            await kind(next(self._numbers))
            async with self._progress:
                self._progress.notify_all()
            await asyncio.sleep(PACE)

    async def _mail(self, number: int) -> None:
        event = event_of(f"op-{number}")
        await self._until_taken(event)
        self.acknowledged[f"op-{number}"] = event

    async def _run(self, number: int) -> None:
        for step in STEPS:
            event = event_of(f"run-{number}", step, tenant="live")
            await self._until_taken(event)
            await asyncio.sleep(PACE)
        self.runs[f"run-{number}"] = event

    async def _until_taken(self, event: Event) -> None:
        for at in count(random.randrange(len(self._relays))):
            if reply := await self._post(at, event):
                self.statuses[reply.status] += 1
                if reply.status in (200, 202):
                    return
                assert reply.status == 503, f"unexpected answer {reply.status}"
            await asyncio.sleep(0.1)  # a sender's own back-off

    async def _is_known(self, event: Event) -> bool:
        """Return what the owner says, who alone knows: another process would bring it the event as if it were new."""
        for _ in range(TRIES):
            reply = await self._post(self._owner, event)
            if reply and reply.status in (200, 202) and (reply.status == 200 or "deliveries" in reply.document):
                return reply.status == 200
            await asyncio.sleep(0.1)
            await self._ask_who_owns()
        raise AssertionError(f"no owner says whether it knows {event['eventId']}")

    async def _ask_who_owns(self) -> None:
        for at in range(TRIES):
            reply = await self._post(at, event_of(f"asked-{next(self._numbers)}", tenant="nobody"))
            if reply and reply.status == 202 and "deliveries" in reply.document:
                self._owner = at
                return
            await asyncio.sleep(0.1)
        raise AssertionError("no process owns the partition")

    async def _post(self, at: int, event: Event) -> Reply | None:
        try:
            return await post(self._relays[at % len(self._relays)].url, event)
        except (OSError, TimeoutError, aiohttp.ClientError):
            return None


def event_of(operation: str, name: str = "operation.completed", tenant: str = "mail") -> Event:
    percentage, status = STEPS[name]
    event = body(name, percentage, status=status, operationId=operation, operationName=operation)
    return event | {"eventId": f"evt-{operation}-{percentage}", "tenantId": tenant}
