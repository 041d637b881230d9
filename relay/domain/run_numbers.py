"""Numbers of an operation's runs: the platform counts retries, relay the starts after an outcome. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from relay.domain.events import Comparison, Event
from relay.domain.run_ends import RunEnd, differ, latest_phase, read_ends, stated_start, write_ends

OVERTAKEN = 900_000.0  # ms in which a report of a firing may come behind that of its end
OUTCOMES = frozenset({"operation.completed", "operation.failed", "operation.cancelled"})


class _Start(NamedTuple):
    """A run's number, how many starts after an outcome that includes, and when it began (ms)."""

    run: int
    restarts: int
    began: int


def stated_begin(event: Event) -> datetime | None:
    """Return when the run began by its start event, whose own times go before the event's; else None."""
    if event.name != "operation.started" or event.operation is None:
        return None
    return stated_start(event) or (event.occurred_at if event.dated else None)


def latest_begin(event: Event) -> datetime | None:
    """Return the latest start that the event states, a foreign sender's of a run that goes on also by its phases."""
    if event.mapped and event.name == "operation.progress":
        return max(filter(None, (stated_start(event), latest_phase(event))), default=None)
    return stated_begin(event)


def number_run(event: Event, remembered: Mapping[str, str]) -> tuple[int, int]:
    """Return the event's run, counted from 0, and how many of these the platform does not count."""
    stated = event.operation.retry if event.operation else 0
    counted = max(stated, int(remembered.get("retry", 0)))
    # relay's own events name the run by its number here, and most operations run once
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


def compare(event: Event, remembered: Mapping[str, str]) -> Event:
    """Return an outcome with its `Comparison`, and with the number of its run by that; other events as they are."""
    if event.name not in OUTCOMES or event.operation is None or event.original or "original" in remembered:
        return event
    before, report = remembered.get("ends", ""), RunEnd.of(event)
    ends = read_ends(before)
    if event.mapped and ends and "ended" in remembered and (turn := ends[-1].turn(report)):
        later = ends[-1].run + (report.failed or not event.is_alert)  # what resolves an alert is of its run
        run = later if turn > 0 else min(event.retry, ends[-1].run - 1)  # that is late, or comes again
        restarts = run - (event.retry - event.restarts)
    elif event.is_alert and ends:
        run = _run_of_alert(report, ends, event.received_at.timestamp() * 1000)
        restarts = run - (event.retry - event.restarts)
    else:
        run, restarts = _run_by_ends(report, event, ends, remembered)
    recorded = next((end for end in ends if end.run == run), None)
    if recorded:
        ends[ends.index(recorded)] = recorded.completed(report)
    elif not ends or run > ends[-1].run:
        ends.append(report._replace(run=run, restarts=restarts))
    return replace(
        event,
        operation=replace(event.operation, retry=run),
        restarts=restarts,
        compared=Comparison(
            before,
            write_ends(ends),
            (run, restarts) != (event.retry, event.restarts),
            recorded.differences(report) if recorded else (),
            recorded.status if recorded and recorded.failed and report.status == "Completed" else "",
            event.is_alert and report.failed and recorded is not None and recorded.ended > 0,
        ),
    )


def _run_of_alert(report: RunEnd, ends: Sequence[RunEnd], received: float) -> int:
    """Return the firing that it is of: a new one if it began after the last was resolved, or says no start.

    One that says the same start soon after its end is an old report. Later it fires again: an alert that nobody
    renewed, since its own sender was away, is resolved and fires with the start that it had.
    """
    end = next((end for end in reversed(ends) if not 0 < report.started < end.started), ends[0])
    old = 0 < report.started <= end.ended and received <= end.ended + OVERTAKEN
    return end.run + bool(end is ends[-1] and report.failed and end.ended and not old)


def _run_by_ends(
    report: RunEnd, event: Event, ends: Sequence[RunEnd], remembered: Mapping[str, str]
) -> tuple[int, int]:
    """Return the run, and how many starts the platform does not count; the event has both by its time."""
    newest, went_on = int(remembered.get("runs", 0)), int(remembered.get("went_on", 0))
    began = latest_phase(event)

    def is_other(end: RunEnd) -> bool:
        after = bool(began and 0 < end.ended < began.timestamp() * 1000)
        return after or end.begins_anew(report, went_on if end.run == newest else 0)

    for end in reversed(ends):
        if end.is_same_end(report):
            return end.run, end.restarts
    if not any(end.run == event.retry and is_other(end) for end in ends):
        return event.retry, event.restarts
    if "ended" not in remembered and "began" in remembered:  # the newest run goes on
        return newest, int(remembered.get("restarts", 0))
    for end in reversed(ends):
        if not is_other(end) and not (event.mapped and ends[-1].precedes(report)):
            return end.run, end.restarts
    if report.precedes(ends[-1]):
        return newest - 1, event.restarts  # of a run before: it is late
    return newest + 1, newest + 1 - (event.retry - event.restarts)


def restarts_of(event: Event, remembered: Mapping[str, str]) -> int:
    """Return how many starts after an outcome precede the event; of a retry under a new id, its original has them."""
    if "original" in remembered:
        return 0
    if start := _run_of(event, remembered):
        return start.restarts
    if oldest := next(iter(_starts(remembered)), None):  # it is older than all that is remembered
        return max(0, oldest.restarts - 1)
    return int(remembered.get("restarts", 0))


def _run_of(event: Event, remembered: Mapping[str, str]) -> _Start | None:
    """Return the newest run that had begun when the event happened; None where that is not remembered."""
    moment = int((stated_begin(event) or event.occurred_at).timestamp() * 1000)
    return next((start for start in reversed(_starts(remembered)) if start.began <= moment), None)


def _starts(remembered: Mapping[str, str]) -> list[_Start]:
    """List the known starts of the runs under the id itself, oldest first (relay/engine/order.py)."""
    rows = [map(int, text.split(":")) for text in remembered.get("starts", "").split()]
    starts = [_Start(run, restarts, began) for run, restarts, began in rows]
    if "began" not in remembered:  # the newest is a retry under a new id
        return starts
    newest = _Start(*(int(float(remembered.get(name, 0))) for name in ("runs", "restarts", "began")))
    return [*starts, newest]


def _starts_anew(event: Event, remembered: Mapping[str, str]) -> bool:
    """Return whether it or a phase began after the outcome; a retry under a new id is counted by its original."""
    moment = latest_begin(event)
    if moment is None or "ended" not in remembered or "original" in remembered:
        return False
    if int(moment.timestamp() * 1000) > int(remembered["ended"]):
        return True
    if event.name != "operation.started":
        return False
    ends = read_ends(remembered.get("ends", ""))
    return bool(ends) and f"{ends[-1].run}" == remembered.get("runs", "0") and _starts_another(event, ends)


def _starts_another(event: Event, ends: Sequence[RunEnd]) -> bool:
    """Return whether a start states that it is of another run than those whose ends are recorded."""
    start = RunEnd.of(event)
    if start.started and (ends[-1].started or ends[-1].ended):
        return start.started_after(ends[-1])
    return all(differ(end.execution, start.execution) for end in ends)


def _says_its_run(event: Event) -> bool:
    documents = (event.operation.document if event.operation else {}, event.document)
    return any("retryNumber" in document for document in documents)
