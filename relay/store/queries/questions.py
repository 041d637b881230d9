"""Base of all questions: reads of the records, questions of the engine's, and what an id means."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

from relay.domain.facts import BATCH_NAME, NOWHERE, Space
from relay.engine import known, names
from relay.engine.draft import Draft
from relay.engine.known import Facts
from relay.engine.records import Delivery, Operation, spaces
from relay.engine.state import NotLoaded, Record, State
from relay.errors import AmbiguousId
from relay.store.queries.reader import STEP, Reader, Span

R = TypeVar("R", bound=Record)
T = TypeVar("T")
EVERY = 1 << 30
STATED = ("name", "type", "priority", "tenant", "project", "platform")
OF_DELIVERY = ("operation", "destination", "channel", "address", "kind", "event", "attempts")


class Access(Protocol):
    """A store, as far as questions and acts need it."""

    @property
    def reader(self) -> Reader: ...
    async def submit(self, entry: Any) -> Any:
        """Have an entry decided by the partition's owner; return its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfOperation:
    """A row about an operation: '' for what is no longer known. Times of rows are seconds since the epoch.

    operation  the store's name of it; of a bundle (kind digest, roundup, rolling) its id
    subject    the id that people know
    """

    operation: str
    subject: str = ""
    name: str = ""
    type: str = ""
    priority: str = ""
    tenant: str = ""
    project: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfDelivery(OfOperation):
    """A row about a delivery: `kind` is each, live, reply, digest, roundup or rolling; `event` is its event's name."""

    id: str
    destination: str
    channel: str
    address: str
    kind: str
    event: str
    attempts: int


def stated_by(o: Operation | None) -> dict[str, Any]:
    """Return what rows about an operation say of it."""
    facts = o.facts if o else {}
    stated = {name: facts.get(name, "") for name in STATED}
    return {"subject": o.subject if o else "", **stated, "name": stated["name"] or facts.get(BATCH_NAME, "")}


def delivery_of(x: Delivery, o: Operation | None) -> dict[str, Any]:
    """Return what rows about a delivery of this operation say of both."""
    return {"id": x.name, **{name: getattr(x, name) for name in OF_DELIVERY}, **stated_by(o)}


class Questions:
    """Questions, and the acts beside them. Every failure is StoreUnavailable.

    An id may be that of several tenants' operations: AmbiguousId where the given space does not say which is meant.
    """

    def __init__(self, store: Access) -> None:
        self._store = store
        self._reader = store.reader

    async def _record(self, kind: type[R], name: str) -> R | None:
        [record] = await self._reader.records(kind, [name])
        return record

    async def _named(self, kind: type[R], names: Iterable[str]) -> dict[str, R]:
        """Return those of these names that there are, in this order."""
        records = await self._reader.records(kind, [*dict.fromkeys(names)])
        return {record.name: record for record in records if record}

    async def _each(self, kind: type[R], names: Iterable[str]) -> AsyncIterator[R]:
        """Yield the same; of many few are at hand at a time."""
        listed = [*names]
        for first in range(0, len(listed), STEP):
            for record in await self._reader.records(kind, listed[first : first + STEP]):
                if record:
                    yield record

    async def _members(self, index: str, limit: int = EVERY, **span: Any) -> dict[str, int]:
        """Return the members of a `Span`, each with its score, in its order."""
        [rows] = await self._reader.members([Span(index, limit, **span)])
        return dict(rows)

    async def _ask(self, question: Callable[[Draft], T]) -> T:
        """Return the answer to a question of the engine's, which changes nothing, and reads records and tables.

        What it misses is read, and it is asked again.
        """
        loaded = _Loaded()
        state, now = cast("State", loaded), await self._reader.now()
        while True:
            try:
                return question(Draft(state, now))
            except NotLoaded as missing:
                await self._load(loaded.parts, [missing, *missing.others])

    async def _load(self, parts: dict[tuple[Any, ...], Any], missing: Sequence[NotLoaded]) -> None:
        what, *of = missing[0].args
        if what == "record":  # several are of one kind
            names = [need.names[1] for need in missing]
            for need, record in zip(missing, await self._reader.records(of[0], names), strict=True):
                parts[need.args] = record
        elif what == "table":
            parts[missing[0].args] = await self._reader.table(*of)
        else:
            [parts[missing[0].args]] = await self._reader.fields(of[0], of[1:])

    async def _resolved(self, id_: str, space: Space) -> Facts:
        """Return the facts of what this id means in this space (relay/engine/known.py)."""
        return await self._ask(lambda d: known.resolved(_with_spaces(d, id_), id_, space))

    async def _name_of(self, subject: str, space: Space) -> tuple[str, str]:
        """Return the id and the name of its record, '' where it is another's.

        Of a retry under a new id both are the original's, whose timeline is its own.
        """
        subject, name_space = await self._meant(subject, space)
        return subject, "" if name_space is None else names.operation(subject, name_space)

    async def _meant(self, subject: str, space: Space) -> tuple[str, str | None]:
        """Return the id, and the space of its name: '' for the first with this id; None where it is another's."""
        every = await self._ask(lambda d: known.all_of(_with_spaces(d, subject), subject))
        meant = [facts for facts in every if Space.of(facts).may_be(space)]
        if len(meant) > 1:
            raise AmbiguousId(subject, [Space.of(facts) for facts in meant])
        facts = meant[0] if meant else {}
        if original := facts.get("original"):
            first = await self._resolved(original, space.filled(Space.of(facts)))
            return original, first.get("space", "")
        if not meant and space != NOWHERE:
            return subject, None
        return subject, facts.get("space", "")


def _with_spaces(d: Draft, id_: str) -> Draft:
    """Have all operations with this id read at once."""
    first = d.get(Operation, names.operation(id_))
    if first and first.shared:
        d.get_all(Operation, [names.operation(id_, space) for space in d.table(spaces(first.name))])
    return d


class _Loaded:
    """A part of the state: what was asked for so far."""

    def __init__(self) -> None:
        self.parts: dict[tuple[Any, ...], Any] = {}

    def record(self, kind: type[R], name: str) -> R | None:
        return self._part("record", kind, name)  # type: ignore[no-any-return]

    def field(self, table: str, name: str) -> bytes | None:
        return self._part("field", table, name)  # type: ignore[no-any-return]

    def table(self, table: str) -> Mapping[str, bytes]:
        return self._part("table", table)  # type: ignore[no-any-return]

    def _part(self, *what: Any) -> Any:
        if what not in self.parts:
            raise NotLoaded(*what)
        return self.parts[what]
