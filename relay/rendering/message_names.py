"""Which message tells of an event, by the name of its template's file."""

from collections.abc import Sequence

from relay.domain.deliveries import Form
from relay.domain.documents import mapping
from relay.domain.events import OPERATION_EVENTS, TERMINAL, Event
from relay.rendering.context import open_alarm

# A live message shows the present state, whichever event came last.
OF_STATUS = {
    "Initiated": "operation.started", "Running": "operation.progress", "Completed": "operation.completed",
    "Failed": "operation.failed", "Timeout": "operation.timeout", "Cancelled": "operation.cancelled",
    "Stalled": "operation.stalled",
}  # fmt: skip
BATCH_OF_STATUS = {
    "Initiated": "batch.started", "Running": "batch.progress", **dict.fromkeys(TERMINAL, "batch.completed"),
}  # fmt: skip


def message_of(event: Event, kind: Form, history: Sequence[Event] = ()) -> str:
    """Which message tells of the event. A Timeout is told as one, and a failure as one, whatever named it."""
    if event.about_batch:
        return BATCH_OF_STATUS.get(event.status, event.name) if kind == "live" else event.name
    if kind == "live" and open_alarm(event, history):
        return "operation.stalled"
    if event.name == "operation.recovered" and mapping(event.document.get("recovered")).get("rule") == "missing":
        return event.name  # it is about no run that would go on
    if kind == "live" or (event.terminal and event.name in OPERATION_EVENTS):
        return OF_STATUS.get(event.status, event.name)
    return event.name


def operation_type(event: Event, history: Sequence[Event] = ()) -> str:
    """The type of the operation that is told of, from an earlier event if this one does not say it."""
    if event.operation and event.operation.type:
        return event.operation.type
    earlier = (other.operation.type for other in reversed(history) if other.operation and other.operation.type)
    return next(earlier, "") if event.operation else ""
