"""Causes of failed runs that state none: the first of their phases that failed, and did not succeed since. Pure.

Phases and outcomes come in any order, and senders such as GitHub state an error of the phase alone.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

from relay.domain.display import boundary
from relay.domain.error_reader import cause_of
from relay.domain.error_tools import KILLED, SIGNALS
from relay.domain.events import FAILED, Document, Event
from relay.domain.identity import error_of, has_failed, message_of

FAILURE = "operation.failed"
FAILED_PHASE = "failed_phase"  # the fact: number of the run, names of its failed phases, each with its error
MAX_NAME = 120  # characters
MAX_PHASES = 3  # of a run
# Words that say only that something failed: `build failed`, `Process completed with exit code 1.`, `RUN_ERRORED`.
_WORDS = """
a an and are at be been by did do does for had has have in is it more must no non not of on one or some that the there
this to was were with zero action build check checks code command deploy deployment job jobs log logs operation phase
pipeline process program result return run runs script server shell stage state status step steps system task tasks test
tests unit workflow aborted completed crashed ended erred error errored errors exception exit exited fail failed failing
fails failure failures fatal finished internal occurred returned stopped terminated unexpected unknown unsuccessful
"""
_EMPTY = frozenset(_WORDS.split())
_PARTS = re.compile(r": | [–-] ")
# Exit statuses in words; but what one machine without memory kills has a cause in common.
_STATUSES = frozenset(text for status, text in SIGNALS.items() if status != KILLED)
_MESSAGES = ("message", "errorMessage", "detail", "error")


def reason_of(phase: Document) -> str:
    """Return the error of a phase, stated by itself or in a document; '' for none."""
    stated = [phase.get(key) for key in _MESSAGES]
    messages = [message_of(value) if isinstance(value, Mapping) else value for value in stated]
    return next((text for text in messages if isinstance(text, str) and text.strip()), "")


def ends_phase(event: Event) -> bool:
    return event.name == "operation.phase.completed" and bool(event.phase_name)


def is_failed_phase(event: Event) -> bool:
    return ends_phase(event) and has_failed(event.phase)


def lacks_cause(event: Event) -> bool:
    """Return whether it is a failure that states no error message."""
    return event.name == FAILURE and event.status in FAILED and not reason_of(error_of(event))


def first_failed(event: Event, run: int, recorded: str) -> str:
    """Return the fact of the run with this event. Where the first succeeds after all, the next one is the cause."""
    of_run, *listed = json.loads(recorded) if recorded else (None,)
    if of_run != run:
        recorded, listed = "", []
    if not ends_phase(event):
        return recorded
    failed = {name: reason for name, reason in zip(listed[::2], listed[1::2], strict=True) if name}
    name = _cut(event.phase_name, MAX_NAME)
    if has_failed(event.phase):
        if name in failed or len(failed) == MAX_PHASES:
            return recorded
        failed[name] = cause_of(reason_of(event.phase))
    elif event.mapped and name in failed:
        del failed[name]
    else:
        return recorded
    listed = [*chain.from_iterable(failed.items() or [("", "")])]  # the store drops no facts
    return json.dumps([run, *listed], ensure_ascii=False)


def with_cause(event: Event, fact: str) -> Event:
    """Return a failure that states no cause with that of its run's first failed phase; any other event as it is."""
    if not fact or not lacks_cause(event):
        return event
    run, name, reason, *_ = json.loads(fact)
    if run != event.retry or not name:
        return event
    words = f"{name} failed – {reason}" if reason else f"{name} failed"
    error: Mapping[str, object] = {"phase": name, **error_of(event), "message": words}
    return replace(event, error=error, document={**event.document, "error": error}, raw=b"")


def is_generic(event: Event) -> bool:
    """Return whether its error says only that something failed, or in which step: nothing that runs have in common."""
    error, run = error_of(event), event.operation
    names = {f"{name}".casefold() for name in (event.phase_name, error.get("phase"), run and run.name) if name}
    cause = cause_of(message_of(error))
    if cause in _STATUSES:
        return True
    parts = _PARTS.split(cause.casefold().strip(" ."))
    if "step failed" in parts[-2:-1]:
        parts.pop()  # the step's name
    first, *others = [part for part in parts if not (_is_empty(part) or part.removesuffix(" failed") in names)] or [""]
    # Before words that say nothing, few that are no exception are a name: `unit tests: script_failure`.
    named = len(parts) > 1 and first == parts[0] and len(first.split()) <= 3 and not re.search("error|exception", first)
    return _is_empty(f"{error.get('code') or error.get('errorCode') or ''}") and not others and (named or not first)


def _is_empty(text: str) -> bool:
    return _EMPTY.issuperset(re.findall(r"[^\W\d_]+", text.casefold()))


def _cut(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line[: boundary(line, min(len(line), limit))]
