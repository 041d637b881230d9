"""Facts known of an operation or batch by its id: texts by the names of relay.domain.facts, and beside these

since     it has events, however little they state
runs      how often it was run again; `began` when the newest of these runs did (ms), `starts` when those before did
restarts  how many of the runs are starts after an outcome, which the platform does not count
ended     when its outcome was (ms); absent while it goes on
ends, went_on   relay.domain.run_ends
original, retry of a retry under a new id: whose run it is, and which; the rest is the original's
space, original_space   where another tenant had the id, or the original's, first
"""

from collections.abc import Mapping

from relay.domain.batch_members import MEMBERS, with_member
from relay.domain.events import Event
from relay.domain.facts import NOWHERE, Space
from relay.engine import names, watch
from relay.engine.arrival import Arrival
from relay.engine.draft import Draft
from relay.engine.records import KEEP_OPERATION, TERMINAL, Operation, spaces
from relay.engine.state import State
from relay.errors import AmbiguousId

Facts = dict[str, str]


def known(d: State, subject: str, space: Space | Mapping[str, str] = NOWHERE) -> Facts:
    """Return what is known of this id. AmbiguousId if it could mean several.

    `space` says whose id it is, or for each id the name space that was decided before.
    """
    facts = _meant(d, subject, space)
    original = facts.get("original")
    if not original:
        return facts
    first = _meant(d, original, space.filled(Space.of(facts)) if isinstance(space, Space) else space)
    kept_in = {"original_space": first.pop("space")} if "space" in first else {}
    return {**first, **facts, **kept_in}


def resolved(d: State, id_: str, space: Space) -> Facts:
    """Return the facts of the operation or batch that this means; with `space` where it is not the id's first.

    Where nothing is known, `space` says under which name it begins. AmbiguousId where it could mean several.
    """
    o = d.record(Operation, names.operation(id_))
    first = _lasting(o)
    if o is None or not o.shared:
        return first if Space.of(first).may_be(space) else {"space": space.dump()}
    stated = space.dump()
    if exact := facts_of(d, id_, stated):
        return exact | {"space": stated}
    meant = _each(d, id_, first, space)
    if len(meant) > 1:
        raise AmbiguousId(id_, [Space.of(facts) for facts in meant])
    return meant[0] if meant else {"space": stated}


def all_of(d: State, id_: str) -> list[Facts]:
    """Return the facts of each operation or batch with this id; `space` as in `resolved`."""
    o = d.record(Operation, names.operation(id_))
    first = _lasting(o)
    return _each(d, id_, first, NOWHERE) if o and o.shared else [first] if first else []


def _meant(d: State, id_: str, space: Space | Mapping[str, str]) -> Facts:
    if isinstance(space, Space):
        return resolved(d, id_, space)
    its = space.get(id_, "")
    facts = facts_of(d, id_, its)
    return facts | {"space": its} if its else facts


def facts_of(d: State, id_: str, space: str = "") -> Facts:
    """Return what is known under an id in one space, as it is kept."""
    return _lasting(d.record(Operation, names.operation(id_, space)))


def _each(d: State, id_: str, first: Facts, space: Space) -> list[Facts]:
    """Return the operations that `space` may mean. A name that cannot be meant is not read."""
    meant = [first] if first and Space.of(first).may_be(space) else []
    possible = [name for name in sorted(d.table(spaces(names.operation(id_)))) if Space.load(name).may_be(space)]
    others = [(name, facts_of(d, id_, name)) for name in possible]
    return meant + [facts | {"space": name} for name, facts in others if facts and Space.of(facts).may_be(space)]


def _lasting(o: Operation | None) -> Facts:
    if o is None:
        return {}
    facts = dict(o.facts)
    more = {
        "ended": o.at if o.rank == TERMINAL else None,
        "runs": o.run or None,
        "began": o.began,
        "starts": o.starts or None,
        "ends": o.ends or None,
        "went_on": o.went_on,
        "since": o.first,
    }
    return facts | {name: f"{value}" for name, value in more.items() if value is not None}


def link_retry(d: Draft, a: Arrival) -> None:
    """Lead a new id to the operation that it continues: whatever names it later belongs there."""
    event = a.event
    if not event.original or event.about_batch or event.operation is None:
        return
    retry = d.edit(Operation, names.operation(event.own_id, event.space(event.own_id)))
    retry.facts.setdefault("original", event.subject)
    retry.facts.setdefault("retry", f"{a.run}")
    retry.leads_to = retry.leads_to or a.operation
    for name in Space._fields:  # another tenant's run does not lead there
        if a.facts.get(name):
            retry.facts.setdefault(name, a.facts[name])


def mark_shared(d: Draft, event: Event) -> None:
    """Mark ids that other tenants had first: these names know the spaces of all but the first."""
    if not event.spaces:
        return
    for id_ in dict.fromkeys((event.subject, event.subject if event.about_batch else event.own_id)):
        if space := event.space(id_):
            plain = d.edit(Operation, names.operation(id_))
            plain.shared = True
            d.put(spaces(plain.name), space, b"", kept=KEEP_OPERATION)


def end_in_batch(d: Draft, a: Arrival) -> None:
    """A batch says that a run of its member is over, whose own end may never be reported."""
    if not a.member_over:
        return
    name, run = a.member_over
    member = d.get(Operation, name)
    if member is None:
        return
    target = member.leads_to or name
    run = int(member.facts["retry"]) if "retry" in member.facts else run + int(member.facts.get("restarts", 0))
    o = d.get(Operation, target)
    if o is None or run >= (o.run or 0):  # one that was run again goes on
        watch.unwatch(d, target)


def tell_batch(d: Draft, a: Arrival) -> None:
    """Let a batch know what its operation is called and why it failed: the batch's own events may not say so."""
    event = a.event
    if not event.member_of or event.about_batch or a.progress or a.watch or a.action:
        return
    name = names.operation(event.member_of, event.space(event.member_of))
    batch = d.get(Operation, name)
    if batch and (fact := with_member(event, batch.facts.get(MEMBERS, ""))) != batch.facts.get(MEMBERS, ""):
        d.edit(Operation, name).facts[MEMBERS] = fact
