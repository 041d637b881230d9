"""Which failure in a row of a job calls people (`alert_after`), and which end says that it works again. Pure.

Decided when the message is made, by how earlier runs of the job ended (`Event.past`).
"""

from relay.domain.events import Event
from relay.domain.outcomes import streaks
from relay.policy.presentation import FAILED


def alerts(event: Event, after: int, *, countable: bool) -> bool:
    """Whether it may call people and be shown to the conversation: anything but a failure that too few came before.

    `countable`: earlier runs of its job are known. What cannot be counted is not held back.
    """
    if (
        after <= 1
        or event.about_batch
        or event.name != "operation.failed"
        or event.status not in FAILED
        or not countable
    ):
        return True
    return len(streaks(event.past).failures) + 1 >= after


def works_again(event: Event, after: int) -> bool:
    """Whether the failure right before it called people: then the conversation hears that it is over.

    Only where `alert_after` is written (0: it is not): a job that fails now and then would be told twice each time.
    """
    if not after or event.name != "operation.completed" or event.status != "Completed":
        return False
    return len(streaks(event.past).failures) >= after
