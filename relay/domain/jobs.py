"""Jobs: runs of one platform, tenant, project, type and name, whatever numbers the name has; runs that go on. Pure.

Times are seconds since the epoch.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from relay.domain.documents import finite, mapping
from relay.domain.events import SOURCE, WATCH_EVENTS, Event
from relay.domain.labels import BRANCH, labels_of

LONGEST = 120  # characters of a job's name
READ = 1000  # characters that are folded, as many as an operation's name may have: what is left out tells no jobs apart
FIELD = re.compile(r"\{([A-Za-z_]\w*(?:\.\w+)*)\}")
_MONTHS = ("January February March April May June July August September October November December "
           "Januar Februar März Mai Juni Juli Oktober Dezember")  # fmt: skip
_DAYS = ("Monday Tuesday Wednesday Thursday Friday Saturday Sunday "
         "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag")  # fmt: skip
# What differs from run to run: UUIDs and other long ids, numbers with what joins them to dates and times, and the full
# names of months and weekdays in English and German.
_AROUND_MARKS = re.compile(
    r"(?<![\s\-–—_·:.,/()\[\]])(?:[\s\-–—_·:.,/()\[\]]+|(?<![^\W_]))#[#\s\-–—_·:.,/()\[\]]*(?![^\W_])"
)  # not of `load2` or `12c`: digits that are part of a word
_DIFFERS = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b|\d+(?:[-./:_T]\d+)*Z?(?!\w)|\d+"
    rf"|(?<![^\W_])(?:{'|'.join([*_MONTHS.split(), *_DAYS.split()])})(?![^\W_])",
    re.IGNORECASE,
)
_FOLDED = "#"
GRAVITY = ("late", "silent")  # the watchdog's rules, the gravest first
# What rules of older releases, in stored alarms and documents, are now: the rule, and by what it was found.
OLDER_RULES = {
    "deadline": ("late", "limit"), "overdue": ("late", "estimate"), "slow": ("late", "history"),
    "silent": ("silent", "events"), "flat": ("silent", "progress"),
}  # fmt: skip


class Job(NamedTuple):
    """Key of a job."""

    platform: str
    tenant: str
    project: str
    type: str
    name: str  # with # for each of what differs from run to run
    branch: str = ""  # likewise: runs of pull requests and of main are not one job

    @property
    def key(self) -> tuple[str, ...]:
        """Return its parts without an empty branch, as they were kept before there were branches."""
        return self if self.branch else self[:-1]

    @property
    def title(self) -> str:
        """Return its name for people, without the marks for numbers but in words, as in `load#`."""
        return " ".join(_AROUND_MARKS.sub(" ", self.name).split()) or self.type

    @property
    def part(self) -> str:
        """Return the longest text that the names of all its runs share; '' for nothing but punctuation."""
        return max((text.strip() for text in self.name.split(_FOLDED) if re.search(r"\w", text)), key=len, default="")


LENGTHS = (len(Job._fields) - 1, len(Job._fields))  # of its key


class Start(NamedTuple):
    """Start of a run, its id, and its page as its documents name it; '' where only its end is known."""

    began: float
    run: str = ""
    page: str = ""


def job_of(event: Event, *, name: str | None = "") -> Job | None:
    """Return the job of the event's run; None for a batch, or without a name. `name` is the template's (`named`)."""
    run = event.operation
    if missing := missing_job(event):
        return missing
    if run is None or event.about_batch or name is None or event.name.startswith("batch."):
        return None
    if folded := fold(name or run.name):
        return Job(event.platform, event.tenant, event.project, run.type, folded, branch_in(run.labels))
    return None


def branch_in(labels: str) -> str:
    """Return the branch of a job by its run's labels."""
    return fold(labels_of(labels).get(BRANCH, ""))


def missing_job(event: Event) -> Job | None:
    """Return the job that relay reports as missing a run (relay/policy/missing.py)."""
    parts = event.document.get("job") if event.name in WATCH_EVENTS and event.source == SOURCE else None
    return Job(*map(str, parts)) if isinstance(parts, list) and len(parts) in LENGTHS else None


def named(template: str, *documents: Mapping[str, Any]) -> str | None:
    """Fill in a template such as `{operationType} {parameters.dataset}`; None where no document has a field."""
    texts = {path: _stated(path, documents) for path in FIELD.findall(template)}
    return None if None in texts.values() else FIELD.sub(lambda match: texts[match[1]] or "", template)[:READ]


def documents_of(event: Event, history: Sequence[Event]) -> Sequence[Mapping[str, Any]]:
    """List the documents that may state a job, newest first: of each event the operation, then the whole body."""
    events = (event, *reversed(history))
    stated = [(other.operation.document, other.document) for other in events if other.operation]
    return [document for pair in stated for document in pair]


@lru_cache(maxsize=4096)  # all events of a run have its name
def fold(name: str) -> str:
    """Replace with # whatever differs from run to run: `Sales 2024-01-20, batch 7` is `Sales #, batch #`."""
    return " ".join(_DIFFERS.sub(_FOLDED, name).split())[:LONGEST]


def _stated(path: str, documents: tuple[Mapping[str, Any], ...]) -> str | None:
    for document in documents:
        value: Any = document
        for key in path.split("."):
            value = mapping(value).get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if (number := finite(value)) is not None:
            return f"{number:g}"
    return None


@dataclass(frozen=True, slots=True)
class Alarm:
    """Alarm of a rule that holds, once people were notified."""

    at: float  # when they were notified
    since: float  # since when no event came or nothing moved, or when the run should have been over
    by: str = ""  # what showed it (`Finding` in relay/policy/watchdog.py)
    reminders: int = 0
    last: bool = False  # they were notified that relay will forget the run


@dataclass(frozen=True, slots=True)
class Alarms:
    """Alarms of a run. The store keeps them as one text, empty at the start of each run."""

    open: Mapping[str, Alarm] = field(default_factory=dict)  # by rule
    episode: int = 0  # alarms so far
    longest: float = 0.0  # seconds of the longest silence that ended

    @property
    def shown(self) -> str:
        """Return the rule that messages show: the newest, of several at once the gravest; empty if none holds."""
        return max(self.open, key=lambda rule: (self.open[rule].at, -GRAVITY.index(rule)), default="")

    @property
    def found(self) -> str:
        """Return what that alarm found (`found`)."""
        return found(self.shown, self.open[self.shown].by) if self.open else ""

    def dump(self) -> str:
        return _ALARMS.dump_json(self).decode() if self != Alarms() else ""

    @classmethod
    def load(cls, text: str) -> "Alarms":
        """Read what `dump` wrote, also of older releases, without the rules of a newer one. Raises ValueError."""
        if not text:
            return cls()
        stored = _ALARMS.validate_json(text)
        opened: dict[str, Alarm] = {}
        for name, alarm in sorted(stored.open.items(), key=lambda row: row[1].at):  # of two that are one, the newer
            rule, by = as_now(name, alarm.by)
            opened |= {rule: replace(alarm, by=by)} if rule in GRAVITY else {}
        return replace(stored, open=opened)


_ALARMS = TypeAdapter(Alarms)


def as_now(rule: str, by: str = "") -> tuple[str, str]:
    """Return a rule, and by what it was found, as they are called now."""
    return (rule, by) if by else OLDER_RULES.get(rule, (rule, by))


def found(rule: str, by: str = "") -> str:
    """Return what an alarm found in one word: late, silent, missing, or progress, where there is none."""
    rule, by = as_now(rule, by)
    return by if by == "progress" else rule


def alarm_in(document: Mapping[str, Any], part: str = "stalled") -> Mapping[str, Any]:
    """Return what an event of the watchdog states of an alarm, or of its end, by the rules as they are now."""
    stated = mapping(document.get(part))
    rule, by = as_now(str(stated.get("rule") or ""), str(stated.get("by") or ""))
    return {**stated, "rule": rule, "by": by} if rule else stated


@dataclass(frozen=True, slots=True)
class Run:
    """State of an operation that goes on, as the store knows it."""

    subject: str
    last_event: float  # the last sign of life
    moved: float  # when percentage or phase last changed
    retry: int = 0
    gaps: tuple[float, ...] = ()  # the newest, between signs of life
    percentage: float | None = None
    phase: str = ""
    estimate: float | None = None  # the first estimate of its end
    planned: float = 0.0  # from its start to that
    estimate_moves: int = 0
    deadline: float | None = None
    alarms: Alarms = Alarms()
    batch: bool = False  # several operations submitted together: events of its members are signs of life as well
    job: Job | None = None  # what other runs it is compared with
    started: float | None = None
    waits: bool = False  # for the approval of a person
    waited: float = 0.0  # seconds for which it did
    late_after: float | None = None  # seconds that no usual run of its job takes; None where that is unknown
    alarms_text: str | None = None  # the text that the alarms were read from, if it says more or less than they do
