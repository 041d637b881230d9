"""What accept gets of the run that an event tells of: its number, times, progress, and its place in the run's life."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from relay.domain.events import OPERATOR_EVENTS, Event, Operation
from relay.domain.identity import fingerprint
from relay.domain.run_numbers import stated_begin
from relay.store.keys import digest, operation
from relay.store.records import OVER

# An event's place in the life of its operation or batch; other names move nothing and are never late.
RANKS = {
    "operation.started": 0,
    "operation.progress": 1,
    "operation.phase.completed": 1,
    "operation.stalled": 1,
    "operation.recovered": 1,
    "batch.started": 0,
    "batch.operation.completed": 1,
}
OUTCOMES = frozenset({"operation.completed", "operation.failed", "operation.cancelled", "batch.completed"})
UNSUCCESSFUL = frozenset({"Failed", "Timeout", "Cancelled"})
ID = 8  # bytes by which an operation remembers a fact or a sender's id


def run_plan(event: Event, *, terminal: bool) -> dict[str, Any]:
    """What is not stated is left out."""
    run = event.operation
    rank = int(OVER) if terminal else RANKS.get(event.name)
    plan: dict[str, Any] = {} if rank is None else {"rank": rank}
    if event.watch:
        plan["watch"] = event.watch
        if event.watch.get("batch"):  # its message goes on to show what is done: the alarm stands below it
            del plan["rank"]
    if event.name == "batch.started":  # one of which members' ends alone are reported may never report its own
        plan["run"] = 1
    if (percentage := event.percentage) is not None:
        plan["percentage"] = percentage
    if run is None:
        return plan
    stated = stated_retry(event)
    if event.about_batch:
        plan |= _of_member(event, run, stated)
    else:
        goes_on = rank is not None and rank < int(OVER) and not event.watch
        plan |= _times(run, goes_on=goes_on) | _of_run(event, run, stated)
    if run.status in UNSUCCESSFUL:
        plan["member"] = digest("member", run.id, str(stated + event.restarts)).hex()
    return plan


def _of_member(event: Event, run: Operation, stated: int) -> dict[str, Any]:
    """Its batch says that it is over."""
    if event.name != "batch.operation.completed" or run.status == "Running":
        return {}
    return {"over": [operation(run.id, event.space(run.id)), stated]}


def _of_run(event: Event, run: Operation, stated: int) -> dict[str, Any]:
    plan: dict[str, Any] = {}
    if event.original:
        plan |= {"own": operation(run.id, event.space(run.id)), "stated": stated}
    elif moment := stated_begin(event):  # a retry under a new id is counted by its original
        plan["begun"] = ms(moment)
    if run.phases_completed is not None:
        plan["phases"] = run.phases_completed
    if event.compared:
        plan["ends"] = event.compared[:2]
        if event.compared.differs:
            plan["differs"] = " and ".join(event.compared.differs)
    # The fact as the document alone says it, where only the time of receipt decided of which run it is: what is sent
    # again is received again, and a run may have begun in between.
    if event.retry != stated and not event.dated and not (event.compared and event.compared.decisive):
        alone = replace(event, operation=replace(run, retry=stated))
        plan["as_stated"] = digest("fact", fingerprint(alone))[:ID].hex()
    return plan


def urgency_of(event: Event, *, terminal: bool) -> str:
    """Its place among what is due (`URGENCIES` in scripts/include/queues.lua)."""
    if terminal or event.name in OPERATOR_EVENTS:
        return "1"
    if event.name == "operation.stalled":
        return "2"
    return "3" if str(event.phase.get("status") or event.phase.get("phaseStatus")) in ("Failed", "Error") else ""


def _times(run: Operation, *, goes_on: bool) -> dict[str, int]:
    """When it is expected to end (`eta`); where it goes on, what the watchdog measures it by, too: start, estimate and
    deadline. All in ms, as far as they are stated."""
    times = {"eta": ms(run.estimate)} if run.estimate else {}
    if not goes_on:
        return times
    if run.started:
        times["started"] = ms(run.started)
    if run.estimate:
        times["estimate"] = times["eta"]
    if run.deadline:
        times["deadline"] = ms(run.deadline)
    return times | {"run": 1}


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def stated_retry(event: Event) -> int:
    """The number that the document itself gives, whatever run of the original it turned out to be."""
    for document in (event.operation.document if event.operation else {}, event.document):
        number = document.get("retryNumber")
        if isinstance(number, int) and 0 <= number < 1_000_000:
            return number
    return 0
