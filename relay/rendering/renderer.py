"""The renderer: from an event to what a channel sends, in one reader's language and zone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from relay.domain.deliveries import Kind
from relay.domain.events import OPERATION_EVENTS, TERMINAL, Event
from relay.errors import TemplateError
from relay.rendering.checks import problems
from relay.rendering.context import context, open_alarm
from relay.rendering.digests import TOGETHER, counts
from relay.rendering.formats import email, slack
from relay.rendering.localized_values import Formats
from relay.rendering.template_set import MODES, REQUIRED, Library
from relay.rendering.texts import clean, line, safe_url
from relay.rendering.translations import Catalogues

# A live message shows the present state, whichever event came last.
OF_STATUS = {
    "Initiated": "operation.started", "Running": "operation.progress", "Completed": "operation.completed",
    "Failed": "operation.failed", "Timeout": "operation.timeout", "Cancelled": "operation.cancelled",
    "Stalled": "operation.stalled",
}  # fmt: skip
BATCH_OF_STATUS = {
    "Initiated": "batch.started", "Running": "batch.progress", **dict.fromkeys(TERMINAL, "batch.completed"),
}  # fmt: skip


class Renderer:
    """Compiles every template when it is built, so that a fault shows then, with file and line. Holds no state."""

    def __init__(
        self,
        directories: Sequence[Path],
        *,
        base_url: str = "",
        default_timezone: str = "UTC",
        hosts: Collection[str] = (),
    ) -> None:
        """`directories` are searched in this order: the user's own first, the built-in one last.

        `base_url` is where the platform is; its documents name addresses without it. `hosts`, and what is below them,
        are where links may lead to; none: anywhere. TemplateError if a
        template or a catalogue cannot be used.
        """
        self.directories = tuple(directories)
        self._base_url = base_url
        self._timezone = default_timezone
        self.library = Library(self.directories, hosts=hosts)
        self.catalogues = Catalogues(self.directories)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are translations for, English first."""
        return self.catalogues.codes

    def render(
        self,
        channel: str,
        kind: Kind,
        event: Event,
        history: tuple[Event, ...],
        *,
        language: str,
        timezone: str,
        now: datetime,
        destination: str = "",
        unsubscribe: str = "",
        buttons: Sequence[Mapping[str, str]] = (),
    ) -> dict[str, Any]:
        """The content of one notification; for a channel without a finish of its own, what its template says.

        slack: `text` and `blocks`. email: `subject` (says what happened), `topic` (the same for all mails about one
        operation), `preheader`, `text` and `html`. `unsubscribe` is the address of the page where the reader ends it;
        `buttons` stand under a live message, each an `action` and the `value` that comes back with a press.
        TemplateError names file and line.
        """
        formats = Formats(self.catalogues.language(language), ZoneInfo(timezone or self._timezone), now)
        name = message_of(event, kind, history)
        values = context(event, history, formats, self._base_url, live=kind == "live") | {
            "message": name,
            "kind": kind,
            # Tokens are ours, and of no use with a single character changed.
            "buttons": [{**one, "value": Markup(one["value"])} for one in buttons],  # noqa: S704
            "dest": {
                "name": destination,
                "channel": channel,
                "language": formats.language.code,
                "timezone": timezone,
                "unsubscribe": safe_url(unsubscribe),
            },
        }
        told = values | self.library.macros(MODES.get(channel, "text"), channel, values)
        tree = self.library.message(channel, name, kind, destination)
        content = tree.render(told)
        field, why = REQUIRED.get(channel, ("", ""))
        if field and field not in content:
            raise TemplateError(f"{tree.file}:1: `{field}:` is missing: {why}")
        try:
            if channel == "slack":
                return slack.finish(content)
            if channel == "email":
                html, text = (self.library.layout(channel, name, ending, destination) for ending in ("html", "txt"))
                return email.finish(content, told, values | self.library.macros("html", channel, values), text, html)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise TemplateError(f"{tree.file}: a field has another shape than it has in {channel}: {error!r}") from None
        return content

    def fallback(self, channel: str, event: Event, language: str) -> dict[str, Any]:
        """One plain line, made without any template, for when a template fails: the message itself never does."""
        known = self.catalogues.language(language)
        about = event.batch if event.about_batch else event.operation
        name = (about.name or about.id) if about else event.subject
        reason = event.error.get("message", "")
        parts = [f"{known.label(event.status or event.name)}: {name}", reason if isinstance(reason, str) else ""]
        if event.name in TOGETHER:
            name, parts = "relay", [counts(event, known)]
        told = line(clean(" – ".join(part for part in parts if part)))
        if channel == "slack":
            return slack.fallback(told)
        return email.fallback(told, name, known.code) if channel == "email" else {"text": told}

    def overriding_file(
        self, channel: str, kind: Kind, event: Event, destination: str = "", history: Sequence[Event] = ()
    ) -> str:
        """The file of the user's own that has a part in this message; empty if everything in it is built in."""
        return self.library.overriding_file(channel, message_of(event, kind, history), kind, destination)

    def check(self) -> list[str]:
        """Every fault that shows when all messages are made from sample data in every language; none if empty."""
        return problems(self.render, self.library, self.catalogues, self.directories)


def message_of(event: Event, kind: Kind, history: Sequence[Event] = ()) -> str:
    """Which message tells of the event. A Timeout is told as one, and a failure as one, whatever named it."""
    if event.about_batch:
        return BATCH_OF_STATUS.get(event.status, event.name) if kind == "live" else event.name
    if kind == "live" and open_alarm(event, history):
        return "operation.stalled"
    if kind == "live" or (event.terminal and event.name in OPERATION_EVENTS):
        return OF_STATUS.get(event.status, event.name)
    return event.name
