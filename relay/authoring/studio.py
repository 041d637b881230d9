"""What pages of an author show: the templates as they are now, and what is chosen of them."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from relay.authoring.checking import Finding
from relay.authoring.drawing import FORMS, Drawing, Told, View, drawn
from relay.authoring.variables import UNLISTED, Variable, variables
from relay.authoring.workspace import Workspace
from relay.errors import RelayError
from relay.policy.destinations import known_zone
from relay.rendering import IsolatedRenderer
from relay.rendering.checks import bare_events, history_of, of_type, sample_events
from relay.rendering.context import context
from relay.rendering.fixtures import FIXTURES
from relay.rendering.links import Base
from relay.rendering.localized_values import Localizer

MAX_KEPT = 64  # drawings

Stamps = Mapping[Path, tuple[int, int]]
"""Files, each with what changes when it is saved."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody looks at; what there is not is exchanged for what there is (`Studio.choice`)."""

    message: str = ""
    language: str = ""
    view: View = field(default_factory=View)
    operation_type: str = ""
    scheme: str = "light"
    width: str = "desktop"


class Studio:
    """The templates, compiled anew whenever their files change. A fault of theirs is kept, and shown in their place."""

    def __init__(self, read: Callable[[], Workspace]) -> None:
        self._read = read
        self.workspace = read()
        self.renderer: IsolatedRenderer | None = None
        self.fault = ""
        self.findings: list[Finding] | None = None  # None: not looked for yet
        self.version = 0
        self._drawings: dict[tuple[str, Choice], Drawing] = {}
        self._messages: dict[str, dict[str, Told]] = {}  # by fixture
        self._variables: list[Variable] | None = None

    async def load(self) -> None:
        """Compile the files as they are now."""
        made, fault = None, ""
        try:
            self.workspace = await asyncio.to_thread(self._read)
            directories, options = self.workspace.directories, self.workspace.options()
            made = await asyncio.to_thread(IsolatedRenderer, directories, options)
        except RelayError as error:
            fault = str(error)
        before, self.renderer, self.fault = self.renderer, made, fault
        self._drawings.clear()
        self._messages.clear()
        self._variables = None
        self.findings = None
        self.version += 1
        if before:
            await before.aclose()

    async def aclose(self) -> None:
        if self.renderer:
            await self.renderer.aclose()

    def stamps(self) -> Stamps:
        """Those of every file of the templates."""
        return stamps_of(self.workspace.directories)

    def messages(self, fixture: str = "typical") -> dict[str, Told]:
        """Every message, by the event that leads to it; what no sample is of comes last, and says nothing.

        TemplateError if a sample is none.
        """
        if fixture not in self._messages:
            samples = sample_events(self.workspace.directories, fixture)
            library = self.renderer.renderer.library if self.renderer else None
            bare = bare_events(library, samples) if library else {}
            self._messages[fixture] = {
                name: (event, history_of(event, samples.values())) for name, event in {**samples, **bare}.items()
            }
        return self._messages[fixture]

    @property
    def languages(self) -> tuple[str, ...]:
        """Those with a catalogue, and those of readers that are near one, such as de-AT."""
        codes = self.renderer.languages if self.renderer else ("en",)
        readers = (self.workspace.reader, *self.workspace.destinations.values())
        near = (reader.language for reader in readers if re.split("[-_]", reader.language)[0].lower() in codes)
        return tuple(dict.fromkeys([*codes, *near]))

    @property
    def operation_types(self) -> list[str]:
        return sorted(self.renderer.renderer.library.operation_types) if self.renderer else []

    def choice(self, query: Mapping[str, str]) -> Choice:
        """What an address asks for, as far as there is such a thing."""
        names = [*self.messages()]
        destination = _one_of(self.workspace.destinations, query.get("destination", ""), "")
        reader = self.workspace.destinations.get(destination, self.workspace.reader)
        usual = reader.language if reader.language in self.languages else "en"
        language = _one_of(self.languages, query.get("language", ""), usual)
        kind: Any = _one_of(FORMS, query.get("kind", ""), "each")
        view = View(
            kind=kind, fixture=_one_of(FIXTURES, query.get("fixture", ""), "typical"), destination=destination,
            profile=_one_of(("classic", "rich"), query.get("profile", ""), "classic"), language=language,
            timezone=_zone(query.get("timezone") or reader.timezone),
        )  # fmt: skip
        return Choice(
            message=_one_of(names, query.get("message", ""), _one_of(names, "operation.failed", names[0])),
            language=language, view=view,
            operation_type=_one_of(self.operation_types, query.get("type", ""), ""),
            scheme=_one_of(("light", "dark"), query.get("scheme", ""), "light"),
            width=_one_of(("desktop", "phone"), query.get("width", ""), "desktop"),
        )  # fmt: skip

    def told(self, choice: Choice) -> Told:
        event, history = self.messages(choice.view.fixture)[choice.message]
        if choice.operation_type:
            event = of_type(event, choice.operation_type)
        return event, (*history[:-1], event)

    async def drawing(self, channel: str, choice: Choice) -> Drawing | str:
        """The message, or what is wrong with it."""
        key = channel, replace(choice, scheme="", width="")
        if self.renderer is None:
            return self.fault
        if key in self._drawings:
            return self._drawings[key]
        drawing = await self._drawn(self.renderer, channel, choice)
        if isinstance(drawing, Drawing):  # a fault may pass, as that of a file that took too long on a busy machine
            if len(self._drawings) >= MAX_KEPT:
                self._drawings.clear()
            self._drawings[key] = drawing
        return drawing

    async def _drawn(self, renderer: IsolatedRenderer, channel: str, choice: Choice) -> Drawing | str:
        try:
            return await asyncio.to_thread(drawn, renderer, channel, self.told(choice), choice.view)
        except Exception as error:  # noqa: BLE001 - templates are their author's code, and the page goes on
            return str(error) or type(error).__name__

    def file(self, channel: str, choice: Choice, drawing: Drawing) -> tuple[Path, bool]:
        """The file that says the message, and whether it is one of the author's own."""
        if self.renderer is None:
            return Path(), False
        event, history = self.told(choice)
        name = self.renderer.renderer.file(channel, drawing.kind, event, choice.view.destination, history)
        _, path = self.renderer.renderer.library.source(name)
        own = self.workspace.own
        return path, own is not None and path.is_relative_to(own)

    def variables(self) -> list[Variable]:
        """Every name that templates can say, with its type. TemplateError if a sample is none."""
        if self._variables is None:
            self._variables = [*variables(self.workspace)]
        return self._variables

    def values(self, choice: Choice) -> dict[str, Any]:
        """What the templates of this message get."""
        if self.renderer is None:
            return {}
        event, history = self.told(choice)
        localizer = Localizer(
            self.renderer.renderer.catalogues.language(choice.language),
            ZoneInfo(choice.view.timezone),
            event.occurred_at,
        )
        workspace, live = self.workspace, choice.view.kind == "live"
        values = context(event, history, localizer, Base(workspace.sample_url), links=workspace.sample_links, live=live)
        listed = {name: value for name, value in values.items() if name not in UNLISTED}
        return listed | {"brand": dict(workspace.brand.values)}


def stamps_of(folders: Iterable[Path]) -> Stamps:
    """Those of every file of templates in these folders."""
    stamps: dict[Path, tuple[int, int]] = {}
    for folder in folders:
        for file in folder.rglob("*"):
            try:
                status = file.stat()
            except OSError:  # an editor has just put another one there
                continue
            if file.suffix and "golden" not in file.parts:
                stamps[file] = (status.st_mtime_ns, status.st_size)
    return stamps


def _one_of(names: Any, name: str, otherwise: str) -> str:
    return name if name and name in names else otherwise


def _zone(name: str) -> str:
    try:
        return known_zone(name)
    except ValueError:  # in a configuration that is being edited
        return "UTC"
