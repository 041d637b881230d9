"""A batch as a graph: in which order its operations may run, and what follows when one of them ends. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from relay_sandbox.schema.requests import FailurePolicy, FieldError, Member
from relay_sandbox.storage.records import ENDED

FAILED = frozenset({"Failed", "Timeout"})
PENDING = "Pending"  # waits for others of its batch

Graph = Mapping[str, Sequence[str]]


@dataclass
class BatchDecision:
    """The next steps. `cancel`: key → why. `status` is the batch's."""

    start: list[str] = field(default_factory=list)
    retry: list[str] = field(default_factory=list)
    cancel: dict[str, str] = field(default_factory=dict)
    status: str = "Running"


def graph(members: Sequence[Member]) -> dict[str, list[str]]:
    """Key → what it depends on. FieldError for what cannot be run in any order."""
    edges: dict[str, list[str]] = {}
    for index, member in enumerate(members):
        if member.operation_key in edges:
            raise FieldError(f"operations.{index}.operationKey", f"{member.operation_key!r} is used twice")
        edges[member.operation_key] = list(dict.fromkeys(member.dependencies))
    for index, member in enumerate(members):
        for position, dependency in enumerate(member.dependencies):
            if dependency not in edges:
                raise FieldError(
                    f"operations.{index}.dependencies.{position}",
                    f"no operation of this batch has the key {dependency!r}",
                )
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        cycle = " → ".join(reversed(error.args[1]))
        raise FieldError("operations", f"the dependencies go round in a circle: {cycle}") from None
    return edges


def schedule(edges: Graph, seconds: Mapping[str, float]) -> dict[str, float]:
    """Key → seconds after the batch's start at which it can begin, if all goes well."""
    starts: dict[str, float] = {}
    for key in TopologicalSorter(edges).static_order():
        starts[key] = max((starts[before] + seconds[before] for before in edges[key]), default=0.0)
    return starts


def decide(
    edges: Graph, statuses: Mapping[str, str], policy: FailurePolicy, retried: Sequence[str] = ()
) -> BatchDecision:
    """Apply the failure policy to these statuses; `retried` were given their second chance.

    stopOnFirstFailure  continueIndependentOperations  after a failure
    false               true     what depends on it is cancelled, all else goes on
    false               false    what runs ends, nothing else starts
    true                true     the same: what runs is independent, and ends
    true                false    everything is cancelled at once
    retryFailedOperations: a failure counts only when the one retry has failed too.
    """
    chance = policy.retry_failed_operations
    retry = [key for key, status in statuses.items() if chance and status in FAILED and key not in retried]
    failed = [key for key, status in statuses.items() if status in FAILED and key not in retry]
    gone = {key: key for key, status in statuses.items() if status == "Cancelled" or key in failed}
    waiting = [key for key in TopologicalSorter(edges).static_order() if statuses[key] == PENDING]
    decision = BatchDecision(retry=retry)
    for key in waiting:  # in order, so that what depends on the cancelled is cancelled with it
        if lost := next((gone[before] for before in edges[key] if before in gone), None):
            decision.cancel[key] = f"{lost}, which it depends on, did not complete"
            gone[key] = lost
    if failed and (policy.stop_on_first_failure or not policy.continue_independent_operations):
        why = f"the batch stopped because {failed[0]} failed"
        decision.cancel = dict.fromkeys(waiting, why) | decision.cancel
        if policy.stop_on_first_failure and not policy.continue_independent_operations:
            running = [key for key, status in statuses.items() if status not in ENDED and status != PENDING]
            decision.cancel |= dict.fromkeys([*running, *retry], why)
            decision.retry = []
    decision.start = [
        key for key in waiting
        if key not in decision.cancel and all(statuses[before] == "Completed" for before in edges[key])
    ]  # fmt: skip
    if not decision.retry and not decision.cancel and all(status in ENDED for status in statuses.values()):
        outcomes = set(statuses.values())
        decision.status = "Failed" if outcomes & FAILED else "Cancelled" if "Cancelled" in outcomes else "Completed"
    elif all(status in ("Initiated", PENDING) for status in statuses.values()):
        decision.status = "Initiated"
    return decision
