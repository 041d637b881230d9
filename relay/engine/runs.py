"""Runs that go on, as the watchdog and people see them: read only."""

from collections.abc import Iterable, Sequence

from relay.domain.documents import moment, rows
from relay.domain.events import TERMINAL as OVER
from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.jobs import Alarms, Job, Run, branch_in, fold
from relay.domain.parsing import load
from relay.engine import names
from relay.engine.draft import Draft
from relay.engine.records import TERMINAL, Operation, documents
from relay.engine.state import State

MOST_MEMBERS = 1000  # of a batch that are looked at


def run_of(o: Operation) -> Run:
    facts = o.facts
    name = fold(facts.get("name", ""))
    platform, tenant, project, type_ = (facts.get(part, "") for part in ("platform", "tenant", "project", "type"))
    return Run(
        subject=o.subject,
        last_event=(o.heard or 0) / 1000,
        moved=(o.moved or 0) / 1000,
        retry=o.run or 0,
        gaps=tuple(gap / 1000 for gap in o.gaps),
        percentage=o.percentage,
        phase=o.phase,
        estimate=_seconds(o.estimate),
        planned=o.planned / 1000,
        estimate_moves=o.estimate_moves,
        deadline=_seconds(o.deadline),
        alarms=_alarms(o.alarms),
        batch=is_batch(o),
        job=Job(platform, tenant, project, type_, name, branch_in(facts.get("labels", ""))) if name else None,
        started=began(o),
        waits=o.approval is not None,
        waited=o.waited / 1000,
        alarms_text=o.alarms,
    )


def is_batch(o: Operation) -> bool:
    return not o.seqs.keys().isdisjoint(("batch.started", "batch.operation.completed"))


def began(o: Operation) -> float | None:
    """Return when its newest run began: as its documents state it, else when its first event came (s)."""
    stated = moment(o.summary.get("started"))
    return stated.timestamp() if stated else _seconds(o.began)


def history(state: State, operation: str) -> tuple[Event, ...]:
    """Return the newest event of each name in the newest run, oldest first."""
    o = state.record(Operation, operation)
    seqs = o.seqs if o else {}
    bodies = sorted(state.table(documents(operation)).items(), key=lambda row: (seqs.get(row[0], 0), row[0]))
    return tuple(load(body) for _, body in bodies)


def event_of(state: State, operation: str, name: str) -> Event | None:
    """Return the newest event of this name in the newest run."""
    body = state.field(documents(operation), name)
    return load(body) if body else None


def last_event_of_members(d: Draft, events: Sequence[Event], now: float) -> float:
    """Return the time of the last event of any member of the batch with these events; `now` where all are over."""
    members = {member: over for event in events for member, over in _members(event)}
    if not members:
        return 0.0
    newest = events[-1]
    whose = Space.of_event(newest)
    spaces = dict.fromkeys((whose.dump(), newest.space(newest.subject), ""))  # the plain name may be another tenant's
    operations = d.get_all(Operation, [names.operation(member, space) for member in members for space in spaces])
    meant = [_meant([operations.get(names.operation(member, space)) for space in spaces], whose) for member in members]
    if all(over or (o and o.rank == TERMINAL) for over, o in zip(members.values(), meant, strict=True)):
        return now
    return max(max(o.last, o.heard or 0) / 1000 if o else 0.0 for o in meant)


def _meant(candidates: Iterable[Operation | None], whose: Space) -> Operation | None:
    """Return the first of those that an id may mean in this space."""
    return next((o for o in candidates if o and o.seq and Space.of(o.facts).may_be(whose)), None)


def _members(event: Event) -> list[tuple[str, bool]]:
    """Return the batch's members, as far as one event names them, and whether it reports that they are over."""
    listed = rows(event.batch.document.get("operations"))[:MOST_MEMBERS] if event.batch else []
    members = [(row.get("operationId"), row.get("status") in OVER) for row in listed]
    if event.operation:
        members.append((event.own_id, event.operation.terminal))
    return [(member, over) for member, over in members if isinstance(member, str) and member]


def _alarms(text: str) -> Alarms:
    """Alarms that cannot be read begin anew: people may be alarmed twice, which is better than never."""
    try:
        return Alarms.load(text)
    except (ValueError, TypeError, AttributeError):
        return Alarms()


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000
