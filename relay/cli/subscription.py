"""Which of a platform's events the rules want, so that no others are sent. Pure."""

from collections.abc import Iterable, Sequence

from relay.domain.event_names import matches_event
from relay.domain.events import BATCH_EVENTS, IMPLIED_STATUS, OPERATION_EVENTS, STATUSES, TERMINAL, TEXTS, WATCH_EVENTS
from relay.policy.rules import Rule
from relay.policy.watchdog import SOURCE as WATCHDOG

# That a run hangs is for the watchdog to say: a platform's events know no such status.
GOING = [status for status in STATUSES if status not in {*TERMINAL, "Stalled"}]


def requested_events(rule: Rule, source: str, *, watched: bool) -> frozenset[str]:
    """The events of a source that the rule wants, by name.

    `watched`: there is a watchdog. To find a run that hangs it must see it begin, live and end, so whoever wants to
    hear of that wants all that is reported of operations.
    """

    def matches(event: str, origin: str, statuses: Iterable[str]) -> bool:
        return (
            any(matches_event(pattern, event) for pattern in rule.events)
            and origin in (rule.sources or (origin,))
            and any(status in (rule.statuses or (status,)) for status in statuses)
        )

    needs_all = watched and any(matches(event, WATCHDOG, (IMPLIED_STATUS[event],)) for event in WATCH_EVENTS)
    # The start and the end of a batch state nothing of an operation, so no rule that asks for that matches them.
    of_operations = any(getattr(rule, text.condition) for text in TEXTS.values() if text.condition)
    unmatchable = ("batch.started", "batch.completed") if of_operations else ()
    return frozenset(
        event for event in (*OPERATION_EVENTS, *BATCH_EVENTS)
        if (needs_all and event in OPERATION_EVENTS)
        or (event not in unmatchable and matches(event, source, _statuses(event)))
    )  # fmt: skip


def _statuses(event: str) -> Iterable[str]:
    """Those with which the event can reach a rule."""
    implied = IMPLIED_STATUS[event]
    if event == "batch.operation.completed":  # whatever became of the operation, its batch goes on
        return (implied,)
    return TERMINAL if implied in TERMINAL else GOING


def events(rules: Sequence[Rule], source: str, *, watched: bool, everything: bool = False) -> tuple[str, ...]:
    """The events that all rules together ask for, and no more.

    `everything`: operations say themselves who should hear of them, whatever the rules leave out.
    """
    union = {*(OPERATION_EVENTS if everything else ())}.union(
        *(requested_events(rule, source, watched=watched) for rule in rules)
    )
    return tuple(event for event in (*OPERATION_EVENTS, *BATCH_EVENTS) if event in union)
