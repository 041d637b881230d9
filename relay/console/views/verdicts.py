"""Why a message did, or did not, arrive at each destination: one line of what is known, in words. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from pydantic import Field

from relay.configfile.units import spoken
from relay.console.phrases import Phrase, phrase
from relay.console.times import moment
from relay.console.view import Facts
from relay.console.views.tracks import WAITING, Line, Track, newest, tracks_of
from relay.console.words import said
from relay.domain.deliveries import Gate
from relay.operating.sentences import WHY
from relay.reasons import Held
from relay.store.history_rows import Ended

STATES = {"held": "held", "digested": "digest", "superseded": "superseded", "dead": "dead", "dropped": "dropped"}

# What to do about it, and the page where that is done; {} stands for the destination.
ADVICE: Mapping[str, tuple[str, str]] = {
    Held.NO_RULE: (said("A rule below all of whose conditions held would tell it."), "#rules"),
    Held.INCREMENT: (said("A smaller min_progress_increment in its rule would let more pass."), "#rules"),
    Held.INTERVAL: (said("A shorter min_interval in its rule would let more pass."), "#rules"),
    Held.QUIET_HOURS: (said("quiet_hours.pass of the destination says what passes all the same."), "/destination?{}"),
    "silenced": (said("The silence can be ended before its time; then it is told, if that was chosen."), "/silences"),
    Held.MUTED: (said("Somebody pressed Mute below its message; Unmute is there as well."), ""),
    Held.UNSUBSCRIBED: (said("The list of who is not written to is on the destination's page."), "/destination?{}"),
    Held.BOUNCED: (said("The list of who is not written to is on the destination's page."), "/destination?{}"),
    Held.SUPPRESSED: (said("The list of who is not written to is on the destination's page."), "/destination?{}"),
    Held.NOT_ALLOWED: (said("dynamic_destinations says whom operations may ask for."), ""),
    Held.LOW_PRIORITY: (said("A rule that names the priority Low begins a message for it."), "#rules"),
    Held.NO_OUTCOME: (said("Mode each or live of the destination tells more."), "/destination?{}"),
    Held.NOT_MAILED: (said("A rule that names the event mails it."), "#rules"),
    "paused": (said("It goes out by itself once that works again."), "/destination?{}"),
    "operator": (said("It goes out once somebody resumes it, or the pause ends."), "/destination?{}"),
    "dead": (said("See the error, and replay it once the cause is mended."), "/dead"),
}  # fmt: skip


class Verdict(Facts):
    """`state` is told, waiting, held, digest, superseded, dead, dropped, nobody or unreached.

    at       when that was; `told_at` when something of it last arrived, which may be before
    why      of what was told: why the newest event was not; else why this was not
    event    the name of the event that the newest line is about
    others   messages beside it that wait
    left_out why single addresses of the destination did not get it, whatever became of it at the others
    link     to the message where people see it; `copy_name` finds what was sent
    """

    destination: str
    state: str
    at: datetime | None = None
    told_at: datetime | None = None
    why: Phrase | None = None
    more: Phrase | None = None
    event: str = ""
    others: int = 0
    link: str = ""
    copy_name: str = ""
    advice: Phrase | None = None
    page: str = ""
    left_out: list[Phrase] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Around:
    """What is known beside the operation's own lines.

    paused  scopes, each with the time since which, and why
    gates   of each destination: what progress must do to pass
    sent    of each destination the newest that arrived: its link and the name of its copy
    dead    of each destination the newest of its messages that died, where its address got none since
    waiting of each destination how many messages wait for it
    scopes  of each destination those whose pauses hold back its messages
    first   of each destination how long its first message waits by live.post_after, where it does now
    """

    paused: Mapping[str, tuple[datetime | None, str]]
    gates: Mapping[str, Sequence[Gate]]
    sent: Mapping[str, tuple[str, str]]
    dead: Mapping[str, Ended]
    waiting: Mapping[str, int]
    scopes: Mapping[str, Sequence[str]]
    first: Mapping[str, float]


def verdicts(timeline: Iterable[Line], around: Around) -> list[Verdict]:
    """One for each destination that the lines name, and one for events that nobody is told of."""
    rows = [_verdict(name, track, around) for name, track in tracks_of(timeline).items() if track.last]
    return sorted(rows, key=lambda row: ORDER.index(row.state) if row.state in ORDER else len(ORDER))


ORDER = ("dead", "waiting", "told", "digest", "held", "superseded", "dropped", "nobody")


def _verdict(name: str, track: Track, around: Around) -> Verdict:
    last = newest(track)
    kind, delivered = last["what"], track.delivered
    dead = around.dead.get(name) if kind not in WAITING else None
    if dead or kind == "dead":
        state = "dead"
    elif kind in WAITING:
        state = "waiting"
    else:
        state = "told" if delivered else STATES.get(kind, "held") if name else "nobody"
    why, more, code = _why(name, track, around) if kind != "delivered" else (None, None, "")
    if dead and kind != "dead":  # at another address, or before what was held
        why, more, code = _died(dead)
    link, copy = around.sent.get(name, ("", ""))
    advice, page = ADVICE.get("dead" if state == "dead" else code, ("", ""))
    if dead:
        page = f"/dead-letter?{urlencode({'id': dead.id})}"
    return Verdict(
        destination=name,
        state=state,
        at=moment(dead.at) if dead else _at(last),
        told_at=_at(delivered) if delivered else None,
        why=why,
        more=more,
        event=dead.event if dead else track.event if kind in ("held", "digested") else "",
        others=max(0, around.waiting.get(name, 0) - (state == "waiting")),
        link=link if delivered else "",
        copy_name=copy if delivered else "",
        advice=phrase(advice) if advice else None,
        page=_page(page, name),
        left_out=[phrase(WHY["held"][line["reason"]], address=address)
                  for address, line in track.left_out.items() if line is not last],
    )  # fmt: skip


def _died(dead: Ended) -> tuple[Phrase | None, Phrase | None, str]:
    """As `_why`, with the address: others of the destination may have got it."""
    sentence = WHY["dead"].get(dead.reason)
    why = phrase(sentence, address=dead.address) if sentence else None
    return why, phrase("%(place)s: %(error)s", place=dead.address, error=dead.detail), dead.reason


def _why(name: str, track: Track, around: Around) -> tuple[Phrase | None, Phrase | None, str]:
    """The sentence, one with figures beside it, and the code by which there is advice."""
    last = newest(track)
    kind, code = last["what"], str(last.get("reason", ""))
    if kind in WAITING and kind != "waits":
        return _waits(name, track, around)
    sentence = WHY.get(kind, {}).get(code)
    why = phrase(sentence, address=str(last.get("address", ""))) if sentence else None
    if kind == "dead" and last.get("error"):
        return why, phrase("%(error)s", error=str(last["error"])), code
    if code in (Held.INCREMENT, Held.INTERVAL):
        return why, _distance(code, track, around.gates.get(name, ())), code
    if kind == "digested":
        return phrase(said("it is told together with everything else of its time")), None, code
    return why, None, code


def _waits(name: str, track: Track, around: Around) -> tuple[Phrase, Phrase | None, str]:
    last: Line = track.last or {}
    for scope in around.scopes.get(name, ()):
        if scope in around.paused:
            _, reason = around.paused[scope]
            kind = scope.partition(":")[0]
            code = "operator" if kind == "operator" else "paused"
            return phrase(PAUSED[kind], address="", reason=reason), None, code
    if last["what"] == "failed":
        text = said("attempt %(attempt)s failed, and it is tried again")
        return phrase(text, attempt=f"{last['attempt']:g}"), phrase("%(error)s", error=str(last["error"])), ""
    if not track.delivered and name in around.first:
        text = said("live.post_after: the first message waits %(time)s after the operation's first event")
        return phrase(text, time=spoken(around.first[name])), None, ""
    return phrase(said("it is in the queue")), None, ""


PAUSED = {
    "operator": said("somebody has paused its destination: %(reason)s"),
    "channel": said("its channel is paused: %(reason)s"),
    "destination": said("its destination is paused: %(reason)s"),
    "limit": said("the other side takes no more for now: %(reason)s"),
}


def _distance(code: str, track: Track, gates: Sequence[Gate]) -> Phrase | None:
    """By how much it is short of the gate that held it, where that can be said."""
    steps = [gate.increment for gate in gates if gate.increment]
    if code == Held.INCREMENT and steps and track.stated is not None and track.percentage is not None:
        text = said("%(now)s %% is less than %(step)s points above the %(before)s %% that were told last")
        return phrase(text, now=f"{track.stated:g}", step=f"{min(steps):g}", before=f"{track.percentage:g}")
    intervals = [gate.interval for gate in gates if gate.interval]
    if code == Held.INTERVAL and intervals:
        return phrase(said("between two lie at least %(interval)s"), interval=spoken(min(intervals)))
    return None


def _at(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])


def _page(page: str, name: str) -> str:
    if not page or page.startswith("#"):
        return page
    return f"/console{page.replace('{}', urlencode({'name': name}))}"
