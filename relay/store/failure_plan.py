"""What accept gets of a failure that may heal, or have the cause of others."""

from collections.abc import Sequence

from relay.domain.deliveries import Target
from relay.domain.display import boundary
from relay.domain.events import PRIORITIES, Event
from relay.domain.identity import error_of, signature
from relay.store.keys import operation

SAID = 200  # characters of an error that are kept for the message that it had healed


def failure_plan(event: Event, targets: Sequence[Target]) -> dict[str, str]:
    """Nothing for what is none. The cause: how grave it is, whose run failed, and by what its error is recognised."""
    plan = {}
    if any(target.group for target in targets) and (cause := signature(error_of(event))):
        priority = event.operation.priority if event.operation else ""
        gravity = PRIORITIES.index(priority) if priority in PRIORITIES else PRIORITIES.index("Normal")
        plan["cause"] = f"{gravity} {_whose(event)} {cause}"
    if any(target.hold for target in targets):
        message = error_of(event).get("message")
        line = " ".join(message.split()) if isinstance(message, str) else ""
        plan["said"] = line[: boundary(line, min(len(line), SAID))].encode("utf-8", "replace").decode()
    return plan


def _whose(event: Event) -> str:
    """The operation's name, be it told by itself or by its batch."""
    subject = event.own_id if event.about_batch else event.subject
    return operation(subject, event.space(subject))
