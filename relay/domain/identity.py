"""Identity of events: their names, and fingerprints of facts and of errors. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from hashlib import blake2b, sha256
from typing import Any, TypeVar

from relay.domain.documents import mapping
from relay.domain.error_reader import brief, cause_of
from relay.domain.error_tools import SIGNALS
from relay.domain.events import (
    BATCH_EVENTS,
    CRITICAL,
    FAILED,
    IMPLIED_STATUS,
    OPERATION_EVENTS,
    STATUSES,
    TERMINAL,
    WATCH_EVENTS,
    Batch,
    Document,
    Event,
    Operation,
)  # fmt: skip
from relay.domain.masking import masked
from relay.errors import InvalidEvent

EVENT_OF_STATUS = {
    "Initiated": "operation.started", "Running": "operation.progress", "Completed": "operation.completed",
    "Failed": "operation.failed", "Timeout": "operation.failed", "Cancelled": "operation.cancelled",
}  # fmt: skip
BATCH_EVENT_OF_STATUS = dict.fromkeys(TERMINAL, "batch.completed") | {"Initiated": "batch.started"}
# The statuses under which an address's default event is believed; otherwise the status decides.
ADDRESS_STATUSES = {
    "operation.started": {"Initiated", "Running"}, "operation.progress": {"Running"},
    "operation.phase.completed": {"Running"}, "operation.completed": {"Completed"},
    "operation.failed": {"Failed", "Timeout"}, "operation.cancelled": {"Cancelled"},
}  # fmt: skip

_Row = TypeVar("_Row", bound=Mapping[str, Any])
ALSO_CALLED = {"operation.timeout": "operation.failed"}  # its status says which
PATTERN = r"[A-Za-z*][\w.:*-]{0,127}"  # of event names
KNOWN_EVENTS = frozenset({*OPERATION_EVENTS, *BATCH_EVENTS, *WATCH_EVENTS})
KNOWN_TYPES = (*BATCH_EVENTS, *OPERATION_EVENTS)  # batch.operation.completed before operation.completed
_NAME = re.compile(r"[A-Za-z][\w.:-]{0,127}", re.ASCII)
# Where documents count what is done: an integer in one of these objects, or one of these fields of the operation.
COUNTING = ("progress", "execution")
COUNTS = ("processedRecords", "recordsProcessed", "totalRecords")
LENGTH = 12  # hexadecimal digits of a signature
STACKS = ("stackTrace", "stacktrace", "stack_trace", "traceback", "stack")  # fields with a trace
# A message that says only that something failed: `Job aborted.`
_UNSPECIFIC = re.compile(
    r"|(?:the )?(?:\w+ )?(?:(?:has|was|is) )?(?:been )?(?:failed|aborted|crashed|terminated|an? error)\W*"
    r"|(?:an? )?(?:\w+ ){0,2}(?:error|exception|failure)(?: (?:has )?occurred)?\W*",
    re.IGNORECASE,
)
LONGEST_UNSPECIFIC = 200  # characters
_EXIT = re.compile(r"exit(?: code| status)? (\d{1,3})")
MAX_WORDS = 600  # characters of an error that people read
# What is in quotation marks names a thing. An apostrophe within a word ends no quotation.
_QUOTED = re.compile(
    r"""(?<!\w)'[^'\n]{0,300}'(?!\w)|"[^"\n]{0,300}"|`[^`\n]{0,300}`|[„“][^“”\n]{0,300}[“”]|«[^»\n]{0,300}»"""
)
_ADDRESS = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://\S+|(?<!\S)\S+@\S+", re.IGNORECASE)
# Whole words with a digit in them: numbers, times, ids, UUIDs, names of hosts and workers, line numbers.
_NUMBERED = re.compile(r"(?<![^\s()\[\]{},;=|])[^\s()\[\]{},;=|]*\d[^\s()\[\]{},;=|]*")


def event_name(envelope: Document, operation: Operation | None, batch: Batch | None, default: str) -> str:
    """The event's name; `default` is what the address stands for. InvalidEvent if nothing says which event it is."""
    for key in ("event", "eventType", "type"):
        name = envelope.get(key)
        if name is None:
            continue
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidEvent(key, "expected the event's name, for instance operation.progress")
        name = _unprefixed(name) if "specversion" in envelope else name
        name = ALSO_CALLED.get(name, name)
        status = operation.status if operation else ""
        if name in ("operation.started", "operation.progress") and status in TERMINAL:
            return EVENT_OF_STATUS[status]  # the run is over: the last progress is its outcome
        return name
    implied = _event_of_batch(batch, default) if operation is None else _event_of_operation(operation, batch, default)
    if not implied:
        raise InvalidEvent("event", "expected the event's name under event, eventType or type")
    return implied


def _unprefixed(name: str) -> str:
    """`com.example.operation.progress` is `operation.progress`: a type begins with whose it is."""
    return next((event for event in KNOWN_TYPES if name.endswith(f".{event}")), name)


def _event_of_batch(batch: Batch | None, default: str) -> str:
    status = batch.status if batch else ""
    by_status = BATCH_EVENT_OF_STATUS.get(status, "")
    return by_status if status == "Initiated" or not default.startswith("batch.") else default


def _event_of_operation(operation: Operation, batch: Batch | None, default: str) -> str:
    """The address's event where the status allows it, else the status's: a run that failed did not complete."""
    if default == "batch.operation.completed":
        return default if operation.terminal or not operation.status else EVENT_OF_STATUS.get(operation.status, default)
    if default.startswith("batch."):
        if batch:
            return default
        default = ""  # a lone operation at a batch's address tells of itself
    if operation.status and operation.status not in ADDRESS_STATUSES.get(default, STATUSES):
        return EVENT_OF_STATUS.get(operation.status, default)
    return default or EVENT_OF_STATUS.get(operation.status, "")


def matches_event(pattern: str, event: str) -> bool:
    """Return whether a rule's pattern matches an event's name: an unknown event only where it is named."""
    return pattern == event or (event in KNOWN_EVENTS and fnmatchcase(event, pattern))


def known_events(pattern: str) -> tuple[str, ...]:
    """Return the events that relay knows and this pattern matches."""
    return tuple(name for name in sorted(KNOWN_EVENTS) if matches_event(pattern, name))


_to_json = json.JSONEncoder(ensure_ascii=False).encode  # made once


def fingerprint(event: Event) -> str:
    """Return the fact as text: equal facts count once."""
    whose = event.subject if event.about_batch else event.own_id  # a retry's facts are its own
    space = [event.space(whose)] if event.space(whose) else []
    return _to_json([whose, event.name, event.status, _detail(event), event.retry, *space])


def _detail(event: Event) -> Any:
    """Return what distinguishes two facts of one name and status within one run."""
    if event.action:
        return event.id
    if event.name not in IMPLIED_STATUS:
        return _by_itself(event)
    operation = event.operation
    match event.name:
        case "operation.phase.completed":
            phase = event.phase_name or f"{operation.phases_completed if operation else ''}"
            # It may be tried again, and succeed. What relay's own documents say stays one fact, with or without it.
            return [phase, "Failed"] if event.mapped and has_failed(event.phase) else phase
        case name if name in WATCH_EVENTS and (part := mapping(event.document.get(name.partition(".")[2]))):
            return " ".join(str(part.get(key, "")) for key in ("rule", "episode", "reminder"))
        case "batch.operation.completed" if operation:
            return f"{operation.id} {operation.status} {operation.retry}"
        case name if IMPLIED_STATUS[name] != "Running":
            return ""
    return _progress(event)


def has_failed(phase: Document) -> bool:
    """Return whether the document of a phase says that it failed."""
    return str(phase.get("status") or phase.get("phaseStatus")) in (*FAILED, "Error")


def _by_itself(event: Event) -> list[str]:
    """Identify an event whose name relay does not know by its sender's id, else by its document."""
    if event.id:
        return [event.source, event.producer, event.id]
    return [sha256(json.dumps(event.document, sort_keys=True).encode()).hexdigest()]


def _progress(event: Event) -> list[Any]:
    """Return how far the run is: by percentage and phase; without a percentage by its counts, else by its time."""
    operation = event.operation
    phases = operation.phases_completed if operation and not event.about_batch else None
    reached = [event.phase_name, phases]
    if event.percentage is not None:
        return [f"{event.percentage:g}", *reached]
    undated = event.id and not event.dated  # it would be another fact whenever it is sent again
    return [*reached, _counts(event) or (event.id if undated else event.occurred_at.isoformat())]


def _counts(event: Event) -> dict[str, int]:
    if event.operation is None or event.about_batch:
        return {}
    document = event.operation.document
    counts = {
        name: value for part in COUNTING for name, value in mapping(document.get(part)).items() if type(value) is int
    }
    counts |= {name: document[name] for name in COUNTS if type(document.get(name)) is int}
    return dict(sorted(counts.items()))


def signature(error: Mapping[str, Any]) -> str:
    """Return twelve hexadecimal digits, the same for errors of one code and one wording; '' without an error."""
    code = error.get("code") or error.get("errorCode") or ""
    code = code.strip() if isinstance(code, str) else "" if code is True else f"{code}"
    cause = brief(cause_of(message_of(error)))
    if not (code or cause):
        return ""
    text = f"{code}\0{folded(cause)}".encode("utf-8", "replace")
    return blake2b(text, digest_size=LENGTH // 2, person=b"relay error").hexdigest()


def error_of(event: Event) -> Mapping[str, Any]:
    """Return the error that the event states in either place; an empty one for none."""
    if event.error or event.operation is None:
        return event.error
    stated = event.operation.document.get("error")
    if isinstance(stated, Mapping):
        return stated
    return {"message": stated} if isinstance(stated, str) and stated.strip() else {}


def message_of(error: Mapping[str, Any]) -> str:
    """Return what the error says, as it was printed; '' for nothing. Where that is only that it failed, its trace.

    Below it stands an exit status that has a meaning of its own: what a killed program printed says nothing of that.
    """
    message = said_of(error)
    if len(message) <= LONGEST_UNSPECIFIC and _UNSPECIFIC.fullmatch(message.strip()):
        message = stack_of(error) or message
    stated = _EXIT.fullmatch(f"{error.get('code')}")
    status = int(stated[1]) if stated else error.get("exitCode")
    return f"{message}\nexit {status}".lstrip() if type(status) is int and status in SIGNALS else message


def said_of(error: Mapping[str, Any]) -> str:
    """Return the error's own message, as it was printed; '' for none."""
    stated = error.get("message") or error.get("errorMessage") or error.get("detail") or ""
    return stated if isinstance(stated, str) else "" if stated is True else f"{stated}"


def stack_of(error: Mapping[str, Any]) -> str:
    """Return the trace that the error states beside its message; '' without one."""
    return next((text for name in STACKS if isinstance(text := error.get(name), str) and text.strip()), "")


def by_cause(failed: Sequence[_Row]) -> list[list[_Row]]:
    """Group rows by the signature of their `error`, else by status: those with a Critical one, then the largest."""
    groups: dict[str, list[_Row]] = {}
    for row in failed:
        stated = row.get("error")
        error = stated if isinstance(stated, Mapping) else {"message": stated or ""}
        groups.setdefault(signature(error) or f"{row.get('status')}", []).append(row)
    return sorted(
        groups.values(), key=lambda group: (all(row.get("priority") != CRITICAL for row in group), -len(group))
    )


def error_words(event: Event) -> str:
    """Return the event's error as people read it: its code and its cause; '' for none."""
    error = error_of(event)
    words = (error.get("code") or error.get("errorCode"), cause_of(message_of(error)))
    return masked(": ".join(f"{word}" for word in words if word)[:MAX_WORDS])


def folded(message: str) -> str:
    """Replace what differs from run to run, for instance `worker # stopped responding: no heartbeat for # s.`."""
    for differs in (_QUOTED, _ADDRESS, _NUMBERED):
        message = differs.sub("#", message)
    return " ".join(message.casefold().split())
