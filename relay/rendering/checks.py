"""Trying out every template before an event does: all messages from sample events, and all their translations.

The samples are events as they arrive, one JSON file each in `samples/`. A user's own directory may hold more,
for instance one that was recorded.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any, get_args

from jinja2.ext import extract_from_ast

from relay.deliveries import Kind
from relay.errors import InvalidEvent, NotJson, TemplateError
from relay.events import PRIORITIES, STATUSES, Event
from relay.parsing import decode, parse
from relay.rendering.catalogues import SHOWN_KEYS, SPOKEN, Catalogues, humanise
from relay.rendering.formats import STYLES, moment
from relay.rendering.library import GENERIC, Library

WORDS = ("Pending", "Medium", "yes", "no")  # of batches, of recommendations, and for true and false
NOON = datetime(2024, 1, 20, 12, tzinfo=UTC)  # for samples without a time of their own
KINDS: tuple[Kind, ...] = get_args(Kind)


def problems(
    render: Callable[..., object], library: Library, catalogues: Catalogues, directories: Sequence[Path]
) -> list[str]:
    """One line per fault, with file and line where they are known. `render` is the renderer's."""
    try:
        events = samples(directories)
    except TemplateError as error:
        return [str(error)]
    events += [_bare(event) for event in events]
    events += [_named(stem) for trees in library.messages.values() for stem in trees if _is_event(stem)]
    found: dict[str, None] = {}
    for channel, event, kind, code in product(library.channels, events, KINDS, catalogues.codes):
        known = history_of(event, events)
        try:
            render(channel, kind, event, known, language=code, timezone="", now=event.occurred_at)
        except TemplateError as error:
            found[f"{error} (told of {event.name}, {kind}, {code})"] = None
    return [*found, *_untranslated(library, catalogues)]


def samples(directories: Sequence[Path]) -> list[Event]:
    """The sample events, oldest first. Of two files with one name, that of the earlier directory counts."""
    files = {
        file.name: file for directory in reversed(directories) for file in sorted(directory.glob("samples/*.json"))
    }
    return sorted((_sample(file) for file in files.values()), key=lambda event: event.occurred_at)


def history_of(event: Event, events: Sequence[Event]) -> tuple[Event, ...]:
    """What would be known when the event arrives: the same run's events that came before and did not end it."""
    earlier = (other for other in events if other.subject == event.subject and not other.terminal)
    return (*(other for other in earlier if other.occurred_at < event.occurred_at), event)


def _untranslated(library: Library, catalogues: Catalogues) -> Iterator[str]:
    for code in catalogues.codes:
        for file, messages in _messages(library):
            for _, text in catalogues.untranslated(code, messages):
                yield f"{file}: no translation to {code} of {text!r}"


def _messages(library: Library) -> Iterator[tuple[str, list[tuple[str | None, str]]]]:
    """Per file, the (context, text) of all that is to be translated; the words that code brings come first."""
    patterns = {pattern for style in STYLES.values() for pattern in style}
    words = {SPOKEN.get(word, humanise(word)) for word in (*STATUSES, *PRIORITIES, *SPOKEN, *SHOWN_KEYS)} | {*WORDS}
    yield "relay", [*(("time", pattern) for pattern in sorted(patterns)), *((None, word) for word in sorted(words))]
    for file, source in library.sources():
        extracted = extract_from_ast(library.environments["text"].parse(source))
        yield file, [_message(function, arguments) for _, function, arguments in extracted if arguments]


def _message(function: str, arguments: str | tuple[str | None, ...]) -> tuple[str | None, str]:
    texts = (arguments,) if isinstance(arguments, str) else arguments
    context, texts = (texts[0], texts[1:]) if function in ("pgettext", "npgettext") else (None, texts)
    return context, texts[0] or ""


def _sample(file: Path) -> Event:
    try:
        document = decode(file.read_bytes())
        when = moment(document.get("timestamp"))
        return parse(document, source="sample", received_at=when or NOON)
    except (NotJson, InvalidEvent) as error:
        raise TemplateError(f"{file}: no sample of an event: {error}") from None


def _bare(event: Event) -> Event:
    """The same fact from a sender that says no more than it must: nothing optional may be relied upon."""
    document: dict[str, Any] = {"event": event.name, "timestamp": event.occurred_at.isoformat()}
    if event.batch:
        document["batch"] = {"batchId": event.batch.id, "status": event.batch.status or None}
    if event.operation:
        document["operation"] = {"operationId": "bare", "status": event.operation.status or None}
    return parse(document, source="sample", received_at=event.received_at)


def _is_event(stem: str) -> bool:
    return "." in stem and not stem.startswith(GENERIC) and not stem.endswith(tuple(f".{kind}" for kind in KINDS))


def _named(stem: str) -> Event:
    """An event of this name, for templates that a user made for an event no sample is of."""
    document = {"event": stem, "operation": {"operationId": "bare"}, "batch": {"batchId": "bare"}}
    return parse(document, source="sample", received_at=NOON)
