"""Facts remembered of an operation across its events, and the name spaces of ids. Pure.

Platforms, their tenants and projects may use the same ids. A document that states less than all three means the only
operation that fits; where two fit, it means none.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from relay.domain.batch_members import MEMBERS
from relay.domain.events import TERMINAL, TEXTS, Audience, Document, Event, Operation
from relay.domain.failed_phases import FAILED_PHASE, ends_phase, first_failed
from relay.domain.labels import merged
from relay.domain.run_numbers import number_run, restarts_of

LASTING = tuple(TEXTS)  # type, name, priority, labels
_lasting_of = attrgetter(*LASTING)
LABELS = frozenset(name for name, text in TEXTS.items() if text.labels)
AUDIENCE = "audience"
PRESSED = "pressed"
LINK = "link"
BATCH_NAME = "batch_name"  # apart from `name`, by which runs have jobs
PARTS = ("phase", "results", "error", "cancellation", "batch")
OUTCOME_PARTS = ("error", "results", "cancellation")
MAX_FIELDS = 20  # of a part that are compared
_Stated = TypeVar("_Stated", Event, Operation)
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once
_dumped = lru_cache(1024)(_to_json)  # there are few spaces, and each is in many events


class Space(NamedTuple):
    """A platform, tenant and project, each as far as it is stated."""

    platform: str = ""
    tenant: str = ""
    project: str = ""

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> "Space":
        return cls(facts.get("platform", ""), facts.get("tenant", ""), facts.get("project", ""))

    @classmethod
    def of_event(cls, event: Event) -> "Space":
        return cls(event.platform, event.tenant, event.project)

    @classmethod
    def load(cls, text: str) -> "Space":
        return cls(*json.loads(text))

    def dump(self) -> str:
        return _dumped(self)

    def may_be(self, other: "Space") -> bool:
        """Return whether all parts that both state are equal."""
        return all(not mine or not theirs or mine == theirs for mine, theirs in zip(self, other, strict=True))

    def filled(self, other: "Space") -> "Space":
        """Fill in what the other states where this one does not."""
        return Space(self.platform or other.platform, self.tenant or other.tenant, self.project or other.project)

    def __str__(self) -> str:
        """Write it as the options of a command."""
        stated = {name: getattr(self, name) for name in ("platform", "tenant", "project")}
        return " ".join(f"--{name} {value}" for name, value in stated.items() if value) or "no tenant or project stated"


NOWHERE = Space()  # states nothing


def placed(event: Event, spaces: Mapping[str, str]) -> Event:
    """Set the name spaces of the event's ids, as the store keeps them: '' for the first that used an id."""
    others = {id_: space for id_, space in spaces.items() if space}
    return replace(event, spaces={**event.spaces, **others}) if others else event


def facts(event: Event) -> dict[str, str]:
    """Return the lasting facts that the event states of its operation; of a retry, its original's id and its run."""
    stated = {"platform": event.platform, "tenant": event.tenant, "project": event.project, LINK: event.link}
    operation = event.operation
    if operation and not event.about_batch:
        stated |= zip(LASTING, _lasting_of(operation), strict=True)
        stated["batch"] = event.member_of
        if operation.audience:
            stated[AUDIENCE] = _to_json(asdict(operation.audience))
        if event.original:
            stated |= {"original": event.original, "retry": str(event.retry)}
        elif operation.document.get("originalOperationId"):  # it was known before, and goes on under its own id
            stated |= {"retry": str(event.retry)}
        stated[FAILED_PHASE] = event.failed_phase
    if event.about_batch and event.batch:
        stated |= {BATCH_NAME: event.batch.name, MEMBERS: event.members}
    if event.pressed:
        stated[PRESSED] = json.dumps(event.pressed, ensure_ascii=False)
    return {key: value for key, value in stated.items() if value}


def states_all(event: Event) -> bool:
    """Return whether it states all of `LASTING` and is about one operation, so that no fact need be looked up.

    Labels are added to those that are known. Without any the store sees by itself whether some are.
    """
    run = event.operation
    alone = not (event.about_batch or event.original or event.member_of or event.watch or event.action)
    alone = alone and not ends_phase(event) and not event.quiet
    return run is not None and alone and all(bool(getattr(run, name)) != (name in LABELS) for name in LASTING)


def audience_of(fact: str) -> Audience | None:
    """Read the audience that `facts` wrote; None for ''."""
    lists = json.loads(fact) if fact else None
    return Audience(**{key: tuple(values) for key, values in lists.items()}) if lists else None


def fill(event: Event, remembered: Mapping[str, str]) -> Event:
    """Fill in what is remembered of the event's operation, where its own document does not state it."""
    operation, run, restarts, failed_phase = event.operation, event.retry, 0, ""
    if operation:
        run, restarts = number_run(event, remembered)
        failed_phase = first_failed(event, run, remembered.get(FAILED_PHASE, ""))
        lasting: dict[str, Any] = {name: getattr(operation, name) or remembered.get(name, "") for name in LASTING}
        lasting |= {name: merged(getattr(operation, name), remembered.get(name, "")) for name in LABELS}
        operation = _with(
            operation,
            audience=operation.audience or audience_of(remembered.get(AUDIENCE, "")),
            retry=run,
            **lasting,
        )
    whose = Space.of_event(event).filled(Space.of(remembered))
    return _with(
        event,
        operation=operation,
        restarts=restarts,
        platform=whose.platform,
        tenant=whose.tenant,
        project=whose.project,
        original=remembered.get("original", event.original),  # of a chain of retries the first is remembered
        member_of=event.member_of or remembered.get("batch", ""),
        link=event.link or remembered.get(LINK, ""),
        pressed=_cancelled_by(event, remembered.get(PRESSED, "") if run == int(remembered.get("runs", 0)) else ""),
        failed_phase=failed_phase,
        members=remembered.get(MEMBERS, ""),
    )


def _with(record: _Stated, **values: Any) -> _Stated:
    """Return it with these values, itself where it has them: mostly an event states what is known."""
    new = {
        name: value for name, value in values.items() if (was := getattr(record, name)) is not value and was != value
    }
    return replace(record, **new) if new else record


def number_member(event: Event, remembered: Mapping[str, str]) -> Event:
    """Number the run of a batch event's member, where that was started again under its own id; fill in its priority."""
    run, restarts = event.operation, restarts_of(event, remembered) if "restarts" in remembered else 0
    if run is None:
        return event
    run = replace(run, retry=run.retry + restarts, priority=run.priority or remembered.get("priority", ""))
    return replace(event, restarts=restarts, operation=run)


def _cancelled_by(event: Event, record: str) -> Document:
    """Return who pressed Cancel, if that ended the run: another reason is of someone else."""
    if event.about_batch or event.status != "Cancelled" or not record:
        return {}
    pressed: Document = json.loads(record)
    return pressed if event.cancellation.get("reason") in (None, "", pressed["reason"]) else {}


def merge_documents(history: Iterable[Event]) -> dict[str, Any]:
    """Merge the documents of one operation's events, newer over older; an object is merged key by key."""
    merged: dict[str, Any] = {}
    for event in history:
        if event.operation and not event.about_batch:
            _merge(merged, {key: value for key, value in event.operation.document.items() if key not in PARTS})
        merged |= {key: dict(part) for key in PARTS[:-1] if (part := getattr(event, key))}
        if event.batch:
            merged["batch"] = dict(event.batch.document)
    return merged


def _merge(into: dict[str, Any], new: Document) -> None:
    for key, value in new.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), Mapping):
            into[key] = {**into[key], **value}
        elif key == "progress" and isinstance(value, int | float) and isinstance(into.get(key), Mapping):
            into[key] = {**into[key], "percentage": value}
        elif value is not None:
            into[key] = value


def stated_fields(event: Event) -> list[str]:
    """List what an outcome states beside its status: `name`, its parts, and their fields as `error.message`."""
    if event.about_batch or event.status not in TERMINAL or event.operation is None:
        return []
    words = ["name"] if event.operation.name else []
    for part in OUTCOME_PARTS:
        stated = [*_stating(getattr(event, part))]
        words += [part, *(f"{part}.{key}" for key in sorted(stated)[:MAX_FIELDS])] if stated else []
    return words


def _stating(part: Document) -> dict[str, Any]:
    """Return the fields of a part that state something."""
    return {key: value for key, value in part.items() if value not in (None, "", [], {})}


def complete_outcome(recorded: Event, report: Event) -> Event:
    """Add to the recorded outcome what another report of it states besides: webhook and callback may each know more."""
    parts: dict[str, Mapping[str, Any]] = {
        part: {**(fields := getattr(recorded, part)), **stated, **_stating(fields)}
        for part in OUTCOME_PARTS
        if (stated := getattr(report, part))
    }
    operation = recorded.operation
    if operation and report.operation:
        operation = replace(operation, name=operation.name or report.operation.name)
    return replace(recorded, operation=operation, document={**recorded.document, **parts}, raw=b"", **parts)  # type: ignore[arg-type]
