"""Rate limits (GCRA), and everything else that a delivery may have to wait for before it is sent."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from relay.engine.draft import Draft
from relay.engine.pauses import (
    LIMIT,
    OPERATOR,
    Pause,
    channel_scope,
    destination_scope,
    failed_probes,
    lane_scope,
    paused_until,
)
from relay.engine.records import DAY, Delivery, Limit
from relay.engine.state import Record

PROBED = 30_000  # ms for which the others wait for what becomes of a probe


@dataclass
class Rate(Record):
    """GCRA: when the limit's next slot is free."""

    PREFIX: ClassVar[str] = "rate:"
    KEPT: ClassVar[int] = DAY

    at: float = 0.0


@dataclass
class Waits:
    """Limits that deliveries of one hand-out wait for. `behind`: limit → how many so far, so that they line up."""

    behind: dict[str, int] = field(default_factory=dict)

    def wait(self, d: Draft, x: Delivery, limits: list[Limit]) -> tuple[float, str]:
        """Return the ms that it waits, 0 for none; and, where that is for something paused, the scope of the pause."""
        for scope in scopes_of(x, limits):
            if (until := paused_until(d, scope)) > d.now:
                return until - d.now, scope
        if (until := paused_until(d, lane_scope(x))) > d.now:
            return until - d.now, ""
        return next((ms for limit in limits if (ms := self._wait_for(d, x, limit))), 0), ""

    def _wait_for(self, d: Draft, x: Delivery, limit: Limit) -> float:
        """The last `reserve` of a burst are for outcomes: however many runs report progress, an end is sent at once."""
        name, period, burst, reserve = limit
        usable = burst if x.urgency == "1" else burst - reserve
        wait = _next_slot(d, limit[0]) - (usable - 1) * period - d.now
        if wait <= 0:
            return 0
        self.behind[name] = self.behind.get(name, -1) + 1
        return float(wait + self.behind[name] * period)


def scopes_of(x: Delivery, limits: list[Limit]) -> Iterator[str]:
    """Yield what must work for it to be sent, the widest first; above all, no person may have paused its destination.

    `limits`: of the call that it would make.
    """
    yield OPERATOR + x.destination
    yield channel_scope(x)
    yield destination_scope(x)
    for limit in limits:
        yield LIMIT + limit[0]


def probe(d: Draft, x: Delivery, limits: list[Limit]) -> None:
    """It goes ahead where a pause of something broken is over: the others wait for its success, or for so long."""
    for scope in scopes_of(x, limits):
        if failed_probes(d, scope) is not None:
            pause = d.edit(Pause, scope)
            pause.until = d.now + PROBED


def spend(d: Draft, limits: list[Limit]) -> None:
    for limit in limits:
        d.edit(Rate, limit[0]).at = _next_slot(d, limit[0]) + limit[1]


def _next_slot(d: Draft, name: str) -> float:
    """Return when the limit's next slot would be free if all of its burst were used."""
    return max(d.look(Rate, name).at, d.now)
