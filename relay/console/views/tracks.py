"""What the lines of an operation's timeline say of each destination. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.reasons import Held

Line = Mapping[str, Any]

WAITING = frozenset({"queued", "failed", "lease lapsed", "waits", "replayed", "repair"})
UNSAID = frozenset({"suppressed"})  # says something of the address, and nothing of this message
ONE_ADDRESS = frozenset({Held.UNSUBSCRIBED, Held.BOUNCED, Held.SUPPRESSED})  # holds it there, and at no other


@dataclass(slots=True)
class Track:
    """What the lines say of one destination."""

    last: Line | None = None
    delivered: Line | None = None
    held: Line | None = None  # an event since what was queued last
    left_out: dict[str, Line] = field(default_factory=dict)  # by address
    percentage: float | None = None  # of what was last on its way there
    stated: float | None = None  # of the event that the last line is about
    event: str = ""
    addresses: set[str] = field(default_factory=set)


def tracks_of(timeline: Iterable[Line]) -> dict[str, Track]:
    by_destination: dict[str, Track] = {}
    percentage: float | None = None
    event = ""
    for line in timeline:
        if line["what"] in ("accepted", "late", "completed"):
            percentage, event = line.get("percentage"), line.get("event", "")
        if "destination" not in line or line["what"] in UNSAID:
            continue
        track = by_destination.setdefault(line["destination"], Track())
        track.last, track.stated, track.event = line, percentage, event
        address = line.get("address", "")
        if address:
            track.addresses.add(address)
        if line["what"] == "held" and address and line.get("reason") in ONE_ADDRESS:
            track.left_out[address] = line
        elif line["what"] == "held":
            track.held = line
        if line["what"] == "queued":
            track.percentage, track.held = percentage, None
            track.left_out.pop(address, None)
        if line["what"] == "delivered":
            track.delivered = line
    return by_destination


def newest(track: Track) -> Line:
    """What became of the newest event. Where that was held, the message before it may have arrived only afterwards; a
    live message then shows the newest state all the same.
    """
    last: Line = track.last or {}
    return track.held if track.held and last["what"] == "delivered" and last.get("kind") != "live" else last
