"""All template files, compiled: a user's in the sandbox and at once, so that a fault stops the start.

relay's own are tested with it, and are compiled when they are first needed. A message that a file of the user's has a
part in is made in the sandbox throughout, so they are compiled for that as well, if it comes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

from jinja2 import Template
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import TemplateSyntaxError
from markupsafe import Markup

from relay.domain.links import ANYWHERE, LinkHosts
from relay.errors import TemplateError
from relay.rendering.autoescape import Escaping, marked
from relay.rendering.built_in import BuiltIn
from relay.rendering.context import Request
from relay.rendering.environments import TemplateEnvironment, Values, environment
from relay.rendering.faults import fault
from relay.rendering.formats import format_of
from relay.rendering.formats.plain import Ending
from relay.rendering.layouts import styled, styled_source
from relay.rendering.message_template import MessageTemplate, Source
from relay.rendering.sandbox import Sandbox
from relay.rendering.template_files import NOT_UTF8, PARTS, SENTENCES, TemplateFiles
from relay.rendering.texts import line
from relay.resources import resource_dir

MAX_LAYOUT = 256 * 1024  # characters a layout may grow to
ESCAPING: Mapping[Ending, Escaping] = {"html": "html", "txt": "text"}  # of layouts

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
        """Compile the user's files. TemplateError at the first fault; with `faults` each is noted there instead."""
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
            names = {stem: f"{channel}/{stem}.yaml" for stem in stems}
            self.messages[channel] = [
                stem for stem, name in names.items()
                if name not in now or self._tried(partial(self._compile, name))
            ]  # fmt: skip
        self.messages = {channel: stems for channel, stems in self.messages.items() if stems}
        for escaping, name in self._plain_templates():
            if name in now:
                self._tried(partial(self.template, Sandbox, escaping, name))

    def environment_for(self, request: Request) -> EnvironmentType:
        """Return `Sandbox` if a file of the user's own has a part in the message."""
        return BuiltIn if self._trusted and not self.overriding_file(*request) else Sandbox

    def complete_shared(self) -> None:
        """Compile what all built-in messages share, before the first of them."""
        for escaping, name in self._plain_templates():
            if escaping != "html" or name == SENTENCES:  # relays that send no mail do without its layout
                self.template(BuiltIn, escaping, name)

    def message(self, kind: EnvironmentType, file: str) -> MessageTemplate:
        """Return a message's file. TemplateError names file and line."""
        template = self._messages.get((kind, file))
        if template is None:
            source, path = self.source(file)
            format_ = format_of(file.partition("/")[0])
            texts, addresses = self._environments[kind, format_.escaping], self._environments[kind, "text"]
            template = self._messages[kind, file] = MessageTemplate(path, source, texts, addresses, format_)
        return template

    def template(self, kind: EnvironmentType, escaping: Escaping, name: str) -> Template:
        """Return any other file, compiled. TemplateError names file and line."""
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
        """Return the filler of a layout; in HTML the styles are in the elements. TemplateError names file and line."""
        layout = self._layouts.get((kind, name))
        if layout is None:
            environment = self._environments[kind, ESCAPING[ending]]
            if ending == "html" and name not in self.own and self._trusted:
                source, file = self.source(name)
                page = environment.filler(environment.another(styled_source(source), file), MAX_LAYOUT)
                layout = lambda values: page(values).replace("\u00a0", "&nbsp;")  # noqa: E731
            else:
                layout = environment.filler(self.template(kind, ESCAPING[ending], name), MAX_LAYOUT)
                if ending == "html":
                    layout = styled(layout, name, bounded=kind is Sandbox)
            self._layouts[kind, name] = layout
        return layout

    def names(self, kind: EnvironmentType, escaping: Escaping, channel: str, values: Values) -> Mapping[str, Any]:
        """Return `say` (shared sentences), `parts` (the channel's building blocks) and the functions of its markup."""
        if kind is Sandbox:
            return self._macros(kind, escaping, channel, values)
        if (escaping, channel) not in self._built_in_macros:
            self._built_in_macros[escaping, channel] = self._macros(kind, escaping, channel, {})
        return {**self._environments[kind, escaping].globals, **self._built_in_macros[escaping, channel]}

    def known_names(self) -> TemplateEnvironment:
        """Return an environment that has every filter, test and function that templates may name."""
        return self._environments[BuiltIn, "text"]

    def sources(self) -> Iterator[Source]:
        """Yield every Jinja source with its place."""
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
                yield ESCAPING["html" if file.endswith(".html") else "txt"], name

    def _compile(self, name: str) -> None:
        self.message(Sandbox, name).compile()

    def _tried(self, compile_: Callable[[], object]) -> bool:
        try:
            compile_()
        except TemplateError as error:
            if self._faults is None:
                raise
            self._faults.append(str(error))
            return False
        return True


def _tidied(macro: Callable[..., Any], tidy: Callable[[str], str]) -> Callable[..., Any]:
    """Remove the white space that a macro's own layout brings; escaped text stays marked as such."""

    def call(*arguments: Any, **named: Any) -> Any:
        text = macro(*arguments, **named)
        return marked(tidy(text)) if isinstance(text, Markup) else tidy(text)

    return call


def lines(text: str) -> str:
    """Remove empty lines, and spaces around the others."""
    if "\n" not in text:
        return text.strip(" ")
    return "\n".join(stripped for row in text.split("\n") if (stripped := row.strip(" ")))
