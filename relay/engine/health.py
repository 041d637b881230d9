"""Health of channels and of destinations' addresses: the last success, and since when and why they fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from relay.engine.draft import Draft
from relay.engine.records import DAY
from relay.engine.state import Record


@dataclass
class Health(Record):
    """State of a channel, a credential's host or a destination's address, by its deliveries."""

    PREFIX: ClassVar[str] = "health:"
    KEPT: ClassVar[int] = 60 * DAY

    works: int = 0
    since: int = 0
    failed: int = 0
    by: str = ""
    cause: str = ""
    refused: bool = False
    unresponsive: int = 0


def record_success(d: Draft, scope: str) -> None:
    health = d.edit(Health, scope)
    health.works, health.since, health.refused = d.now, 0, False


def record_failure(d: Draft, scope: str, lane: str, cause: str, *, refused: bool) -> None:
    """Record a failed attempt.

    lane     of the message: those of a lane are no two messages
    refused  credentials or an address of relay's own were refused, and no time mends that
    """
    health = d.edit(Health, scope)
    health.since = health.since or d.now
    health.failed, health.by, health.cause, health.refused = d.now, lane, cause, refused


@dataclass(frozen=True, slots=True)
class RecordWorks:
    """A test message got through: these scopes work, unless deliveries found otherwise."""

    scopes: Sequence[str]

    def decide(self, d: Draft) -> None:
        for scope in self.scopes:
            health = d.get(Health, scope)
            if health is None or not health.works:
                d.edit(Health, scope).works = d.now
