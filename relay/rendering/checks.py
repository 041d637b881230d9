"""Trying out every template before an event does: all messages of all fixtures in every language, and the translations.

The samples are events as they arrive, one JSON file each in `samples/`; `relay.rendering.fixtures` makes the extremes
of them. A user's own directory may hold more, for instance one that was recorded.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args

from jinja2.ext import extract_from_ast

from relay.domain.deliveries import Kind
from relay.domain.documents import decode
from relay.domain.events import PRIORITIES, STATUSES, Event
from relay.domain.parsing import parse
from relay.errors import InvalidEvent, NotJson, TemplateError
from relay.rendering.built_in import tree_of
from relay.rendering.digests import ROUND_UPS
from relay.rendering.file_names import FileName, mark, parsed
from relay.rendering.fixtures import FIXTURES
from relay.rendering.formats import format_of
from relay.rendering.localized_values import STYLES, moment
from relay.rendering.message_names import message_of
from relay.rendering.notices import NOTICES
from relay.rendering.sample_history import with_past
from relay.rendering.slack_dates import FORMS
from relay.rendering.template_files import GENERIC
from relay.rendering.template_set import TemplateSet
from relay.rendering.translations import SHOWN_KEYS, WORDINGS, Catalogues, humanise

# What code says: of batches, of recommendations, for true and false, and in its own sentences.
WORDS = ("Pending", "Not started", "Medium", "yes", "no", *NOTICES)
NOON = datetime(2024, 1, 20, 12, tzinfo=UTC)  # for samples without a time of their own
USUAL = ("minimal", "typical")

Render = Callable[..., dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One message to try: the sample's name and fixture, and what the renderer takes."""

    sample: str
    fixture: str
    channel: str
    kind: Kind
    event: Event
    history: tuple[Event, ...]
    language: str
    destination: str = ""
    operation_type: str = ""  # that a file is for and the sample is not of; the event is of it

    @property
    def name(self) -> str:
        """The sample as it is told: `operation.completed@analysts`."""
        return f"{self.sample}{mark(self.destination, self.operation_type)}"

    def rendered_by(self, render: Render, timezone: str = "") -> dict[str, Any]:
        """What the renderer makes of it. TemplateError names file and line."""
        return render(
            self.channel, self.kind, self.event, self.history, language=self.language, timezone=timezone,
            now=self.event.occurred_at, destination=self.destination,
        )  # fmt: skip

    def __str__(self) -> str:
        of_type = f" of type {self.operation_type}" if self.operation_type else ""
        destination = f" for {self.destination}" if self.destination else ""
        return f"told of {self.event.name}{of_type}{destination}, {self.fixture}, {self.kind}, {self.language}"


def problems(
    render: Render,
    library: TemplateSet,
    catalogues: Catalogues,
    directories: Sequence[Path],
    *,
    fixtures: Collection[str] = USUAL,
    concerns: Callable[[Case], bool] = lambda _case: True,
    judge: Callable[[Case, dict[str, Any]], Iterator[str]] = lambda _case, _content: iter(()),
) -> list[str]:
    """One line per fault, with file and line where they are known, in the cases that are asked about. `judge` finds
    what is wrong with a message that was made."""
    faults: dict[str, Case] = {}
    try:
        for case in filter(concerns, cases(library, directories, catalogues.codes, fixtures)):
            try:
                content = case.rendered_by(render)
            except TemplateError as error:
                faults.setdefault(str(error), case)
            else:
                for fault in judge(case, content):
                    faults.setdefault(fault, case)
    except TemplateError as error:
        return [str(error)]
    return [*(f"{fault} ({case})" for fault, case in faults.items()),
            *untranslated(library, catalogues)]  # fmt: skip


def cases(
    library: TemplateSet, directories: Sequence[Path], languages: Sequence[str], fixtures: Collection[str] = USUAL
) -> Iterator[Case]:
    """Every message that these templates may have to make. TemplateError if a sample is none."""
    bodies = sample_bodies(directories)
    files = {channel: [parsed(name) for name in templates] for channel, templates in library.messages.items()}
    destinations = {channel: sorted({"", *(name.destination for name in names)}) for channel, names in files.items()}
    for fixture in fixtures:
        events = {name: with_past(_changed(body, name, fixture), fixture) for name, body in bodies.items()}
        if fixture == USUAL[0]:  # an event that no sample is of has nothing typical
            events |= bare_events(library, bodies)
        for name, event in events.items():
            history = history_of(event, events.values())
            for channel in library.channels:
                for kind in kinds_of(channel, event):
                    told_as = message_of(event, kind, history)
                    for type_ in ("", *sorted(_types(files[channel], told_as) if event.operation else ())):
                        shown = of_type(event, type_) if type_ else event
                        for destination in destinations[channel]:
                            for language in languages:
                                yield Case(
                                    name, fixture, channel, kind, shown, (*history[:-1], shown), language, destination,
                                    type_,
                                )  # fmt: skip


def _types(files: Sequence[FileName], message: str) -> set[str]:
    """The types of operations that this message has files for."""
    own = [name for name in files if name.message in (message, GENERIC)]
    return {name.operation_type for name in own} - {""}


def of_type(event: Event, operation_type: str) -> Event:
    """The event as it would be of an operation of this type."""
    if event.operation is None:
        return event
    document = {**event.operation.document, "operationType": operation_type}
    return replace(event, operation=replace(event.operation, type=operation_type, document=document))


def kinds_of(channel: str, event: Event) -> tuple[Kind, ...]:
    """The kinds in which a channel tells such an event."""
    if event.name in ROUND_UPS:
        return tuple(kind for kind in get_args(Kind) if kind == event.name)
    return format_of(channel).kinds


def sample_bodies(directories: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The sample events' bodies, oldest first, by their files' names. Of two with one name, the earlier counts."""
    files = {file.stem: file for folder in reversed(directories) for file in sorted(folder.glob("samples/*.json"))}
    bodies = {}
    for name, file in files.items():
        try:
            bodies[name] = decode(file.read_bytes())
            _parsed(bodies[name], name)
        except (NotJson, InvalidEvent) as error:
            raise TemplateError(f"{file}: no sample of an event: {error}") from None
    return dict(sorted(bodies.items(), key=lambda item: _parsed(item[1], item[0]).occurred_at))


def bare_events(library: TemplateSet, samples: Collection[str]) -> dict[str, Event]:
    """Of each message that no sample is of, its event without anything."""
    stems = {parsed(name).message for templates in library.messages.values() for name in templates}
    names = sorted(stem for stem in stems if "." in stem and not stem.startswith(GENERIC) and stem not in samples)
    return {name: _parsed(_body(name), name) for name in names}


def sample_events(directories: Sequence[Path], fixture: str = "typical") -> dict[str, Event]:
    """The sample events in this form, oldest first. TemplateError if one is none."""
    bodies = sample_bodies(directories)
    return {name: with_past(_changed(body, name, fixture), fixture) for name, body in bodies.items()}


def history_of(event: Event, events: Collection[Event]) -> tuple[Event, ...]:
    """What is known when the event arrives: what came before it and did not end the run."""
    earlier = [other for other in events if other.subject == event.subject and not other.terminal]
    return (*(other for other in earlier if other.occurred_at < event.occurred_at), event)


def untranslated(library: TemplateSet, catalogues: Catalogues) -> Iterator[str]:
    """Yield what languages lack: a single message with its place; several in one line."""
    sources = [*messages(library)]
    for code in catalogues.codes:
        missing = [
            (location, text) for location, message in sources for _, text in catalogues.untranslated(code, [message])
        ]
        count = len({text for _, text in missing})
        if count > 1:
            lacking = f"{count} texts have no translation to {code}, for instance {missing[0][1]!r}"
            yield f"{catalogues.file(code)}: {lacking}; `relay template translate {code}` adds them"
            continue
        yield from (f"{location}: no translation to {code} of {text!r}" for location, text in missing)


def messages(library: TemplateSet) -> Iterator[tuple[str, tuple[str | None, str]]]:
    """The place and the (context, text) of all that is to be translated; the words that code brings come first."""
    for source in translatable(library):
        yield source.location, (source.context, source.texts[0])


class Translatable(NamedTuple):
    """A text that languages need, or two: one and many."""

    location: str
    context: str | None
    texts: tuple[str, ...]


def translatable(library: TemplateSet) -> Iterator[Translatable]:
    """All of them; the words that code brings come first."""
    patterns = {pattern for style in STYLES.values() for pattern in style} | {form for form, _ in FORMS.values()}
    words = {WORDINGS.get(word, humanise(word)) for word in (*STATUSES, *PRIORITIES, *WORDINGS, *SHOWN_KEYS)} | {*WORDS}
    yield from (Translatable("relay", "time", (pattern,)) for pattern in sorted(patterns))
    yield from (Translatable("relay", None, (word,)) for word in sorted(words))
    for source in library.sources():
        for line, function, arguments in extract_from_ast(tree_of(source.text)):
            if arguments:
                context, texts = _message(function, arguments)
                yield Translatable(f"{source.file}:{source.line + line}", context, texts)


def _message(function: str, arguments: str | tuple[str | None, ...]) -> tuple[str | None, tuple[str, ...]]:
    texts = (arguments,) if isinstance(arguments, str) else arguments
    context, texts = (texts[0], texts[1:]) if function in ("pgettext", "npgettext") else (None, texts)
    plural = texts[1:2] if function in ("ngettext", "npgettext") else ()
    return context, tuple(text or "" for text in (*texts[:1], *plural))


def _changed(body: dict[str, Any], name: str, fixture: str) -> Event:
    try:
        return _parsed(FIXTURES[fixture](body), name)
    except (InvalidEvent, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return _parsed(body, name)  # one of a user's own that is shaped in another way than relay's: it stays as it is


def _parsed(body: dict[str, Any], name: str) -> Event:
    when = moment(body.get("timestamp")) or NOON
    if body.get("event") in ROUND_UPS:  # made by relay itself, so it is no document of an operation
        return Event(id="", name=str(body["event"]), source="relay", occurred_at=when, received_at=when, document=body)
    return parse(body, source="sample", received_at=when, default_event=name if "." in name else "")


def _body(name: str) -> dict[str, Any]:
    """An event of this name, for templates that a user made for an event no sample is of."""
    return {"event": name, "operation": {"operationId": "bare"}, "batch": {"batchId": "bare"}}
