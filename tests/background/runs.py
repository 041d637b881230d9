"""A run as the watchdog meets it: hours of events and ticks in no time at all, on a real Redis."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from relay.background.scheduler import Scheduler
from relay.background.watchdog import WatchdogTick
from relay.config import Config, parse_config
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.errors import StoreUnavailable
from relay.ingest import Ingest
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.configuration import CHANNELS, GOOD, SECRETS

MINUTE, HOUR = 60.0, 3600.0


class Watched:
    """One process: a store, an intake and a scheduler, with a note of what the watchdog told."""

    def __init__(
        self, store: Store, clock: Clock, watchdog: str = "{}", priority: str = "High", job: str = "", **options: int
    ) -> None:
        self.store = store
        self.clock = clock
        self.priority = priority
        self.config: Config = parse_config(
            GOOD + f"watchdog: {watchdog}\njob: '{job}'\n", env=SECRETS, channels=CHANNELS
        )
        self.told: list[Event] = []  # what was accepted of what was found
        self.intake = Ingest(store, lambda: self.config, CHANNELS)
        self.refuses = ""  # the operation whose alarms cannot be taken
        watched = WatchdogTick(store, self._take, lambda: self.config, CHANNELS, **options)
        self.scheduler = Scheduler({"watchdog": watched.tick}, clock=clock)

    async def _take(self, event: Event, targets: Sequence[Target] | None = None) -> Accepted:
        if event.subject == self.refuses:
            raise StoreUnavailable("Redis: refused")
        accepted = await self.intake.ingest(event, targets)
        if accepted.status == "accepted":
            self.told.append(event)
        return accepted

    @property
    def words(self) -> list[str]:
        """Return what was told, for instance `stalled silent` or `recovered late`; a reminder with its number."""
        return [words_of(event) for event in self.told]

    async def happens(self, event: Event) -> Accepted:
        return await self.intake.ingest(event)

    async def progress(self, percentage: float | None, **operation: Any) -> Accepted:
        return await self.happens(self.event("operation.progress", percentage, **operation))

    async def reports(self, percentage: float, **operation: Any) -> None:
        """Have three signs of life, a minute apart: a rhythm."""
        for earlier in (2, 1, 0):
            await self.progress(percentage - earlier, **operation)
            self.clock.advance(MINUTE if earlier else 0)

    async def ends(self, **operation: Any) -> Accepted:
        return await self.happens(self.event("operation.completed", 100, status="Completed", **operation))

    async def tick(self) -> None:
        await self.scheduler.tick()

    async def passes(self, seconds: float, every: float = 30.0) -> None:
        """Time passes, with the ticks that come along."""
        for _ in range(round(seconds / every)):
            self.clock.advance(every)
            await self.tick()

    def event(self, name: str, percentage: float | None, **operation: Any) -> Event:
        """Of a run without estimate and deadline, unless they are given."""
        document = events.body(name, percentage, **({"priority": self.priority} | operation))
        for key in {"timeoutAt", "estimatedCompletion", "phases"} - operation.keys():
            document["operation"].pop(key, None)
        progress = document["operation"]["progress"]
        document["operation"]["progress"] = {
            "percentage": percentage, "startTime": operation.get("startTime", progress["startTime"]),
            "currentPhase": operation.get("phase", ""),
        } if percentage is not None else {}  # fmt: skip
        document["timestamp"] = iso(self.clock())
        return events.event_of(document, id=f"evt-{json.dumps(document)}")


def words_of(event: Event) -> str:
    part = event.document[event.name.removeprefix("operation.")]
    words = [event.name.removeprefix("operation."), part["rule"]]
    if part.get("by", "events") != "events":
        words.append(part["by"])
    if part.get("reminder"):
        words.append(str(part["reminder"]))
    if part.get("last"):
        words.append("last")
    return " ".join(words)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
