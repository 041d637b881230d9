"""All template files, found and compiled once. For each file, the directory that is searched first wins.

A user's files are compiled at once, so that a fault stops the start. Those that come with relay are tested with it, and
are compiled when they are first needed: all of them take a second, and most of a relay's starts need few.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, TypeVar, get_args

from jinja2 import Environment, FileSystemLoader, Template
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import TemplateSyntaxError
from markupsafe import Markup

from relay.domain.links import ANYWHERE, LinkHosts
from relay.errors import TemplateError
from relay.rendering.file_names import marks, parsed
from relay.rendering.formats import format_of
from relay.rendering.lazy_messages import Messages
from relay.rendering.message_template import MessageTemplate
from relay.rendering.sandbox import Escaping, Sandbox, environment
from relay.rendering.text_template import JinjaTexts, Source, Values, fault
from relay.rendering.texts import line
from relay.resources import resource_dir

BUILT_IN = "relay/"
GENERIC = "generic"
SENTENCES = "sentences.j2"
PARTS = "parts.j2"
NO_CHANNELS = ("locales", "samples", "golden")
NOT_UTF8 = "expected UTF-8; save it in that encoding"
SHARED = (".j2", ".html", ".txt")
MOST_KEPT = 512  # messages whose file is remembered

Made = TypeVar("Made")


class Files(FileSystemLoader):
    """The files of these directories; that of the last one as `relay/…` too, for a file of its name that extends it."""

    def __init__(self, directories: Sequence[Path]) -> None:
        super().__init__(list(directories))
        self._last = FileSystemLoader(directories[-1])

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template.startswith(BUILT_IN):
            return self._last.get_source(environment, template.removeprefix(BUILT_IN))
        return super().get_source(environment, template)


class TemplateSet:
    """The messages of every channel, their shared macros, and the layouts that mails are set in."""

    def __init__(
        self, directories: Sequence[Path], faults: list[str] | None = None, hosts: LinkHosts = ANYWHERE
    ) -> None:
        """TemplateError at the first fault of a user's file; with a list for them, every faulty file is noted there
        and left out."""
        self._loader = Files(directories)
        self.hosts = hosts
        self.environments: dict[Escaping, Sandbox] = {
            escaping: environment(escaping, self._loader, hosts) for escaping in get_args(Escaping)
        }
        # Every message asks three times, and which files there are is known for good.
        self.message_file = lru_cache(MOST_KEPT)(self._message_file)
        self.layout_file = lru_cache(MOST_KEPT)(self._layout_file)
        self._built_in = len(directories) - 1
        self._levels: dict[str, int] = {}  # each file's name → the number of the directory that it is taken from
        for level in range(self._built_in, -1, -1):
            names = FileSystemLoader(directories[level]).list_templates()
            self._levels |= {name: level for name in names if name.split("/")[0] not in NO_CHANNELS}
        self._overriding: dict[str, str] = {}  # channel → the first of the user's own files that all its messages share
        self._faults = faults
        builtin = [level for level, directory in enumerate(directories) if directory == resource_dir("templates")]
        self._later = () if faults is not None else tuple(builtin)  # levels whose files can wait
        self._messages: dict[str, Messages] = {}
        self.operation_types = frozenset(parsed(PurePath(name).stem).operation_type for name in self._levels) - {""}
        for name in sorted(self._levels):
            channel, _, file = name.partition("/")
            if file.endswith(".yaml") and "/" not in file:
                self._add(channel, file.removesuffix(".yaml"), name)
        for escaping, name in self._plain_templates():
            if self._levels[name] not in self._later:
                self._tried(self.template, escaping, name)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self._messages)

    @property
    def messages(self) -> Mapping[str, Mapping[str, MessageTemplate]]:
        """Per channel, the message files by their names without `.yaml`."""
        return self._messages

    @property
    def own(self) -> frozenset[str]:
        """The user's own files, by their names in a directory: `slack/operation.failed.yaml`."""
        return frozenset(name for name, level in self._levels.items() if level < self._built_in)

    def complete(self) -> None:
        """Compile what was left for later, where no later message may be held up by it."""
        for templates in self._messages.values():
            dict(templates)
        self.complete_shared()

    def complete_shared(self) -> None:
        """Of that, what all messages share: the most of it by far."""
        for escaping, name in self._plain_templates():
            self.template(escaping, name)

    def message(
        self, channel: str, name: str, kind: str, destination: str = "", operation_type: str = ""
    ) -> MessageTemplate:
        """The template of this message's file."""
        _, _, file = self.message_file(channel, name, kind, destination, operation_type).partition("/")
        return self._messages[channel][file.removesuffix(".yaml")]

    def _message_file(self, channel: str, name: str, kind: str, destination: str = "", operation_type: str = "") -> str:
        """The file for this message: the user's before the built-in one, then the one for this destination, then the
        one for this type of operation, then the one for this kind; the one for everything unknown if there is none."""
        templates: Mapping[str, MessageTemplate] = self._messages.get(channel, {})
        places = self._marks(destination, operation_type)
        for stem in (name, GENERIC):
            candidates = [f"{stem}{part}{at}" for at in places for part in (f".{kind}", "")]
            present = [f"{channel}/{candidate}.yaml" for candidate in candidates if candidate in templates]
            if present:
                return min(present, key=self._levels.__getitem__)
        raise TemplateError(f"no template for {channel}: expected a file {channel}/{GENERIC}.yaml in {self._where()}")

    def overriding_file(
        self, channel: str, name: str, kind: str, destination: str = "", operation_type: str = ""
    ) -> str:
        """The file of the user's own that has a part in this message; empty if everything in it is built in."""
        file = self.message_file(channel, name, kind, destination, operation_type)
        if self._levels[file] < self._built_in:
            return file
        if channel not in self._overriding:
            shared = sorted(name for name in self._levels if name.endswith(SHARED))
            takes_part = [name for name in shared if name.rpartition("/")[0] in ("", channel)]
            own = next((name for name in takes_part if self._levels[name] < self._built_in), "")
            self._overriding[channel] = own
        return self._overriding[channel]

    def layout(self, channel: str, name: str, ending: str, destination: str = "", operation_type: str = "") -> Template:
        """The message's own layout, else the channel's; of each, the one for this destination first, then the one for
        this type of operation."""
        escaping: Escaping = "html" if ending == "html" else "text"
        return self.template(escaping, self.layout_file(channel, name, ending, destination, operation_type))

    def _layout_file(
        self, channel: str, name: str, ending: str, destination: str = "", operation_type: str = ""
    ) -> str:
        places = self._marks(destination, operation_type)
        names = [f"{channel}/{stem}{at}.{ending}" for stem in (name, "layout") for at in places]
        return next((candidate for candidate in names if candidate in self._levels), names[-1])

    def _marks(self, destination: str, operation_type: str) -> tuple[str, ...]:
        if operation_type in self.operation_types:  # most sets have no file for any
            return marks(destination, operation_type)
        return (f"@{destination}", "") if destination else ("",)

    def source(self, name: str) -> tuple[str, Path]:
        """The text of a file, and where it lies; an empty text if there is no such file."""
        if name.removeprefix(BUILT_IN) not in self._levels:
            return "", Path(name)
        try:
            text, file, _ = self._loader.get_source(self.environments["text"], name)
        except UnicodeDecodeError:
            raise TemplateError(f"{name}: {NOT_UTF8}") from None
        return text, Path(file or name)

    def template(self, escaping: Escaping, name: str) -> Template:
        """A template file, compiled. TemplateError names file and line."""
        try:
            return self.environments[escaping].get_template(name)
        except TemplateSyntaxError as error:
            raise TemplateError(f"{error.filename or name}:{error.lineno}: {error.message}") from None
        except JinjaError as error:
            raise TemplateError(f"{name}: not found in {self._where()}, or {error}") from None
        except RecursionError:
            raise TemplateError(f"{name}: nested too deep") from None
        except UnicodeDecodeError:
            raise TemplateError(f"{name}: {NOT_UTF8}") from None

    def macros(self, escaping: Escaping, channel: str, values: Values) -> dict[str, Any]:
        """`say`, the sentences that all channels share, and `parts`, the channel's own building blocks."""
        say = self._macros(escaping, SENTENCES, values, line)
        parts = self._macros(escaping, f"{channel}/{PARTS}", {**values, "say": say}, lines)
        return {"say": say, "parts": parts}

    def sources(self) -> Iterator[Source]:
        """Every Jinja source with the place it stands at."""
        for templates in self._messages.values():
            for template in templates.values():
                yield from template.sources
        for name in sorted({name for _, name in self._plain_templates()}):
            text, file = self.source(name)
            yield Source(file, 0, text)

    def _macros(self, escaping: Escaping, name: str, values: Values, tidy: Callable[[str], str]) -> dict[str, Any]:
        if name not in self._levels:
            return {}
        template = self.template(escaping, name)
        try:
            module = template.make_module(dict(values))
        except Exception as error:
            raise fault(error, template) from error
        macros = {key: value for key, value in vars(module).items() if not key.startswith("_") and callable(value)}
        return {key: _tidied(macro, tidy) for key, macro in macros.items()}

    def _plain_templates(self) -> Iterator[tuple[Escaping, str]]:
        for name in sorted(self._levels):
            folder, _, file = name.rpartition("/")
            if name == SENTENCES:
                yield from ((escaping, name) for escaping in self.environments)
            elif file == PARTS:
                yield format_of(folder).escaping, name
            elif file.endswith((".html", ".txt")) and folder:
                yield ("html" if file.endswith(".html") else "text"), name

    def _add(self, channel: str, stem: str, name: str) -> None:
        template = None
        if self._levels[name] not in self._later and not (template := self._tried(self._message, name, channel)):
            return
        lazily = Messages(lambda stem: self._message(f"{channel}/{stem}.yaml", channel))
        templates = self._messages.setdefault(channel, lazily)
        templates.add(stem, template)

    def _message(self, name: str, channel: str) -> MessageTemplate:
        source, file = self.source(name)
        texts, addresses = (
            JinjaTexts(self.environments[format_of(channel).escaping]),
            JinjaTexts(self.environments["text"]),
        )
        return MessageTemplate(file, source, texts, addresses)

    def _tried(self, make: Callable[..., Made], *arguments: Any) -> Made | None:
        try:
            return make(*arguments)
        except TemplateError as error:
            if self._faults is None:
                raise
            self._faults.append(str(error))
            return None

    def _where(self) -> str:
        return ", ".join(str(path) for path in self._loader.searchpath)


def _tidied(macro: Callable[..., Any], tidy: Callable[[str], str]) -> Callable[..., Any]:
    """The macro without the white space its own layout brings; escaped text stays marked as such."""

    def call(*arguments: Any, **named: Any) -> Any:
        text = macro(*arguments, **named)
        return Markup(tidy(text)) if isinstance(text, Markup) else tidy(text)  # noqa: S704 - it was Markup before

    return call


def lines(text: str) -> str:
    """Without empty lines, and without spaces around the others."""
    if "\n" not in text:
        return text.strip(" ")
    return "\n".join(stripped for row in text.split("\n") if (stripped := row.strip(" ")))
