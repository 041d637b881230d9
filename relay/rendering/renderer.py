"""The renderer: from an event to what a channel sends, in one reader's language and zone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from relay.domain.deliveries import Form
from relay.domain.display import seen_on, text_on
from relay.domain.error_reader import brief, cause_of
from relay.domain.events import ALERT, Event
from relay.domain.identity import message_of
from relay.domain.links import ANYWHERE, NO_LINKS, LinkHosts, LinkTemplates
from relay.errors import TemplateError
from relay.rendering.context import Context, Request, request_of
from relay.rendering.digests import ROUND_UPS, counts
from relay.rendering.formats import format_of
from relay.rendering.formats.plain import Ending
from relay.rendering.jobs import presser_of
from relay.rendering.links import Base
from relay.rendering.localized_values import Localizer
from relay.rendering.template_set import ESCAPING, TemplateSet
from relay.rendering.texts import clean, line, safe_url
from relay.rendering.time_out import SECONDS, within
from relay.rendering.translations import Catalogues, Language

# The button of a mail: its colour and that of its text, where the reader's scheme is light and where it is dark.
OWN_COLOURS = {"color": "#0B5CAD", "text_color": "#FFFFFF", "dark_color": "#6CB6FF", "dark_text_color": "#0D1117"}
DARK_CARD = "#1B1F24"


@dataclass(frozen=True)
class Brand:
    """Sender of the messages, as configured (relay.config); without one mails are relay's own."""

    name: str = ""
    logo: str = ""
    url: str = ""
    color: str = ""
    footer: str = ""

    @cached_property
    def values(self) -> Mapping[str, str]:
        """Values of `brand` in templates; its colours are always there."""
        return {**asdict(self), **(_colours(self.color) if self.color else OWN_COLOURS)}


NO_BRAND = Brand()


def _colours(color: str) -> dict[str, str]:
    dark = seen_on(DARK_CARD, color)
    return {"color": color, "text_color": text_on(color), "dark_color": dark, "dark_text_color": text_on(dark)}


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """Options of all messages of a renderer."""

    base_url: str = ""  # of the platform; its documents name addresses without it
    default_timezone: str = "UTC"
    hosts: LinkHosts = ANYWHERE
    links: LinkTemplates = NO_LINKS  # where people look
    brand: Brand = NO_BRAND


DEFAULTS = RenderOptions()


class Renderer:
    """Renderer of notifications. Compiles a user's templates when it is built, so that a fault shows then."""

    def __init__(
        self,
        directories: Sequence[Path],
        options: RenderOptions = DEFAULTS,
        *,
        seconds: float = SECONDS,
    ) -> None:
        """Read and compile the templates. TemplateError, with file and line, if one or a catalogue cannot be used.

        directories   searched in this order: the user's own first, the built-in one last
        seconds       of processor time that a message may take which a file of the user's own has a part in
        """
        self.directories = tuple(directories)
        self.options = options
        self.library = TemplateSet(self.directories, hosts=options.hosts)
        self.catalogues = Catalogues(self.directories)
        self._seconds = seconds

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that there are translations for, English first."""
        return self.catalogues.codes

    def render(
        self,
        channel: str,
        kind: Form,
        event: Event,
        history: tuple[Event, ...],
        *,
        language: str,
        timezone: str,
        now: datetime,
        destination: str = "",
        unsubscribe: str = "",
        rule: str = "",
        buttons: Sequence[Mapping[str, str]] = (),
        healed: str = "",
        taken: Mapping[str, str] | None = None,
        waited: float = 0.0,
        alike: int = 0,
        alone: bool = False,
    ) -> dict[str, Any]:
        """Return the content of one notification, as the channel's format makes it. TemplateError names file and line.

        unsubscribe   the address of the page where the reader ends it
        rule          that sends it there
        buttons       under a live message, each an `action` and the `value` that comes back with a press
        healed        what had gone wrong with the run that this one makes good
        taken         the person who looks at the run: user, userName, realName
        waited        seconds for which an escalated run was not taken
        alike         how many more runs failed for its cause
        alone         no reply below it says more
        """
        request = request_of(channel, kind, event, destination, history)
        options = self.options
        localizer = Localizer(self._words(language, event), ZoneInfo(timezone or options.default_timezone), now)
        values = Context(event, history, localizer, Base(options.base_url, options.hosts), links=options.links,
                         live=kind == "live")  # fmt: skip
        values["message"] = request.message
        values["kind"] = kind
        values["healed"] = line(clean(healed))
        values["taken"] = presser_of(taken or {}) | {"waited": waited}
        values["alike"] = alike
        values["alone"] = alone or kind == "each"
        values["brand"] = options.brand.values
        # Tokens are ours, and of no use with a single character changed.
        values["buttons"] = [{**button, "value": Markup(button["value"])} for button in buttons]  # noqa: S704
        values["dest"] = {
            "name": destination,
            "channel": channel,
            "language": localizer.language.code,
            "timezone": timezone,
            "unsubscribe": safe_url(unsubscribe),
            "rule": rule,
        }
        if file := self.library.overriding_file(*request):
            return within(self._seconds, file, partial(self._rendered, request, values))
        return self._rendered(request, values)

    def _words(self, language: str, event: Event) -> Language:
        return self.catalogues.language(language).of(ALERT if event.is_alert else "")

    def _rendered(self, request: Request, values: Context) -> dict[str, Any]:
        """Fill in the message's file with these values, and set it in the layouts that it has."""
        library = self.library
        template = library.message(library.message_file(*request))
        format_ = template.format

        def fill_layout(ending: Ending, fields: Mapping[str, Any]) -> str:
            library.add_names(ESCAPING[ending], request.channel, values)
            values.update(fields)
            name = library.layout_file(request.channel, request.message, ending, *request[3:])
            return library.layout(ending, name)(values)

        library.add_names(format_.escaping, request.channel, values)
        content = template.render(values)
        if self.options.hosts.names:
            content = format_.unlinked(content, self.options.hosts)
        for field, why in format_.required.items():
            if field not in content:
                raise TemplateError(f"{template.file}:1: `{field}:` is missing: {why}")
        try:
            return format_.finish(content, fill_layout)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            fault = f"a field has another shape than it has in {request.channel}: {error!r}"
            raise TemplateError(f"{template.file}: {fault}") from None

    def fallback(self, channel: str, event: Event, language: str) -> dict[str, Any]:
        """Return one plain line, made without any template, for when a template fails: the message never does."""
        words = self._words(language, event)
        about = event.batch if event.about_batch else event.operation
        name = (about.name or about.id) if about else event.subject
        reason = brief(cause_of(message_of(event.error)))
        parts = [f"{words.label(event.status or event.name)}: {name}", reason]
        if event.name in ROUND_UPS:
            parts = [counts(event, words)]
        text = line(clean(" – ".join(part for part in parts if part)))
        return format_of(channel).fallback(text, words.code)

    def overriding_file(
        self, channel: str, kind: Form, event: Event, destination: str = "", history: Sequence[Event] = ()
    ) -> str:
        """Return the file of the user's own that has a part in this message; '' if everything in it is built in."""
        return self.library.overriding_file(*request_of(channel, kind, event, destination, history))
