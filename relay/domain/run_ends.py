"""Recorded ends of an operation's runs: which reports are of one end, and which are of another run. Pure.

A report is of another run only by what both state: the execution, the attempt, the run's own start; an end after the
recorded one with a sign in between that the run went on; or, within one source, another error under another event id.
What one of them leaves out is no difference, so the second report of an end completes the first. Where a format states
one time alone, an opposite status that is dated later is of another run.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from relay.domain.documents import count, mapping, moment, rows
from relay.domain.events import FAILED, Event
from relay.domain.identity import error_of, signature
from relay.domain.outcomes import stated_end

STARTS = ("startTime", "startedAt", "retryAttemptDate")  # not dateCreated, which all runs of an id may share
ATTEMPTS = ("attempt", "attemptNumber")  # within the operation: beside it they may number the webhook's own tries
MAX_ENDS = 8  # ends of one operation that are recorded
SECOND, MINUTE = 1000, 60_000  # ms; some senders leave out the fractions
DIGEST = 4  # bytes
UNSTATED = "-"


class RunEnd(NamedTuple):
    """End of one run, as far as its reports state it. Times are ms since the epoch; 0 and '' are not stated."""

    run: int
    restarts: int  # of the runs up to this one: those that the platform does not count
    status: str
    execution: str = ""
    attempt: str = ""  # the field's name and the number
    started: int = 0
    ended: int = 0
    sent: int = 0  # the event's own time, of the report that is recorded
    source: str = ""
    id: str = ""
    code: str = ""
    cause: str = ""
    latest: str = ""  # of a format's: the status by the report that is dated last

    @classmethod
    def of(cls, event: Event) -> "RunEnd":
        """Read the end that an event states; its run is numbered elsewhere (relay/domain/run_numbers.py)."""
        error, ended, started = error_of(event), stated_end(event), stated_start(event)
        code = error.get("code") or error.get("errorCode")
        return cls(
            0, 0, event.status, _digest(_execution(event)), _attempt(event),
            started=_ms(started) if started else 0,
            ended=round(ended * 1000) if ended else 0,
            sent=_ms(event.occurred_at) if event.dated else 0,
            source=_digest(f"{event.source} {event.producer}"), id=_digest(event.id),
            code=_digest(f"{code}" if code else ""), cause=signature({**error, "code": "", "errorCode": ""}),
            latest=event.status if event.mapped else "",
        )  # fmt: skip

    @property
    def failed(self) -> bool:
        return self.status in FAILED

    def begins_anew(self, report: "RunEnd", went_on: int) -> bool:
        """Return whether the report is of another run than this one, which went on at `went_on` (ms; 0: never)."""
        return bool(
            differ(self.execution, report.execution)
            or (_attempts(self, report) and self.attempt != report.attempt)
            or self._starts_differ(report)
            or self._ended_again(report, went_on)
            or self._failed_otherwise(report)
        )

    def is_same_end(self, report: "RunEnd") -> bool:
        """Return whether both name one end, whenever the report was sent."""
        same = bool(self.ended and report.ended) and not _times_differ(self.ended, report.ended)
        return same and not self.begins_anew(report, 0)

    def precedes(self, recorded: "RunEnd") -> bool:
        """Return whether it is known to be older than what is recorded."""
        if _times_differ(self.ended, recorded.ended):
            return self.ended < recorded.ended
        if self._starts_differ(recorded):
            return self.started < recorded.started
        if _attempts(self, recorded):
            return _number(self.attempt) < _number(recorded.attempt)
        return bool(self.latest and recorded.latest) and 0 < self.sent < recorded.sent - SECOND

    def started_after(self, recorded: "RunEnd") -> bool:
        """Return whether this start states a time after the recorded end, or after the start of that run."""
        return 0 < recorded.ended < self.started or (self._starts_differ(recorded) and recorded.started < self.started)

    def turn(self, report: "RunEnd") -> int:
        """Return 1 where a report that states its date alone is the opposite and later, -1 if earlier, else 0."""
        opposite = {self.latest or self.status, report.status}
        newest, alone = max(self.sent, self.ended), not (report.attempt or report.started or report.ended)
        if not (newest and report.sent and alone and "Completed" in opposite and opposite.intersection(FAILED)):
            return 0
        later = report.sent - newest
        return 0 if abs(later) <= SECOND else 1 if later > 0 else -1

    def differences(self, report: "RunEnd") -> tuple[str, ...]:
        """Name what a report of the same end states otherwise."""
        end = _times_differ(self.ended, report.ended)
        error = differ(self.code, report.code) or differ(self.cause, report.cause)
        return (*(["end"] if end else ()), *(["error"] if error else ()))

    def completed(self, report: "RunEnd") -> "RunEnd":
        """Add what the report states besides; what both state stays as it is."""
        if report.source != self.source:  # errors and ids are compared within one source
            report = report._replace(id="", code="", cause="")
        stated = RunEnd._make(mine or other for mine, other in zip(self, report, strict=True))
        stated = stated._replace(run=self.run, restarts=self.restarts)
        newer = bool(self.latest) and report.sent > self.sent
        return stated._replace(sent=report.sent, latest=report.status) if newer else stated

    def _starts_differ(self, other: "RunEnd") -> bool:
        """Return whether both state a start, and not the same; of one attempt it may differ by seconds."""
        one_attempt = bool(self.attempt) and self.attempt == other.attempt
        return _times_differ(self.started, other.started, MINUTE if one_attempt else SECOND)

    def _ended_again(self, report: "RunEnd", went_on: int) -> bool:
        recorded, ended = self.ended or self.sent, report.ended
        # The time of sending serves where it is the same sender's; the same event that is sent again has a new one.
        if not ended and self.source == report.source and not (report.id and report.id == self.id):
            ended = report.sent
        return 0 < recorded < went_on <= ended

    def _failed_otherwise(self, report: "RunEnd") -> bool:
        if self.source != report.source or not differ(self.id, report.id):
            return False
        return differ(self.code, report.code) or differ(self.cause, report.cause)


def read_ends(text: str) -> list[RunEnd]:
    """Read the ends that `write_ends` wrote, oldest first."""
    return [_read(row.split(" ")) for row in text.split(";") if row]


def write_ends(ends: Sequence[RunEnd]) -> str:
    """Write the newest of them as one text."""
    return ";".join(" ".join(f"{value}" or UNSTATED for value in end) for end in ends[-MAX_ENDS:])


def stated_start(event: Event) -> datetime | None:
    """Return the start of the run as its own documents state it."""
    document = event.operation.document if event.operation else {}
    parts = (mapping(document.get("progress")), document, mapping(document.get("execution")), event.results)
    return moment(*(part.get(name) for part in parts for name in STARTS))


def latest_phase(event: Event) -> datetime | None:
    """Return the latest start of a phase that a foreign sender's document states with its run."""
    phases = rows(event.operation.document.get("phases")) if event.mapped and event.operation else []
    return max(filter(None, (moment(phase.get("startTime")) for phase in phases)), default=None)


def _execution(event: Event) -> str:
    for part in _documents(event):
        execution = part.get("execution")
        for stated in (mapping(execution).get("executionId"), part.get("executionId"), execution):
            if isinstance(stated, str) and stated:
                return stated
    return ""


def _attempt(event: Event) -> str:
    operation = event.operation.document if event.operation else {}
    for part in _documents(event):
        if (number := count(part.get("retryNumber"))) is not None:
            return f"retryNumber:{number}"
    for part in (mapping(operation.get("execution")), mapping(event.document.get("operation"))):
        for name in ATTEMPTS:
            if (number := count(part.get(name))) is not None:
                return f"attempt:{number}"
    return ""


def _documents(event: Event) -> tuple[Mapping[str, Any], ...]:
    return (event.operation.document if event.operation else {}), event.document, event.results


def _attempts(left: RunEnd, right: RunEnd) -> bool:
    """Return whether both count their attempts in one way."""
    return bool(left.attempt) and left.attempt.partition(":")[0] == right.attempt.partition(":")[0]


def _number(attempt: str) -> int:
    return int(attempt.partition(":")[2])


def differ(left: str, right: str) -> bool:
    """Return whether both are stated, and not the same."""
    return bool(left and right) and left != right


def _times_differ(left: int, right: int, by: int = SECOND) -> bool:
    if not (left and right):
        return False
    rounded = by > SECOND or left % SECOND == 0 or right % SECOND == 0
    return abs(left - right) >= (by if rounded else 1)


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=DIGEST).hexdigest() if text.strip() else ""


def _read(values: Sequence[str]) -> RunEnd:
    stated = ("" if value == UNSTATED else value for value in values)
    kinds = RunEnd.__annotations__.items()
    read: dict[str, Any] = {
        name: int(value) if kind is int else value for (name, kind), value in zip(kinds, stated, strict=False)
    }
    return RunEnd(0, 0, "")._replace(**read)  # what an older release wrote lacks the newest fields
