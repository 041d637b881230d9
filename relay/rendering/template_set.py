"""All template files, compiled: a user's in the sandbox and at once, so that a fault stops the start.

relay's own are tested with it, and are compiled when they are first needed. A message that a file of the user's has a
part in is made in the sandbox throughout, so they are compiled for that as well, if it comes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from jinja2 import Template
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import TemplateSyntaxError
from markupsafe import Markup

from relay.domain.links import ANYWHERE, LinkHosts
from relay.errors import TemplateError
from relay.rendering.autoescape import Escaping, marked
from relay.rendering.built_in import BuiltIn
from relay.rendering.environments import TemplateEnvironment, Values, environment
from relay.rendering.faults import fault
from relay.rendering.formats import format_of
from relay.rendering.formats.plain import Ending
from relay.rendering.message_template import MessageTemplate, Source
from relay.rendering.sandbox import Sandbox
from relay.rendering.template_files import NOT_UTF8, PARTS, SENTENCES, TemplateFiles
from relay.rendering.texts import line
from relay.resources import resource_dir

if TYPE_CHECKING:
    from css_inline import CSSInliner

MAX_LAYOUT = 256 * 1024  # characters a layout may grow to

Made = TypeVar("Made")
EnvironmentType = type[TemplateEnvironment]
Macros = dict[str, dict[str, Callable[..., Any]]]


class TemplateSet(TemplateFiles):
    """The messages of every channel, their shared macros, and the layouts that mails are set in. For any thread."""

    def __init__(
        self,
        directories: Sequence[Path],
        faults: list[str] | None = None,
        hosts: LinkHosts = ANYWHERE,
        data_dir: Path | None = None,
    ) -> None:
        """TemplateError at the first fault of a user's file; with a list for them, every faulty file is noted there
        and left out. What is compiled is kept in `data_dir`."""
        super().__init__(directories)
        self.hosts = hosts
        self._faults = faults
        self._trusted = directories[-1] == resource_dir("templates")
        self._environments: dict[tuple[EnvironmentType, Escaping], TemplateEnvironment] = {
            (kind, escaping): environment(kind, escaping, self.loader, hosts, data_dir)
            for kind in (Sandbox, BuiltIn)
            for escaping in get_args(Escaping)
        }
        self._messages: dict[tuple[EnvironmentType, str], MessageTemplate] = {}
        self._layouts: dict[tuple[EnvironmentType, str], Callable[[Values], str]] = {}
        self._built_in_macros: dict[tuple[Escaping, str], Macros] = {}
        now = self._levels if faults is not None or not self._trusted else self.own
        for channel, stems in self.messages.items():
            files = [(f"{channel}/{stem}.yaml", stem) for stem in stems]
            broken = [stem for name, stem in files if name in now and not self._tried(self._compiled, Sandbox, name)]
            self.messages[channel] = [stem for stem in stems if stem not in broken]
        self.messages = {channel: stems for channel, stems in self.messages.items() if stems}
        for escaping, name in self._plain_templates():
            if name in now:
                self._tried(self.template, Sandbox, escaping, name)

    def environment_for(self, *message: str) -> EnvironmentType:
        """What the message is made in: `Sandbox` if a file of the user's own has a part in it. Arguments as those of
        `message_file`."""
        return BuiltIn if self._trusted and not self.overriding_file(*message) else Sandbox

    def complete(self) -> None:
        """Compile what is relay's own and was left for later, where no later message may be held up by it."""
        self.complete_shared()
        for channel, stems in self.messages.items():
            for stem in stems:
                self._compiled(BuiltIn, f"{channel}/{stem}.yaml")

    def complete_shared(self) -> None:
        """Of that, what all messages share: the most of it by far."""
        for escaping, name in self._plain_templates():
            self.template(BuiltIn, escaping, name)

    def message(self, kind: EnvironmentType, file: str) -> MessageTemplate:
        """A message's file. TemplateError names file and line."""
        template = self._messages.get((kind, file))
        if template is None:
            source, path = self.source(file)
            texts = self._environments[kind, format_of(file.partition("/")[0]).escaping]
            template = MessageTemplate(path, source, texts, self._environments[kind, "text"])
            self._messages[kind, file] = template
        return template

    def _compiled(self, kind: EnvironmentType, file: str) -> MessageTemplate:
        template = self.message(kind, file)
        template.compile()
        return template

    def template(self, kind: EnvironmentType, escaping: Escaping, name: str) -> Template:
        """Any other file, compiled. TemplateError names file and line."""
        try:
            return self._environments[kind, escaping].get_template(name)
        except TemplateSyntaxError as error:
            raise TemplateError(f"{error.filename or name}:{error.lineno}: {error.message}") from None
        except JinjaError as error:
            raise TemplateError(f"{name}: not found in {', '.join(self.loader.searchpath)}, or {error}") from None
        except UnicodeDecodeError:
            raise TemplateError(f"{name}: {NOT_UTF8}") from None
        except (RecursionError, SyntaxError, ValueError, MemoryError):  # what Python cannot compile
            raise TemplateError(f"{name}: nested too deep, or a number too long") from None

    def layout(self, kind: EnvironmentType, ending: Ending, name: str) -> Callable[[Values], str]:
        """What fills in a layout. TemplateError names file and line."""
        layout = self._layouts.get((kind, name))
        if layout is None:
            escaping: Escaping = "html" if ending == "html" else "text"
            template = self.template(kind, escaping, name)
            layout = self._layouts[kind, name] = self._environments[kind, escaping].filler(template, MAX_LAYOUT)
        return layout

    def names(self, kind: EnvironmentType, escaping: Escaping, channel: str, values: Values) -> Mapping[str, Any]:
        """What templates know beside the values of the message: `say`, the sentences that all channels share, `parts`,
        the channel's own building blocks, and the functions of its markup."""
        if kind is Sandbox:
            return self._macros(kind, escaping, channel, values)
        if (escaping, channel) not in self._built_in_macros:
            self._built_in_macros[escaping, channel] = self._macros(kind, escaping, channel, {})
        return {**self._environments[kind, escaping].globals, **self._built_in_macros[escaping, channel]}

    def known_names(self) -> TemplateEnvironment:
        """An environment that has every filter, test and function that templates may name."""
        return self._environments[BuiltIn, "text"]

    def sources(self) -> Iterator[Source]:
        """Every Jinja source with the place it stands at."""
        for channel, stems in self.messages.items():
            for stem in stems:
                yield from self.message(Sandbox, f"{channel}/{stem}.yaml").sources
        for name in sorted({name for _, name in self._plain_templates()}):
            text, file = self.source(name)
            yield Source(file, 0, text)

    def _macros(self, kind: EnvironmentType, escaping: Escaping, channel: str, values: Values) -> Macros:
        say = self._module(kind, escaping, SENTENCES, values, line)
        return {"say": say, "parts": self._module(kind, escaping, f"{channel}/{PARTS}", {**values, "say": say}, lines)}

    def _module(
        self, kind: EnvironmentType, escaping: Escaping, name: str, values: Values, tidy: Callable[[str], str]
    ) -> dict[str, Callable[..., Any]]:
        if name not in self._levels:
            return {}
        template = self.template(kind, escaping, name)
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
                yield from ((escaping, name) for escaping in get_args(Escaping))
            elif file == PARTS:
                yield format_of(folder).escaping, name
            elif file.endswith((".html", ".txt")) and folder:
                yield ("html" if file.endswith(".html") else "text"), name

    def _tried(self, make: Callable[..., Made], *arguments: Any) -> Made | None:
        try:
            return make(*arguments)
        except TemplateError as error:
            if self._faults is None:
                raise
            self._faults.append(str(error))
            return None


def _tidied(macro: Callable[..., Any], tidy: Callable[[str], str]) -> Callable[..., Any]:
    """The macro without the white space its own layout brings; escaped text stays marked as such."""

    def call(*arguments: Any, **named: Any) -> Any:
        text = macro(*arguments, **named)
        return marked(tidy(text)) if isinstance(text, Markup) else tidy(text)

    return call


def lines(text: str) -> str:
    """Without empty lines, and without spaces around the others."""
    if "\n" not in text:
        return text.strip(" ")
    return "\n".join(stripped for row in text.split("\n") if (stripped := row.strip(" ")))


def inline(page: str) -> str:
    """The page, parsed as a browser would and written anew."""
    return _inliner().inline(page)


@cache
def _inliner() -> "CSSInliner":
    """Imported where it is first needed: relays that send no mail do without its 1.5 MB."""
    from css_inline import CSSInliner  # noqa: PLC0415

    return CSSInliner(load_remote_stylesheets=False)
