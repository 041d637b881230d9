"""Figures of waiting deliveries, in the queues or behind something broken, and the acts of operators on them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from relay.engine.draft import Draft
from relay.engine.housekeeping import GatherParked, GiveUpChannel, GiveUpParked
from relay.engine.lanes import URGENCIES
from relay.engine.parking import CONFIGURED, Announce, Configured
from relay.engine.pauses import LIMIT, OPERATOR, LiftPauses, OperatorPause, Pause, find_pause, place_of
from relay.engine.records import BROKEN, CHANNELS, PARKING, Delivery, due, parked
from relay.store.queries.dead_letters import DeadLetters
from relay.store.queries.reader import Span
from relay.store.queries.timelines import Timelines

SCHEDULED = 1000  # deliveries of a later time that are looked at, of each channel
MAX_PAUSED = 3 * 86_400.0  # seconds that a delivery waits for something broken
STEP, STEPS = 100, 100  # deliveries given up in one step, and steps in one go
REMOVED = 180.0  # seconds; what is held back is looked at each minute


@dataclass(frozen=True, slots=True)
class Ledger:
    """The counters, and whether they add up.

    accepted = pending + held + delivered + superseded + digested + dead + dropped. What goes into a digest counts as
    digested when it is put there; the digest itself is a delivery of its own and counts like any other. So do what
    quiet hours, the cap on new messages, a long wait or the limit of what operations ask for hold (held:quiet_hours,
    held:overflow, held:backlog, held:requested) and the round-up that shows it.
    """

    counts: Mapping[str, int]

    @property
    def held(self) -> int:
        return sum(count for name, count in self.counts.items() if name.startswith("held:"))

    @property
    def imbalance(self) -> int:
        states = ("pending", "delivered", "superseded", "digested", "dead", "dropped")
        return self.counts.get("accepted", 0) - self.held - sum(self.counts.get(state, 0) for state in states)


class Admin(DeadLetters, Timelines):
    """Reads the records for people. Bounded queries only: nothing here may slow a delivery down."""

    async def ledger(self) -> Ledger:
        return Ledger(Counter(await self._reader.counts()))

    async def queued(self, channels: Sequence[str]) -> dict[str, int]:
        """Deliveries waiting in each channel's queue, due or not, or for something that is paused."""
        places = await self._members(PARKING) if channels else ()
        queues = [
            [*(due(channel, urgency) for urgency in URGENCIES),
             *(parked(place) for place in places if place.startswith(f"{channel} "))]
            for channel in channels
        ]  # fmt: skip
        sizes = iter(await self._reader.sizes([*chain(*queues)]))
        return {channel: sum(next(sizes) for _ in its) for channel, its in zip(channels, queues, strict=True)}

    async def waiting(self, channels: Sequence[str], now: float) -> dict[str, int]:
        """The same without digests and round-ups whose time is still to come: these are no backlog."""
        queued = await self.queued(channels)
        # They are in the least urgent queue.
        spans = [Span(due(channel, ""), SCHEDULED, low=round(now * 1000)) for channel in channels]
        for channel, later in zip(channels, await self._reader.members(spans), strict=True):
            deliveries = await self._named(Delivery, (name for name, _ in later))
            of_calendar = sum(x.kind in ("digest", "roundup") for x in deliveries.values())
            queued[channel] = max(0, queued[channel] - of_calendar)
        return queued

    async def paused(self, scopes: Sequence[str]) -> dict[str, tuple[float, str]]:
        """Return the paused ones of these scopes, each with the time of the pause and the reason."""
        people = [scope.removeprefix(OPERATOR) for scope in scopes if scope.startswith(OPERATOR)]

        def pauses(d: Draft) -> list[Pause | OperatorPause | None]:
            d.get_all(Pause, scopes)  # read together
            d.get_all(OperatorPause, people)
            return [find_pause(d, scope) for scope in scopes]  # one that is probed until something arrives there

        found = zip(scopes, await self._ask(pauses), strict=True)
        return {scope: (pause.since / 1000, pause.reason) for scope, pause in found if pause}

    async def throttled(self) -> dict[str, Pause]:
        """Return the limits (limit:<name>) that are throttled for long."""
        return await self._named(Pause, [scope for scope in await self._members(BROKEN) if scope.startswith(LIMIT)])

    async def parked(self, channels: Sequence[str], scopes: Sequence[str]) -> dict[str, int]:
        """Count the deliveries of these channels that wait for each of these paused scopes."""
        sizes = iter(await self._reader.sizes([parked(place_of(one, scope)) for scope in scopes for one in channels]))
        return {scope: sum(next(sizes) for _ in channels) for scope in (scopes if channels else ())}

    async def oldest_due(self, channels: Sequence[str]) -> dict[str, float]:
        """Return the due time of the oldest delivery of each channel that is not handed out, where there is one."""
        queues = [(channel, due(channel, urgency)) for channel in channels for urgency in URGENCIES]
        firsts = await self._reader.members([Span(queue, 1) for _, queue in queues])
        times = [(rows[0][1] / 1000, channel) for (channel, _), rows in zip(queues, firsts, strict=True) if rows]
        return {channel: at for at, channel in sorted(times, reverse=True)}  # of each the last one, which is the oldest

    async def stranded(self, configured: Collection[str]) -> dict[str, int]:
        """The channels that had deliveries and are not configured any more, with the number that still wait."""
        counts = await self.queued(await self._removed(configured))
        return {name: count for name, count in counts.items() if count}

    async def bundle_backlog(self, kept: int) -> int:
        """Of more than `kept` that wait for one broken thing, put the oldest into a round-up; how many that were."""
        return await self._in_steps(partial(GatherParked, kept))

    async def expire_parked(self, max_age: float) -> int:
        """Give up what has waited for something broken for more than `max_age` seconds; how many that were."""
        return await self._in_steps(partial(GiveUpParked, int(max_age * 1000)))

    async def expire_stranded(self, configured: Collection[str], max_age: float) -> int:
        """Give up what has waited for so long in the queue of a channel that is not configured any more."""
        age = int(max_age * 1000)
        entries = [partial(GiveUpChannel, channel, age) for channel in await self._removed(configured)]
        return sum([await self._in_steps(entry) for entry in entries])

    async def resume_all(self, scopes: Sequence[str]) -> None:
        """Forget these pauses and long throttles: the configuration changed, so the reason may be gone."""
        if scopes := [*scopes, *await self.throttled()]:
            await self._store.submit(LiftPauses(tuple(scopes)))

    async def announce(self, addresses: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Say which destinations there are, and their addresses by channel (`*`: any).

        What is queued for others is held back; what was held back for these goes on at once. Where a destination has
        one address instead of another in a channel, it goes there.
        """
        await self._store.submit(Announce(addresses))

    async def removed(self, now: float) -> list[tuple[str, str]]:
        """Destination and address of what was held back in the last minutes, because they are configured no more."""
        it = await self._record(Configured, CONFIGURED)
        lacking = it.lacking.items() if it else ()
        names = sorted(name.partition("\0") for name, at in lacking if now - at / 1000 <= REMOVED)
        return [(destination, address) for destination, _, address in names]

    async def present(self, destination: str, channel: str) -> str:
        """The address that what waits for a former one of this destination goes to; '' where there is none."""
        it = await self._record(Configured, CONFIGURED)
        return it.heirs.get(f"{destination}\0{channel}", "") if it else ""

    async def _removed(self, configured: Collection[str]) -> list[str]:
        return sorted(set(await self._members(CHANNELS)).difference(configured))

    async def _in_steps(self, entry: Callable[[int], Any]) -> int:
        total = 0
        for _ in range(STEPS):
            done = int(await self._store.submit(entry(STEP)))
            total += done
            if done < STEP:
                break
        return total
