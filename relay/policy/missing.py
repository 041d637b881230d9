"""A run that should have begun: by the rhythm of its job, or because the configuration expects it. Pure.

What is missing has no operation of its own, so it is told as one that relay makes up: its id says after which run, or
by which time, another should have begun. So each that is missing has a message of its own, and of two processes that
find it, one is heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Annotated

from pydantic import Field
from pydantic_core import from_json, to_json

from relay.configfile.validation import Section
from relay.domain.events import Document, Event
from relay.domain.jobs import Job, fold
from relay.domain.outcomes import iso
from relay.domain.parsing import parse
from relay.domain.runs import Alarm, Alarms
from relay.policy.destinations import Clock, Days, Timezone
from relay.policy.schedules import EVERY_DAY, at

SOURCE = "relay"
RULE = "missing"
DAY = 86_400.0
STALE = 7 * DAY  # seconds after which it is no news that a run is missing


class Expectation(Section):
    """A job that must have begun by a time of the day."""

    job: Annotated[str, Field(min_length=1, max_length=200)]  # its runs' name; * stands for anything
    by: Clock
    days: Annotated[Days, Field(min_length=1)] = EVERY_DAY
    timezone: Timezone | None = None  # that of the configuration

    def means(self, job: Job) -> bool:
        return fnmatchcase(job.name.casefold(), fold(self.job).casefold())

    def window(self, now: float, zone: str) -> tuple[float, float]:
        """The last of its times up to now, and from when on a start is for that: half of the time since the one before,
        at most a day. What began later than it should is not for the next one.
        """
        zone = self.timezone or zone
        today = datetime.fromtimestamp(now, UTC).date() + timedelta(days=1)
        dates = (today - timedelta(days=back) for back in range(17))
        times = [at(day, self.by, zone) for day in dates if day.weekday() in self.days]
        last, before = [moment for moment in times if moment <= now][:2]
        return last, last - min((last - before) / 2, DAY)


@dataclass(frozen=True, slots=True)
class Missing:
    """A run that has not begun. `since` is when it should have; it is the next that begins later than `after`."""

    job: Job
    since: float
    after: float
    at: float = 0.0  # when people heard of it
    priority: str = ""
    expectation: str = ""  # the name that the configuration expects; '' where the job's own rhythm does

    @property
    def id(self) -> str:
        source = self.expectation or "\0".join(self.job)
        name = blake2b(source.encode("utf-8", "replace"), digest_size=6, person=b"relay job").hexdigest()
        moment = self.since if self.expectation else self.after
        return f"job-{name}-{moment:.0f}"

    @property
    def alarms(self) -> str:
        return Alarms(open={RULE: Alarm(self.at, self.since)}, episode=1).dump()

    def dump(self) -> str:
        """As the store keeps it until it is over."""
        values = {name: getattr(self, name) for name in ("since", "after", "at", "priority", "expectation")}
        return to_json({"job": [*self.job], **values}).decode()

    @classmethod
    def load(cls, text: str | bytes) -> "Missing":
        """ValueError, KeyError or TypeError for what `dump` did not make."""
        stored = from_json(text)
        since, after, at = (float(stored[name]) for name in ("since", "after", "at"))
        return cls(Job(*map(str, stored["job"])), since, after, at, str(stored["priority"]), str(stored["expectation"]))


def alarm(missing: Missing, now: float) -> Event:
    """That it has not begun."""
    missing = replace(missing, at=now)
    part = {
        "rule": RULE, "since": iso(missing.since), "seconds": max(0, round(now - missing.since)), "percentage": None,
        "phase": "", "lastEvent": "", "firstEstimate": "",
        "estimateMoved": 0, "deadline": "", "reminder": 0, "last": False, "episode": 1,
    }  # fmt: skip
    watch = {"was": "", "becomes": missing.alarms, "open": True, "job": missing.dump()}
    return _event("operation.stalled", missing, now, {"stalled": part}, watch)


def recovery(missing: Missing, began: float, now: float) -> Event:
    """That it has begun."""
    part = {"rule": RULE, "seconds": max(0, round(began - missing.since)), "flapping": False, "episode": 1}
    raised = round(missing.at * 1000)
    watch = {"was": missing.alarms, "becomes": "", "open": False, "job": missing.dump(), "raised": raised}
    return _event("operation.recovered", missing, now, {"recovered": part}, watch)


def begun(missing: Missing, starts: Sequence[float]) -> float | None:
    """When a run began that is the missing one."""
    return min((start for start in starts if start > missing.after), default=None)


def _event(name: str, missing: Missing, now: float, parts: Document, watch: Document) -> Event:
    job, when = missing.job, datetime.fromtimestamp(now, UTC)
    title = job.title or missing.expectation or f"{job.project} {job.name}".strip()  # of numbers alone, nothing is left
    operation = {
        "operationId": missing.id, "operationName": title, "operationType": job.type or None,
        "priority": missing.priority or None, "status": "Stalled" if name == "operation.stalled" else "Running",
    }  # fmt: skip
    document = {"event": name, "timestamp": when.isoformat(), "operation": operation, "job": [*job], **parts}
    watch = {**watch, "since": round(missing.since * 1000)}
    document |= {key: value for key, value in (("tenantId", job.tenant), ("projectId", job.project)) if value}
    return replace(parse(document, source=SOURCE, received_at=when, platform=job.platform), watch=watch)
