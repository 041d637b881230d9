"""The renderer: from an event to what a channel sends, in one reader's language and zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from relay.domain.deliveries import Form
from relay.domain.events import Event
from relay.domain.links import ANYWHERE, NO_LINKS, LinkHosts, LinkTemplates
from relay.errors import TemplateError
from relay.rendering.brand import NO_BRAND, Brand
from relay.rendering.checks import problems
from relay.rendering.context import Context
from relay.rendering.digests import ROUND_UPS, counts
from relay.rendering.direct.names import NotDirect
from relay.rendering.direct.wording import Wording
from relay.rendering.formats import format_of
from relay.rendering.links import Base
from relay.rendering.localized_values import Localizer
from relay.rendering.message_names import message_of, operation_type
from relay.rendering.scope import MessageScope
from relay.rendering.template_set import TemplateSet
from relay.rendering.texts import clean, line, safe_url
from relay.rendering.translations import Catalogues
from relay.resources import resource_dir


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What all messages of a renderer have in common. Plain data, since it crosses to the child process as well."""

    base_url: str = ""  # where the platform is; its documents name addresses without it
    default_timezone: str = "UTC"
    quick_pct: float | None = 50.0  # of what its job's runs take at least: a run that took less is worth a word
    hosts: LinkHosts = ANYWHERE
    links: LinkTemplates = NO_LINKS  # where people look
    brand: Brand = NO_BRAND


DEFAULTS = RenderOptions()


class Renderer:
    """Compiles every template when it is built, so that a fault shows then, with file and line. Holds no state."""

    def __init__(
        self, directories: Sequence[Path], options: RenderOptions = DEFAULTS, *, sandboxed: bool = False
    ) -> None:
        """`directories` are searched in this order: the user's own first, the built-in one last.

        `sandboxed`: relay's own wording is made in the sandbox too, as the user's is; it comes out the same.
        TemplateError if a template or a catalogue cannot be used.
        """
        self.directories = tuple(directories)
        self.options = options
        self.library = TemplateSet(self.directories, hosts=options.hosts)
        self.catalogues = Catalogues(self.directories)
        built_in = self.directories[-1] == resource_dir("templates")
        self._wording = Wording(self.library) if built_in and not sandboxed else None
        self._jinjas: set[str] = set()  # built-in files, for instance of a channel of the user's own, left to Jinja
        self.fell_back = 0  # messages that were begun directly and made by Jinja

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
        options = {"language": language, "timezone": timezone, "now": now, "destination": destination,
                   "unsubscribe": unsubscribe, "buttons": buttons, "healed": healed}  # fmt: skip
        content = self.directly(channel, kind, event, history, **options)
        return self._in_sandbox(channel, kind, event, history, **options) if content is None else content

    def directly(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], **options: Any
    ) -> dict[str, Any] | None:
        """The same, made by relay.rendering.direct; None where Jinja has to make it, or to tell what is wrong."""
        destination = options.get("destination", "")
        name, type_ = message_of(event, kind, history), operation_type(event, history)
        file = self.library.message_file(channel, name, kind, destination, type_)
        if self._wording is None or file in self._jinjas:
            return None
        if self.library.overriding_file(channel, name, kind, destination, type_):
            return None
        try:
            values, brand = self._values(channel, name, kind, event, history, **options), self.options.brand
            return self._wording.render(channel, name, kind, destination, values, change=brand.on_subject)
        except NotDirect:  # tried once
            self._jinjas.add(file)
        except Exception:  # noqa: BLE001, S110 - what it is Jinja tells, with file and line
            pass
        self.fell_back += 1
        return None

    def _values(
        self,
        channel: str,
        message: str,
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
    ) -> Context:
        zone = ZoneInfo(timezone or self.options.default_timezone)
        localizer = Localizer(self.catalogues.language(language), zone, now)
        options = self.options
        base = Base(options.base_url, options.hosts)
        values = Context(event, history, localizer, base, links=options.links, live=kind == "live",
                         quick_pct=options.quick_pct)  # fmt: skip
        values["message"] = message
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
        return values

    def _in_sandbox(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], **options: Any
    ) -> dict[str, Any]:
        name, type_ = message_of(event, kind, history), operation_type(event, history)
        destination = options["destination"]
        values = self._values(channel, name, kind, event, history, **options).complete()
        scope = MessageScope(self.library, channel, name, destination=destination, operation_type=type_, values=values)
        format_ = format_of(channel)
        template_values = dict(scope.values(format_.escaping))
        template = self.library.message(channel, name, kind, destination, type_)
        content = format_.unlinked(template.render(template_values), self.options.hosts)
        for field, why in format_.required.items():
            if field not in content:
                raise TemplateError(f"{template.file}:1: `{field}:` is missing: {why}")
        try:
            return format_.finish(self.options.brand.on_subject(content), scope.fill_layout)
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

    def check(self) -> list[str]:
        """Every fault that shows when all messages are made from sample data in every language; none if empty."""
        return problems(self.render, self.library, self.catalogues, self.directories)
