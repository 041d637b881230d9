"""Who hears of an event under one configuration: decided once for each kind of event, and then known. Pure.

What was decided belongs to its configuration, so a reload begins anew, and to the stretch of time in which no quiet
hours and no window of a digest begin or end. It takes no more room than `ROOM`, whatever is sent: the oldest goes.
"""

from collections.abc import Hashable
from typing import NamedTuple

from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.policy.destinations import Channels
from relay.policy.kinds import Kinds
from relay.policy.serving import Configuration
from relay.policy.targets import Targets

# Kinds and targets that are kept, some 300 bytes each; of kinds that an operation's own requests make, fewer: they hold
# what its sender wrote.
ROOM = 65_536
REQUESTED_ROOM = 8_192
LONGEST = 500  # characters of requests that are kept


class Decided(NamedTuple):
    """Who hears of events of a kind, and when that is so."""

    targets: tuple[Target, ...]
    since: float
    until: float


class Routing:
    """`channels` by name are classes that follow relay.channels.Channel."""

    def __init__(self, config: Configuration, channels: Channels) -> None:
        self.config = config
        self._kinds = Kinds(config.rules, channels)
        self._targets = Targets(config, channels)
        self._matcher = self._targets.matcher
        self._decided = Memo(ROOM)
        self._requested = Memo(REQUESTED_ROOM)
        self._grants = config.dynamic_destinations is not None

    def of(self, event: Event) -> tuple[Target, ...]:
        """As `Targets.of` says it of the decision."""
        kind: Hashable = self._kinds.of(event)
        memo = self._decided
        if self._grants and event.operation and (audience := event.operation.audience) and not event.about_batch:
            requests = audience.email, audience.slack
            if sum(len(address) for addresses in requests for address in addresses) > LONGEST:
                return self._decide(event)
            kind, memo = (kind, requests), self._requested
        decided, now = memo.get(kind), event.received_at.timestamp()
        if decided is None or not decided.since <= now < decided.until:
            targets = self._decide(event)
            stretch = self._targets.stretch(now)
            decided = Decided(targets, stretch.start, stretch.end)
            memo.keep(kind, decided)
        return decided.targets

    def _decide(self, event: Event) -> tuple[Target, ...]:
        return self._targets.reached(event, self._matcher.reached(event))


class Memo:
    """What was decided, by the kind of event; no more of it than there is room for."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._kept: dict[Hashable, Decided] = {}
        self.get = self._kept.get

    def keep(self, kind: Hashable, decided: Decided) -> None:
        self._give_up(kind)
        self._kept[kind] = decided
        self._taken += _size(decided)
        while self._taken > self._room:
            self._give_up(next(iter(self._kept)))

    def _give_up(self, kind: Hashable) -> None:
        if kind in self._kept:
            self._taken -= _size(self._kept.pop(kind))


def _size(decided: Decided) -> int:
    return 1 + len(decided.targets)
