"""How runs of the samples' job ended before: what `job` says in tests, previews and `relay template vars`. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from relay.domain.events import Event, Outcome
from relay.domain.fingerprints import error_of, signature

MINUTE, DAY = 60.0, 86_400.0
# Of the runs before, the newest first and over again: the minutes that each phase took.
PHASES = ("Data Loading & Validation", "Process Discovery", "Machine Learning Analysis", "Report Generation")
COURSES = ((7, 12, 19, 5), (7, 13, 20, 5), (6, 13, 19, 6), (8, 14, 21, 5), (7, 13, 18, 5))
# Of each fixture, how many runs are known, and how many failed directly before, in the same way.
KNOWN = {"typical": (24, 0), "maximal": (50, 3), "hostile": (24, 1)}
LAST_FAILURE = 23  # so many successes ago


def with_past(event: Event, fixture: str) -> Event:
    """The event, as that of a daily job."""
    if event.operation is None or event.about_batch or fixture not in KNOWN:
        return event
    return replace(event, past=(*reversed([*_ends(event, *KNOWN[fixture])]),))


def _ends(event: Event, runs: int, failures: int) -> Iterator[Outcome]:
    error = signature(error_of(event)) or "c0ffee000000"
    for back in range(1, runs + 1):
        course = COURSES[back % len(COURSES)]
        lasted = sum(course) * MINUTE
        ended = event.occurred_at.timestamp() - back * DAY
        status = "Failed" if back <= failures or back == failures + LAST_FAILURE + 1 else "Completed"
        phases = tuple(zip(PHASES, (minutes * MINUTE for minutes in course), strict=True))
        if status == "Failed":
            phases, lasted = phases[:2], sum(course[:3]) * MINUTE
        yield Outcome(f"{back}", status, ended, ended - lasted, lasted, phases, error if status == "Failed" else "")
