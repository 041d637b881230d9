"""Ids that lead to other operations: retries under a new id, members of batches, ids that several tenants use."""

from relay.domain.events import Event
from relay.engine import names, watch
from relay.engine.arrival import Arrival
from relay.engine.records import KEEP_OPERATION, Operation, spaces
from relay.engine.state import Draft

TENANT = ("platform", "tenant", "project")


def link_retry(d: Draft, a: Arrival) -> None:
    """Lead a new id to the operation that it continues: whatever names it later belongs there."""
    event = a.event
    if not event.original or event.about_batch or event.operation is None:
        return
    own = d.edit(Operation, names.operation(event.own_id, event.space(event.own_id)))
    own.facts.setdefault("original", event.subject)
    own.facts.setdefault("retry", f"{a.run}")
    own.leads_to = own.leads_to or a.operation
    for name in TENANT:  # another tenant's run does not lead there
        if a.facts.get(name):
            own.facts.setdefault(name, a.facts[name])


def mark_shared(d: Draft, event: Event) -> None:
    """Mark ids that other tenants had first: these names know the spaces of all but the first."""
    for id_ in dict.fromkeys((event.subject, event.subject if event.about_batch else event.own_id)):
        if space := event.space(id_):
            plain = d.edit(Operation, names.operation(id_))
            plain.shared = True
            d.put(spaces(plain.name), space, b"", kept=KEEP_OPERATION)


def end_in_batch(d: Draft, a: Arrival) -> None:
    """A batch says that a run of its member is over, whose own end may never be reported."""
    if not a.member_over:
        return
    member, run = a.member_over
    own = d.get(Operation, member)
    if own is None:
        return
    target = own.leads_to or member
    run = int(own.facts["retry"]) if "retry" in own.facts else run + int(own.facts.get("restarts", 0))
    o = d.get(Operation, target)
    if o is None or run >= (o.run or 0):  # one that was run again goes on
        watch.unwatch(d, target)
