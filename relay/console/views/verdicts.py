"""Why a message did, or did not, arrive at each destination: one line of what is known, in words. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import Field

from relay.configfile.units import spoken
from relay.console.facts import Facts, Time, why_of
from relay.reasons import Held
from relay.store.queries.history import Ended

Line = Mapping[str, Any]

WAITING = frozenset({"queued", "failed", "lease lapsed", "waits", "replayed", "repair", "escalates"})
OF_THE_ADDRESS = frozenset({"suppressed"})  # says something of the address, and nothing of this message
ONE_ADDRESS = frozenset({Held.UNSUBSCRIBED, Held.BOUNCED, Held.SUPPRESSED})  # holds it there, and at no other
STATES = {"held": "held", "digested": "digest", "superseded": "superseded", "dead": "dead", "dropped": "dropped"}
ORDER = ("dead", "waiting", "told", "digest", "held", "superseded", "dropped", "nobody")

# Conditions on what another event, or another's run, would state.
ELSEWHERE = frozenset({"events", "statuses", "sources", "tenants", "projects"})
MOST_MISSED = 10  # destinations that were missed by one condition

# The remedy, and its page; {} is the destination's name.
LIST = "The list of who is not written to is on the destination's page."
ADVICE: Mapping[str, tuple[str, str]] = {
    Held.NO_RULE: ("A rule below notifies once all its conditions hold.", "#rules"),
    Held.INCREMENT: ("A smaller min_progress_increment in its rule would let more pass.", "#rules"),
    Held.INTERVAL: ("A shorter min_interval in its rule would let more pass.", "#rules"),
    Held.QUIET_HOURS: ("quiet_hours.pass of the destination says what passes all the same.", "/destination?{}"),
    "silenced": ("The silence can be ended before its time; then it is told, if that was chosen.", "/silences"),
    Held.MUTED: ("Somebody pressed Mute below its message; Unmute is there as well.", ""),
    **dict.fromkeys(ONE_ADDRESS, (LIST, "/destination?{}")),
    Held.NOT_ALLOWED: ("dynamic_destinations says whom runs may ask for.", ""),
    Held.LOW_PRIORITY: ("A rule that names the priority Low begins a message for it.", "#rules"),
    Held.NO_OUTCOME: ("Mode each or live of the destination tells more.", "/destination?{}"),
    Held.NOT_MAILED: ("A rule that names the event mails it.", "#rules"),
    "paused": ("It goes out by itself once that works again.", "/destination?{}"),
    "operator": ("It goes out once somebody resumes it, or the pause ends.", "/destination?{}"),
    "dead": ("See the error, and replay it once the cause is mended.", "/dead"),
}
PAUSED = {
    "operator": "somebody has paused its destination",
    "channel": "its channel is paused",
    "destination": "its destination is paused",
    "limit": "the other side takes no more for now",
}


class Verdict(Facts):
    """`state` is told, waiting, held, digest, superseded, dead, dropped or nobody.

    at        its time; `told_at`: that of the last message that arrived
    why       reason why the newest event was not sent, or why nothing was
    left_out  why single addresses did not get it
    link      to the message
    """

    destination: str
    state: str
    at: Time = None
    told_at: Time = None
    why: str = ""
    more: str = ""
    event: str = ""
    link: str = ""
    advice: str = ""
    page: str = ""
    left_out: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Around:
    """Facts beside the operation's own lines, by destination but for `paused`, by scope.

    sent    link to the newest that arrived, or ''
    dead    the newest dead letter whose address got nothing since
    scopes  pauses that hold back its messages
    first   seconds that its first message waits by live.post_after
    """

    paused: Mapping[str, str] = field(default_factory=dict)
    sent: Mapping[str, str] = field(default_factory=dict)
    dead: Mapping[str, Ended] = field(default_factory=dict)
    scopes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    first: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Track:
    """The lines of one destination, as far as they count."""

    last: Line = field(default_factory=dict)
    delivered: Line | None = None
    held: Line | None = None  # an event since what was queued last
    left_out: dict[str, Line] = field(default_factory=dict)  # by address
    event: str = ""

    @property
    def newest(self) -> Line:
        """Return the line of the newest event: a held one, unless a live message shows it all the same."""
        later = self.held and self.last["what"] == "delivered" and self.last.get("kind") != "live"
        return self.held if self.held and later else self.last


def verdicts(timeline: Iterable[Line], around: Around) -> list[Verdict]:
    """Return one for each destination in the lines, and one for events without any."""
    rows = [_verdict(name, track, around) for name, track in _tracks_of(timeline).items()]
    return sorted(rows, key=lambda row: ORDER.index(row.state) if row.state in ORDER else len(ORDER))


def missed(rules: Iterable[Line], listed: Collection[str]) -> list[Verdict]:
    """Return one for each further destination that a rule would have told but for one condition on the run itself.

    `rules` as they are explained, of the newest event first.
    """
    rows: dict[str, Verdict] = {}
    for rule in rules:
        failing = [one for one in rule["conditions"] if not one["holds"]]
        if len(failing) == 1 and failing[0]["name"] not in ELSEWHERE:
            why = _missed(failing[0])
            rows = {name: Verdict(destination=name, state="held", why=why) for name in rule["notify"]} | rows
    return [row for name, row in rows.items() if name not in listed][:MOST_MISSED]


def _missed(condition: Line) -> str:
    name, actual, wanted = condition["name"], condition["actual"], ", ".join(condition["wanted"])
    if name == "priorities" and not actual:
        return f"the run has no priority (the rule wants {wanted})"
    if name == "priorities":
        return f"its priority is {actual} (the rule wants {wanted})"
    if not actual:
        return f"{name} is not stated (the rule wants {wanted})"
    return f"{name} is {actual} (the rule wants {wanted})"


def _tracks_of(timeline: Iterable[Line]) -> dict[str, _Track]:
    tracks: dict[str, _Track] = {}
    event = ""
    for line in timeline:
        what, address = line["what"], line.get("address", "")
        if what in ("accepted", "late", "completed"):
            event = line.get("event", "")
        if "destination" not in line or what in OF_THE_ADDRESS:
            continue
        track = tracks.setdefault(line["destination"], _Track())
        track.last, track.event = line, event
        if what == "held" and address and line.get("reason") in ONE_ADDRESS:
            track.left_out[address] = line
        elif what == "held":
            track.held = line
        elif what == "queued":
            track.held = None
            track.left_out.pop(address, None)
        elif what == "delivered":
            track.delivered = line
    return tracks


def _verdict(name: str, track: _Track, around: Around) -> Verdict:
    last = track.newest
    kind, delivered = last["what"], track.delivered
    dead = around.dead.get(name) if kind not in WAITING else None
    if dead or kind == "dead":
        state = "dead"
    elif kind in WAITING:
        state = "waiting"
    else:
        state = "told" if delivered else STATES.get(kind, "held") if name else "nobody"
    why, more, code = _why(name, track, around) if kind != "delivered" else ("", "", "")
    if dead and kind != "dead":  # at another address, or before what was held
        why, more = why_of(dead.reason, "dead", dead.address), f"{dead.address}: {dead.detail}"
    advice, page = ADVICE.get("dead" if state == "dead" else code, ("", ""))
    if dead:
        page = f"/dead-letter?{urlencode({'id': dead.id})}"
    return Verdict.merged(
        destination=name,
        state=state,
        at=dead.at if dead else _at(last),
        told_at=_at(delivered) if delivered else None,
        why=why,
        more=more,
        event=dead.event if dead else track.event if kind in ("held", "digested") else "",
        link=around.sent.get(name, "") if delivered else "",
        advice=advice,
        page=page if not page or page.startswith("#") else f"/console{page.replace('{}', urlencode({'name': name}))}",
        left_out=[why_of(line["reason"], "held", at) for at, line in track.left_out.items() if line is not last],
    )


def _why(name: str, track: _Track, around: Around) -> tuple[str, str, str]:
    """Return the sentence, one with figures beside it, and the code by which there is advice."""
    last = track.newest
    kind, code = last["what"], str(last.get("reason", ""))
    if kind in WAITING and kind != "waits":
        return _waits(name, track, around)
    why = why_of(code, kind, str(last.get("address", "")))
    if kind == "dead" and last.get("error"):
        return why, str(last["error"]), code
    if kind == "digested":
        return "included in the next digest", "", code
    return why, "", code


def _waits(name: str, track: _Track, around: Around) -> tuple[str, str, str]:
    for scope in around.scopes.get(name, ()):
        if scope in around.paused:
            kind = scope.partition(":")[0]
            code = "operator" if kind == "operator" else "paused"
            return f"{PAUSED[kind]}: {around.paused[scope]}", "", code
    if track.last["what"] == "failed":
        return f"attempt {track.last['attempt']:g} failed, and it is tried again", str(track.last["error"]), ""
    if not track.delivered and name in around.first:
        time = spoken(around.first[name])
        return f"live.post_after: the first message waits {time} after the run's first event", "", ""
    return "it is in the queue", "", ""


def _at(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])
