"""All template files, compiled: a user's at once, so that a fault stops the start; relay's own, which are tested with
it, when they are first needed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from relay.rendering.context import Context
from relay.rendering.environments import TemplateEnvironment
from relay.rendering.formats import format_of
from relay.rendering.formats.plain import Ending
from relay.rendering.layouts import styled, styled_source
from relay.rendering.message_template import MessageTemplate, Source
from relay.rendering.template_files import NOT_UTF8, PARTS, SENTENCES, TemplateFiles
from relay.rendering.texts import line

MAX_LAYOUT = 256 * 1024  # characters a layout may grow to
ESCAPING: Mapping[Ending, Escaping] = {"html": "html", "txt": "text"}  # of layouts

Macros = dict[str, Callable[..., Any]]


class TemplateSet(TemplateFiles):
    """The messages of every channel, their shared macros, and the layouts that mails are set in. For any thread."""

    def __init__(
        self, directories: Sequence[Path], faults: list[str] | None = None, hosts: LinkHosts = ANYWHERE
    ) -> None:
        """Compile the user's files. TemplateError at the first fault; with `faults` each is noted there instead."""
        super().__init__(directories)
        self.hosts = hosts
        self._faults = faults
        self._environments: dict[Escaping, TemplateEnvironment] = {
            escaping: TemplateEnvironment(escaping, self.loader, hosts) for escaping in get_args(Escaping)
        }
        self._messages: dict[str, MessageTemplate] = {}
        self._layouts: dict[str, Callable[[Context], str]] = {}
        self._macros: dict[tuple[Escaping, str], Macros] = {}  # of relay's own files
        self._compile(self._levels if faults is not None else self.own)

    def compile_all(self) -> None:
        """Compile relay's own files too."""
        self._compile(self._levels)
        for name in self._levels:
            if name.endswith(".html") and "/" in name:
                self.layout("html", name)

    def complete_shared(self) -> None:
        """Compile what all built-in messages share, before the first of them."""
        for escaping, name in self._plain_templates():
            if escaping != "html" or name == SENTENCES:  # relays that send no mail do without its layout
                self.template(escaping, name)

    def message(self, file: str) -> MessageTemplate:
        """Return a message's file. TemplateError names file and line."""
        template = self._messages.get(file)
        if template is None:
            source, path = self.source(file)
            format_ = format_of(file.partition("/")[0])
            texts, addresses = self._environments[format_.escaping], self._environments["text"]
            template = self._messages[file] = MessageTemplate(path, source, texts, addresses, format_)
        return template

    def template(self, escaping: Escaping, name: str) -> Template:
        """Return any other file, compiled. TemplateError names file and line."""
        try:
            return self._environments[escaping].get_template(name)
        except TemplateSyntaxError as error:
            raise TemplateError(f"{error.filename or name}:{error.lineno}: {error.message}") from None
        except JinjaError as error:
            raise TemplateError(f"{name}: not found in {', '.join(self.loader.searchpath)}, or {error}") from None
        except UnicodeDecodeError:
            raise TemplateError(f"{name}: {NOT_UTF8}") from None
        except (RecursionError, SyntaxError, ValueError, MemoryError):  # what Python cannot compile
            raise TemplateError(f"{name}: nested too deep, or a number too long") from None

    def layout(self, ending: Ending, name: str) -> Callable[[Context], str]:
        """Return the filler of a layout; in HTML the styles are in the elements. TemplateError names file and line."""
        layout = self._layouts.get(name)
        if layout is None:
            environment = self._environments[ESCAPING[ending]]
            if ending == "html" and name not in self.own:
                source, file = self.source(name)
                page = environment.filler(environment.another(styled_source(source), file), MAX_LAYOUT)
                layout = lambda values: page(values).replace("\u00a0", "&nbsp;")  # noqa: E731
            else:
                layout = environment.filler(self.template(ESCAPING[ending], name), MAX_LAYOUT)
                if ending == "html":
                    layout = styled(layout, name)
            self._layouts[name] = layout
        return layout

    def add_names(self, escaping: Escaping, channel: str, values: Context) -> None:
        """Add `say` (shared sentences), `parts` (the channel's building blocks) and the functions of its markup."""
        values.update(self._environments[escaping].globals)
        values["say"] = self._module(escaping, SENTENCES, values, line)
        values["parts"] = self._module(escaping, f"{channel}/{PARTS}", values, lines)

    def known_names(self) -> TemplateEnvironment:
        """Return an environment that has every filter, test and function that templates may name."""
        return self._environments["text"]

    def sources(self) -> Iterator[Source]:
        """Yield every Jinja source with its place."""
        for channel, stems in self.messages.items():
            for stem in stems:
                yield from self.message(f"{channel}/{stem}.yaml").sources
        for name in sorted({name for _, name in self._plain_templates()}):
            text, file = self.source(name)
            yield Source(file, 0, text)

    def _module(self, escaping: Escaping, name: str, values: Context, tidy: Callable[[str], str]) -> Macros:
        """Return a file's macros. relay's own are run once for all messages, a user's for each."""
        compiled = self._macros.get((escaping, name))
        if compiled is not None:
            return compiled
        macros = Macros()
        if name in self._levels:
            exported = self._environments[escaping].exported(self.template(escaping, name), values)
            macros = {key: _tidied(value, tidy) for key, value in exported.items() if callable(value)}
        if name not in self.own:
            self._macros[escaping, name] = macros
        return macros

    def _plain_templates(self) -> Iterator[tuple[Escaping, str]]:
        for name in sorted(self._levels):
            folder, _, file = name.rpartition("/")
            if name == SENTENCES:
                yield from ((escaping, name) for escaping in get_args(Escaping))
            elif file == PARTS:
                yield format_of(folder).escaping, name
            elif file.endswith((".html", ".txt")) and folder:
                yield ESCAPING["html" if file.endswith(".html") else "txt"], name

    def _compile(self, names: Collection[str]) -> None:
        """Compile these files; messages that cannot be are left out."""
        for channel, stems in self.messages.items():
            files = {stem: f"{channel}/{stem}.yaml" for stem in stems}
            self.messages[channel] = [
                stem for stem, name in files.items()
                if name not in names or self._tried(partial(self._compile_message, name))
            ]  # fmt: skip
        self.messages = {channel: stems for channel, stems in self.messages.items() if stems}
        for escaping, name in self._plain_templates():
            if name in names:
                self._tried(partial(self.template, escaping, name))

    def _compile_message(self, name: str) -> None:
        self.message(name).compile()

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
