"""Outcomes of a body's events, and the one answer to its sender.

2xx only when all events are durable: after a crash or a 503 between two of them the whole body is sent again, and those
that were taken are duplicates. An event that is refused costs no other.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.errors import HandlingFailed, Ignored, InvalidEvent
from relay.receiving.answers import Written
from relay.receiving.reading import Refusal

FAULT = "fault"  # what a body is kept for that relay itself failed on
STATUSES = ("accepted", "duplicate", "late", "ignored")  # a body has the first of these that one of its events has


class Outcome(NamedTuple):
    """Outcome of one event: it was taken, or refused. `event` is None where the body has none in its place."""

    event: Event | None
    result: Accepted | Refusal

    @property
    def refusal(self) -> Refusal | None:
        """Return why it is refused; what is about no run is not."""
        return None if isinstance(self.result, (Accepted, Ignored)) else self.result

    @property
    def row(self) -> dict[str, Any]:
        """Return its part of an answer."""
        result = self.result
        if isinstance(result, Accepted):
            is_known = result.status == "accepted" and not result.elsewhere
            deliveries = {"deliveries": result.deliveries} if is_known else {}
            return {"status": result.status, "eventId": (self.event and self.event.id) or None, **deliveries}
        if isinstance(result, Ignored):
            return {"status": "ignored", "reason": result.message}
        if isinstance(result, InvalidEvent):
            return {"status": "invalid", "field": result.field, "detail": result.message}
        return {"status": FAULT}


async def take_each(events: Iterable[Event | Refusal], take: Callable[[Event], Awaitable[Accepted]]) -> list[Outcome]:
    """Take the events in their order. StoreUnavailable ends it."""
    outcomes = []
    for event in events:
        if not isinstance(event, Event):
            outcomes.append(Outcome(None, event))
            continue
        try:
            outcomes.append(Outcome(event, await take(event)))
        except (InvalidEvent, HandlingFailed) as refusal:
            outcomes.append(Outcome(event, refusal))
    return outcomes


def reason(outcomes: Sequence[Outcome], first: Refusal) -> str:
    """Say why events are refused, this one before others: `event 3 of 12: status: …; and 2 more`."""
    if len(outcomes) == 1:
        return f"{first}"
    number = next(number for number, its in enumerate(outcomes, start=1) if its.refusal is first)
    others = sum(its.refusal is not None for its in outcomes) - 1
    return f"event {number} of {len(outcomes)}: {first}{f'; and {others} more' if others else ''}"


def taken(outcomes: Iterable[Outcome]) -> bool:
    """Return whether at least one event is durable."""
    return any(isinstance(its.result, Accepted) for its in outcomes)


def status_of(rows: Sequence[dict[str, Any]]) -> str:
    """Return the status of a body by those of its events; '' where all are refused."""
    if len(rows) == 1:
        return str(rows[0]["status"])
    statuses = {row["status"] for row in rows}
    return next((status for status in STATUSES if status in statuses), "")


def answer(rows: Sequence[dict[str, Any]], quarantine: str = "") -> Written:
    """Answer a body of which events were taken; `quarantine` has it for those that were not."""
    status, document = status_of(rows), rows[0]
    if len(rows) > 1:
        document = {"status": status, "events": rows, **({"quarantine": quarantine} if quarantine else {})}
    body = to_json(document)
    return Written(200 if status in ("duplicate", "late") else 202, body)
