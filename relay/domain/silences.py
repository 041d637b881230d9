"""Silences: matchers of events whose messages are held for a while, and what is valid in one. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, NamedTuple

DAY = 86_400.0
LONGEST = 30 * DAY  # from its beginning to its end
AHEAD = 30 * DAY  # how far off its beginning may be
MOST_WORDS, LONGEST_WORD = 50, 200  # of each matcher
LONGEST_REASON, LONGEST_NAME = 500, 200

Then = Literal["summary", "nothing"]
THEN: Mapping[Then, str] = {"summary": "told together at its end", "nothing": "not told at all"}
# The matchers of events; `jobs` and `types` take `*` for any part.
OF_EVENTS = ("jobs", "types", "priorities", "tenants", "projects")
MATCHERS = ("destinations", *OF_EVENTS)


@dataclass(frozen=True, slots=True)
class Silenced:
    """Silence as the messages that it holds carry it, from `start` until `end` (seconds since the epoch)."""

    id: str
    start: float
    end: float
    in_summary: bool = True  # listed in the summary at its end; else never shown


@dataclass(frozen=True, slots=True)
class Silence:
    """Silence whose matchers must all match, each by any one of its words. Times are seconds since the epoch."""

    id: str
    author: str
    reason: str
    starts: float
    until: float  # as it was planned
    created: float
    then: Then = "summary"
    destinations: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()  # of an operation's, a job's or a batch's name
    types: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    ended: float | None = None  # by a person, before its time

    @property
    def ends(self) -> float:
        return self.until if self.ended is None else min(self.ended, self.until)

    @property
    def whole(self) -> bool:
        """Return whether it matches everything at its destinations."""
        return not any(getattr(self, name) for name in OF_EVENTS)

    def is_at(self, destination: str) -> bool:
        return not self.destinations or destination in self.destinations

    def holds(self, now: float) -> bool:
        return self.starts <= now < self.ends

    def state(self, now: float) -> Literal["pending", "active", "expired"]:
        return "expired" if now >= self.ends else "active" if now >= self.starts else "pending"

    @property
    def hold(self) -> Silenced:
        """Return it as the messages that it holds carry it."""
        return Silenced(self.id, self.starts, self.until, in_summary=self.then == "summary")

    def matchers(self) -> dict[str, tuple[str, ...]]:
        return {name: words for name in MATCHERS if (words := getattr(self, name))}


class Hold(NamedTuple):
    """Fate of a held delivery: part of its silence's summary, sent by itself at its end, or never."""

    silence: Silenced
    how: Literal["bundled", "later", "dropped"]


def faults(silence: Silence, now: float, *, everything: bool = False) -> list[str]:
    """Name in sentences what is wrong with a new silence. `everything`: it shall match all events."""
    named, lasts = silence.matchers(), silence.until - silence.starts
    reason, author = len(silence.reason), len(silence.author.strip())
    checks = [
        (
            not named and not everything,
            "it names nothing that it is for; expected something that it is for, or that it is for everything",
        ),
        (named and everything, "it is for everything, and names what it is for; expected one of the two"),
        (reason > LONGEST_REASON, f"its reason has {reason} characters; expected at most {LONGEST_REASON}"),
        (not 0 < author <= LONGEST_NAME, f"its author has {author} characters; expected 1 to {LONGEST_NAME}"),
        (silence.then not in THEN, f"then: {silence.then}; expected {' or '.join(THEN)}"),
        (silence.until <= now, "its end is over; expected a time to come"),
        (now < silence.until <= silence.starts, "it ends before it begins"),
        (lasts > LONGEST, f"it lasts longer than {LONGEST / DAY:.0f} days; expected at most that"),
        (silence.starts - now > AHEAD, f"it begins in more than {AHEAD / DAY:.0f} days; expected at most that"),
    ]
    for name, words in named.items():
        odd = any(not word.strip() or len(word) > LONGEST_WORD for word in words)
        checks.append((len(words) > MOST_WORDS, f"{name}: {len(words)} values; expected at most {MOST_WORDS}"))
        checks.append((odd, f"{name}: expected values of 1 to {LONGEST_WORD} characters"))
    return [sentence for wrong, sentence in checks if wrong]


def dump(silence: Silence) -> str:
    """Write it as it is stored; the time when it was ended is stored beside it."""
    stated = {name: value for name, value in asdict(silence).items() if value not in ((), None) and name != "id"}
    return json.dumps(stated, ensure_ascii=False)


def load(id_: str, text: str, ends: float) -> Silence:
    """Read what `dump` wrote; `ends` is when it ends by now. Fields of a newer relay are left out."""
    names = {field.name for field in fields(Silence)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
        if name in names
    }
    silence = Silence(id=id_, **values)
    return silence if ends >= silence.until else replace(silence, ended=ends)


def strongest(matching: Sequence[Silence]) -> Silence | None:
    """Return the silence that decides of those that match a message: one with a summary, and the last to end."""
    return max(matching, key=lambda silence: (silence.then == "summary", silence.until, silence.id), default=None)
