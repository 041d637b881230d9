"""A run that has not begun at a time that the configuration expects. Pure; times are seconds since the epoch.

Its alarm is about an operation that relay makes up, whose id names the expectation and the time: each missing run has a
message of its own, and of several processes that find it, the store takes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from hashlib import blake2b

from pydantic import TypeAdapter

from relay.domain.documents import iso
from relay.domain.events import SOURCE, Document, Event
from relay.domain.jobs import Alarm, Alarms, Job, Start, fold
from relay.domain.labels import BRANCH
from relay.domain.parsing import parse

RULE = "missing"


def matches(pattern: str, job: Job) -> bool:
    return fnmatchcase(job.name.casefold(), fold(pattern).casefold())


@dataclass(frozen=True, slots=True)
class Missing:
    """A run that should have begun at `since` and has not: the next one that begins later than `after`."""

    job: Job
    since: float
    after: float
    at: float = 0.0  # of the alarm
    priority: str = ""
    expectation: str = ""  # its `job`
    name: str = ""  # of the newest run, where the job's own lacks digits of its words

    @property
    def id(self) -> str:
        source = self.expectation or "\0".join(self.job.key)
        name = blake2b(source.encode("utf-8", "replace"), digest_size=6, person=b"relay job").hexdigest()
        moment = self.since if self.expectation else self.after
        return f"job-{name}-{moment:.0f}"

    @property
    def alarms(self) -> str:
        return Alarms(open={RULE: Alarm(self.at, self.since)}, episode=1).dump()

    def dump(self) -> str:
        """Return it as the store keeps it until a run begins."""
        return _MISSING.dump_json(self).decode()

    @classmethod
    def load(cls, text: str | bytes) -> "Missing":
        """Read what `dump` made; ValueError for anything else."""
        return _MISSING.validate_json(text)


_MISSING = TypeAdapter(Missing)


def alarm(missing: Missing, now: float) -> Event:
    """Return the event that says it has not begun."""
    missing = replace(missing, at=now)
    part = {
        "rule": RULE, "since": iso(missing.since), "seconds": max(0, round(now - missing.since)), "percentage": None,
        "phase": "", "lastEvent": "", "firstEstimate": "",
        "estimateMoved": 0, "deadline": "", "reminder": 0, "last": False, "episode": 1,
    }  # fmt: skip
    watch = {"was": "", "becomes": missing.alarms, "open": True, "job": missing.dump()}
    return _event("operation.stalled", missing, now, {"stalled": part}, watch)


def recovery(missing: Missing, start: Start, now: float) -> Event:
    """Return the event that says it has begun."""
    seconds = max(0, round(start.began - missing.since))
    part = {"rule": RULE, "seconds": seconds, "episode": 1, "run": start.run,
            "page": start.page or None}  # fmt: skip
    raised = round(missing.at * 1000)
    watch = {"was": missing.alarms, "becomes": "", "open": False, "job": missing.dump(), "raised": raised}
    return _event("operation.recovered", missing, now, {"recovered": part}, watch)


def start_of(missing: Missing, starts: Sequence[Start]) -> Start | None:
    """Return the missing run's start; None while it has not begun."""
    return min((start for start in starts if start.began > missing.after), default=None)


def _event(name: str, missing: Missing, now: float, parts: Document, watch: Document) -> Event:
    job, when = missing.job, datetime.fromtimestamp(now, UTC)
    title = (
        missing.name or job.title or missing.expectation or f"{job.project} {job.name}".strip()
    )  # of numbers alone, nothing is left
    operation = {
        "operationId": missing.id, "operationName": title, "operationType": job.type or None,
        "priority": missing.priority or None, "status": "Stalled" if name == "operation.stalled" else "Running",
        "labels": {BRANCH: job.branch}, "trackingUrl": parts.get("recovered", {}).get("page"),
    }  # fmt: skip
    document = {"event": name, "timestamp": when.isoformat(), "operation": operation, "job": [*job.key], **parts}
    watch = {**watch, "since": round(missing.since * 1000)}
    document |= {key: value for key, value in (("tenantId", job.tenant), ("projectId", job.project)) if value}
    return replace(parse(document, source=SOURCE, received_at=when, platform=job.platform), watch=watch)
