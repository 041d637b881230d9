"""Base of all questions, and the state that a question of the engine's reads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from relay.domain.facts import Space
from relay.engine.records import Operation
from relay.engine.state import Draft, NotLoaded, Record, State
from relay.store.queries.reader import Reader, Span

R = TypeVar("R", bound=Record)
T = TypeVar("T")
EVERY = 1 << 30


class Access(Protocol):
    """A store, as far as questions and acts need it."""

    @property
    def reader(self) -> Reader: ...
    async def submit(self, entry: Any) -> Any:
        """Have an entry decided by the partition's owner; return its answer."""


class Questions:
    """Questions, and the acts beside them. Every failure is StoreUnavailable."""

    def __init__(self, store: Access) -> None:
        self._store = store
        self._reader = store.reader

    async def _record(self, kind: type[R], name: str) -> R | None:
        [record] = await self._reader.records(kind, [name])
        return record

    async def _named(self, kind: type[R], names: Sequence[str]) -> dict[str, R]:
        """Return those of these names that there are."""
        records = await self._reader.records(kind, names)
        return {record.name: record for record in records if record}

    async def _all_members(self, index: str) -> list[str]:
        [rows] = await self._reader.members([Span(index, EVERY)])
        return [member for member, _ in rows]

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


def stated_by(o: Operation | None) -> dict[str, Any]:
    """Return what rows about an operation say of it: '' for what is no longer known."""
    facts = o.facts if o else {}
    return {"subject": o.subject if o else "", **{name: facts.get(name, "") for name in ("name", *Space._fields)}}


def seconds(ms: int | None) -> float | None:
    return ms / 1000 if ms else None
