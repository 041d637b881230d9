"""Which run of an operation an event is of: the platform counts retries, relay the starts after an outcome. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from relay.domain import fields
from relay.domain.events import Event
from relay.domain.json_access import mapping

_STARTED = ("startTime", "startedAt", "retryAttemptDate")  # not dateCreated, which all runs of an id may share


class _Start(NamedTuple):
    """A run's number, how many starts after an outcome that includes, and when it began (ms)."""

    run: int
    restarts: int
    began: int


def begun(event: Event) -> datetime | None:
    """When the run began that a start tells of; None where it is no start, or does not say.

    The run's own time goes before the event's: a platform that sends a start again may date it anew.
    """
    if event.name != "operation.started" or event.operation is None:
        return None
    document = event.operation.document
    progress = mapping(document.get("progress"))
    stated = fields.moment(*(part.get(name) for part in (progress, document) for name in _STARTED))
    return stated or (event.occurred_at if event.dated else None)


def number_run(event: Event, remembered: Mapping[str, str]) -> tuple[int, int]:
    """The event's run, counted from 0, and how many starts more than the platform counts that includes.

    `remembered` are the operation's facts as `Store.known` gives them: retry, runs, began, starts, ended,
    restarts.
    """
    stated = event.operation.retry if event.operation else 0
    counted = max(stated, int(remembered.get("retry", 0)))
    # relay's own name the run by its number here, and most operations run once, where there is nothing to tell apart
    if event.watch or event.action or remembered.keys().isdisjoint(("runs", "restarts", "ended", "original", "starts")):
        return counted, 0
    restarts = int(remembered.get("restarts", 0))
    if _starts_anew(event, remembered) and counted + restarts <= (runs := int(remembered.get("runs", 0))):
        return runs + 1, runs + 1 - counted
    counts_starts = "runs" in remembered and not remembered.keys().isdisjoint(("began", "starts"))
    if counts_starts and not _says_its_run(event) and "retry" not in remembered:
        if start := _run_of(event, remembered):
            return start.run, start.restarts
        if "began" in remembered:
            return stated, 0
    earlier = restarts_of(event, remembered)
    return counted + earlier, earlier


def restarts_of(event: Event, remembered: Mapping[str, str]) -> int:
    """How many starts after an outcome went before: what happened before a run began is of the one before.

    The number of a retry under a new id includes those of its original.
    """
    if "original" in remembered:
        return 0
    if start := _run_of(event, remembered):
        return start.restarts
    if oldest := next(iter(_starts(remembered)), None):  # it is older than all that is remembered
        return max(0, oldest.restarts - 1)
    return int(remembered.get("restarts", 0))


def _run_of(event: Event, remembered: Mapping[str, str]) -> _Start | None:
    """The newest run that had begun when it happened; None where that is not remembered."""
    moment = int((begun(event) or event.occurred_at).timestamp() * 1000)
    return next((start for start in reversed(_starts(remembered)) if start.began <= moment), None)


def _starts(remembered: Mapping[str, str]) -> list[_Start]:
    """When the runs under the id itself began, as far as it is known, oldest first (`remember_start`, order.lua)."""
    rows = [map(int, text.split(":")) for text in remembered.get("starts", "").split()]
    starts = [_Start(run, restarts, began) for run, restarts, began in rows]
    if "began" not in remembered:  # the newest is a retry under a new id
        return starts
    newest = _Start(*(int(float(remembered.get(name, 0))) for name in ("runs", "restarts", "began")))
    return [*starts, newest]


def _starts_anew(event: Event, remembered: Mapping[str, str]) -> bool:
    """A start that began after the outcome that is known; a retry under a new id is counted by its original."""
    moment = begun(event)
    if moment is None or "ended" not in remembered or "original" in remembered:
        return False
    return int(moment.timestamp() * 1000) > int(remembered["ended"])


def _says_its_run(event: Event) -> bool:
    documents = (event.operation.document if event.operation else {}, event.document)
    return any("retryNumber" in document for document in documents)
