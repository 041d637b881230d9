"""Which run of an operation an event is of: the platform counts retries, relay the starts after an outcome. Pure."""

from collections.abc import Mapping
from datetime import datetime

from relay.domain import fields
from relay.domain.events import Event
from relay.domain.json_access import mapping

_STARTED = ("startTime", "startedAt", "retryAttemptDate")  # not dateCreated, which all runs of an id may share


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

    `remembered` are the operation's facts as `Store.known` gives them: retry, runs, began, ended, restarts.
    """
    stated = event.operation.retry if event.operation else 0
    counted = max(stated, int(remembered.get("retry", 0)))
    if event.watch or event.action:  # relay's own name the run by its number here
        return counted, 0
    restarts = int(remembered.get("restarts", 0))
    if _starts_anew(event, remembered) and counted + restarts <= (runs := int(remembered.get("runs", 0))):
        return runs + 1, runs + 1 - counted
    if not _says_its_run(event) and "retry" not in remembered and {"runs", "began"} <= remembered.keys():
        return (int(remembered["runs"]), restarts) if _of_the_newest(event, remembered) else (stated, 0)
    earlier = restarts_of(event, remembered)
    return counted + earlier, earlier


def restarts_of(event: Event, remembered: Mapping[str, str]) -> int:
    """How many starts after an outcome went before: what happened before the newest run began is of the one before.

    The number of a retry under a new id includes those of its original.
    """
    if "original" in remembered:
        return 0
    restarts = int(remembered.get("restarts", 0))
    return restarts if _of_the_newest(event, remembered) else max(0, restarts - 1)


def _starts_anew(event: Event, remembered: Mapping[str, str]) -> bool:
    """A start that began after the outcome that is known; a retry under a new id is counted by its original."""
    moment = begun(event)
    if moment is None or "ended" not in remembered or "original" in remembered:
        return False
    return int(moment.timestamp() * 1000) > int(remembered["ended"])


def _of_the_newest(event: Event, remembered: Mapping[str, str]) -> bool:
    """Whether it happened since the newest run began."""
    moment = begun(event) or event.occurred_at
    return int(moment.timestamp() * 1000) >= float(remembered.get("began", "-inf"))


def _says_its_run(event: Event) -> bool:
    documents = (event.operation.document if event.operation else {}, event.document)
    return any("retryNumber" in document for document in documents)
