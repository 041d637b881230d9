"""Silences: for a while nobody hears of what one means. What they say, and when they hold. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from relay.domain.deliveries import Silenced

DAY = 86_400.0
LONGEST = 30 * DAY  # from its beginning to its end
AHEAD = 30 * DAY  # how far off its beginning may be
MOST_WORDS, LONGEST_WORD = 50, 200  # of each matcher
LONGEST_REASON, LONGEST_NAME = 500, 200

Then = Literal["summary", "nothing"]
THEN: Mapping[Then, str] = {"summary": "told together at its end", "nothing": "not told at all"}
# What it may ask for; `jobs` and `types` take `*` for any part.
OF_EVENTS = ("jobs", "types", "priorities", "tenants", "projects")
MATCHERS = ("destinations", *OF_EVENTS)


@dataclass(frozen=True, slots=True)
class Silence:
    """All matchers that it has must hold, of each any one word. Times are seconds since the epoch."""

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
    ended: float | None = None  # before its time, by somebody

    @property
    def ends(self) -> float:
        """When it ends, or did."""
        return self.until if self.ended is None else min(self.ended, self.until)

    @property
    def whole(self) -> bool:
        """Whether it means everything at its destinations, and not what tells one event from another."""
        return not any(getattr(self, name) for name in OF_EVENTS)

    def holds(self, now: float) -> bool:
        return self.starts <= now < self.ends

    def state(self, now: float) -> Literal["pending", "active", "expired"]:
        """As people call it."""
        return "expired" if now >= self.ends else "active" if now >= self.starts else "pending"

    @property
    def hold(self) -> Silenced:
        """What becomes of what it holds."""
        return Silenced(self.id, self.starts, self.until, in_summary=self.then == "summary")

    def matchers(self) -> dict[str, tuple[str, ...]]:
        """Those that it has, by name."""
        return {name: words for name in MATCHERS if (words := getattr(self, name))}


class Hold(NamedTuple):
    """What becomes of a delivery: part of its silence's summary, sent by itself at its end, or never."""

    silence: Silenced
    how: Literal["bundled", "later", "dropped"]


def faults(silence: Silence, now: float, *, everything: bool = False) -> list[str]:
    """What is wrong with a new one, each in a sentence. `everything`: it is meant for all that there is."""
    return [
        sentence
        for wrong, sentence in (*_meaning(silence, everything=everything), *_words(silence), *_times(silence, now))
        if wrong
    ]


Checks = Iterator[tuple[bool, str]]  # whether that is wrong, and what


def _meaning(silence: Silence, *, everything: bool) -> Checks:
    named = bool(silence.matchers())
    yield (
        not named and not everything,
        "it names nothing that it is for; expected something that it is for, or that it is for everything",
    )
    yield named and everything, "it is for everything, and names what it is for; expected one of the two"
    for name, words in silence.matchers().items():
        yield len(words) > MOST_WORDS, f"{name}: {len(words)} values; expected at most {MOST_WORDS}"
        odd = any(not word.strip() or len(word) > LONGEST_WORD for word in words)
        yield odd, f"{name}: expected values of 1 to {LONGEST_WORD} characters"


def _words(silence: Silence) -> Checks:
    yield not silence.reason.strip(), "it has no reason; expected one, for whoever wonders why nothing comes"
    length = len(silence.reason)
    yield length > LONGEST_REASON, f"its reason has {length} characters; expected at most {LONGEST_REASON}"
    length = len(silence.author.strip())
    yield not 0 < length <= LONGEST_NAME, f"its author has {length} characters; expected 1 to {LONGEST_NAME}"
    yield silence.then not in THEN, f"then: {silence.then}; expected {' or '.join(THEN)}"


def _times(silence: Silence, now: float) -> Checks:
    yield silence.until <= now, "its end is over; expected a time to come"
    yield now < silence.until <= silence.starts, "it ends before it begins"
    yield (
        silence.until - silence.starts > LONGEST,
        f"it lasts longer than {LONGEST / DAY:.0f} days; expected at most that",
    )
    yield silence.starts - now > AHEAD, f"it begins in more than {AHEAD / DAY:.0f} days; expected at most that"


def matches_pattern(pattern: str, text: str) -> bool:
    """Return whether `*` in the pattern can stand for parts of the text so that they are equal, whatever their case."""
    return fnmatchcase(text.casefold(), re.sub(r"[\[?]", r"[\g<0>]", pattern.casefold()))


def dump(silence: Silence) -> str:
    """As it is kept; whether it was ended is kept beside it."""
    kept = {name: value for name, value in asdict(silence).items() if value not in ((), None) and name != "id"}
    return json.dumps(kept, ensure_ascii=False)


def load(id_: str, text: str, ends: float) -> Silence:
    """What `dump` wrote; `ends` says when it ends by now. What a newer relay may know beside that is left out."""
    names = {field.name for field in fields(Silence)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
        if name in names
    }
    silence = Silence(id=id_, **values)
    return silence if ends >= silence.until else replace(silence, ended=ends)


def strongest(matching: Sequence[Silence]) -> Silence | None:
    """Of those that mean the same message the one that decides: it is told if any of them promises that, and at the end
    of the last."""
    return max(matching, key=lambda silence: (silence.then == "summary", silence.until, silence.id), default=None)
