"""A step that counts: enough of a state to see what the driver does with it."""

import contextlib
from dataclasses import dataclass, field
from typing import Any, ClassVar

from relay.engine.draft import Draft
from relay.engine.state import Changes, Record, State

HOUR = 3_600_000


@dataclass
class Counter(Record):
    PREFIX: ClassVar[str] = "counter:"

    total: int = 0
    seen: list[str] = field(default_factory=list)
    places: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    last: int | None = None
    blob: bytes = b""


@dataclass
class Brief(Record):
    """A record that is forgotten an hour after it was written, or when it says."""

    PREFIX: ClassVar[str] = "brief:"
    KEPT: ClassVar[int] = HOUR

    text: str = ""
    retained: int = 0

    @property
    def lives(self) -> int:
        return self.retained or self.KEPT


@dataclass(frozen=True, slots=True)
class Add:
    """Count `by` for a name, once for each event."""

    name: str
    event: str
    by: int = 1
    body: bytes = b""
    timer: int = 0  # ms from now


@dataclass(frozen=True, slots=True)
class Press:
    """An act: counts each time."""

    name: str


@dataclass(frozen=True, slots=True)
class Fire:
    """Count the timers that are due."""


@dataclass(frozen=True, slots=True)
class Look:
    """Read, and change nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class Hand:
    """Hand out: what changes goes with the next commit."""

    name: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Fail, or make what cannot be written."""

    name: str = "x"
    unwritable: bool = False
    wrong_type: bool = False


class Death(BaseException):
    """The end of a process."""


@dataclass(frozen=True, slots=True)
class Deadly:
    """End the process that steps it."""

    name: str = "x"


@dataclass(frozen=True, slots=True)
class Endless:
    """Compute for ever, and take whatever is raised meanwhile for something else."""

    name: str = "x"


KINDS = (Add, Press, Fire, Look, Hand, Broken, Deadly, Endless)


@dataclass(slots=True)
class Settings:
    factor: int = 1


def step(state: State, entry: Any, now: int, settings: Settings) -> tuple[Changes, Any]:
    draft = Draft(state, now)
    return draft.changes, HANDLERS[type(entry)](draft, entry, settings)


def _add(d: Draft, entry: Add, settings: Settings) -> dict[str, Any]:
    if d.field(f"events:{entry.name}", entry.event) is not None:
        d.count("duplicates")
        return {"total": d.edit(Counter, entry.name).total, "duplicate": True}
    counter = d.edit(Counter, entry.name)
    counter.total += entry.by * settings.factor
    counter.last = d.now
    d.put(f"events:{entry.name}", entry.event, entry.body)
    d.append(f"story:{entry.name}", entry.event.encode(), most=5, kept=HOUR)
    if entry.timer:
        d.place("timers", f"{entry.name} {entry.event}", d.now + entry.timer)
    d.count("accepted")
    return {"total": counter.total, "duplicate": False}


def _press(d: Draft, entry: Press, _settings: Settings) -> int:
    counter = d.edit(Counter, entry.name)
    counter.total += 1
    d.count("pressed")
    return counter.total


def _fire(d: Draft, _entry: Fire, _settings: Settings) -> list[str]:
    due = d.first("timers", d.now)
    for member in due:
        d.take_out("timers", member)
        d.edit(Counter, member.split()[0]).seen.append(member)
        d.count("fired")
    return due


def _look(d: Draft, entry: Look, _settings: Settings) -> dict[str, Any] | None:
    counter = d.get(Counter, entry.name)
    return counter and {"total": counter.total, "seen": counter.seen, "story": [*d.log(f"story:{entry.name}")]}


def _hand(d: Draft, entry: Hand, _settings: Settings) -> int:
    counter = d.edit(Counter, entry.name)
    counter.seen.append("handed")
    return len(counter.seen)


def _broken(d: Draft, entry: Broken, _settings: Settings) -> None:
    counter = d.edit(Counter, entry.name)
    counter.total += 1_000
    d.count("accepted")
    if entry.unwritable:
        counter.blob = object()  # type: ignore[assignment]
    elif entry.wrong_type:
        d.place("no-index", "member", 1)
    else:
        raise ValueError("toy")


def _deadly(_d: Draft, _entry: Deadly, _settings: Settings) -> None:
    raise Death


def _endless(_d: Draft, _entry: Endless, _settings: Settings) -> None:
    while True:
        with contextlib.suppress(Exception):
            sum(range(1_000))


HANDLERS: dict[type, Any] = {
    Add: _add,
    Press: _press,
    Fire: _fire,
    Look: _look,
    Hand: _hand,
    Broken: _broken,
    Deadly: _deadly,
    Endless: _endless,
}
