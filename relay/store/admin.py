"""Questions and acts of operators; each is implemented in the module of its name."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from relay.domain.events import Event
from relay.domain.facts import NOWHERE, Space
from relay.policy.notices import Death
from relay.store.backlog import Backlog
from relay.store.dead_letters import DeadLetter, DeadLetters
from relay.store.destinations import Destinations
from relay.store.everywhere import Everywhere
from relay.store.ledger import Ledger, ledger_of
from relay.store.quarantine import Quarantine, Quarantined
from relay.store.queue import Store
from relay.store.timelines import Timeline, Timelines


class Admin:
    """Reads the store for people. Bounded queries only: nothing here may slow a delivery down."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out; else StoreUnavailable says that one is."""
        self._everywhere = Everywhere(store, partial=partial)
        self._timelines = Timelines(self._everywhere, store.spaces)
        self._dead_letters = DeadLetters(self._everywhere, store.bundles)
        self._quarantine = Quarantine(store.redis, store.sealer)
        self._backlog = Backlog(self._everywhere)
        self._destinations = Destinations(self._everywhere)

    async def ledger(self) -> Ledger:
        return await ledger_of(self._everywhere)

    async def timeline(self, subject: str, space: Space = NOWHERE) -> Timeline | None:
        """Return the history of an operation or batch; None if it is not known (any more).

        AmbiguousId if several have this id, and `space` does not say which.
        """
        return await self._timelines.timeline(subject, space)

    async def events(self, subject: str, space: Space = NOWHERE) -> list[Event]:
        """Return the kept events of an operation or batch: the newest of each name, oldest first.

        AmbiguousId as of `timeline`.
        """
        return await self._timelines.events(subject, space)

    async def queued(self, channels: Sequence[str]) -> dict[str, int]:
        """Deliveries waiting in each channel's queue, due or not, or for something that is paused."""
        return await self._backlog.queued(channels)

    async def waiting(self, channels: Sequence[str], now: float) -> dict[str, int]:
        """The same without digests and round-ups whose time is still to come: these are no backlog."""
        return await self._backlog.waiting(channels, now)

    async def paused(self, scopes: Sequence[str]) -> dict[str, tuple[float, str]]:
        """Return the paused ones of these scopes, each with the time of the pause and the reason."""
        return await self._backlog.paused(scopes)

    async def throttled(self) -> dict[str, tuple[float, str]]:
        """The limits (limit:<name>) that are throttled for long, each with the time since which it is, and why."""
        return await self._backlog.throttled()

    async def parked(self, channels: Sequence[str], scopes: Sequence[str]) -> dict[str, int]:
        """Count the deliveries of these channels that wait for each of these paused scopes."""
        return await self._backlog.parked(channels, scopes)

    async def oldest_due(self, channels: Sequence[str]) -> dict[str, float]:
        """Return the due time of the oldest unclaimed delivery of each channel, where there is one."""
        return await self._backlog.oldest_due(channels)

    async def stranded(self, configured: Collection[str]) -> dict[str, int]:
        """The channels that had deliveries and are not configured any more, with the number that still wait."""
        return await self._backlog.stranded(configured)

    async def bundle_backlog(self, kept: int) -> int:
        """Of more than `kept` that wait for one broken thing, put the oldest into a round-up; how many that were."""
        return await self._backlog.bundle(kept)

    async def expire_parked(self, max_age: float) -> int:
        """Give up what has waited for something broken for more than `max_age` seconds; how many that were."""
        return await self._backlog.expire_parked(max_age)

    async def expire_stranded(self, configured: Collection[str], max_age: float) -> int:
        """Give up what has waited for so long in the queue of a channel that is not configured any more."""
        return await self._backlog.expire_stranded(configured, max_age)

    async def resume_all(self, scopes: Sequence[str]) -> None:
        """Forget these pauses and long throttles: the configuration changed, so the reason may be gone."""
        await self._backlog.resume_all(scopes)

    async def announce(
        self,
        addresses: Mapping[str, Sequence[str]],
        aware: Collection[int] = (),
        channels: Mapping[str, str] | None = None,
    ) -> set[int]:
        """Say which destinations there are, and their addresses (`*`: any): the newest configuration decides.

        What is queued for others is held back by every process, also by one that still has them; what was held back for
        these goes on at once. Where a destination has one address instead of another, in the channel of `channels`,
        it goes there. Answers the partitions that know it now; `aware` are those that did before.
        """
        return await self._destinations.announce(addresses, aware, channels or {})

    async def removed(self, now: float) -> list[tuple[str, str]]:
        """Destination and address of what was held back in the last minutes, because they are configured no more."""
        return await self._destinations.removed(now)

    async def present(self, destination: str, channel: str) -> str:
        """The address that what waits for a former one of this destination goes to; '' where there is none."""
        return await self._destinations.present(destination, channel)

    async def unread(self) -> int:
        """Letters between partitions that could not be applied: a message is missing."""
        if len(self._everywhere.partitions) == 1:
            return 0
        return sum(map(int, await self._everywhere.each(lambda key: self._everywhere.redis.llen(key("unread")))))

    async def dead(self, *, limit: int = 100) -> list[DeadLetter]:
        """The dead letters, newest first."""
        return await self._dead_letters.newest(limit)

    async def dead_letter(self, name: str) -> DeadLetter | None:
        return await self._dead_letters.named(name)

    async def deaths(self, since: float, limit: int) -> list[Death]:
        """The newest that became dead letters since then (seconds since the epoch), up to `limit`."""
        return await self._dead_letters.deaths(since, limit)

    async def with_body(self, dead_letter: DeadLetter) -> DeadLetter:
        """With the body of what it would send if that is a bundle and no event of its own: a digest, or a round-up."""
        return await self._dead_letters.with_body(dead_letter)

    async def replay(self, ids: Sequence[str]) -> int:
        """Put these dead letters back into the queue; how many were. A second call finds none."""
        return await self._dead_letters.replay(ids)

    async def drop(self, ids: Sequence[str]) -> int:
        return await self._dead_letters.drop(ids)

    async def expire_dead(self, now: datetime) -> int:
        """Drop the dead letters of more than 30 days."""
        return await self._dead_letters.expire(now)

    async def quarantine(
        self, source: str, body: bytes, headers: Mapping[str, str], reason: str, *, fault: bool = False
    ) -> str:
        """Keep a signed body that made no sense, or on which relay failed by a `fault` of its own; its id.

        The same body again is the same entry. What relay failed on never leaves by itself, because no sender repeats
        it: where there is no room for more of it, StoreUnavailable lets the sender keep it.
        """
        return await self._quarantine.keep(source, body, headers, reason, fault=fault)

    async def faults(self) -> int:
        """Count the bodies in the quarantine on which relay itself failed."""
        return await self._quarantine.faults()

    async def quarantined(self, *, limit: int = 100) -> list[Quarantined]:
        """The quarantined bodies: those that relay itself failed on, then the others; of each the newest first."""
        return await self._quarantine.newest(limit)

    async def quarantine_size(self) -> int:
        return await self._quarantine.size()

    async def quarantined_body(self, name: str) -> Quarantined | None:
        return await self._quarantine.named(name)

    async def release(self, ids: Sequence[str]) -> int:
        """Take these out of the quarantine; how many there were."""
        return await self._quarantine.release(ids)
