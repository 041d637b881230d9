"""Cases of formats: what one makes of a document that it is about. Pure.

Reading never raises, whatever comes: it gives a document, and where there is none to tell about the reason, or the
field that is missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from relay.domain.events import TERMINAL
from relay.formats.fields import MAX_LINE, Field
from relay.formats.paths import BODY, MAX_ITEMS, Roots
from relay.formats.values import Table, Value

IGNORE = "ignore"
SKIPPED = "Skipped"  # a run that did nothing: it ends one that is known, and says nothing of any other
MAX_PHASES = 100  # that are kept of a list; all count for the percentage
PENDING, WAITING = "Pending", "Waiting"  # phases that have not begun; one waits for a person's approval
Place = tuple[str | int, ...]


class Reading(NamedTuple):
    """The result of reading a document, or an item of one. `case` counts from 1, 0 for none; `unknown`: fields with
    words of no row; `beyond`: items that are too many; `quiet`: only the end of a run that is known."""

    document: dict[str, Any] | None = None
    ignored: str = ""
    missing: str = ""
    case: int = 0
    unknown: tuple[tuple[str, str], ...] = ()
    beyond: int = 0
    quiet: bool = False


class Part(NamedTuple):
    """A value of a case, and where it is written. Only a field of the run or of a phase has a `field`."""

    place: Place
    value: Value
    field: Field | None = None


class Condition(NamedTuple):
    """A demand on a value: one of these words, or `present` or `absent`."""

    route: str
    accepted: tuple[str, ...]
    value: Value
    holds: Callable[[Roots], bool]


def _stated(parts: tuple[Part, ...], roots: Roots, status: str | None) -> dict[str, Any]:
    """Return what a document has of these fields, at their keys."""
    document: dict[str, Any] = {}
    for _, value, field in parts:
        if field is None or (field.only is not None and status not in field.only):
            continue
        if (read_value := value.read(roots)) is not None and (read_value := field.convert(read_value)) is not None:
            holder = document
            for key in field.key[:-1]:
                holder = holder.setdefault(key, {})
            holder[field.key[-1]] = read_value
    return document


@dataclass(frozen=True, slots=True)
class Phase:
    """The fields of a phase, which is in an event of its own or an item of a list."""

    parts: tuple[Part, ...]  # without its status
    status: Table | None
    of: Value | None = None  # the list
    complete: bool = False  # the list has all phases from the beginning, so what is done of it is a percentage

    def shown(self, name: str) -> Iterator[Part]:
        """Yield all its values under this name."""
        if self.of:
            yield Part((name, "of"), self.of)
        yield from (part._replace(place=(name, *part.place)) for part in self.parts)
        if self.status:
            yield Part((name, "status"), self.status.value())

    def read(self, roots: Roots) -> dict[str, Any]:
        status = self.status(roots) if self.status else None
        # One that has no status at all has an end, if there is one.
        phase = _stated(self.parts, roots, status if self.status else "Completed")
        return phase | {"status": status} if status else phase

    def listed(self, roots: Roots) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the phases of a list, and the progress that they show."""
        items = self.of.read(roots) if self.of else None
        if type(items) is not list:
            return [], {}
        inner = {**roots}
        phases = []
        for item in items[:MAX_ITEMS]:
            inner[BODY] = item
            phase = self.read(inner) if type(item) is dict else {}
            if "phaseName" in phase and phase.get("status") != IGNORE:
                phases.append(phase)
        done = sum(phase.get("status") in TERMINAL for phase in phases)
        progress: dict[str, Any] = {"phasesCompleted": done}
        if self.complete and phases and len(items) <= MAX_ITEMS:
            progress |= {"percentage": round(100 * done / len(phases), 1), "totalPhases": len(phases)}
        if len(phases) > MAX_PHASES:
            newest = sorted(range(len(phases)), key=lambda index: phases[index].get("startTime", ""))[-MAX_PHASES:]
            phases = [phases[index] for index in sorted(newest)]  # a job that is retried is among them
        return phases, progress


TELL_APART = {("attempt",), ("started",), ("ended",), ("at",)}  # fields by which runs of one id differ


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of document. `place`: where it is written in its format."""

    place: Place
    conditions: tuple[Condition, ...]
    parts: tuple[Part, ...] = ()  # the fields of the run
    ignore: str = ""
    status: Table | None = None
    phase: Phase | None = None
    phases: Phase | None = None
    each: Value | None = None  # the list whose items it is about

    @property
    def shown(self) -> list[Part]:
        """Return all its values but the conditions."""
        status = [Part(("status",), self.status.value())] if self.status else []
        phases = [part for name in ("phase", "phases") if (it := getattr(self, name)) for part in it.shown(name)]
        return [*self.parts[:1], *status, *self.parts[1:], *phases]

    @property
    def repeats_runs(self) -> bool:
        """Return whether nothing tells two runs of one id apart."""
        run = next((part.value for part in self.parts if part.place == ("run",)), None)
        return bool(self.status and run and len(run.paths) == 1) and TELL_APART.isdisjoint(
            part.place for part in self.parts
        )

    def holds(self, roots: Roots) -> bool:
        for condition in self.conditions:  # noqa: SIM110 - a generator costs more than what it asks
            if not condition.holds(roots):
                return False
        return True

    def read(self, roots: Roots, number: int) -> Reading:
        if self.ignore:
            return Reading(ignored=self.ignore, case=number)
        phase = self.phase.read(roots) if self.phase else {}
        status = self.status(roots) if self.status else None
        if quiet := status == SKIPPED:
            status = "Cancelled"
        if IGNORE in (status, phase.get("status")):
            return Reading(ignored="a status that says nothing of a run", case=number)
        document = _stated(self.parts, roots, status)
        missing = ""
        if "operationId" not in document.get("operation", ()):
            missing = "run"
        elif self.phase and not ("phaseName" in phase and "status" in phase):
            missing = "phase.status" if "phaseName" in phase else "phase.name"
        elif not status and not self.phase:
            missing = "status"
        unknown = tuple(self._unknown(roots, status, phase.get("status")))
        if missing:
            return Reading(missing=missing, case=number, unknown=unknown)
        listed = self.phases.listed(roots) if self.phases else ([], {})
        return Reading(_completed(document, status, phase, *listed), case=number, unknown=unknown, quiet=quiet)

    def _unknown(self, roots: Roots, status: str | None, of_phase: str | None) -> Iterator[tuple[str, str]]:
        if self.status and status is None and (word := self.status.unknown(roots)):
            yield "status", " ".join(word.split())[:MAX_LINE]
        if self.phase and self.phase.status and of_phase is None and (word := self.phase.status.unknown(roots)):
            yield "phase.status", " ".join(word.split())[:MAX_LINE]


def _completed(
    document: dict[str, Any], status: str | None, phase: dict[str, Any], phases: list[dict[str, Any]],
    progress: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Add to what a document states of a run what follows from it: it is one of the Async Operations API then."""
    operation = document["operation"]
    over = status in TERMINAL
    if status:
        operation["status"] = status
    if attempt := operation.pop("retryNumber", 0):
        operation["retryNumber"] = attempt - 1
    if over:
        progress.pop("percentage", None)  # a run may end with phases that have not begun
    if phase.get("status") in ("Running", WAITING):
        progress["currentPhase"] = phase["phaseName"]
    if phase.get("status") == WAITING:
        progress["waitsForApproval"] = phase["phaseName"]
    if progress := progress | operation.pop("progress", {}):
        operation["progress"] = progress
    if phases:
        operation["phases"] = phases
    if at := document.get("timestamp") or (operation if over else phase).get("endTime"):
        document["timestamp"] = at
    if phase.get("status") == PENDING and not status:  # it begins its run, if nothing else has
        document |= {"event": "operation.started", "timestamp": phase.get("startTime")}
    elif phase:
        ended = phase["status"] in TERMINAL
        document |= {"event": "operation.phase.completed" if ended else "operation.progress", "phase": phase}
    return document
