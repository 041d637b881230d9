"""A run that failed and then completed without a start: its failure is completed, not followed by a message. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from relay.domain.deliveries import Digest, Target
from relay.domain.events import Event


def as_failure(event: Event) -> Event:
    """Return the failure that this completion follows, for whom it is meant."""
    status = event.compared.completes if event.compared else ""
    operation = event.operation and replace(event.operation, status=status)
    return replace(event, name="operation.failed", operation=operation)


def mark_informed(targets: Sequence[Target], of_failure: Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets, marked where the failure had the same address. A digest lists what is newest in any case."""
    informed = {(target.destination, target.address) for target in of_failure if not target.hold_reason}
    return tuple(
        replace(target, failure_shown=True)
        if (target.destination, target.address) in informed and not isinstance(target.how, Digest)
        else target
        for target in targets
    )
