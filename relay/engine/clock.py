"""Clockwork of all processes together: ticks and turns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from relay.engine.draft import Draft
from relay.engine.state import Record

TICKS = "ticks"  # the name of the only record of its kind
TROUBLES = "troubles"


@dataclass
class Ticks(Record):
    """Clockwork of all processes together. There is one, named `ticks`."""

    PREFIX: ClassVar[str] = ""

    last: int = 0
    grace: int = 0
    back: int = 0
    left: int = 0
    asked: int = 0
    reconciled: int = 0
    turns: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    doing: dict[str, int] = field(default_factory=dict)


@dataclass
class Troubles(Record):
    """Problems of relay itself, and their notices: a text of relay.policy.notices. There is one, named `troubles`."""

    PREFIX: ClassVar[str] = ""

    text: str = ""


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """Take the turn to ask the platform, one in each `period` ms. Answer: ms of the newest `Reconciled`; None: wait."""

    period: int

    def decide(self, d: Draft) -> int | None:
        ticks = d.edit(Ticks, TICKS)
        if d.now - ticks.asked < self.period:
            return None
        ticks.asked = d.now
        return ticks.reconciled


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Every run that began before `at` (ms) is known."""

    at: int

    def decide(self, d: Draft) -> None:
        d.edit(Ticks, TICKS).reconciled = self.at


@dataclass(frozen=True, slots=True)
class ReportTick:
    """The newest tick of this name failed; without `error` it did not."""

    name: str
    error: str = ""

    def decide(self, d: Draft) -> None:
        failed = d.edit(Ticks, TICKS).failed
        if self.error:
            failed[self.name] = f"{d.now // 1000} {self.error}"
        else:
            failed.pop(self.name, None)


@dataclass(frozen=True, slots=True)
class TakeTurnFor:
    """Take a turn that one process has in each `period` ms. Answer: bool."""

    name: str
    period: int

    def decide(self, d: Draft) -> bool:
        ticks = d.edit(Ticks, TICKS)
        last = ticks.turns.get(self.name, 0)
        if d.now - last < self.period:
            return False
        ticks.turns[self.name] = d.now
        return True


@dataclass(frozen=True, slots=True)
class LookAtTroubles:
    """Read what is wrong with relay itself; `parts` of the work that this process does: receive, deliver.

    Answer: the time, the text, and how long ago (ms) any process received and delivered; -1: never.
    """

    parts: Sequence[str] = ()

    def decide(self, d: Draft) -> list[str | int]:
        if self.parts:
            ticks = d.edit(Ticks, TICKS)
            ticks.doing |= dict.fromkeys(self.parts, d.now)
        doing = d.look(Ticks, TICKS).doing
        ago = [d.now - doing[part] if part in doing else -1 for part in ("receive", "deliver")]
        return [d.now, d.look(Troubles, TROUBLES).text, *ago]


@dataclass(frozen=True, slots=True)
class KeepTroubles:
    """Replace the text, if it is still as it was: of two that replace the same one, one does. Answer: bool."""

    was: str
    becomes: str

    def decide(self, d: Draft) -> bool:
        kept = d.edit(Troubles, TROUBLES)
        if kept.text != self.was:
            return False
        kept.text = self.becomes
        return True
