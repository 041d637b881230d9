"""Mapping of a foreign sender's document to the one that relay understands. Compiled with the configuration. Pure.

A format is a case or several, of which the first counts whose conditions hold. A case with `each` is about the items of
a list, one by one. Reading never raises, whatever comes: it gives documents, and where there is none to tell about the
reason, or the field that is missing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from relay.domain.events import FAILED, TERMINAL
from relay.formats.envelopes import opened
from relay.formats.fields import MAX_LINE, Convert, plain
from relay.formats.values import BODY, MAX_ITEMS, Read, Roots, Table

IGNORE, ITEM = "ignore", "item"
NO_CASE = "no case of the format is about it"
# The fields of a run that are keys of the operation in relay's own document, and those of a phase.
OPERATION_KEYS = {
    "run": "operationId", "job": "operationName", "title": "operationDescription", "type": "operationType",
    "priority": "priority", "batch": "batchId", "batch_name": "batchName", "started": "startTime",
    "deadline": "timeoutAt", "link": "trackingUrl",
}  # fmt: skip
CAUSE_KEYS = {"code": "code", "error": "message"}
MAX_EVENTS = 100  # of one document
MAX_PHASES = 100  # that are kept of a list; all count for the percentage
PHASE_KEYS = {"name": "phaseName", "started": "startTime", "ended": "endTime", "error": "message", "link": "url"}
Fields = tuple[tuple[str, Read, Convert], ...]
Condition = Callable[[Roots], bool]
Part = TypeVar("Part")


class Reading(NamedTuple):
    """The result of reading a document, or an item of one. `case` counts from 1, 0 for none; `unknown`: fields with
    words of no row; `beyond`: items that are too many."""

    document: dict[str, Any] | None = None
    ignored: str = ""
    missing: str = ""
    case: int = 0
    unknown: tuple[tuple[str, str], ...] = ()
    beyond: int = 0


def _read(fields: Fields, roots: Roots) -> dict[str, Any]:
    stated = {}
    for name, read, convert in fields:
        value = read(roots)
        if value is not None and (value := convert(value)) is not None:
            stated[name] = value
    return stated


def _entries(reads: Iterable[tuple[str, Read]], roots: Roots) -> dict[str, Any]:
    return {key: extracted for key, read in reads if (extracted := plain(read(roots))) is not None}


@dataclass(frozen=True, slots=True)
class Phase:
    """The fields of a phase, which is in an event of its own or an item of a list."""

    status: Table | None
    fields: Fields
    of: Read | None = None  # the list
    complete: bool = False  # the list has all phases from the beginning, so what is done of it is a percentage

    def read(self, roots: Roots) -> dict[str, Any]:
        phase = _read(self.fields, roots)
        if self.status and (status := self.status(roots)):
            phase["status"] = status
        return phase


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of document."""

    conditions: tuple[Condition, ...]  # in the order of `when`
    spec: Mapping[str, Any] = field(default_factory=dict)  # as it is written, for those who are to be shown it
    place: tuple[str | int, ...] = ()  # where it is written in its format
    ignore: str = ""
    status: Table | None = None
    phase: Phase | None = None
    phases: Phase | None = None
    each: Read | None = None  # the list whose items it is about
    fields: Fields = ()
    causes: Fields = ()  # the fields of failures alone
    nested: Mapping[str, tuple[tuple[str, Read], ...]] = field(default_factory=dict)

    def holds(self, roots: Roots) -> bool:
        for condition in self.conditions:  # noqa: SIM110 - a generator costs more than what it asks
            if not condition(roots):
                return False
        return True

    def read(self, roots: Roots, number: int) -> Reading:
        if self.ignore:
            return Reading(ignored=self.ignore, case=number)
        phase = self.phase.read(roots) if self.phase else {}
        status = self.status(roots) if self.status else None
        stated = _read(self.fields, roots)
        if status in FAILED:
            stated |= _read(self.causes, roots)
        unknown = tuple(self._unknown(roots, status, phase.get("status")))
        if IGNORE in (status, phase.get("status")):
            return Reading(ignored="a status that says nothing of a run", case=number)
        if phase.get("status") == "Pending" and not status:
            return Reading(ignored="a phase that has not begun", case=number)
        if "run" not in stated:
            return Reading(missing="run", case=number, unknown=unknown)
        if self.phase and not ("phaseName" in phase and "status" in phase):
            return Reading(
                missing="phase.status" if "phaseName" in phase else "phase.name", case=number, unknown=unknown
            )
        if not status and not self.phase:
            return Reading(missing="status", case=number, unknown=unknown)
        nested = {name: _entries(reads, roots) for name, reads in self.nested.items()}
        return Reading(_document(stated, status, phase, self._phases(roots), nested), case=number, unknown=unknown)

    def _unknown(self, roots: Roots, status: str | None, of_phase: str | None) -> Iterator[tuple[str, str]]:
        if self.status and status is None and (word := self.status.unknown(roots)):
            yield "status", word[:MAX_LINE]
        if self.phase and self.phase.status and of_phase is None and (word := self.phase.status.unknown(roots)):
            yield "phase.status", word[:MAX_LINE]

    def _phases(self, roots: Roots) -> dict[str, Any]:
        items = self.phases.of(roots) if self.phases and self.phases.of else None
        if self.phases is None or type(items) is not list:
            return {}
        inner = {**roots}
        phases = []
        for item in items[:MAX_ITEMS]:
            inner[BODY] = item
            phase = self.phases.read(inner) if type(item) is dict else {}
            if "phaseName" in phase and phase.get("status") != IGNORE:
                phases.append(phase)
        done = sum(phase.get("status") in TERMINAL for phase in phases)
        stated: dict[str, Any] = {"phases": phases, "phasesCompleted": done}
        if self.phases.complete and phases and len(items) <= MAX_ITEMS:
            stated |= {"totalPhases": len(phases), "percentage": round(100 * done / len(phases), 1)}
        if len(phases) > MAX_PHASES:
            newest = sorted(range(len(phases)), key=lambda place: phases[place].get("startTime", ""))[-MAX_PHASES:]
            stated["phases"] = [phases[place] for place in sorted(newest)]  # a job that is retried is among them
        return stated


def _document(
    stated: Mapping[str, Any], status: str | None, phase: dict[str, Any], phases: dict[str, Any],
    nested: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Return the document of the Async Operations API that says the same."""
    over = status in TERMINAL
    progress = {
        "percentage": stated.get("progress", None if over else phases.get("percentage")),
        "currentPhase": phase.get("phaseName") if phase.get("status") == "Running" else None,
        "phasesCompleted": phases.get("phasesCompleted"),
        "totalPhases": phases.get("totalPhases"),
        "estimatedCompletion": stated.get("estimate"),
    }
    attempt = stated.get("attempt")
    operation = {key: stated[name] for name, key in OPERATION_KEYS.items() if name in stated}
    operation |= _stated(
        {
            "status": status,
            "retryNumber": attempt - 1 if attempt else None,
            "endTime": stated.get("ended") if over else None,
            "progress": _stated(progress),
            "phases": phases.get("phases"),
            "owner": {"name": stated["owner"]} if "owner" in stated else None,
            "labels": nested.get("labels"),
        }
    )
    document = {
        "timestamp": stated.get("at") or (stated.get("ended") if over else phase.get("endTime")),
        "tenantId": stated.get("tenant"),
        "projectId": stated.get("project"),
        "operation": operation,
        "results": nested.get("results"),
    }
    if status in FAILED:
        document["error"] = {key: stated[name] for name, key in CAUSE_KEYS.items() if name in stated}
    if phase:
        ended = phase["status"] in TERMINAL
        document |= {"event": "operation.phase.completed" if ended else "operation.progress", "phase": phase}
    return _stated(document)


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value or value == 0}  # neither None nor empty


def roots_of(body: Any, headers: Mapping[str, str] | None = None, received: datetime | None = None) -> Roots:
    """Return what paths begin with."""
    return {BODY: body, "$header": headers or {}, "$received": received.isoformat() if received else None}


@dataclass(frozen=True, slots=True)
class Format:
    """The cases of a sender's documents, in their order."""

    cases: tuple[Case, ...]
    headers: frozenset[str] = frozenset()  # the names, in small letters, of those that it reads
    unwrap: tuple[str, ...] = ()  # envelopes that are opened before
    accept: frozenset[str] = frozenset()  # spellings of a body beside JSON: text, form, gzip
    keep_bodies: bool = True  # the last ones, for whoever writes it

    @property
    def labels(self) -> set[str]:
        """Return the names of the labels that it gives."""
        return {name for case in self.cases for name, _ in case.nested.get("labels", ())}

    def readings(
        self, body: Any, *, headers: Mapping[str, str] | None = None,
        received: datetime | None = None, most: int = MAX_EVENTS,
    ) -> list[Reading]:  # fmt: skip
        """Read a document: one reading, or of a case with `each` one of each item, the first `most` of them.

        `headers` by their names in small letters.
        """
        readings, beyond = self.parts(roots_of(body, headers, received), self._reading, most)
        return [*readings, Reading(missing="each", beyond=beyond)] if beyond else readings

    def _reading(self, number: int, roots: Roots) -> Reading:
        return self.cases[number - 1].read(roots, number) if number else Reading(ignored=NO_CASE)

    def parts(
        self, roots: Roots, use: Callable[[int, Roots], Part], most: int = MAX_EVENTS
    ) -> tuple[list[Part], int]:  # fmt: skip
        """Use the document, or each of its items, with the number of the case that it is read by, 0 for none.

        Returns what `use` does, and how many items are left out. For all items it gets one mapping, which changes.
        """
        if not self.unwrap:
            return self._parts(roots, use, most)
        parts: list[Part] = []
        batch = roots[BODY]
        beyond = max(0, len(batch) - most) if type(batch) is list else 0  # those are not opened
        for body, envelope in opened(batch, roots["$header"], self.unwrap, most):
            within = {**roots, BODY: body, "$envelope": envelope}
            found, left = self._parts(within, use, most - len(parts)) if len(parts) < most else ([], 1)
            parts += found
            beyond += left
        return parts, beyond

    def _parts(
        self, roots: Roots, use: Callable[[int, Roots], Part], most: int
    ) -> tuple[list[Part], int]:  # fmt: skip
        for number, case in enumerate(self.cases, start=1):
            if case.each is None:
                if case.holds(roots):
                    return [use(number, roots)], 0
            elif type(items := case.each(roots)) is list:
                parts, found = self._of_items(items, roots, use, most)
                if found:
                    return parts, max(0, len(items) - most)
        return [use(0, roots)], 0

    def _of_items(
        self, items: list[Any], roots: Roots, use: Callable[[int, Roots], Part], most: int
    ) -> tuple[list[Part], bool]:  # fmt: skip
        """Use each item by the first case about their list that holds for it. Return whether one holds for any."""
        body = {**roots[BODY]} if type(roots[BODY]) is dict else {}
        within, parts, found = {**roots, BODY: body}, [], False
        cases = [(number, case) for number, case in enumerate(self.cases, start=1)
                 if case.each and case.each(roots) is items]  # fmt: skip
        for item in items[:most]:
            body[ITEM] = item
            number = next((number for number, case in cases if case.holds(within)), 0)
            parts.append(use(number, within))
            found = found or number > 0
        return parts, found
