"""Sentences for the lines of an operation's timeline."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from relay.operating.clocks import local, there
from relay.reasons import Dead, Held, Lapsed, Superseded, Waiting, sentences

WHY = {
    "held": sentences(Held), "waits": sentences(Waiting), "superseded": sentences(Superseded),
    "lease lapsed": sentences(Lapsed), "dead": sentences(Dead),
}  # fmt: skip
SENTENCES = {
    "accepted": "{summary}, from {source}",
    "late": "{summary} came late: something newer was known, so nobody is told",
    "completed": "{event} again, from {source}: it says more, so what stands is completed",
    "differs": "{event} again, from {source}, with another {differs}: a report of the same run, so nobody is told",
    "queued": "queued for {address}",
    "held": "held: {why}",
    "waits": "waits: {why}",
    "digested": "in the digest for {address}",
    "superseded": "not sent: {why}",
    "lease lapsed": "{why}",
    "failed": "attempt {attempt:g} failed: {error}{next}",
    "delivered": "{how}, attempt {attempt:g}: {receipt}",
    "dead": "dead, {why}: {error}",
    "suppressed": "{address} is written to no more, for it bounced: {error}",
    "replayed": "replayed: queued again with fresh attempts",
    "dropped": "dropped: the dead letter is forgotten",
    "escalates": "escalated to {address} after {after:g} s, unless a person takes the run",
    "taken": "{who} looks at it: no more reminders",
    "repair": "a process that had lost touch may have shown an old state; the present one is shown again",
}
KINDS = {"live": "the live message is up to date", "reply": "told in the thread", "each": "told"}


def watch_lines(watched: Mapping[str, Any], zone: str = "", *, over: bool = False) -> Iterator[str]:
    """Yield the alarms of a run, which may be over, in plain words; times in this zone, or that of this machine."""
    for alarm in watched["alarms"]:
        times = {0: "", 1: ", reminded once", 2: ", reminded twice"}
        again = times.get(alarm["reminders"], f", reminded {alarm['reminders']} times")
        began = f"was {alarm['rule']} from" if over else f"{alarm['rule']} since"
        yield f"{began} {_at(alarm['since'], zone)}; alarm sent {_at(alarm['told_at'], zone)}{again}"


def _at(at: str, zone: str) -> str:
    return local(datetime.fromisoformat(at), zone)


def sentence_of(line: Mapping[str, Any], zone: str = "") -> str:
    """One line of the timeline in plain words, without its time and destination."""
    kind, reason = line["what"], line.get("reason", "")
    sentence = SENTENCES.get(kind)
    if sentence is None:  # noted by a newer relay
        return ", ".join(str(value) for key, value in line.items() if key not in {"at", "destination"})
    words = {
        "summary": _event(line),
        "why": WHY.get(kind, {}).get(reason, reason).replace("{address}", line.get("address", "this address")),
        "how": KINDS.get(line.get("kind", ""), ""),
        "next": f"; next try at {clock(line['next_at'], line['at'], zone)}" if line.get("next_at") else "",
    }
    return sentence.format(**line, **words)


def _event(line: Mapping[str, Any]) -> str:
    span = [line.get("lowest_percentage"), line.get("percentage")]
    reached = " … ".join(f"{percentage:g} %" for percentage in dict.fromkeys(span) if percentage is not None)
    parts = (line.get("event"), line.get("status"), reached)
    return ", ".join(part for part in parts if part)


def clock(at: str, seen_from: str, zone: str) -> str:
    """Return the time of day, with the date if that is another one."""
    moment, now = (there(datetime.fromisoformat(time), zone) for time in (at, seen_from))
    return f"{moment:%H:%M:%S %Z}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S %Z}"
