"""What was refused, collected in the process until somebody writes it down (relay/store/refusals.py). Pure.

A stranger can cause as many refusals as they like. So each reason of a source is a number, and a few rows beside it: so
many between two writings, and so many of one peer in an hour. Nothing of an unverified request is kept but its peer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from relay.errors import HandlingFailed, InvalidEvent, InvalidSignature

# By status, where no cause says more.
REASONS = {
    400: "not_json", 404: "unknown_source", 405: "wrong_method", 408: "too_slow", 413: "too_large", 415: "unsupported",
    422: "invalid", 429: "rate_limited", 503: "unavailable",
}  # fmt: skip
SAMPLES = 20  # rows of one reason of one source, between two writings
TRIED = 100  # refusals that are looked at for that
OF_PEER, PEERS, HOUR = 60, 1000, 3600.0  # rows of a peer in an hour, and peers that are counted


class Sample(NamedTuple):
    """One refusal: when (seconds since the epoch), whom, and the id of its body in the quarantine, if it was kept."""

    at: float
    peer: str
    quarantined: str


@dataclass(slots=True)
class Tally:
    """Refusals of a source for one reason since the last writing."""

    first: float
    last: float
    count: int = 0
    samples: list[Sample] = field(default_factory=list)


def reason_of(status: int, cause: BaseException | None) -> str:
    """The word by which a refusal is counted: one of a few, whatever was sent."""
    if isinstance(cause, InvalidSignature):
        return f"signature_{cause.kind}"
    if isinstance(cause, HandlingFailed):
        return "fault"
    if isinstance(cause, InvalidEvent):
        return cause.kind
    return REASONS.get(status, "refused")


class Refusals:
    """`clock` is in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._rows: dict[tuple[str, str, str], int] = {}  # of a peer, since then
        self._since = 0.0

    def add(self, source: str, reason: str, peer: Callable[[], str], quarantined: str = "") -> None:
        """`source` is a name of the configuration, '' for what is none; `peer` is asked for a few alone."""
        now = self._clock()
        tally = self._tallies.get((source, reason))
        if tally is None:
            tally = self._tallies[source, reason] = Tally(now, now)
        tally.count += 1
        tally.last = now
        if tally.count <= TRIED and len(tally.samples) < SAMPLES and self._may_add(source, reason, name := peer(), now):
            tally.samples.append(Sample(now, name, quarantined))

    def take(self) -> dict[tuple[str, str], Tally]:
        """What has come since the last time, by source and reason."""
        tallies, self._tallies = self._tallies, {}
        return tallies

    def give_back(self, tallies: dict[tuple[str, str], Tally]) -> None:
        """It could not be written: it goes with what comes next."""
        for key, older in tallies.items():
            newer = self._tallies.get(key, Tally(older.first, older.last))
            samples = [*older.samples, *newer.samples][-SAMPLES:]
            self._tallies[key] = Tally(older.first, newer.last, older.count + newer.count, samples)

    def _may_add(self, source: str, reason: str, peer: str, now: float) -> bool:
        if not 0 <= now - self._since < HOUR or len(self._rows) >= PEERS:
            self._since, self._rows = now, {}
        key = (source, reason, peer)
        rows = self._rows.get(key, 0)
        self._rows[key] = rows + 1
        return rows < OF_PEER
