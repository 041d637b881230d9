"""The renderer: from an event to what a channel sends, in one reader's language and zone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2.exceptions import SecurityError
from markupsafe import Markup

from relay.domain.deliveries import Form
from relay.domain.display import seen_on, text_on
from relay.domain.events import Event
from relay.domain.links import ANYWHERE, NO_LINKS, LinkHosts, LinkTemplates
from relay.errors import TemplateError
from relay.rendering.bounds import BOUNDS, BUDGET, Bounds, Budget, weigh
from relay.rendering.built_in import BuiltIn
from relay.rendering.context import Context, message_of, operation_type
from relay.rendering.digests import ROUND_UPS, counts
from relay.rendering.environments import TemplateEnvironment, Values
from relay.rendering.formats import format_of
from relay.rendering.formats.plain import Ending
from relay.rendering.links import Base
from relay.rendering.localized_values import Localizer
from relay.rendering.sandbox import Sandbox
from relay.rendering.template_set import TemplateSet, inline
from relay.rendering.texts import clean, line, safe_url
from relay.rendering.translations import Catalogues

# The button of a mail: its colour and that of its text, where the reader's scheme is light and where it is dark.
OWN_COLOURS = {"color": "#0B5CAD", "text_color": "#FFFFFF", "dark_color": "#6CB6FF", "dark_text_color": "#0D1117"}
DARK_CARD = "#1B1F24"


@dataclass(frozen=True)
class Brand:
    """What the configuration says of it (relay.config.brand)."""

    name: str = ""
    logo: str = ""
    url: str = ""
    color: str = ""
    footer: str = ""
    subject_prefix: str = ""

    @cached_property
    def values(self) -> Mapping[str, str]:
        """`brand` in templates; its colours are always there."""
        return {**asdict(self), **(_colours(self.color) if self.color else OWN_COLOURS)}

    def on_subject(self, content: dict[str, Any]) -> dict[str, Any]:
        """The content of a mail with the prefix before its subject."""
        subject = content.get("subject")
        if not self.subject_prefix or not isinstance(subject, str):
            return content
        return content | {"subject": f"{line(self.subject_prefix)} {subject}"}


NO_BRAND = Brand()


def _colours(color: str) -> dict[str, str]:
    dark = seen_on(DARK_CARD, color)
    return {"color": color, "text_color": text_on(color), "dark_color": dark, "dark_text_color": text_on(dark)}


Request = tuple[str, str, Form, str, str]
"""A message: its channel, its name, its form, its destination, and its operation's type."""

MOST_STYLED = 2_000_000  # rules times tags: the inliner compares each with each, in 30 ms


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What all messages of a renderer have in common."""

    base_url: str = ""  # where the platform is; its documents name addresses without it
    default_timezone: str = "UTC"
    quick_pct: float | None = 50.0  # of what its job's runs take at least: a run that took less is worth a word
    hosts: LinkHosts = ANYWHERE
    links: LinkTemplates = NO_LINKS  # where people look
    brand: Brand = NO_BRAND


DEFAULTS = RenderOptions()


class Renderer:
    """Compiles a user's templates when it is built, so that a fault shows then, with file and line. Holds no state."""

    def __init__(
        self,
        directories: Sequence[Path],
        options: RenderOptions = DEFAULTS,
        *,
        bounds: Bounds = BOUNDS,
        data_dir: Path | None = None,
    ) -> None:
        """`directories` are searched in this order: the user's own first, the built-in one last. `bounds` are those of
        a message that a file of the user's own has a part in; compiled templates are kept in `data_dir`.

        TemplateError if a template or a catalogue cannot be used.
        """
        self.directories = tuple(directories)
        self.options = options
        self.library = TemplateSet(self.directories, hosts=options.hosts, data_dir=data_dir)
        self.catalogues = Catalogues(self.directories)
        self._bounds = bounds

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are translations for, English first."""
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
        buttons: Sequence[Mapping[str, str]] = (),
        healed: str = "",
    ) -> dict[str, Any]:
        """The content of one notification, as the channel's format makes it (relay.rendering.formats).

        `unsubscribe` is the address of the page where the reader ends it; `buttons` stand under a live message, each an
        `action` and the `value` that comes back with a press; `healed` is what had gone wrong with the run that this
        one makes good. TemplateError names file and line.
        """
        name = message_of(event, kind, history)
        request = channel, name, kind, destination, operation_type(event, history)
        zone = ZoneInfo(timezone or self.options.default_timezone)
        localizer = Localizer(self.catalogues.language(language), zone, now)
        options = self.options
        values = Context(event, history, localizer, Base(options.base_url, options.hosts), links=options.links,
                         live=kind == "live", quick_pct=options.quick_pct)  # fmt: skip
        values["message"] = name
        values["kind"] = kind
        values["healed"] = line(clean(healed))
        values["brand"] = options.brand.values
        # Tokens are ours, and of no use with a single character changed.
        values["buttons"] = [{**button, "value": Markup(button["value"])} for button in buttons]  # noqa: S704
        values["dest"] = {
            "name": destination,
            "channel": channel,
            "language": localizer.language.code,
            "timezone": timezone,
            "unsubscribe": safe_url(unsubscribe),
        }
        if self.library.environment_for(*request) is BuiltIn:
            return self._made(BuiltIn, request, values)
        bounded = BUDGET.set(Budget(self._bounds))
        try:
            content = self._made(Sandbox, request, values.complete())
            weigh(content)
        except SecurityError as error:
            raise TemplateError(f"{self.library.message_file(*request)}: {error}") from error
        finally:
            BUDGET.reset(bounded)
        return content

    def _made(self, kind: type[TemplateEnvironment], request: Request, values: dict[str, Any]) -> dict[str, Any]:
        """What the message's file says with these values, set in the layouts that it has."""
        channel, library, format_ = request[0], self.library, format_of(request[0])
        template = library.message(kind, library.message_file(*request))

        def fill_layout(ending: Ending, fields: Values) -> str:
            values.update(library.names(kind, "html" if ending == "html" else "text", channel, values), **fields)
            name = library.layout_file(channel, request[1], ending, *request[3:])
            page = library.layout(kind, ending, name)(values)
            if kind is Sandbox and page.count("{") * page.count("<") > MOST_STYLED:
                raise TemplateError(f"{name}: there are too many elements for so many styles")
            return inline(page) if ending == "html" else page

        values.update(library.names(kind, format_.escaping, channel, values))
        content = format_.unlinked(template.render(values), self.options.hosts)
        for field, why in format_.required.items():
            if field not in content:
                raise TemplateError(f"{template.file}:1: `{field}:` is missing: {why}")
        try:
            return format_.finish(self.options.brand.on_subject(content), fill_layout)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            fault = f"a field has another shape than it has in {channel}: {error!r}"
            raise TemplateError(f"{template.file}: {fault}") from None

    def fallback(self, channel: str, event: Event, language: str) -> dict[str, Any]:
        """One plain line, made without any template, for when a template fails: the message itself never does."""
        words = self.catalogues.language(language)
        about = event.batch if event.about_batch else event.operation
        name = (about.name or about.id) if about else event.subject
        reason = event.error.get("message", "")
        parts = [f"{words.label(event.status or event.name)}: {name}", reason if isinstance(reason, str) else ""]
        if event.name in ROUND_UPS:
            parts = [counts(event, words)]
        text = line(clean(" – ".join(part for part in parts if part)))
        return self.options.brand.on_subject(format_of(channel).fallback(text, words.code))

    def file(self, channel: str, kind: Form, event: Event, destination: str = "", history: Sequence[Event] = ()) -> str:
        """The file that says this message, such as `slack/operation.failed.yaml`."""
        name, type_ = message_of(event, kind, history), operation_type(event, history)
        return self.library.message_file(channel, name, kind, destination, type_)

    def overriding_file(
        self, channel: str, kind: Form, event: Event, destination: str = "", history: Sequence[Event] = ()
    ) -> str:
        """The file of the user's own that has a part in this message; empty if everything in it is built in."""
        name, type_ = message_of(event, kind, history), operation_type(event, history)
        return self.library.overriding_file(channel, name, kind, destination, type_)
