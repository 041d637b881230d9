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

from relay.domain.facts import NOWHERE, Space
from relay.engine import names
from relay.engine.records import TERMINAL, Operation, spaces
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
